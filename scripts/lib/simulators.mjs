// The simulated providers beside a local run: child processes that keep their state and their port, and end with the process that started them.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { BIN, ROOT, toolEnv } from './install.mjs'
import { freePort } from './processes.mjs'

const GOOGLE = {
  clientId: '407408718192-postroom.apps.googleusercontent.com',
  clientSecret: 'GOCSPX-simulated-not-a-secret',
  topic: 'projects/postroom-local/topics/gmail',
  serviceAccount: 'gmail-push@postroom-local.iam.gserviceaccount.com',
}
const GOOGLE_ACCOUNTS = [
  'support@acme.example=Acme Support',
  'help@acme.example=Acme Help',
  'jane@gmail.example=Jane Miller',
]

/** The simulated Google; answers its address and `variables` that make the Worker use it. */
export async function startGoogle({ wished, state, appUrl }) {
  const google = await startSimulator('google', {
    wished,
    state,
    args: [
      ...['--client-id', GOOGLE.clientId, '--client-secret', GOOGLE.clientSecret],
      ...['--redirect-uri', `${appUrl}/api/auth/google/callback`],
      ...['--push-endpoint', `${appUrl}/api/webhooks/gmail-push`],
      ...['--topic', GOOGLE.topic, '--service-account', GOOGLE.serviceAccount],
      ...GOOGLE_ACCOUNTS.flatMap((account) => ['--account', account]),
    ],
  })
  const { url } = google
  const variables = {
    GOOGLE_CLIENT_ID: GOOGLE.clientId,
    GOOGLE_CLIENT_SECRET: GOOGLE.clientSecret,
    GOOGLE_PUBSUB_TOPIC: GOOGLE.topic,
    GOOGLE_PUBSUB_SERVICE_ACCOUNT: GOOGLE.serviceAccount,
    GOOGLE_AUTH_URL: `${url}/o/oauth2/v2/auth`,
    GOOGLE_TOKEN_URL: `${url}/token`,
    GOOGLE_REVOKE_URL: `${url}/revoke`,
    GOOGLE_JWKS_URL: `${url}/oauth2/v3/certs`,
    GMAIL_API_URL: url,
  }
  return { ...google, variables }
}

/**
 * The simulated Microsoft; answers its address and `variables` that make the Worker use it. Its app for everybody becomes the deployment's,
 * so that Microsoft 365 inboxes connect at once; others to make profiles of are on its page.
 */
export async function startMicrosoft({ wished, state, appUrl }) {
  const microsoft = await startSimulator('microsoft', {
    wished,
    state,
    args: [
      ...['--redirect-uri', `${appUrl}/api/auth/microsoft/callback`],
      ...['--redirect-uri', `${appUrl}/api/auth/microsoft/calendar/callback`],
      ...['--notification-host', new URL(appUrl).host],
    ],
  })
  const { url, app } = microsoft
  const variables = {
    MICROSOFT_LOGIN_URL: url,
    MICROSOFT_GRAPH_URL: `${url}/v1.0`,
    MICROSOFT_CLIENT_ID: app.clientId,
    MICROSOFT_CLIENT_SECRET: app.clientSecret,
  }
  return { ...microsoft, variables }
}

/**
 * Starts `test/simulators/<name>/main.ts` with its state in `state`/<name>, on the port it had before or on `wished`.
 * Answers what it says of itself, its `url` first. A simulator that dies is started again.
 */
async function startSimulator(name, { wished, state, args }) {
  const folder = path.join(state, name)
  mkdirSync(folder, { recursive: true })
  const command = [
    '--disable-warning=ExperimentalWarning', // older Node 22 says it when it strips types
    path.join(ROOT, `test/simulators/${name}/main.ts`),
    ...['--port', String(await keptPort(folder, wished)), '--state', folder],
    ...args,
  ]
  let closing = false
  let { child, about } = await launch(name, command)
  const goOn = () =>
    child.once('exit', async (code) => {
      if (closing) return
      console.error(`The simulated ${name} ended (exit ${code}); starting it again.`)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      if (closing) return
      try {
        child = (await launch(name, command)).child
        goOn()
      } catch (error) {
        console.error(error.message)
      }
    })
  goOn()
  return {
    ...about,
    async close() {
      closing = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.stdin.end()
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 3000))])
    },
  }
}

/** Grants and links name the port, so a state folder keeps it; one that a killed run still holds is waited for. */
async function keptPort(folder, wished) {
  const file = path.join(folder, 'port')
  const kept = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  for (const until = Date.now() + 3000; kept > 0 && Date.now() < until; ) {
    if ((await freePort(kept)) === kept) return kept
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const port = await freePort(wished)
  writeFileSync(file, String(port))
  return port
}

/** The child, once it listens, and what its first line says. Its stdin is its lifeline: it closes when this process ends, even by SIGKILL. */
function launch(name, command) {
  const child = spawn(path.join(BIN, 'node'), command, {
    cwd: ROOT,
    env: toolEnv(),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => {})
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The simulated ${name} did not start (exit ${code}); see above.`)))
    createInterface({ input: child.stdout }).once('line', (line) => {
      child.removeAllListeners('exit')
      resolve({ child, about: JSON.parse(line) })
    })
  })
}
