// Proves that the guards can fail: plants one violation each in a scratch copy and expects the check that watches for it to name it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ROOT, toolEnv } from './lib/install.mjs'

const PLANTS = [
  {
    check: 'zones',
    what: 'a forbidden import (mail imports platform)',
    file: 'worker/mail/limits.ts',
    edit: (text) => `import { log } from '../platform/log'\nlog.info('planted')\n${text}`,
    expect: /zone-mail/,
  },
  {
    check: 'zones',
    what: 'D1 across tenants from a feature',
    file: 'worker/features/tickets/detail.ts',
    edit: (text) => `import { systemDb } from '../../platform/system-db'\nvoid systemDb\n${text}`,
    expect: /tenant-db-only/,
  },
  {
    check: 'dead code',
    what: 'an unused export',
    file: 'worker/platform/retry.ts',
    edit: (text) => `${text}\nexport function plantedAndUnused(): number {\n  return 1\n}\n`,
    expect: /plantedAndUnused/,
  },
  {
    check: 'migrations',
    what: 'a schema change without a migration',
    file: 'worker/db/contacts.ts',
    edit: (text) =>
      text.replace("name: text('name').notNull(),", "name: text('name').notNull(),\n    planted: text('planted'),"),
    expect: /without a migration/,
  },
]

const scratch = mkdtempSync(path.join(os.tmpdir(), 'postroom-guards-'))
let failed = 0
try {
  const files = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .stdout.trim()
    .split('\n')
  for (const file of files) cpSync(path.join(ROOT, file), path.join(scratch, file), { recursive: true, force: true })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(scratch, 'node_modules'))
  for (const name of new Set(PLANTS.map((plant) => plant.check))) {
    const clean = check(name)
    if (clean.status !== 0) report(false, `${name}: fails already without a violation\n${clean.output}`)
  }
  for (const plant of PLANTS) {
    const file = path.join(scratch, plant.file)
    const before = readFileSync(file, 'utf8')
    const after = plant.edit(before)
    if (after === before) {
      report(false, `${plant.what}: could not be planted in ${plant.file}`)
      continue
    }
    writeFileSync(file, after)
    const { status, output } = check(plant.check)
    writeFileSync(file, before)
    report(status !== 0 && plant.expect.test(output), `${plant.check} catches ${plant.what}`, output)
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.exit(failed > 0 ? 1 : 0)

function check(name) {
  const done = spawnSync('node', ['scripts/check.mjs', name], {
    cwd: scratch,
    env: toolEnv(),
    encoding: 'utf8',
  })
  return { status: done.status, output: `${done.stdout}${done.stderr}` }
}

function report(ok, line, output = '') {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${line}`)
  if (ok) return
  failed += 1
  console.log(output)
}
