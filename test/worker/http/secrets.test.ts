// Secrets go in and never come out: every answer and console line of the flows that handle them is searched.
import { env, SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'
import { settingsOf } from '../../../worker/env'
import { sealConnection } from '../../../worker/sync/credentials'
import { makeTenant, ORIGIN } from '../../support/session'
import { startTranscript } from '../../support/transcript'

it('says no password, token or key in any answer or log line', async () => {
  const transcript = startTranscript()
  const secrets: string[] = [env.AUTH_SECRET, env.OPERATOR_TOKEN, env.ENCRYPTION_KEYS, env.ENCRYPTION_KEYS.slice(3)]
  const secret = (text: string) => {
    secrets.push(text)
    return text
  }
  const send = async (path: string, body: unknown, headers: Record<string, string> = {}) =>
    transcript.keep(
      await SELF.fetch(`${ORIGIN}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    )
  const sessionOf = (response: Response) => response.headers.get('set-cookie')?.split(';')[0] ?? ''

  const password = secret('owner-password-0001')
  const setup = await send('/api/setup', { tenantName: 'Acme', name: 'Olga', email: 'olga@example.test', password })
  expect(setup.status).toBe(201)
  const cookie = sessionOf(setup)
  secret(cookie.split('=')[1] ?? '')

  await send('/api/auth/sign-in', { email: 'olga@example.test', password: secret('a-wrong-password-0001') })
  await send('/api/auth/sign-in', { email: 'not an address', password })
  await send('/api/auth/sign-in', `{"email": "olga@example.test", "password": "${password}`)
  await send('/api/auth/sign-in', `{"email": 5, "password": ["${password}"]}`)
  await send('/api/auth/password', { currentPassword: 'wrong', newPassword: secret('next-password-0001') }, { cookie })
  await send('/api/auth/password', { currentPassword: password, newPassword: secret('shorty-01') }, { cookie })

  const invitation = await send('/api/invitations/accept', {
    token: secret('a-made-up-invitation-token-0001'),
    name: 'N',
    password: secret('newcomer-password-0001'),
  })
  expect(invitation.status).toBe(409)
  await send('/api/operator/tenants', {}, { authorization: `Bearer ${secret('a-wrong-operator-token-0001')}` })

  const tenant = await makeTenant()
  for (const role of ['owner', 'admin', 'agent'] as const) {
    secret(tenant.cookie[role].split('=')[1] ?? '')
    for (const path of ['/api/auth/session', '/api/auth/sessions', '/api/users', '/api/inboxes', '/api/invitations']) {
      await transcript.keep(await tenant.fetch(role, path))
    }
  }
  const server = (password: string) => ({ host: '127.0.0.1', port: 1, security: 'none', username: 'u', password })
  const sides = { imap: server(secret('imap-password-0001')), smtp: server(secret('smtp-password-0001')) }
  const made = await tenant.fetch('admin', '/api/inboxes', {
    method: 'POST',
    json: { name: 'Support', emailAddress: 'support@example.test', connectionType: 'imap' },
  })
  const { id } = (await made.json()) as { id: string }
  for (const [method, path] of [
    ['POST', '/api/inboxes/test-connection'],
    ['PUT', `/api/inboxes/${id}/connection/imap`],
  ] as const) {
    await transcript.keep(await tenant.fetch('admin', path, { method, json: sides }))
    await transcript.keep(await tenant.fetch('admin', path, { method, json: { imap: { ...sides.imap, port: 'x' } } }))
  }

  const google = await tenant.fetch('admin', '/api/inboxes', {
    method: 'POST',
    json: { name: 'Gmail', emailAddress: 'gmail@example.test', connectionType: 'google' },
  })
  const { id: googleId } = (await google.json()) as { id: string }
  await transcript.keep(
    await tenant.fetch('admin', `/api/inboxes/${googleId}/connect/google`, { method: 'POST', json: {} }),
  )
  const query = `state=${secret('a-made-up-state-0001')}&code=${secret('a-made-up-code-0001')}`
  for (const headers of [{}, { cookie }] as Record<string, string>[]) {
    for (const vendor of ['google', 'microsoft']) {
      const back = await SELF.fetch(`${ORIGIN}/api/auth/${vendor}/callback?${query}`, { headers, redirect: 'manual' })
      await transcript.keep(back)
      expect(back.status).toBe(302)
      expect(back.headers.get('location')).toBe(`${ORIGIN}/inboxes?connect=expired`)
      expect(back.headers.get('cache-control')).toBe('no-store')
      expect(back.headers.get('referrer-policy')).toBe('no-referrer')
    }
  }
  // A connected inbox shows its account to everybody who may see connections, and its tokens to nobody.
  const tokens = {
    accessToken: secret('a-google-access-token-0001'),
    refreshToken: secret('a-google-refresh-token-0001'),
    expiresAt: Date.now() + 3_600_000,
  }
  const account = { address: 'gmail@example.test', clientId: 'c', scopes: [], grantedAt: 1 }
  const sealed = await sealConnection(settingsOf(env).keyring, tenant.tenantId, googleId, { google: account }, tokens)
  await env.DB.prepare('UPDATE inboxes SET config = ?, credentials = ? WHERE id = ?')
    .bind(sealed.config, sealed.credentials, googleId)
    .run()
  secret(sealed.credentials)
  for (const role of ['admin', 'agent'] as const) {
    const shown = await transcript.keep(await tenant.fetch(role, `/api/inboxes/${googleId}`))
    expect(await shown.json()).toMatchObject({ connection: role === 'admin' ? { google: account } : null })
  }
  await transcript.keep(
    await tenant.fetch('admin', `/api/inboxes/${googleId}/connection/imap`, { method: 'PUT', json: sides }),
  )
  await transcript.keep(await tenant.fetch('admin', `/api/inboxes/${googleId}/disconnect`, { method: 'POST' }))

  const hashes = await env.DB.prepare('SELECT password_hash AS hash FROM users WHERE password_hash IS NOT NULL').all<{
    hash: string
  }>()
  for (const { hash } of hashes.results) secret(hash)
  expect(hashes.results).toHaveLength(1)

  expect(transcript.leaked(secrets)).toEqual([])
  // The search itself can find something.
  expect(transcript.leaked(['olga@example.test'])).toEqual(['olga@example.test'])
})
