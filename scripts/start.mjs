// `npm start`: installs what is missing, builds the UI, applies migrations and serves everything at one printed address in local workerd.
// `--community` runs the community entry. State is in POSTROOM_STATE; a kill -9 at any time is fine, the next start goes on.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { BIN, ensurePackages, ROOT, toolEnv } from './lib/install.mjs'
import { endGroup, endLeftover, freePort, rememberGroup } from './lib/processes.mjs'
import { localSettings, workerVariables, writeVars } from './lib/settings.mjs'
import { startGoogle, startMicrosoft } from './lib/simulators.mjs'

const community = process.argv.includes('--community')
const { port, state, simulators } = localSettings()
const address = `http://localhost:${port}`

mkdirSync(state, { recursive: true })
try {
  await endLeftover(state)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
if ((await freePort(port)) !== port) {
  console.error(`Port ${port} is taken. Choose another: PORT=8800 npm start`)
  process.exit(1)
}
ensurePackages()
buildUi()
const { google, microsoft } = await startSimulatedProviders()
const config = writeConfig()
run(
  'wrangler',
  ['d1', 'migrations', 'apply', 'postroom', '--local', '--config', config, '--persist-to', path.join(state, 'cf')],
  'applying migrations',
  { CI: 'true' },
)

const catcher = simulators ? await startCatcher() : null
let stopping = false
let runtime = startRuntime()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, async () => {
    if (stopping) return
    stopping = true
    if (runtime) await endGroup(runtime.pid)
    await catcher?.close()
    await google?.close()
    await microsoft?.close()
    process.exit(0)
  })
}
await announce()
void watch()

/** Builds web/ into dist/web unless nothing it is made of has changed. */
function buildUi() {
  const stamp = path.join(ROOT, 'dist/web/.sources')
  const sources = createHash('sha256')
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) walk(file)
      else sources.update(`${file} ${statSync(file).size} `).update(readFileSync(file))
    }
  }
  for (const folder of ['web', 'worker/contract']) walk(path.join(ROOT, folder))
  for (const file of ['vite.config.ts', 'package-lock.json']) sources.update(readFileSync(path.join(ROOT, file)))
  const digest = sources.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  run('vite', ['build', '--logLevel', 'warn'], 'building the UI', { NODE_ENV: 'production' })
  writeFileSync(stamp, digest)
}

/** The project's wrangler.jsonc with what only a local run needs: absolute paths, the built UI as assets, variables beside it. */
function writeConfig() {
  const text = readFileSync(path.join(ROOT, 'wrangler.jsonc'), 'utf8')
  const base = JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''))
  const local = {
    ...base,
    $schema: undefined,
    secrets: undefined, // a local run passes all its variables, not only those that must be secret
    main: path.join(ROOT, community ? base.main : 'worker/ee/index.ts'),
    d1_databases: base.d1_databases.map((database) => ({
      ...database,
      migrations_dir: path.join(ROOT, database.migrations_dir),
    })),
    assets: {
      directory: path.join(ROOT, 'dist/web'),
      not_found_handling: 'single-page-application',
      run_worker_first: ['/api/*'],
    },
  }
  const file = path.join(state, 'wrangler.json')
  writeFileSync(file, JSON.stringify(local, null, 2))
  writeVars(state, workerVariables(port, { ...google?.variables, ...microsoft?.variables }))
  return file
}

function run(command, args, what, env = {}) {
  const done = spawnSync(path.join(BIN, command), args, { cwd: ROOT, env: toolEnv(env), encoding: 'utf8' })
  if (done.status === 0) return
  console.error(`${done.stdout}${done.stderr}\n${what} failed.`)
  process.exit(1)
}

async function startCatcher() {
  const { startCatcher: start } = await import('../test/simulators/smtp/catcher.mjs')
  return start({ smtpPort: await freePort(port + 1), webPort: await freePort(port + 2) })
}

/** None of a vendor where a real client of it is configured. */
async function startSimulatedProviders() {
  const { APP_URL: appUrl, GOOGLE_CLIENT_ID, MICROSOFT_CLIENT_ID } = workerVariables(port)
  const google = simulators && !GOOGLE_CLIENT_ID ? await startGoogle({ wished: port + 3, state, appUrl }) : null
  const microsoft =
    simulators && !MICROSOFT_CLIENT_ID ? await startMicrosoft({ wished: port + 4, state, appUrl }) : null
  return { google, microsoft }
}

function startRuntime() {
  const inspector = process.env.POSTROOM_INSPECTOR_PORT
  const child = spawn(
    path.join(BIN, 'wrangler'),
    [
      'dev',
      '--config',
      config,
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--persist-to',
      path.join(state, 'cf'),
      '--show-interactive-dev-session=false',
      '--inspector-ip',
      '127.0.0.1',
      '--inspector-port',
      inspector ?? '0',
    ],
    { cwd: ROOT, env: toolEnv(), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  )
  rememberGroup(state, child.pid)
  // Noise of a machine without internet, see docs/operations.md; everything else is the log.
  const quiet = /Request\.cf|ENOTFOUND|wrangler-docs|^\s*$/
  for (const [stream, out] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    let rest = ''
    stream.on('data', (data) => {
      const lines = (rest + data).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (process.env.POSTROOM_VERBOSE || !quiet.test(line)) out.write(`${line}\n`)
    })
  }
  child.on('exit', async (code) => {
    if (stopping || child !== runtime) return
    stopping = true
    console.error(`The runtime ended (exit ${code}). Everything stored is kept; start again with: npm start`)
    await endGroup(child.pid) // a killed wrangler leaves its workerd processes behind
    process.exit(1)
  })
  return child
}

async function healthy(timeout) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/api/health`, { signal: AbortSignal.timeout(timeout) })
    return response.ok
  } catch {
    return false
  }
}

async function announce() {
  const deadline = Date.now() + 90_000
  while (!(await healthy(2000))) {
    if (Date.now() > deadline) {
      console.error('The Worker did not answer within 90 s; see the log above.')
      await endGroup(runtime.pid)
      process.exit(1)
    }
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  const lines = [`\n  Postroom (${community ? 'community' : 'enterprise'} edition) is ready:  ${address}`]
  if (catcher) {
    lines.push(
      `  Sent mail can be read at:             http://localhost:${catcher.webPort}`,
      `  SMTP settings that lead there:        host localhost, port ${catcher.smtpPort}, security none, no user name`,
    )
  }
  if (google) lines.push(`  Simulated Google, and mail in:        ${google.url}`)
  if (microsoft) lines.push(`  Simulated Microsoft, its apps, mail:  ${microsoft.url}`)
  lines.push(
    '  Sample mails while it runs:           npm run demo',
    `  State is kept in:                     ${path.relative(ROOT, state) || state}   (npm run reset clears it)\n`,
  )
  writeFileSync(
    path.join(state, 'local.json'),
    JSON.stringify({
      port,
      address,
      smtpPort: catcher?.smtpPort ?? null,
      webPort: catcher?.webPort ?? null,
      googleUrl: google?.url ?? null,
      microsoftUrl: microsoft?.url ?? null,
    }),
  )
  console.log(lines.join('\n'))
}

/** Production's cron by hand, more often so that work a kill left behind goes on soon; and a runtime that died or hangs is started anew. */
async function watch() {
  const sweep = () =>
    fetch(`http://127.0.0.1:${port}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`, {
      signal: AbortSignal.timeout(50_000),
    }).catch(() => {})
  void sweep()
  setInterval(sweep, 20_000)
  for (let misses = 0; !stopping; await new Promise((resolve) => setTimeout(resolve, 2_000))) {
    misses = (await healthy(8_000)) ? 0 : misses + 1
    if (misses < 3 || stopping) continue
    misses = 0
    console.error('The runtime does not answer; starting it again.')
    const old = runtime
    runtime = null // so that its end is not taken for a crash
    await endGroup(old.pid)
    runtime = startRuntime()
  }
}
