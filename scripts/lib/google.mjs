// The simulated Google beside a local run: a child process that keeps its state and its port, and ends with the process that started it.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { BIN, ROOT, toolEnv } from './install.mjs'
import { freePort } from './processes.mjs'

const PROJECT = {
  clientId: '407408718192-postroom.apps.googleusercontent.com',
  clientSecret: 'GOCSPX-simulated-not-a-secret',
  topic: 'projects/postroom-local/topics/gmail',
  serviceAccount: 'gmail-push@postroom-local.iam.gserviceaccount.com',
}
const ACCOUNTS = ['support@acme.example=Acme Support', 'help@acme.example=Acme Help', 'jane@gmail.example=Jane Miller']

/**
 * Starts the simulator with its state in `state`/google, on the port it had before or on `wished`.
 * Answers its address and `variables` that make the Worker use it. A simulator that dies is started again.
 */
export async function startGoogle({ wished, state, appUrl }) {
  const folder = path.join(state, 'google')
  mkdirSync(folder, { recursive: true })
  const port = await keptPort(folder, wished)
  const url = `http://127.0.0.1:${port}`
  let closing = false
  let child = await launch(args(port, folder, appUrl))
  const goOn = () =>
    child.once('exit', async (code) => {
      if (closing) return
      console.error(`The simulated Google ended (exit ${code}); starting it again.`)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      if (closing) return
      try {
        child = await launch(args(port, folder, appUrl))
        goOn()
      } catch (error) {
        console.error(error.message)
      }
    })
  goOn()
  return {
    url,
    variables: variablesOf(url),
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

function args(port, folder, appUrl) {
  return [
    '--disable-warning=ExperimentalWarning', // older Node 22 says it when it strips types
    path.join(ROOT, 'test/simulators/google/main.ts'),
    ...['--port', String(port), '--state', folder],
    ...['--client-id', PROJECT.clientId, '--client-secret', PROJECT.clientSecret],
    ...['--redirect-uri', `${appUrl}/api/auth/google/callback`, '--push-endpoint', `${appUrl}/api/webhooks/gmail-push`],
    ...['--topic', PROJECT.topic, '--service-account', PROJECT.serviceAccount],
    ...ACCOUNTS.flatMap((account) => ['--account', account]),
  ]
}

/** The child, once it listens. Its stdin is its lifeline: it closes when this process ends, even by SIGKILL. */
function launch(command) {
  const child = spawn(path.join(BIN, 'node'), command, {
    cwd: ROOT,
    env: toolEnv(),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => {})
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The simulated Google did not start (exit ${code}); see above.`)))
    createInterface({ input: child.stdout }).once('line', () => {
      child.removeAllListeners('exit')
      resolve(child)
    })
  })
}

function variablesOf(url) {
  return {
    GOOGLE_CLIENT_ID: PROJECT.clientId,
    GOOGLE_CLIENT_SECRET: PROJECT.clientSecret,
    GOOGLE_PUBSUB_TOPIC: PROJECT.topic,
    GOOGLE_PUBSUB_SERVICE_ACCOUNT: PROJECT.serviceAccount,
    GOOGLE_AUTH_URL: `${url}/o/oauth2/v2/auth`,
    GOOGLE_TOKEN_URL: `${url}/token`,
    GOOGLE_REVOKE_URL: `${url}/revoke`,
    GOOGLE_JWKS_URL: `${url}/oauth2/v3/certs`,
    GMAIL_API_URL: url,
  }
}
