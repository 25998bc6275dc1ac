import { env, SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'
import type { Role } from '../../../worker/contract/permissions'
import { makeTenant, ORIGIN, type TestTenant } from '../../support/session'

const invite = (tenant: TestTenant, as: Role, email: string, role: Role) =>
  tenant.fetch(as, '/api/invitations', { method: 'POST', json: { email, role } })
const tokenOf = (url: string) => new URL(url).hash.replace('#token=', '')
const accept = (token: string, name = 'Newcomer') =>
  SELF.fetch(`${ORIGIN}/api/invitations/accept`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, name, password: 'a long enough password' }),
  })
const change = (tenant: TestTenant, as: Role, id: string, json: object) =>
  tenant.fetch(as, `/api/users/${id}`, { method: 'PATCH', json })

async function invited(
  tenant: TestTenant,
  email: string,
  role: Role = 'agent',
): Promise<{ id: string; token: string }> {
  const { id, url } = (await (await invite(tenant, 'owner', email, role)).json()) as { id: string; url: string }
  return { id, token: tokenOf(url) }
}

it('hands out the token in the fragment of a link and stores its digest only', async () => {
  const tenant = await makeTenant()
  const response = await invite(tenant, 'admin', 'New@Example.test', 'agent')
  expect(response.status).toBe(201)
  const { url } = (await response.json()) as { url: string }
  expect(url).toMatch(/^http:\/\/postroom\.test\/accept-invite#token=[\w-]{43}$/)
  const stored = JSON.stringify((await env.DB.prepare('SELECT * FROM invitations').all()).results)
  expect(stored).not.toContain(tokenOf(url))
})

it('is accepted once, however many try at the same moment', async () => {
  const tenant = await makeTenant()
  const { token } = await invited(tenant, 'racer@example.test', 'admin')
  const answers = await Promise.all([accept(token), accept(token), accept(token)])
  expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409])
  const winner = answers.find((answer) => answer.status === 201)
  expect(await winner?.json()).toMatchObject({ role: 'admin', tenant: { id: tenant.tenantId } })
  expect(winner?.headers.get('set-cookie')).toMatch(/^postroom_session=/)
  const made = await env.DB.prepare("SELECT count(*) AS n FROM users WHERE email = 'racer@example.test'").first()
  expect(made).toEqual({ n: 1 })
  expect((await accept(token)).status).toBe(409)
})

it('is refused after seven days, after being taken back, and after a newer one for the same address', async () => {
  const tenant = await makeTenant()
  const old = await invited(tenant, 'slow@example.test')
  await env.DB.prepare('UPDATE invitations SET expires_at = ? WHERE id = ?')
    .bind(Date.now() - 1, old.id)
    .run()
  expect((await accept(old.token)).status).toBe(409)

  const revoked = await invited(tenant, 'revoked@example.test')
  expect((await tenant.fetch('admin', `/api/invitations/${revoked.id}`, { method: 'DELETE' })).status).toBe(204)
  expect((await accept(revoked.token)).status).toBe(409)

  const first = await invited(tenant, 'twice@example.test')
  const second = await invited(tenant, 'twice@example.test')
  expect((await accept(first.token)).status).toBe(409)
  expect((await accept(second.token)).status).toBe(201)
})

it('lists pending invitations without their tokens', async () => {
  const tenant = await makeTenant()
  const { id, token } = await invited(tenant, 'pending@example.test')
  const text = await (await tenant.fetch('admin', '/api/invitations')).text()
  expect(JSON.parse(text)).toMatchObject({
    items: [{ id, email: 'pending@example.test', role: 'agent' }],
    nextCursor: null,
  })
  expect(text).not.toContain(token)
})

it('refuses an address that has an account, here or in another tenant', async () => {
  const [here, elsewhere] = [await makeTenant(), await makeTenant()]
  const address = `agent@${elsewhere.tenantId.slice(4)}.test`
  expect((await invite(here, 'owner', address, 'agent')).status).toBe(409)
})

it('lets only owners invite, change or take back owners', async () => {
  const tenant = await makeTenant()
  expect((await invite(tenant, 'admin', 'boss@example.test', 'owner')).status).toBe(403)
  const { id } = await invited(tenant, 'boss@example.test', 'owner')
  expect((await tenant.fetch('admin', `/api/invitations/${id}`, { method: 'DELETE' })).status).toBe(403)
  expect((await change(tenant, 'admin', tenant.users.agent, { role: 'owner' })).status).toBe(403)
  expect((await change(tenant, 'admin', tenant.users.owner, { role: 'agent' })).status).toBe(403)
  expect((await change(tenant, 'admin', tenant.users.owner, { disabled: true })).status).toBe(403)
  expect((await change(tenant, 'owner', tenant.users.agent, { role: 'owner' })).status).toBe(200)
})

it('always keeps one owner who can sign in, even when two demote each other at once', async () => {
  const tenant = await makeTenant()
  const { owner, admin } = tenant.users
  expect((await change(tenant, 'owner', owner, { role: 'admin' })).status).toBe(409)
  expect((await change(tenant, 'owner', owner, { disabled: true })).status).toBe(409)

  await change(tenant, 'owner', admin, { role: 'owner' })
  await Promise.all([
    change(tenant, 'owner', admin, { role: 'agent' }),
    change(tenant, 'admin', owner, { role: 'agent' }),
  ])
  const left = await env.DB.prepare(
    "SELECT count(*) AS n FROM users WHERE tenant_id = ? AND role = 'owner' AND disabled_at IS NULL",
  )
    .bind(tenant.tenantId)
    .first()
  expect(left).toEqual({ n: 1 })
})

it('ends the sessions of a disabled person at once, and lets them back in later', async () => {
  const tenant = await makeTenant()
  const response = await change(tenant, 'admin', tenant.users.agent, { disabled: true })
  expect(await response.json()).toMatchObject({ id: tenant.users.agent, disabledAt: expect.stringMatching(/Z$/) })
  expect((await tenant.fetch('agent', '/api/auth/session')).status).toBe(401)
  const sessions = await env.DB.prepare('SELECT count(*) AS n FROM sessions WHERE user_id = ?')
    .bind(tenant.users.agent)
    .first()
  expect(sessions).toEqual({ n: 0 })
  const back = await change(tenant, 'admin', tenant.users.agent, { disabled: false })
  expect(await back.json()).toMatchObject({ disabledAt: null })
})

it('changes a role with the very next request', async () => {
  const tenant = await makeTenant()
  expect((await tenant.fetch('agent', '/api/invitations')).status).toBe(403)
  await change(tenant, 'admin', tenant.users.agent, { role: 'admin' })
  expect((await tenant.fetch('agent', '/api/invitations')).status).toBe(200)
})

it('lists everybody of the tenant and nobody else, without a hash', async () => {
  const tenant = await makeTenant()
  await makeTenant()
  const text = await (await tenant.fetch('agent', '/api/users')).text()
  expect(JSON.parse(text).items).toHaveLength(3)
  expect(text).not.toContain('scrypt')
  expect(text).not.toContain('password')
})
