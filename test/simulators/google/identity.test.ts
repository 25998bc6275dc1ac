// The simulated Google identity, driven by Google's own auth library and by what a browser would send.
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { CodeChallengeMethod, OAuth2Client } from 'google-auth-library'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGoogle } from './server.ts'

const SUPPORT = 'support@acme.example'
const JANE = 'jane@gmail.example'
const REDIRECT = 'http://localhost:8787/api/auth/google/callback'
const READ = 'https://www.googleapis.com/auth/gmail.readonly'
const SEND = 'https://www.googleapis.com/auth/gmail.send'
const EMAIL = 'https://www.googleapis.com/auth/userinfo.email'

let google: Awaited<ReturnType<typeof startGoogle>>

beforeAll(async () => {
  google = await startGoogle({ redirectUris: [REDIRECT] })
  google.world.addAccount(SUPPORT, 'Acme Support')
  google.world.addAccount(JANE)
})
afterAll(() => google.close())

function client(options: { clientSecret?: string; redirectUri?: string } = {}) {
  const { clientId, clientSecret } = google.world.project
  return new OAuth2Client({
    clientId,
    clientSecret: options.clientSecret ?? clientSecret,
    redirectUri: options.redirectUri ?? REDIRECT,
    endpoints: {
      oauth2AuthBaseUrl: `${google.url}/o/oauth2/v2/auth`,
      oauth2TokenUrl: `${google.url}/token`,
      oauth2RevokeUrl: `${google.url}/revoke`,
      tokenInfoUrl: `${google.url}/tokeninfo`,
    },
    transporterOptions: { retryConfig: { retry: 0 } },
  })
}

type Answer = Record<string, string> & { error: { status: string; errors: object[]; details: { reason: string }[] } }
const jsonOf = async (response: Response) => (await response.json()) as Answer

async function control(name: string, body: object): Promise<Record<string, string>> {
  const response = await fetch(`${google.url}/__control/${name}`, { method: 'POST', body: JSON.stringify(body) })
  const answer = await jsonOf(response)
  if (!response.ok) throw new Error(JSON.stringify(answer))
  return answer as Record<string, string>
}

/** Goes to `url` and decides as `account`; the query the app would get back. */
async function authorize(url: string, choice: { account?: string; scopes?: string[]; deny?: boolean } = {}) {
  const { location } = await control('authorize', { url, account: SUPPORT, ...choice })
  expect(location?.startsWith(`${REDIRECT}?`)).toBe(true)
  return new URL(location ?? '').searchParams
}

const offline = { access_type: 'offline', prompt: 'consent', scope: [READ, SEND], state: 'a state' }

/** A whole code flow with PKCE. */
async function connect(account = SUPPORT) {
  const oauth = client()
  const { codeVerifier, codeChallenge } = await oauth.generateCodeVerifierAsync()
  const url = oauth.generateAuthUrl({
    ...offline,
    code_challenge: codeChallenge,
    code_challenge_method: CodeChallengeMethod.S256,
  })
  const code = (await authorize(url, { account })).get('code') ?? ''
  const { tokens } = await oauth.getToken({ code, codeVerifier })
  oauth.setCredentials(tokens)
  return { oauth, tokens, code, codeVerifier }
}

/** What the token endpoint refuses with. */
async function refusal(work: Promise<unknown>) {
  const failed = await work.then(
    () => null,
    (error) => error,
  )
  expect(failed, 'it was not refused').not.toBeNull()
  return { status: failed.response.status, ...failed.response.data }
}

const profile = (token: string, url = google.url) =>
  fetch(`${url}/gmail/v1/users/me/profile`, { headers: { authorization: `Bearer ${token}` } })

describe('the code flow', () => {
  it('gives tokens for the granted scopes, with PKCE, and a token speaks for its account alone', async () => {
    const { oauth, tokens } = await connect()
    expect(tokens.refresh_token).toMatch(/^1\/\//)
    expect(tokens.scope?.split(' ')).toEqual([READ, SEND])
    expect(tokens.token_type).toBe('Bearer')
    expect((tokens.expiry_date ?? 0) - Date.now()).toBeGreaterThan(3_590_000)
    const info = await oauth.getTokenInfo(tokens.access_token ?? '')
    expect(info.aud).toBe(google.world.project.clientId)
    expect(info.scopes).toEqual([READ, SEND])
    const jane = await connect(JANE)
    const addresses = await Promise.all(
      [tokens, jane.tokens].map(async (own) => (await jsonOf(await profile(own.access_token ?? ''))).emailAddress),
    )
    expect(addresses).toEqual([SUPPORT, JANE])
  })

  it('sends state and its own name back', async () => {
    const answer = await authorize(client().generateAuthUrl(offline))
    expect(answer.get('state')).toBe('a state')
    expect(answer.get('iss')).toBe('https://accounts.google.com')
  })

  it('gives a signed ID token that the published certificates verify', async () => {
    const oauth = client()
    const url = oauth.generateAuthUrl({ ...offline, scope: ['openid', 'email', READ], nonce: 'n1' })
    const { tokens } = await oauth.getToken((await authorize(url)).get('code') ?? '')
    const jwks = (await (await fetch(`${google.url}/oauth2/v3/certs`)).json()) as {
      keys: (JsonWebKey & { kid: string })[]
    }
    const certs = Object.fromEntries(
      jwks.keys.map((key) => [
        key.kid,
        createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString(),
      ]),
    )
    const ticket = await oauth.verifySignedJwtWithCertsAsync(
      tokens.id_token ?? '',
      certs,
      google.world.project.clientId,
      ['https://accounts.google.com'],
    )
    expect(ticket.getPayload()).toMatchObject({ email: SUPPORT, email_verified: true, nonce: 'n1' })
    const userinfo = await fetch(`${google.url}/oauth2/v2/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    expect(await userinfo.json()).toMatchObject({ email: SUPPORT, id: ticket.getUserId() })
    expect(tokens.scope?.split(' ')).toEqual(['openid', EMAIL, READ])
  })

  it('refuses a wrong, and a missing, code verifier', async () => {
    const oauth = client()
    const { codeChallenge } = await oauth.generateCodeVerifierAsync()
    const url = oauth.generateAuthUrl({
      ...offline,
      code_challenge: codeChallenge,
      code_challenge_method: CodeChallengeMethod.S256,
    })
    const code = (await authorize(url)).get('code') ?? ''
    expect(await refusal(oauth.getToken({ code }))).toMatchObject({
      status: 400,
      error: 'invalid_grant',
      error_description: 'Missing code verifier.',
    })
    expect(await refusal(oauth.getToken({ code, codeVerifier: 'x'.repeat(43) }))).toMatchObject({
      error: 'invalid_grant',
      error_description: 'Invalid code verifier.',
    })
  })

  it('takes a code once; the second use ends what the first one gave', async () => {
    const { oauth, tokens, code, codeVerifier } = await connect()
    expect((await profile(tokens.access_token ?? '')).status).toBe(200)
    expect((await refusal(oauth.getToken({ code, codeVerifier }))).error).toBe('invalid_grant')
    expect((await profile(tokens.access_token ?? '')).status).toBe(401)
    expect((await refusal(oauth.refreshAccessToken())).error).toBe('invalid_grant')
  })

  it('lets a code die after ten minutes', async () => {
    const oauth = client()
    const code = (await authorize(oauth.generateAuthUrl(offline))).get('code') ?? ''
    await control('clock', { advance: 10 * 60_000 })
    expect((await refusal(oauth.getToken(code))).error).toBe('invalid_grant')
  })

  it('exchanges a code only for the redirect URI it was given to', async () => {
    const code = (await authorize(client().generateAuthUrl(offline))).get('code') ?? ''
    expect(await refusal(client({ redirectUri: `${REDIRECT}/` }).getToken(code))).toMatchObject({
      status: 400,
      error: 'redirect_uri_mismatch',
    })
  })

  it('knows clients by body and by Basic, and refuses a wrong secret and a foreign client', async () => {
    const { clientId, clientSecret } = google.world.project
    expect(await refusal(client({ clientSecret: 'wrong' }).getToken('4/0x'))).toMatchObject({
      status: 401,
      error: 'invalid_client',
    })
    const { tokens } = await connect()
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' })
    const basic = await fetch(`${google.url}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form,
    })
    expect(basic.status).toBe(200)
    const foreign = new URLSearchParams({ ...Object.fromEntries(form), client_id: 'other', client_secret: 'x' })
    const refused = await fetch(`${google.url}/token`, { method: 'POST', body: foreign })
    expect([refused.status, (await jsonOf(refused)).error]).toEqual([401, 'invalid_client'])
  })
})

describe('consent', () => {
  it('gives a refresh token only with consent; an existing grant passes without asking', async () => {
    await connect()
    const oauth = client()
    const again = await authorize(oauth.generateAuthUrl({ ...offline, prompt: undefined }))
    const { tokens } = await oauth.getToken(again.get('code') ?? '')
    expect(tokens.access_token).toBeTruthy()
    expect(tokens.refresh_token).toBeUndefined()
  })

  it('gives no refresh token without offline access', async () => {
    const oauth = client()
    const code = (await authorize(oauth.generateAuthUrl({ ...offline, access_type: 'online' }))).get('code') ?? ''
    expect((await oauth.getToken(code)).tokens.refresh_token).toBeUndefined()
  })

  it('grants a part of the scopes when a person unticks the rest, and the API asks for what is missing', async () => {
    const oauth = client()
    const answer = await authorize(oauth.generateAuthUrl(offline), { scopes: [SEND] })
    expect(answer.get('scope')).toBe(SEND)
    const { tokens } = await oauth.getToken(answer.get('code') ?? '')
    expect(tokens.scope).toBe(SEND)
    const refused = await profile(tokens.access_token ?? '')
    expect(refused.status).toBe(403)
    const { error } = await jsonOf(refused)
    expect(error).toMatchObject({ status: 'PERMISSION_DENIED', errors: [{ reason: 'insufficientPermissions' }] })
    expect(error.details[0]?.reason).toBe('ACCESS_TOKEN_SCOPE_INSUFFICIENT')
  })

  it('sends access_denied back after Cancel, and after a consent to nothing', async () => {
    for (const choice of [{ deny: true }, { scopes: [] }]) {
      const answer = await authorize(client().generateAuthUrl(offline), choice)
      expect([answer.get('error'), answer.get('state'), answer.get('code')]).toEqual(['access_denied', 'a state', null])
    }
  })

  it('shows a picker with the hinted account first, then the scopes, and comes back with a code', async () => {
    const url = client().generateAuthUrl({ ...offline, login_hint: JANE })
    const picker = await (await fetch(url)).text()
    expect(picker.indexOf(JANE)).toBeLessThan(picker.indexOf(SUPPORT))
    const request = new URL(url).searchParams.toString()
    const consent = await fetch(
      `${google.url}/o/oauth2/v2/auth/consent?${new URLSearchParams({ account: JANE, request })}`,
    )
    expect(await consent.text()).toContain('Send email on your behalf')
    const decided = await fetch(`${google.url}/o/oauth2/v2/auth/consent`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ account: JANE, request, scope: READ, decision: 'allow' }),
    })
    expect(decided.status).toBe(303)
    expect(new URL(decided.headers.get('location') ?? '').searchParams.get('scope')).toBe(READ)
  })

  it('shows an error page, never a redirect, for a foreign redirect URI or client', async () => {
    for (const [name, value, status] of [
      ['redirect_uri', 'http://evil.example/callback', 400],
      ['client_id', 'other', 401],
      ['scope', 'https://www.googleapis.com/auth/nonsense', 400],
      ['response_type', 'token', 400],
    ] as const) {
      const url = new URL(client().generateAuthUrl(offline))
      url.searchParams.set(name, value)
      const response = await fetch(url, { redirect: 'manual' })
      expect([name, response.status, response.headers.get('location')]).toEqual([name, status, null])
    }
  })

  it('escapes what a request carries', async () => {
    const url = client().generateAuthUrl({ ...offline, login_hint: '"><script>alert(1)</script>@x.example' })
    expect(await (await fetch(url)).text()).not.toContain('<script>')
  })
})

describe('tokens that end', () => {
  it('lets an access token die after an hour; a refresh gives another and keeps the refresh token', async () => {
    const { oauth, tokens } = await connect()
    await control('clock', { advance: 3_600_000 })
    const refused = await profile(tokens.access_token ?? '')
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain('invalid_token')
    expect((await jsonOf(refused)).error.status).toBe('UNAUTHENTICATED')
    const { credentials, res } = await oauth.refreshAccessToken()
    expect(res?.data.refresh_token).toBe(tokens.refresh_token) // the library puts its own back; Google sends none
    expect((await profile(credentials.access_token ?? '')).status).toBe(200)
  })

  it('ends the whole grant when any of its tokens is revoked', async () => {
    const first = await connect()
    const second = await connect()
    await second.oauth.revokeToken(second.tokens.access_token ?? '')
    expect((await profile(first.tokens.access_token ?? '')).status).toBe(401)
    expect(await refusal(first.oauth.refreshAccessToken())).toMatchObject({
      status: 400,
      error: 'invalid_grant',
      error_description: 'Token has been expired or revoked.',
    })
    expect((await refusal(first.oauth.revokeToken(first.tokens.refresh_token ?? ''))).error).toBe('invalid_token')
  })

  it('ends the grants of one account alone when its owner removes access', async () => {
    const [own, other] = [await connect(), await connect(JANE)]
    await control('revoke', { account: SUPPORT })
    expect((await refusal(own.oauth.refreshAccessToken())).error).toBe('invalid_grant')
    expect((await other.oauth.refreshAccessToken()).credentials.access_token).toBeTruthy()
  })

  it('names the subtype when a refresh needs the person again', async () => {
    const { oauth } = await connect()
    await control('revoke', { account: SUPPORT, subtype: 'invalid_rapt' })
    expect(await refusal(oauth.refreshAccessToken())).toMatchObject({
      error: 'invalid_grant',
      error_subtype: 'invalid_rapt',
    })
    expect((await (await connect()).oauth.refreshAccessToken()).credentials.access_token).toBeTruthy()
  })

  it('says when a refresh token of a consent screen in testing will die, and lets it die', async () => {
    await control('testing', { days: 7 })
    const { oauth, tokens } = await connect()
    await control('testing', { days: null })
    expect((tokens as { refresh_token_expires_in?: number }).refresh_token_expires_in).toBe(604_800)
    await control('clock', { advance: 7 * 86_400_000 })
    expect((await refusal(oauth.refreshAccessToken())).error).toBe('invalid_grant')
  })
})

describe('faults and contracts', () => {
  it('injects what it is told, as often as it is told', async () => {
    const { tokens } = await connect()
    const token = tokens.access_token ?? ''
    await control('fault', { path: '/profile', times: 2, kind: '429', retryAfter: 7 })
    const limited = await profile(token)
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7'])
    expect((await profile(token)).status).toBe(429)
    expect((await profile(token)).status).toBe(200)
    await control('fault', { path: '/profile', kind: 'html' })
    expect((await profile(token)).headers.get('content-type')).toContain('text/html')
    await control('fault', { path: '/profile', kind: 'truncated_json' })
    await expect((await profile(token)).json()).rejects.toThrow()
    await control('fault', { path: '/profile', kind: 'cut' })
    await expect(profile(token).then((response) => response.text())).rejects.toThrow()
    await control('fault', { path: '/token', kind: '503' })
    const refused = await fetch(`${google.url}/token`, { method: 'POST', body: new URLSearchParams() })
    expect(refused.status).toBe(503)
  })

  it('saw no request and gave no answer outside the contracts until now, and notices one', async () => {
    const violations = async () => (await fetch(`${google.url}/__control/violations`)).json() as Promise<string[]>
    expect(await violations()).toEqual([])
    const { tokens } = await connect()
    const headers = { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' }
    const url = `${google.url}/gmail/v1/users/me`
    const watch = await fetch(`${url}/watch`, { method: 'POST', headers, body: JSON.stringify({ topik: 'x' }) })
    expect(watch.status).toBe(400)
    expect((await fetch(`${url}/messages?maxResult=3`, { headers })).status).toBe(400)
    expect((await fetch(`${url}/nothing`, { headers })).status).toBe(404)
    expect(await violations()).toHaveLength(3)
  })
})
