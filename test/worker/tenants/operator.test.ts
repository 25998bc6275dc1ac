import { createExecutionContext, env, SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'
import { createWorker } from '../../../worker/create-worker'
import { makeTenant, ORIGIN } from '../../support/session'

const call = (method: string, path: string, options: { token?: string; json?: unknown } = {}) =>
  SELF.fetch(`${ORIGIN}/api/operator${path}`, {
    method,
    headers: {
      authorization: `Bearer ${options.token ?? env.OPERATOR_TOKEN}`,
      ...(options.json ? { 'content-type': 'application/json' } : {}),
    },
    ...(options.json ? { body: JSON.stringify(options.json) } : {}),
  })

it('makes a tenant whose owner comes in by the link', async () => {
  const response = await call('POST', '/tenants', {
    json: { tenantName: 'Beta', ownerEmail: 'Boss@beta.test', plan: 'starter' },
  })
  expect(response.status).toBe(201)
  const { tenant, inviteUrl } = (await response.json()) as { tenant: { id: string }; inviteUrl: string }
  expect(tenant).toMatchObject({ name: 'Beta', plan: 'starter' })

  const accepted = await SELF.fetch(`${ORIGIN}/api/invitations/accept`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: inviteUrl.split('#token=')[1], name: 'Boss', password: 'a long enough password' }),
  })
  expect(await accepted.json()).toMatchObject({
    user: { email: 'boss@beta.test' },
    tenant: { id: tenant.id },
    role: 'owner',
    limits: { inboxes: 3 },
  })
})

it('gives a new tenant the default plan and refuses a plan that does not exist', async () => {
  const made = await call('POST', '/tenants', { json: { tenantName: 'Gamma', ownerEmail: 'gamma@example.test' } })
  expect(await made.json()).toMatchObject({ tenant: { plan: 'enterprise' } })
  const refused = await call('POST', '/tenants', {
    json: { tenantName: 'Delta', ownerEmail: 'delta@example.test', plan: 'platinum' },
  })
  expect(refused.status).toBe(422)
  expect(await refused.json()).toMatchObject({ errors: [{ path: 'plan' }] })
})

it('changes a plan with effect from the next request', async () => {
  const tenant = await makeTenant({ plan: 'trial' })
  const response = await call('PATCH', `/tenants/${tenant.tenantId}`, { json: { plan: 'business' } })
  expect(await response.json()).toMatchObject({ tenant: { id: tenant.tenantId, plan: 'business' } })
  expect(await (await tenant.fetch('agent', '/api/auth/session')).json()).toMatchObject({ limits: { inboxes: 25 } })
  expect((await call('PATCH', '/tenants/ten_nobody', { json: { plan: 'business' } })).status).toBe(404)
})

it('invites an owner into a tenant that nobody can sign in to any more', async () => {
  const tenant = await makeTenant()
  const invite = (id: string, email: string) =>
    call('POST', `/tenants/${id}/invitations`, { json: { email, role: 'owner' } })
  const response = await invite(tenant.tenantId, 'rescue@example.test')
  expect(response.status).toBe(201)
  expect(await response.json()).toMatchObject({ url: expect.stringMatching(/\/accept-invite#token=[\w-]{43}$/) })
  expect((await invite('ten_nobody', 'rescue2@example.test')).status).toBe(404)
  expect((await invite(tenant.tenantId, `owner@${tenant.tenantId.slice(4)}.test`)).status).toBe(409)
})

it('lists all tenants in pages', async () => {
  for (let i = 0; i < 3; i++) await makeTenant()
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page = await call('GET', `/tenants?limit=2${cursor ? `&cursor=${cursor}` : ''}`)
    const { items, nextCursor } = (await page.json()) as { items: { id: string }[]; nextCursor: string | null }
    seen.push(...items.map((tenant) => tenant.id))
    cursor = nextCursor
  }
  const count = await env.DB.prepare('SELECT count(*) AS n FROM tenants').first<{ n: number }>()
  expect(seen).toHaveLength(count?.n ?? -1)
  expect(new Set(seen).size).toBe(seen.length)
})

it('refuses a wrong token and an owner session, and is not there while no token is set', async () => {
  expect((await call('GET', '/tenants', { token: 'test-operator-token-0001-0002' })).status).toBe(401)
  expect((await call('GET', '/tenants', { token: '' })).status).toBe(401)
  const tenant = await makeTenant()
  expect((await tenant.fetch('owner', '/api/operator/tenants')).status).toBe(401)

  const without = await createWorker([]).fetch?.(
    new Request(`${ORIGIN}/api/operator/tenants`, { headers: { authorization: 'Bearer ' } }) as Parameters<
      NonNullable<ExportedHandler['fetch']>
    >[0],
    { ...env, OPERATOR_TOKEN: '' },
    createExecutionContext(),
  )
  expect(without?.status).toBe(404)
})
