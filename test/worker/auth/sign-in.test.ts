import { env, SELF } from 'cloudflare:test'
import { beforeAll, expect, it } from 'vitest'
import { hashPassword } from '../../../worker/features/auth/password'
import { makeTenant, ORIGIN, type TestTenant } from '../../support/session'

const PASSWORD = 'correct horse battery'
let tenant: TestTenant
let email: string
let passwordHash: string

beforeAll(async () => {
  passwordHash = await hashPassword(PASSWORD)
  tenant = await makeTenant()
  email = await givePassword(tenant.users.agent)
})

/** Gives a user the password above and answers their address. */
async function givePassword(userId: string): Promise<string> {
  const row = await env.DB.prepare('UPDATE users SET password_hash = ? WHERE id = ? RETURNING email')
    .bind(passwordHash, userId)
    .first<{ email: string }>()
  return row?.email ?? ''
}

const signIn = (body: { email: string; password: string }, ip = '198.51.100.1') =>
  SELF.fetch(`${ORIGIN}/api/auth/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'cf-connecting-ip': ip, 'user-agent': 'Test browser' },
    body: JSON.stringify(body),
  })
const cookieOf = (response: Response) => response.headers.get('set-cookie')?.split(';')[0] ?? ''

it('signs in with address and password, whatever the case of the address', async () => {
  const response = await signIn({ email: email.toUpperCase(), password: PASSWORD })
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ user: { email }, role: 'agent' })
  const session = await SELF.fetch(`${ORIGIN}/api/auth/session`, { headers: { cookie: cookieOf(response) } })
  expect(session.status).toBe(200)
})

it('stores only the digest of the session token', async () => {
  const token = cookieOf(await signIn({ email, password: PASSWORD })).split('=')[1]
  const stored = JSON.stringify((await env.DB.prepare('SELECT * FROM sessions').all()).results)
  expect(token).toHaveLength(43)
  expect(stored).not.toContain(token)
})

it('says the same of a wrong password, an unknown address, a disabled user and one without a password', async () => {
  const other = await makeTenant()
  const disabled = await givePassword(other.users.agent)
  await env.DB.prepare('UPDATE users SET disabled_at = 1 WHERE id = ?').bind(other.users.agent).run()
  const invited = `admin@${other.tenantId.slice(4)}.test`

  const answers = await Promise.all([
    signIn({ email, password: 'wrong' }),
    signIn({ email: 'nobody@example.test', password: PASSWORD }),
    signIn({ email: disabled, password: PASSWORD }),
    signIn({ email: invited, password: PASSWORD }),
  ])
  const bodies = await Promise.all(answers.map((answer) => answer.text()))
  expect(answers.map((answer) => answer.status)).toEqual([401, 401, 401, 401])
  expect(new Set(bodies).size).toBe(1)
})

it('stores the hash anew when its parameters are not the current ones', async () => {
  const { scryptSync } = await import('node:crypto')
  const weak = scryptSync(PASSWORD, Buffer.alloc(16, 1), 32, { N: 1024, r: 8, p: 1 }).toString('base64url')
  const other = await makeTenant()
  const address = await givePassword(other.users.owner)
  await env.DB.prepare('UPDATE users SET password_hash = ? WHERE id = ?')
    .bind(`scrypt$1024$8$1$${Buffer.alloc(16, 1).toString('base64url')}$${weak}`, other.users.owner)
    .run()

  expect((await signIn({ email: address, password: PASSWORD })).status).toBe(200)
  const row = await env.DB.prepare('SELECT password_hash AS hash FROM users WHERE id = ?')
    .bind(other.users.owner)
    .first<{ hash: string }>()
  expect(row?.hash).toMatch(/^scrypt\$16384\$8\$5\$/)
  expect((await signIn({ email: address, password: PASSWORD })).status).toBe(200)
})

it('stops guessing at one address after ten tries, from wherever, and even with the right password', async () => {
  const other = await makeTenant()
  const address = await givePassword(other.users.agent)
  const guesses = await Promise.all(
    Array.from({ length: 12 }, (_, i) => signIn({ email: address, password: 'guess' }, `203.0.113.${i}`)),
  )
  expect(guesses.filter((guess) => guess.status === 401)).toHaveLength(10)
  const refused = await signIn({ email: address, password: PASSWORD }, '203.0.113.99')
  expect(refused.status).toBe(429)
  const wait = Number(refused.headers.get('retry-after'))
  expect(wait).toBeGreaterThan(0)
  expect(wait).toBeLessThanOrEqual(900)
})

it('does not give an attacker new guesses for signing in to an account of their own', async () => {
  const other = await makeTenant()
  const own = await givePassword(other.users.agent)
  const ip = '203.0.113.200'
  for (let i = 0; i < 3; i++) await signIn({ email: `victim${i}@example.test`, password: 'guess' }, ip)
  const before = await attemptsFrom()
  expect((await signIn({ email: own, password: PASSWORD }, ip)).status).toBe(200)
  expect(await attemptsFrom()).toBe(before)

  async function attemptsFrom() {
    const rows = await env.DB.prepare(
      "SELECT sum(count) AS n FROM rate_limits WHERE key LIKE 'sign-in:network:%'",
    ).first<{
      n: number
    }>()
    return rows?.n
  }
})

it('opens the limit again when its window is over', async () => {
  const other = await makeTenant()
  const address = await givePassword(other.users.agent)
  await Promise.all(Array.from({ length: 11 }, () => signIn({ email: address, password: 'guess' }, '203.0.113.7')))
  expect((await signIn({ email: address, password: PASSWORD })).status).toBe(429)
  await env.DB.prepare('UPDATE rate_limits SET window_start = window_start - 900000').run()
  expect((await signIn({ email: address, password: PASSWORD })).status).toBe(200)
})

it('keeps neither addresses nor networks readable in the counters', async () => {
  await signIn({ email: 'readable@example.test', password: 'x' }, '192.0.2.55')
  const stored = JSON.stringify((await env.DB.prepare('SELECT * FROM rate_limits').all()).results)
  expect(stored).not.toContain('readable@example.test')
  expect(stored).not.toContain('192.0.2.55')
})

it('ends every other session when the password is changed, and only with the current password', async () => {
  const other = await makeTenant()
  await givePassword(other.users.owner)
  const address = await givePassword(other.users.agent)
  const second = cookieOf(await signIn({ email: address, password: PASSWORD }))
  const change = (currentPassword: string) =>
    other.fetch('agent', '/api/auth/password', {
      method: 'POST',
      json: { currentPassword, newPassword: 'an entirely new one' },
    })

  expect((await change('wrong')).status).toBe(422)
  expect((await SELF.fetch(`${ORIGIN}/api/auth/session`, { headers: { cookie: second } })).status).toBe(200)
  expect((await change(PASSWORD)).status).toBe(204)
  expect((await SELF.fetch(`${ORIGIN}/api/auth/session`, { headers: { cookie: second } })).status).toBe(401)
  expect((await other.fetch('agent', '/api/auth/session')).status).toBe(200)
  expect((await signIn({ email: address, password: PASSWORD })).status).toBe(401)
  expect((await signIn({ email: address, password: 'an entirely new one' })).status).toBe(200)
})
