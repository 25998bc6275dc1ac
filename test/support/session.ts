// A tenant with one signed-in user of each role, written straight into D1: no password hashing, no HTTP.
import { env, SELF } from 'cloudflare:test'
import { ROLES, type Role } from '../../worker/contract/permissions'
import { newId, newToken, sha256Hex } from '../../worker/platform/ids'

export const ORIGIN = 'http://postroom.test'

export type TestTenant = {
  tenantId: string
  /** user ids */
  users: Record<Role, string>
  /** values of the Cookie header */
  cookie: Record<Role, string>
  /** Calls the running Worker as a role; `path` starts with /api. A plain object as `json` becomes the JSON body. */
  fetch(role: Role, path: string, init?: RequestInit & { json?: unknown }): Promise<Response>
}

/** Makes a tenant of its own, so that tests of one file do not meet. */
export async function makeTenant(options: { plan?: string; name?: string } = {}): Promise<TestTenant> {
  const tenantId = newId('ten')
  const now = Date.now()
  const users = {} as Record<Role, string>
  const cookie = {} as Record<Role, string>
  const statements = [
    env.DB.prepare('INSERT INTO tenants (id, name, plan, created_at) VALUES (?, ?, ?, ?)').bind(
      tenantId,
      options.name ?? 'Acme',
      options.plan ?? 'enterprise',
      now,
    ),
  ]
  for (const role of ROLES) {
    const token = newToken()
    users[role] = newId('usr')
    cookie[role] = `postroom_session=${token}`
    statements.push(
      env.DB.prepare('INSERT INTO users (id, tenant_id, email, name, role, created_at) VALUES (?, ?, ?, ?, ?, ?)').bind(
        users[role],
        tenantId,
        `${role}@${tenantId.slice(4)}.test`,
        `The ${role}`,
        role,
        now,
      ),
      env.DB.prepare(
        'INSERT INTO sessions (token_hash, tenant_id, user_id, created_at, last_seen_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
      ).bind(await sha256Hex(token), tenantId, users[role], now, now, now + 86_400_000),
    )
  }
  await env.DB.batch(statements)
  return {
    tenantId,
    users,
    cookie,
    fetch(role, path, { json, ...init } = {}) {
      const headers = new Headers(init.headers)
      headers.set('cookie', cookie[role])
      if (json !== undefined) headers.set('content-type', 'application/json')
      return SELF.fetch(`${ORIGIN}${path}`, {
        ...init,
        headers,
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      })
    },
  }
}
