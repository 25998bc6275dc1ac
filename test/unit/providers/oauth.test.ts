import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  authorizationUrl,
  exchangeCode,
  type OAuthClient,
  type OAuthDeps,
  OAuthFailure,
  refreshTokens,
  revokeToken,
} from '../../../worker/providers/oauth'

const client: OAuthClient = {
  issuer: 'https://issuer.example',
  authUrl: 'https://issuer.example/authorize?tenant=acme',
  tokenUrl: 'https://issuer.example/token',
  revokeUrl: 'https://issuer.example/revoke',
  clientId: 'client-1',
  clientSecret: 'client-secret-1',
  redirectUri: 'https://app.example/api/callback',
  terminal: ['invalid_grant'],
}
const NOW = 1_800_000_000_000
const tokens = {
  access_token: 'access-1',
  token_type: 'Bearer',
  expires_in: 3599,
  refresh_token: 'refresh-1',
  scope: 'read send',
}
const SECRETS = [
  'client-secret-1',
  'access-1',
  'refresh-1',
  'code-1',
  'verifier-1',
  'state-1',
  'a-stored-refresh-token',
]

type Asked = { url: string; method: string | undefined; redirect: string | undefined; body: Record<string, string> }

/** A token endpoint that gives one prepared answer and notes what it was asked. */
function endpoint(answer: Response | (() => Promise<Response>), limits = { time: 1_000, answer: 4_096 }) {
  const asked: Asked[] = []
  const deps: OAuthDeps = {
    clock: () => NOW,
    limits,
    fetch: async (input, init) => {
      asked.push({
        url: String(input),
        method: init?.method,
        redirect: init?.redirect,
        body: Object.fromEntries(new URLSearchParams(String(init?.body))),
      })
      return typeof answer === 'function' ? answer() : answer.clone()
    },
  }
  return { deps, asked }
}
const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })

const exchange = (deps: OAuthDeps, callback = 'code=code-1&state=state-1') =>
  exchangeCode(client, deps, { callback: new URLSearchParams(callback), state: 'state-1', verifier: 'verifier-1' })
const refresh = (deps: OAuthDeps) => refreshTokens(client, deps, 'a-stored-refresh-token')

/** The failure, which holds no secret anywhere a logger could find it. */
async function failureOf(work: Promise<unknown>): Promise<OAuthFailure> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(OAuthFailure)
  const failure = error as OAuthFailure
  const told = JSON.stringify([failure.message, failure.stack, failure.cause, { ...failure }])
  expect(SECRETS.filter((secret) => told.includes(secret))).toEqual([])
  return failure
}

describe('the consent address', () => {
  it('carries the standard parameters, an S256 challenge instead of the verifier, and what the vendor wants', async () => {
    const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
    const url = new URL(
      await authorizationUrl(client, { scopes: ['read', 'send'], state: 's', verifier, extra: { prompt: 'consent' } }),
    )
    expect(url.origin + url.pathname).toBe('https://issuer.example/authorize')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: 'acme',
      prompt: 'consent',
      response_type: 'code',
      client_id: 'client-1',
      redirect_uri: client.redirectUri,
      scope: 'read send',
      state: 's',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
  })

  it('lets no vendor parameter replace a standard one', async () => {
    const extra = { state: 'other', redirect_uri: 'https://evil.example' }
    const url = new URL(await authorizationUrl(client, { scopes: [], state: 's', verifier: 'v'.repeat(43), extra }))
    expect(url.searchParams.get('state')).toBe('s')
    expect(url.searchParams.get('redirect_uri')).toBe(client.redirectUri)
  })
})

describe('redeeming', () => {
  it('a code asks the token endpoint with verifier and secret, and reads times, scopes and tokens', async () => {
    const { deps, asked } = endpoint(json(tokens))
    expect(await exchange(deps)).toEqual({
      accessToken: 'access-1',
      expiresAt: NOW + 3_599_000,
      refreshToken: 'refresh-1',
      scopes: ['read', 'send'],
    })
    expect(asked).toEqual([
      {
        url: client.tokenUrl,
        method: 'POST',
        redirect: 'manual',
        body: {
          grant_type: 'authorization_code',
          code: 'code-1',
          code_verifier: 'verifier-1',
          redirect_uri: client.redirectUri,
          client_id: 'client-1',
          client_secret: 'client-secret-1',
        },
      },
    ])
  })

  it('a code and later the refresh token ask the same authority as the same client', async () => {
    const { deps, asked } = endpoint(json(tokens))
    await exchange(deps)
    await refresh(deps)
    expect(asked.map(({ url, body }) => [url, body.client_id, body.client_secret])).toEqual([
      [client.tokenUrl, 'client-1', 'client-secret-1'],
      [client.tokenUrl, 'client-1', 'client-secret-1'],
    ])
    expect(asked[1]?.body).toMatchObject({ grant_type: 'refresh_token', refresh_token: 'a-stored-refresh-token' })
  })

  it('says which parts an answer did not name', async () => {
    const { deps } = endpoint(json({ access_token: 'access-1', token_type: 'bearer' }))
    expect(await refresh(deps)).toEqual({
      accessToken: 'access-1',
      expiresAt: NOW + 600_000,
      refreshToken: null,
      scopes: null,
    })
  })

  it('takes an empty refresh token for none', async () => {
    const { deps } = endpoint(json({ ...tokens, refresh_token: undefined, scope: '' }))
    expect(await exchange(deps)).toMatchObject({ refreshToken: null, scopes: [] })
  })
})

describe('what came back from the consent page is not redeemed when it', () => {
  it.each([
    ['holds no code', 'state=state-1'],
    ['holds two codes', 'code=code-1&code=code-1&state=state-1'],
    ['holds another state', 'code=code-1&state=state-2'],
    ['holds no state', 'code=code-1'],
    ['comes from another issuer (mix-up)', 'code=code-1&state=state-1&iss=https%3A%2F%2Fevil.example'],
    ['holds tokens', 'code=code-1&state=state-1&id_token=x'],
    ['names an error of the server', 'error=server_error&state=state-1'],
  ])('%s', async (_what, callback) => {
    const { deps, asked } = endpoint(json(tokens))
    expect(await failureOf(exchange(deps, callback))).toMatchObject({ code: 'oauth_refused', terminal: false })
    expect(asked).toEqual([])
  })

  it('says that the person refused', async () => {
    const { deps, asked } = endpoint(json(tokens))
    const failure = await failureOf(exchange(deps, 'error=access_denied&state=state-1'))
    expect(failure).toMatchObject({ code: 'oauth_denied', terminal: false })
    expect(asked).toEqual([])
  })
})

describe('a refresh', () => {
  it.each([400, 401])('ends the grant when the authority says invalid_grant (%i)', async (status) => {
    const body = { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' }
    const { deps } = endpoint(json(body, status))
    expect(await failureOf(refresh(deps))).toMatchObject({
      code: 'oauth_refresh_failed',
      terminal: true,
      reason: 'invalid_grant',
    })
  })

  it('names the subtype of the end', async () => {
    const { deps } = endpoint(json({ error: 'invalid_grant', error_subtype: 'invalid_rapt' }, 400))
    expect((await failureOf(refresh(deps))).reason).toBe('invalid_grant: invalid_rapt')
  })

  const transient: [string, () => Promise<Response>][] = [
    ['a 500 that says invalid_grant', async () => json({ error: 'invalid_grant' }, 500)],
    ['a 429 that says invalid_grant', async () => json({ error: 'invalid_grant' }, 429)],
    ['a 403 that says invalid_grant', async () => json({ error: 'invalid_grant' }, 403)],
    ['a 200 that says invalid_grant', async () => json({ error: 'invalid_grant' })],
    ['a 404', async () => new Response('not here', { status: 404 })],
    ['a 503 page', async () => new Response('<html>', { status: 503, headers: { 'content-type': 'text/html' } })],
    [
      'a page with status 200',
      async () => new Response('<html>invalid_grant', { headers: { 'content-type': 'text/html' } }),
    ],
    [
      'JSON cut off',
      async () =>
        new Response('{"access_token":"access-1","token_ty', { headers: { 'content-type': 'application/json' } }),
    ],
    [
      'an error cut off',
      async () =>
        new Response('{"error":"invalid_gra', { status: 400, headers: { 'content-type': 'application/json' } }),
    ],
    ['a JSON list', async () => json([tokens])],
    ['no token', async () => json({ token_type: 'Bearer', expires_in: 3599 })],
    ['a token that is no text', async () => json({ ...tokens, access_token: 5 })],
    ['a life that is no number', async () => json({ ...tokens, expires_in: 'soon' })],
    ['a token of another kind', async () => json({ ...tokens, token_type: 'mac' })],
    ['an empty answer', async () => new Response(null)],
    [
      'a redirect to another host',
      async () => new Response(null, { status: 302, headers: { location: 'https://evil.example/' } }),
    ],
    [
      'a challenge',
      async () => json({ error: 'invalid_grant' }, 401, { 'www-authenticate': 'Bearer error="invalid_token"' }),
    ],
    [
      'a body without end',
      async () => new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1024)) })),
    ],
    ['a connection that breaks', () => Promise.reject(new TypeError('Network connection lost: refresh-1'))],
    ['no answer', () => new Promise(() => {})],
    ['a body that never comes', async () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))],
  ]
  it.each(transient)('is not the end of a grant: %s', async (_what, answer) => {
    const { deps, asked } = endpoint(answer, { time: 100, answer: 4_096 })
    expect(await failureOf(refresh(deps))).toMatchObject({ code: 'oauth_unreachable', terminal: false })
    expect(asked).toHaveLength(1)
  })

  it.each(['invalid_client', 'unauthorized_client', 'temporarily_unavailable', 'invalid_request', 'toString'])(
    'is not the end of a grant: the error %s',
    async (error) => {
      const { deps } = endpoint(json({ error }, 400))
      expect(await failureOf(refresh(deps))).toMatchObject({ code: 'oauth_refused', terminal: false, reason: error })
    },
  )

  it('repeats nothing a server says that does not look like an error code', async () => {
    const { deps } = endpoint(json({ error: 'refresh-1 is bad <b>', error_description: 'access-1' }, 400))
    expect((await failureOf(refresh(deps))).reason).toBeUndefined()
  })

  it.each([
    ['seconds', '120', 120_000],
    ['a date', new Date(NOW + 30_000).toUTCString(), 30_000],
    ['a date that has passed', new Date(NOW - 30_000).toUTCString(), undefined],
    ['nonsense', 'later', undefined],
  ])('waits as long as the server wants: %s', async (_what, header, retryAfter) => {
    const { deps } = endpoint(json({}, 429, { 'retry-after': header }))
    expect((await failureOf(refresh(deps))).retryAfter).toBe(retryAfter)
  })
})

it('an exchange that is refused ends no grant: there was none', async () => {
  const { deps } = endpoint(json({ error: 'invalid_grant' }, 400))
  expect(await failureOf(exchange(deps))).toMatchObject({ code: 'oauth_refused', terminal: false })
})

describe('giving a grant back', () => {
  it('names the token in the body and nowhere else', async () => {
    const { deps, asked } = endpoint(new Response('{}'))
    expect(await revokeToken(client, deps, 'refresh-1')).toBe(true)
    expect(asked).toEqual([{ url: client.revokeUrl, method: 'POST', redirect: 'manual', body: { token: 'refresh-1' } }])
  })

  it.each([
    ['is refused', async () => json({ error: 'invalid_token' }, 400)],
    ['breaks', () => Promise.reject(new Error('lost'))],
    ['hangs', () => new Promise<Response>(() => {})],
  ] as [string, () => Promise<Response>][])('throws nothing when it %s', async (_what, answer) => {
    const { deps } = endpoint(answer, { time: 100, answer: 4_096 })
    expect(await revokeToken(client, deps, 'refresh-1')).toBe(false)
  })
})
