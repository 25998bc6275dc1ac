import { env, SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'
import { sha256Hex } from '../../../worker/platform/ids'
import { makeTenant, ORIGIN } from '../../support/session'

const digestOf = (cookie: string) => sha256Hex(cookie.split('=')[1] ?? '')
const sessionWith = (cookie: string) => SELF.fetch(`${ORIGIN}/api/auth/session`, { headers: { cookie } })

it('ends at sign-out: the row is gone and the cookie cleared', async () => {
  const tenant = await makeTenant()
  const response = await tenant.fetch('agent', '/api/auth/sign-out', { method: 'POST' })
  expect(response.status).toBe(204)
  expect(response.headers.get('set-cookie')).toMatch(/^postroom_session=; Max-Age=0; Path=\//)
  expect((await tenant.fetch('agent', '/api/auth/session')).status).toBe(401)
})

it('ends when its time is over, even with the cookie kept', async () => {
  const tenant = await makeTenant()
  await env.DB.prepare('UPDATE sessions SET expires_at = ? WHERE token_hash = ?')
    .bind(Date.now() - 1, await digestOf(tenant.cookie.agent))
    .run()
  expect((await tenant.fetch('agent', '/api/auth/session')).status).toBe(401)
})

it('is not opened by a digest, a truncated token or rubbish in the cookie', async () => {
  const tenant = await makeTenant()
  const digest = await digestOf(tenant.cookie.owner)
  for (const value of [digest, tenant.cookie.owner.slice(17, 40), "' OR 1=1 --", '%00', 'x'.repeat(5000)]) {
    expect((await sessionWith(`postroom_session=${value}`)).status).toBe(401)
  }
})

it('notes its last use at most every five minutes', async () => {
  const tenant = await makeTenant()
  const digest = await digestOf(tenant.cookie.agent)
  const lastSeen = async () =>
    (
      await env.DB.prepare('SELECT last_seen_at AS at FROM sessions WHERE token_hash = ?')
        .bind(digest)
        .first<{ at: number }>()
    )?.at ?? 0
  const first = await lastSeen()
  await tenant.fetch('agent', '/api/auth/session')
  expect(await lastSeen()).toBe(first)
  await env.DB.prepare('UPDATE sessions SET last_seen_at = ? WHERE token_hash = ?')
    .bind(first - 301_000, digest)
    .run()
  await tenant.fetch('agent', '/api/auth/session')
  expect(await lastSeen()).toBeGreaterThanOrEqual(first)
})

it('is listed for its owner alone and can be ended from there', async () => {
  const tenant = await makeTenant()
  const list = await tenant.fetch('agent', '/api/auth/sessions')
  const { items } = (await list.json()) as { items: { id: string; current: boolean }[] }
  expect(items).toMatchObject([{ current: true }])
  const id = items[0]?.id ?? ''

  const colleague = await tenant.fetch('owner', `/api/auth/sessions/${id}`, { method: 'DELETE' })
  expect(colleague.status).toBe(404)
  expect((await tenant.fetch('agent', `/api/auth/sessions/${id}`, { method: 'DELETE' })).status).toBe(204)
  expect((await tenant.fetch('agent', '/api/auth/session')).status).toBe(401)
})

it('says which permissions, capabilities and limits come with it', async () => {
  const tenant = await makeTenant({ plan: 'business' })
  const answer = await (await tenant.fetch('agent', '/api/auth/session')).json()
  expect(answer).toMatchObject({ capabilities: ['advanced_reports', 'public_api'], limits: { inboxes: 25 } })
  expect(answer).toHaveProperty('permissions', [
    'tickets:read',
    'tickets:write',
    'users:read',
    'inboxes:read',
    'session:own',
  ])
})
