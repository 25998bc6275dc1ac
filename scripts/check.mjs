// `npm run check`: format and lint, types, zones, dead code, migrations and binding types up to date. Two at a time; prints what failed whole.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ensurePackages, toolEnv } from './lib/install.mjs'

const root = process.cwd()
ensurePackages()

const CHECKS = {
  'format and lint': () => tool('biome', ['ci', '--error-on-warnings', '.']),
  'types (worker, tests)': () => tool('tsc', ['--noEmit']),
  'types (web)': webTypes,
  zones: () => tool('depcruise', ['--config', '.dependency-cruiser.mjs', 'worker', 'web']),
  'dead code': () => tool('knip', []),
  migrations: migrationsUpToDate,
  'binding types': () => tool('wrangler', ['types', '--check', '--include-runtime=false', 'worker-configuration.d.ts']),
}

const only = process.argv[2]
const names = Object.keys(CHECKS).filter((name) => !only || name === only)
if (names.length === 0) {
  console.error(`no check named ${only}; there are: ${Object.keys(CHECKS).join(', ')}`)
  process.exit(1)
}
const failed = []
const queue = [...names]
await Promise.all(
  [1, 2].map(async () => {
    for (let name = queue.shift(); name; name = queue.shift()) {
      const started = Date.now()
      const { code, output } = await CHECKS[name]()
      console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
      if (code === 0) continue
      failed.push(name)
      console.log(output.replace(/^/gm, '     '))
    }
  }),
)
if (failed.length > 0) console.log(`check: ${failed.length} failed: ${failed.join(', ')}`)
process.exit(failed.length > 0 ? 1 : 0)

function tool(command, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: toolEnv({ CI: 'true', ...env }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    child.on('error', (error) => resolve({ code: 1, output: String(error) }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** Generates migrations into a copy: a new file there means that the schema has changes no migration holds. */
async function migrationsUpToDate() {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'postroom-migrations-'))
  try {
    cpSync(path.join(root, 'migrations'), copy, { recursive: true })
    const before = readdirSync(copy).length
    const result = await tool('drizzle-kit', ['generate'], { POSTROOM_MIGRATIONS_OUT: path.relative(root, copy) })
    const added = readdirSync(copy).length - before
    if (result.code !== 0) return result
    return added === 0
      ? result
      : {
          code: 1,
          output: 'worker/db has changes without a migration. Run: npm run db:generate -- --name what-changed',
        }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** The UI sees the app's types through worker/ sources; those are judged by their own check, without the browser's library in scope. */
async function webTypes() {
  const { code, output } = await tool('tsc', ['--noEmit', '-p', 'web', '--pretty', 'false'])
  const errors = output.split('\n').filter((line) => /error TS\d+/.test(line))
  const ours = errors.filter((line) => !line.startsWith('worker/'))
  if (code !== 0 && errors.length === 0) return { code, output }
  return { code: ours.length > 0 ? 1 : 0, output: ours.join('\n') }
}
