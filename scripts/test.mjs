// `npm test`: installs what is missing, then check, unit, workerd, IMAP against a real Dovecot, browser end-to-end, and the guards' own proof.
// `--fast` is check + unit + workerd. `--only <step>` runs one. Nothing is skipped silently: what is missing fails with its name.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { ensurePackages, ROOT, toolEnv } from './lib/install.mjs'
import { ensurePrograms } from './lib/system.mjs'

const args = process.argv.slice(2)
const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : null
const fast = args.includes('--fast')
const results = path.join(ROOT, 'test-results')

ensurePackages()
rmSync(results, { recursive: true, force: true })
mkdirSync(results, { recursive: true })

const STEPS = [
  { name: 'check', fast: true, run: () => command('node', ['scripts/check.mjs']) },
  { name: 'unit', fast: true, run: () => vitest('unit') },
  { name: 'worker', fast: true, run: () => vitest('worker') },
  {
    name: 'imap',
    needs: ['dovecot', 'openssl'],
    run: () => command('node', ['test/support/run-imap.mjs', ...reporters('imap')]),
  },
  { name: 'simulators', run: () => vitest('simulators') },
  { name: 'google', run: () => vitest('google') },
  { name: 'microsoft', run: () => vitest('microsoft') },
  { name: 'e2e', needs: ['dovecot', 'openssl', 'chromium'], run: () => vitest('e2e') },
  { name: 'guards', run: () => command('node', ['scripts/guards.mjs']) },
]

const chosen = STEPS.filter((step) => (only ? step.name === only : !fast || step.fast))
if (chosen.length === 0) {
  console.error(`no step named ${only}; there are: ${STEPS.map((step) => step.name).join(', ')}`)
  process.exit(1)
}
const missing = ensurePrograms([...new Set(chosen.flatMap((step) => step.needs ?? []))])
for (const line of missing) console.error(`MISSING ${line}`)

const rows = []
for (const step of chosen) {
  const lacking = (step.needs ?? []).filter((name) => missing.some((line) => line.startsWith(`${name}:`)))
  console.log(`\n── ${step.name} ${'─'.repeat(60 - step.name.length)}`)
  const started = Date.now()
  const code = lacking.length > 0 ? 1 : await step.run()
  if (lacking.length > 0) console.error(`FAIL ${step.name}: missing ${lacking.join(', ')}`)
  rows.push({
    step: step.name,
    ok: code === 0,
    seconds: Math.round((Date.now() - started) / 1000),
    ...counts(step.name),
  })
}

console.log('\nstep     result  passed  failed  seconds')
for (const row of rows)
  console.log(
    `${row.step.padEnd(8)} ${(row.ok ? 'ok' : 'FAIL').padEnd(6)} ${String(row.passed).padStart(7)} ${String(row.failed).padStart(7)} ${String(row.seconds).padStart(8)}`,
  )
for (const row of rows) for (const name of row.skipped) console.log(`skipped  ${row.step}: ${name}`)
const corpus = process.env.POSTROOM_CORPUS || path.join(ROOT, '../shared/corpus')
if (!existsSync(corpus))
  console.log('The shared mail corpus is not on this machine: only the cases in test/fixtures/mail were tested.')
const passed = rows.reduce((sum, row) => sum + row.passed + (row.counted ? 0 : row.ok ? 1 : 0), 0)
const failed = rows.reduce((sum, row) => sum + row.failed + (row.counted && row.failed > 0 ? 0 : row.ok ? 0 : 1), 0)
console.log(`\n${passed} passed, ${failed} failed`)
process.exit(rows.every((row) => row.ok) ? 0 : 1)

/** Counts of a step from its JSON report; a step without one counts as one test. */
function counts(name) {
  const file = path.join(results, `${name}.json`)
  if (!existsSync(file)) return { counted: false, passed: 0, failed: 0, skipped: [] }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const skipped = report.testResults.flatMap((suite) =>
    suite.assertionResults
      .filter((test) => test.status !== 'passed' && test.status !== 'failed')
      .map((test) => test.fullName),
  )
  return { counted: true, passed: report.numPassedTests, failed: report.numFailedTests, skipped }
}

function reporters(name) {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${path.join(results, `${name}.json`)}`]
}

function vitest(project) {
  return command('vitest', ['run', '--project', project, ...reporters(project)])
}

function command(name, commandArgs) {
  return new Promise((resolve) => {
    const child = spawn(name, commandArgs, {
      cwd: ROOT,
      env: toolEnv({ NO_COLOR: '1' }),
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('error', (error) => {
      console.error(String(error))
      resolve(1)
    })
    child.on('close', (code) => resolve(code ?? 1))
  })
}
