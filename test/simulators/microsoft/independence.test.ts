// The simulators stay independent of what they judge: no product code, and nothing but Node, the schema checker and, for tests, the official clients.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'

it.each(['microsoft', 'shell'])('%s imports nothing of the product', (folder) => {
  const home = path.join(import.meta.dirname, '..', folder)
  const sources = readdirSync(home).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  const foreign = sources.flatMap((name) =>
    [...readFileSync(path.join(home, name), 'utf8').matchAll(/^(?:import|export) .*from '([^']+)'|^} from '([^']+)'/gm)]
      .map((match) => match[1] ?? match[2] ?? '')
      .filter((from) => !/^(\.\/[\w-]+\.ts|\.\.\/shell\/[\w-]+\.ts|node:.*|ajv.*|@microsoft\/.*)$/.test(from)),
  )
  expect(sources.length).toBeGreaterThan(8)
  expect(foreign).toEqual([])
})
