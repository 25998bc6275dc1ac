import { env, SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'
import { ORIGIN } from '../../support/session'

const body = (email: string) =>
  JSON.stringify({ tenantName: 'Acme', name: 'Olga', email, password: 'a long enough password' })
const post = (email: string) =>
  SELF.fetch(`${ORIGIN}/api/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body(email),
  })

it('makes one tenant and one signed-in owner, however many race for it', async () => {
  expect(await (await SELF.fetch(`${ORIGIN}/api/setup`)).json()).toEqual({ needed: true })

  const responses = await Promise.all([post('One@Example.test'), post('two@example.test'), post('three@example.test')])
  expect(responses.map((response) => response.status).sort()).toEqual([201, 409, 409])

  const counted = await env.DB.prepare(
    'SELECT (SELECT count(*) FROM tenants) AS tenants, (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM sessions) AS sessions',
  ).first()
  expect(counted).toEqual({ tenants: 1, users: 1, sessions: 1 })

  const winner = responses.find((response) => response.status === 201)
  const session = await winner?.json()
  expect(session).toMatchObject({ role: 'owner', tenant: { name: 'Acme' }, limits: { inboxes: null } })
  const cookie = winner?.headers.get('set-cookie') ?? ''
  expect(cookie).toMatch(/^postroom_session=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/)

  const again = await SELF.fetch(`${ORIGIN}/api/auth/session`, { headers: { cookie: cookie.split(';')[0] ?? '' } })
  expect(await again.json()).toEqual(session)
})

it('answers 409 and no longer asks for setup once a tenant exists', async () => {
  expect(await (await SELF.fetch(`${ORIGIN}/api/setup`)).json()).toEqual({ needed: false })
  const late = await post('late@example.test')
  expect(late.status).toBe(409)
  expect(late.headers.get('set-cookie')).toBeNull()
})

it('marks the cookie Secure where the page is served over https', async () => {
  await env.DB.prepare('DELETE FROM tenants').run()
  const response = await SELF.fetch('https://postroom.test/api/setup', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body('secure@example.test'),
  })
  expect(response.headers.get('set-cookie')).toMatch(/; Secure;/)
})
