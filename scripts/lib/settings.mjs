// Local settings: the state folder, the port, and `.dev.vars` with secrets that are made once. Environment variables of the same names win.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from './install.mjs'

/** Every variable the Worker reads (worker/env.ts); only these are passed on from the environment. */
export const WORKER_VARIABLES = [
  'APP_URL',
  'AUTH_SECRET',
  'OPERATOR_TOKEN',
  'ENCRYPTION_KEYS',
  'DEFAULT_PLAN',
  'DNS_URL',
  'GOOGLE_CLIENT_ID',
  'GOOGLE_CLIENT_SECRET',
  'GOOGLE_PUBSUB_TOPIC',
  'GOOGLE_PUBSUB_SERVICE_ACCOUNT',
  'GOOGLE_AUTH_URL',
  'GOOGLE_TOKEN_URL',
  'GOOGLE_REVOKE_URL',
  'GOOGLE_JWKS_URL',
  'GMAIL_API_URL',
  'GMAIL_UNITS_PER_MINUTE',
  'MICROSOFT_LOGIN_URL',
  'MICROSOFT_GRAPH_URL',
  'MICROSOFT_CLIENT_ID',
  'MICROSOFT_CLIENT_SECRET',
  'TRUSTED_PROVIDER_HOSTS',
  'POSTROOM_POLL_SECONDS',
]

/** The folder of all local state and the port, from POSTROOM_STATE and PORT. */
export function localSettings() {
  const port = Number(process.env.PORT || 8787)
  if (!Number.isInteger(port) || port < 1 || port > 65531) throw new Error(`PORT is not a port: ${process.env.PORT}`)
  return {
    port,
    state: path.resolve(ROOT, process.env.POSTROOM_STATE || '.postroom'),
    simulators: process.env.POSTROOM_SIMULATORS !== 'off',
  }
}

/** Reads a KEY=VALUE file; values may be in double quotes. */
export function readVars(file) {
  if (!existsSync(file)) return {}
  const lines = readFileSync(file, 'utf8').split('\n')
  return Object.fromEntries(
    lines.flatMap((line) => {
      const match = /^([A-Z_]+)=(.*)$/.exec(line.trim())
      return match ? [[match[1], match[2].replace(/^"(.*)"$/, '$1')]] : []
    }),
  )
}

/**
 * Makes `.dev.vars` in the checkout if it is missing, and answers the Worker's variables: `simulated` ones (those that lead to
 * simulated providers), the file's on top of them, the environment's on top of all.
 */
export function workerVariables(port, simulated = {}) {
  const file = path.join(ROOT, '.dev.vars')
  if (!existsSync(file)) {
    const made = {
      AUTH_SECRET: randomBytes(36).toString('base64url'),
      OPERATOR_TOKEN: randomBytes(24).toString('base64url'),
      ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    }
    const text = Object.entries(made).map(([name, value]) => `${name}=${value}\n`)
    writeFileSync(file, `# Development secrets, made once. Not for production, never committed.\n${text.join('')}`, {
      mode: 0o600,
      flag: 'wx',
    })
  }
  const values = { APP_URL: `http://localhost:${port}`, ...simulated, ...readVars(file) }
  for (const name of WORKER_VARIABLES) if (process.env[name]) values[name] = process.env[name]
  return values
}

/** Writes the variables where wrangler looks for them: beside the configuration it is given. */
export function writeVars(folder, values) {
  mkdirSync(folder, { recursive: true })
  const text = Object.entries(values).map(([name, value]) => `${name}="${String(value).replace(/\n/g, '\\n')}"\n`)
  writeFileSync(path.join(folder, '.dev.vars'), text.join(''), { mode: 0o600 })
}
