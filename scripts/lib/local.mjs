// Talks to the running local Postroom: its address, a signed-in fetch, and mail through Email Routing's local handler.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { localSettings, workerVariables } from './settings.mjs'

/** The running instance, or an exit that says how to start it. */
export async function runningInstance() {
  const { state, port } = localSettings()
  const file = path.join(state, 'local.json')
  const local = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { port, smtpPort: null, webPort: null }
  const base = `http://127.0.0.1:${local.port}`
  try {
    await fetch(`${base}/api/health`, { signal: AbortSignal.timeout(5000) })
  } catch {
    console.error(`Postroom does not answer on port ${local.port}. Start it first, in another terminal: npm start`)
    process.exit(1)
  }
  return { ...local, base, state, operatorToken: workerVariables(local.port).OPERATOR_TOKEN }
}

/** JSON request; throws with the problem's words. Keeps the session cookie of `jar`. */
export async function call(base, method, route, { body, headers = {}, jar = {} } = {}) {
  const response = await fetch(base + route, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(jar.cookie ? { cookie: jar.cookie } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const cookie = response.headers.getSetCookie().find((line) => line.startsWith('postroom_session='))
  if (cookie) jar.cookie = cookie.split(';')[0]
  const text = await response.text()
  const answer = text ? JSON.parse(text) : null
  if (!response.ok)
    throw Object.assign(new Error(`${method} ${route}: ${response.status} ${answer?.detail ?? answer?.title ?? ''}`), {
      status: response.status,
      answer,
    })
  return answer
}

/** Hands a raw mail to the Worker's email() handler, as Email Routing would. */
export async function deliver(base, { from, to, raw }) {
  const response = await fetch(`${base}/cdn-cgi/handler/email?${new URLSearchParams({ from, to })}`, {
    method: 'POST',
    body: raw,
  })
  if (!response.ok) throw new Error(`mail to ${to} was not taken: ${response.status} ${await response.text()}`)
}

/**
 * A session that may manage inboxes. The first time it makes the workspace (if there is none yet) or is invited by the
 * operator's token; its own password is kept in the state folder.
 */
export async function demoSession({ base, state, operatorToken }) {
  const file = path.join(state, 'demo.json')
  const jar = {}
  if (existsSync(file)) {
    const { email, password } = JSON.parse(readFileSync(file, 'utf8'))
    await call(base, 'POST', '/api/auth/sign-in', { body: { email, password }, jar })
    return { jar, email, password }
  }
  const email = 'demo@postroom.example'
  const password = crypto.randomUUID()
  const { needed } = await call(base, 'GET', '/api/setup')
  if (needed) {
    await call(base, 'POST', '/api/setup', {
      body: { tenantName: 'Demo Company', name: 'Demo Owner', email, password },
      jar,
    })
  } else {
    const authorization = `Bearer ${operatorToken}`
    const { items } = await call(base, 'GET', '/api/operator/tenants', { headers: { authorization } })
    const { url } = await call(base, 'POST', `/api/operator/tenants/${items[0].id}/invitations`, {
      body: { email, role: 'admin' },
      headers: { authorization },
    })
    await call(base, 'POST', '/api/invitations/accept', {
      body: { token: new URL(url).hash.replace('#token=', ''), name: 'Demo Admin', password },
      jar,
    })
  }
  writeFileSync(file, JSON.stringify({ email, password }), { mode: 0o600 })
  return { jar, email, password }
}
