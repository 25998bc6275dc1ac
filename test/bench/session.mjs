// What every benchmark needs of the running app: an owner's session, an inbox on the bench's Dovecot, and its embedded database as a file.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { call } from '../../scripts/lib/local.mjs'
import { readVars } from '../../scripts/lib/settings.mjs'
import { pause, until } from '../support/running-app.mjs'

/** Makes the workspace; answers `api(method, route, body)`. */
export async function owner(app) {
  const jar = {}
  const email = 'owner@bench.example'
  const password = 'a long bench password'
  const { needed } = await call(app.base, 'GET', '/api/setup')
  if (needed)
    await call(app.base, 'POST', '/api/setup', { body: { tenantName: 'Bench', name: 'Owner', email, password }, jar })
  else await call(app.base, 'POST', '/api/auth/sign-in', { body: { email, password }, jar })
  return { jar, api: (method, route, body) => call(app.base, method, route, { body, jar }) }
}

/** The owner of a second workspace, made by the operator. */
export async function secondOwner(app) {
  const { OPERATOR_TOKEN } = readVars(path.join(app.state, '.dev.vars'))
  const { inviteUrl } = await call(app.base, 'POST', '/api/operator/tenants', {
    body: { tenantName: 'Bench 2', ownerEmail: 'owner@bench2.example' },
    headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
  })
  const jar = {}
  await call(app.base, 'POST', '/api/invitations/accept', {
    body: { token: new URL(inviteUrl).hash.replace('#token=', ''), name: 'Second', password: 'a long bench password' },
    jar,
  })
  return { jar, api: (method, route, body) => call(app.base, method, route, { body, jar }) }
}

/** Connects a Dovecot user as an inbox; import begins at once. */
export async function connect(session, app, dovecot, user, importDays = 3650) {
  const inbox = await session.api('POST', '/api/inboxes', {
    name: user,
    emailAddress: `${user}@bench.example`,
    connectionType: 'imap',
  })
  await session.api('PATCH', `/api/inboxes/${inbox.id}`, { importDays })
  return session.api('PUT', `/api/inboxes/${inbox.id}/connection/imap`, {
    imap: { host: 'localhost', port: dovecot.imapPort, security: 'none', username: user, password: dovecot.password },
    smtp: { host: 'localhost', port: app.smtpPort, security: 'none', username: '', password: '' },
  })
}

/** Waits until `total` mails have a disposition and no attachment is pending; polls gently so as not to be the load. */
export async function imported(session, app, inboxId, total, ms = 900_000) {
  await until(
    `${total} mails`,
    async () => {
      const { summary } = await session.api('GET', `/api/inboxes/${inboxId}/ledger?limit=1`)
      return summary.total >= total && summary.unaccounted === 0
    },
    ms,
    200,
  )
  await until(
    'attachments',
    () =>
      withDatabase(
        app,
        (db) => db.prepare("SELECT count(*) AS n FROM attachments WHERE state = 'pending'").get().n === 0,
      ),
    ms,
    100,
  )
}

/** Opens the app's embedded D1 file for a moment. */
export function withDatabase(app, use, readOnly = true) {
  const folder = path.join(app.state, 'cf/v3/d1/miniflare-D1DatabaseObject')
  const file = readdirSync(folder).find((name) => name.endsWith('.sqlite') && !name.startsWith('metadata'))
  const db = new DatabaseSync(path.join(folder, file), { readOnly })
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** The p-th percentile of numbers. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)]
}

/** Samples Runtime.getHeapUsage of the worker's isolate every 50 ms until stopped. */
export async function sampleHeap(port) {
  const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json()
  const socket = new WebSocket(targets[0].webSocketDebuggerUrl.replace('localhost', '127.0.0.1'), {
    headers: { origin: 'http://localhost' }, // the inspector asks for one
  })
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error('the inspector does not answer'))
  })
  let max = 0
  let samples = 0
  let id = 0
  socket.onmessage = ({ data }) => {
    const used = JSON.parse(data).result?.usedSize
    if (typeof used !== 'number') return
    samples += 1
    max = Math.max(max, used)
  }
  const timer = setInterval(() => socket.send(JSON.stringify({ id: ++id, method: 'Runtime.getHeapUsage' })), 50)
  await pause(300)
  return {
    stop() {
      clearInterval(timer)
      socket.close()
      return { max, samples }
    },
  }
}
