// `npm run bench [-- import latency large list google microsoft microsoft-window flat]`: the figures of docs/benchmarks.md, against the real app, a real Dovecot, embedded D1 and R2.
// Prints a table; `--write` also keeps it in docs/benchmarks.md with the machine it was taken on. No figure is a test.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ensurePackages, ROOT, toolEnv } from '../../scripts/lib/install.mjs'
import { ensurePrograms } from '../../scripts/lib/system.mjs'

ensurePackages()
const missing = ensurePrograms(['dovecot', 'openssl'])
if (missing.length > 0) {
  console.error(missing.join('\n'))
  process.exit(1)
}

const SECTIONS = ['sizes', 'import', 'latency', 'large', 'list', 'google', 'microsoft', 'microsoft-window', 'flat']
const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
const rows = []
const folder = mkdtempSync(path.join(os.tmpdir(), 'postroom-bench-'))
chmodSync(folder, 0o755) // Dovecot reads its mail as another user
const { startDovecot } = await import('../support/dovecot.mjs')
const dovecot = await startDovecot({ dir: path.join(folder, 'dovecot') })
const context = {
  dovecot,
  folder,
  /** One row of the table. `ok`: target reached; null where there is none. */
  row(what, figure, target, ok) {
    rows.push({ what, figure, target, ok })
    console.log(`${ok === null ? '    ' : ok ? 'ok  ' : 'MISS'} ${what}: ${figure}   (target: ${target})`)
  },
}
try {
  for (const name of SECTIONS) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    console.log(`\n── ${name}`)
    const section = await import(`./${name}.mjs`)
    await section.run(context)
  }
} finally {
  await dovecot.stop()
  rmSync(folder, { recursive: true, force: true })
}
const table = [
  '| figure | measured | target | reached |',
  '|---|---|---|---|',
  ...rows.map(
    (row) => `| ${row.what} | ${row.figure} | ${row.target} | ${row.ok === null ? '–' : row.ok ? 'yes' : '**no**'} |`,
  ),
].join('\n')
console.log(`\n${table}`)
if (process.argv.includes('--write')) keep(table)

/** Replaces the table in docs/benchmarks.md, between its two markers. */
function keep(text) {
  const file = path.join(ROOT, 'docs/benchmarks.md')
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: ROOT,
    env: toolEnv(),
    encoding: 'utf8',
  }).stdout.trim()
  const machine = `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'CPU'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}, Node ${process.version}, commit ${commit}, ${new Date().toISOString().slice(0, 10)}`
  const before = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    before.replace(/<!-- table -->[\s\S]*<!-- end -->/, `<!-- table -->\nMachine: ${machine}\n\n${text}\n<!-- end -->`),
  )
}
