import { createExecutionContext, env, SELF } from 'cloudflare:test'
import { expect, it, vi } from 'vitest'
import { createApp } from '../../../worker/app'
import { makeTenant, ORIGIN } from '../../support/session'

it('gives every answer the headers of data that must not run, be framed, guessed at or cached', async () => {
  const tenant = await makeTenant()
  const answers = [
    await SELF.fetch(`${ORIGIN}/api/health`),
    await SELF.fetch(`${ORIGIN}/api/nothing`),
    await SELF.fetch(`${ORIGIN}/api/users`),
    await tenant.fetch('agent', '/api/users'),
    await tenant.fetch('agent', '/api/inboxes', { method: 'POST', headers: { origin: 'https://evil.test' } }),
  ]
  expect(answers.map((answer) => answer.status)).toEqual([200, 404, 401, 200, 403])
  for (const { headers } of answers) {
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{10,}$/)
  }
})

it('accepts unsafe requests from its own origin, from APP_URL, and from callers that are no browser', async () => {
  const tenant = await makeTenant()
  const endNoSession = (url: string, headers: Record<string, string>) =>
    SELF.fetch(`${url}/api/auth/sessions/none`, {
      method: 'DELETE',
      headers: { cookie: tenant.cookie.agent, ...headers },
    })
  expect((await endNoSession(ORIGIN, {})).status).toBe(404)
  expect((await endNoSession(ORIGIN, { origin: ORIGIN })).status).toBe(404)
  expect((await endNoSession('http://127.0.0.1:8787', { origin: 'http://127.0.0.1:8787' })).status).toBe(404)
  expect((await endNoSession('http://behind-a-proxy.test', { origin: env.APP_URL })).status).toBe(404)
  for (const origin of ['http://postroom.test.evil.test', 'https://postroom.test', 'http://postroom.test:81']) {
    expect([origin, (await endNoSession(ORIGIN, { origin })).status]).toEqual([origin, 403])
  }
})

it('answers an unforeseen error with its request id and nothing about the cause, which only the log has', async () => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  const broken = {
    prepare: () => {
      throw new Error('inner detail of the database')
    },
  }
  const response = await createApp([]).request(
    `${ORIGIN}/api/setup`,
    {},
    { ...env, DB: broken as unknown as D1Database },
    createExecutionContext(),
  )
  expect(response.status).toBe(500)
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({ code: 'internal', status: 500 })
  expect(text).not.toContain('inner detail')
  const [line] = error.mock.calls[0] ?? []
  expect(line).toContain(response.headers.get('x-request-id'))
  error.mockRestore()
})
