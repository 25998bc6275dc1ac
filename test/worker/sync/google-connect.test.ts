import { env } from 'cloudflare:test'
import { afterAll, describe, expect, it } from 'vitest'
import { APP, code, expectNothingTold, outcome, secrets, stateIn } from './account-connect-lab'
import { CALLBACK, setUpConnect } from './google-connect-lab'
import { CLIENT_ID, givenGoogleInbox, liveTokens } from './google-rows'

afterAll(expectNothingTold)

describe('beginning', () => {
  it('sends the browser to Google with the least scopes, offline access, PKCE and the address as a hint', async () => {
    const t = await setUpConnect()
    const url = await t.start()
    expect(url.origin + url.pathname).toBe('https://accounts.google.com/o/oauth2/v2/auth')
    const { state, code_challenge: challenge, ...rest } = Object.fromEntries(url.searchParams)
    expect(rest).toEqual({
      response_type: 'code',
      client_id: CLIENT_ID,
      redirect_uri: `${APP}${CALLBACK}`,
      scope: 'https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/gmail.send',
      access_type: 'offline',
      prompt: 'consent',
      login_hint: t.inbox.address,
      code_challenge_method: 'S256',
    })
    expect(challenge).toMatch(/^[\w-]{43}$/)
    expect(state).toMatch(/^[\w-]{43}\.[\w-]{43}$/)
    expect(t.google.asked).toEqual([])
  })

  it('lets the person choose the account when trying again', async () => {
    const t = await setUpConnect()
    expect((await t.start({ chooseAccount: true })).searchParams.get('prompt')).toBe('select_account consent')
    const other = await t.start({ useAddress: 'other@gmail.com' })
    expect(other.searchParams.get('prompt')).toBe('select_account consent')
    expect(other.searchParams.get('login_hint')).toBe('other@gmail.com')
  })

  it('stores neither the state nor the verifier readable', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    await t.back({ state, error: 'access_denied' })
    await t.start()
    const rows = JSON.stringify(await t.attempts())
    expect(rows).toContain(t.inbox.inboxId)
    expect([...secrets].filter((secret) => rows.includes(secret))).toEqual([])
  })

  it('without a Google client says what the operator has to set', async () => {
    const t = await setUpConnect({ settings: { GOOGLE_CLIENT_SECRET: undefined } })
    const response = await t.begin()
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('GOOGLE_CLIENT_ID') })
    expect(await t.attempts()).toEqual([])
  })

  it('is refused for an archived inbox and for one that is not Google', async () => {
    const archived = await setUpConnect({ archived: true })
    expect((await archived.begin()).status).toBe(409)
    const t = await setUpConnect()
    await env.DB.prepare("UPDATE inboxes SET connection_type = 'imap' WHERE id = ?").bind(t.inbox.inboxId).run()
    expect((await t.begin()).status).toBe(409)
    expect(await t.attempts()).toEqual([])
  })

  it.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/\t/evil.example',
    '/..//evil.example',
    '/api/health',
  ])('refuses to come back to %j', async (returnTo) => {
    const t = await setUpConnect()
    expect((await t.begin({ returnTo })).status).toBe(422)
    expect(await t.attempts()).toEqual([])
  })

  it('refuses an address that another inbox of the tenant has', async () => {
    const t = await setUpConnect()
    const other = await givenGoogleInbox({ tenantId: t.inbox.tenantId, tokens: null })
    expect((await t.begin({ useAddress: other.address.toUpperCase() })).status).toBe(409)
  })

  it('is limited, so that nobody fills the table', async () => {
    const t = await setUpConnect()
    let status = 200
    for (let n = 0; n < 301; n++) status = (await t.begin()).status
    expect(status).toBe(429)
    expect(await t.attempts()).toHaveLength(300)
  })
})

describe('coming back', () => {
  it('stores the grant sealed, says connected only after the profile was read, and starts the checks', async () => {
    const t = await setUpConnect()
    const page = await t.back({ state: stateIn(await t.start()), code: code() })
    expect(page.href).toBe(`${APP}/inboxes/${t.inbox.inboxId}?connect=ok`)
    expect(t.google.paths()).toEqual(['/token', '/gmail/v1/users/me/profile'])
    expect(await t.row()).toMatchObject({
      status: 'connected',
      status_detail: null,
      google_address: t.inbox.account,
      email_address: t.inbox.address,
      connected_at: t.world.now,
      next_poll_at: t.world.now,
    })
    expect(JSON.parse(String((await t.row())?.config))).toEqual({
      google: {
        address: t.inbox.account,
        clientId: CLIENT_ID,
        scopes: ['https://www.googleapis.com/auth/gmail.readonly', 'https://www.googleapis.com/auth/gmail.send'],
        grantedAt: t.world.now,
      },
    })
    expect(await t.tokens()).toEqual({
      accessToken: t.google.issued[0],
      refreshToken: t.google.issued[1],
      expiresAt: t.world.now + 3_599_000,
    })
    const row = JSON.stringify(await t.row())
    expect(t.google.issued.filter((token) => row.includes(token))).toEqual([])
    expect((await t.object()).owner).toEqual({ tenantId: t.inbox.tenantId, inboxId: t.inbox.inboxId })
  })

  it('redeems the code with the verifier whose challenge Google was shown', async () => {
    const t = await setUpConnect()
    const consent = await t.start()
    await t.back({ state: stateIn(consent), code: code() })
    const verifier = t.google.asked[0]?.body.code_verifier ?? ''
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
    expect(
      btoa(String.fromCharCode(...digest))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replace(/=+$/, ''),
    ).toBe(consent.searchParams.get('code_challenge'))
  })

  it('goes to the page that was asked for', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start({ returnTo: '/inboxes/new?step=2&connect=old' }))
    expect((await t.back({ state, code: code() })).href).toBe(`${APP}/inboxes/new?step=2&connect=ok`)
  })

  it('takes another spelling of the same Gmail account, and keeps the inbox as it is written', async () => {
    const address = `Sup.Port+de${Date.now()}@googlemail.com`.toLowerCase()
    const t = await setUpConnect({ address, signedInAs: 'support@gmail.com' })
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(await t.row()).toMatchObject({ email_address: address, google_address: 'support@gmail.com' })
  })

  it('clears what was wrong before on the first success', async () => {
    const t = await setUpConnect({ tokens: liveTokens('old') })
    await env.DB.prepare(
      `UPDATE inboxes SET status = 'error', status_detail = '{"code":"oauth_refresh_failed","message":"m","action":"reconnect"}',
         last_error = 'e', paused_at = 5, pause_reason = 'auth_failure', next_poll_at = NULL WHERE id = ?`,
    )
      .bind(t.inbox.inboxId)
      .run()
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(await t.row()).toMatchObject({
      status: 'connected',
      status_detail: null,
      last_error: null,
      paused_at: null,
      pause_reason: null,
      next_poll_at: t.world.now,
    })
  })
})

describe('what Google says', () => {
  async function storesNothing(t: Awaited<ReturnType<typeof setUpConnect>>, query?: Record<string, string>, body = {}) {
    const before = await t.row()
    const state = stateIn(await t.start(body))
    const result = outcome(await t.back({ state, ...(query ?? { code: code() }) }))
    expect(await t.row()).toEqual(before)
    expect(await t.tokens()).toBeNull()
    expect((await t.object()).owner).toBeNull()
    expect(t.google.paths()).not.toContain('/revoke')
    return result
  }

  it('the person said no', async () => {
    const t = await setUpConnect()
    expect(await storesNothing(t, { error: 'access_denied' })).toEqual({ connect: 'denied' })
    expect(t.google.asked).toEqual([])
  })

  it.each([
    ['admin_policy_enforced', 'admin_policy'],
    ['org_internal', 'admin_policy'],
    ['server_error', 'google_refused'],
    ['<script>', 'google_refused'],
  ])('the error %s becomes %s', async (error, reason) => {
    expect(await storesNothing(await setUpConnect(), { error })).toEqual({ connect: 'failed', reason })
  })

  it('nothing: no code', async () => {
    const t = await setUpConnect()
    expect(await storesNothing(t, {})).toEqual({ connect: 'failed', reason: 'google_refused' })
    expect(t.google.asked).toEqual([])
  })

  it('an answer of another issuer is not redeemed', async () => {
    const t = await setUpConnect()
    const query = { code: code(), iss: 'https://evil.example' }
    expect(await storesNothing(t, query)).toEqual({ connect: 'failed', reason: 'google_refused' })
    expect(t.google.asked).toEqual([])
  })

  it.each([
    ['https://www.googleapis.com/auth/gmail.readonly', 'send'],
    ['https://www.googleapis.com/auth/gmail.send openid', 'read'],
    ['openid', 'read,send'],
    ['', 'read,send'],
  ])('permissions that were not ticked are named (%s)', async (scope, missing) => {
    const t = await setUpConnect()
    t.google.token = { scope }
    expect(await storesNothing(t)).toEqual({ connect: 'missing_scopes', missing })
    expect(t.google.paths()).toEqual(['/token'])
  })

  it('a wrong account is never stored, and its address offered', async () => {
    const t = await setUpConnect({ signedInAs: 'admin+x@acme.example' })
    expect(await storesNothing(t)).toEqual({ connect: 'mismatch', address: 'admin+x@acme.example' })
  })

  it('a wrong account leaves the right one connected as it was', async () => {
    const t = await setUpConnect({ tokens: liveTokens('right'), signedInAs: 'wrong@gmail.com' })
    const before = await t.row()
    expect(await t.connect()).toMatchObject({ connect: 'mismatch' })
    expect(await t.row()).toEqual(before)
    expect((await t.tokens())?.refreshToken).toBe('stored-refresh-right')
  })

  const silly: [string, () => Promise<Response>][] = [
    ['a page', async () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    [
      'JSON cut off',
      async () => new Response('{"access_token":"x', { headers: { 'content-type': 'application/json' } }),
    ],
    [
      'a redirect elsewhere',
      async () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
    ],
    ['more than anybody needs', async () => Response.json({ access_token: 'a', x: 'x'.repeat(100_000) })],
    ['a server error', async () => new Response('', { status: 503 })],
    ['a broken connection', () => Promise.reject(new Error('Network connection lost.'))],
  ]
  it.each(silly)('the token endpoint answers %s', async (_what, answer) => {
    const t = await setUpConnect()
    t.google.tokenAnswer = answer
    expect(await storesNothing(t)).toEqual({ connect: 'failed', reason: 'google_unreachable' })
    expect(t.google.paths()).toEqual(['/token'])
  })

  it.each(silly)('the profile answers %s', async (_what, answer) => {
    const t = await setUpConnect()
    t.google.profile = answer
    expect(await storesNothing(t)).toEqual({ connect: 'failed', reason: 'google_unreachable' })
  })

  it.each([400, 403])('an account without Gmail, or a project without the API (%i)', async (status) => {
    const t = await setUpConnect()
    t.google.profile = async () => Response.json({ error: { code: status } }, { status })
    expect(await storesNothing(t)).toEqual({ connect: 'failed', reason: 'no_mailbox' })
  })

  it.each([
    ['invalid_grant', 400],
    ['invalid_client', 401],
    ['redirect_uri_mismatch', 400],
  ])('the code is refused (%s)', async (error, status) => {
    const t = await setUpConnect()
    t.google.tokenAnswer = async () => Response.json({ error }, { status })
    expect(await storesNothing(t)).toEqual({ connect: 'failed', reason: 'google_refused' })
  })

  it('a fault of ours is a page of the app too', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    await env.DB.prepare(
      `CREATE TRIGGER away BEFORE UPDATE ON inboxes WHEN OLD.id = '${t.inbox.inboxId}' BEGIN SELECT RAISE(ABORT, 'D1 is away'); END`,
    ).run()
    expect(outcome(await t.back({ state, code: code() }))).toEqual({ connect: 'failed', reason: 'internal' })
    await env.DB.prepare('DROP TRIGGER away').run()
    expect(await t.tokens()).toBeNull()
  })
})

describe('no refresh token', () => {
  it('on a first connect is no connection', async () => {
    const t = await setUpConnect()
    t.google.token = { refresh_token: undefined }
    expect(await t.connect()).toEqual({ connect: 'failed', reason: 'no_refresh_token' })
    expect(await t.tokens()).toBeNull()
  })

  it('of the same account keeps the stored one, once that has proven itself', async () => {
    const t = await setUpConnect({ tokens: liveTokens('kept') })
    t.google.token = { refresh_token: undefined }
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(t.google.asked.map(({ body }) => body.grant_type)).toEqual([
      'authorization_code',
      undefined,
      'refresh_token',
    ])
    expect(await t.tokens()).toMatchObject({ refreshToken: 'stored-refresh-kept', accessToken: t.google.issued[2] })
  })

  it('with a stored one that is dead is a failure and not a reconnect', async () => {
    const t = await setUpConnect({ tokens: liveTokens('dead') })
    t.google.tokenAnswer = async (grantType) =>
      grantType === 'refresh_token'
        ? Response.json({ error: 'invalid_grant' }, { status: 400 })
        : Response.json({ ...((await t.google.fresh().json()) as object), refresh_token: undefined })
    const before = await t.row()
    expect(await t.connect()).toEqual({ connect: 'failed', reason: 'no_refresh_token' })
    expect(await t.row()).toEqual(before)
  })

  it('of another account or another client leaves the stored one where it belongs', async () => {
    for (const given of [
      { clientId: 'another-client' },
      { signedInAs: 'j.doe@gmail.com', account: 'jdoe@gmail.com', address: `jdoe+${Math.random()}@gmail.com` },
    ]) {
      const t = await setUpConnect({ tokens: liveTokens('other'), ...given })
      t.google.token = { refresh_token: undefined }
      expect(await t.connect()).toEqual({ connect: 'failed', reason: 'no_refresh_token' })
      expect((await t.tokens())?.refreshToken).toBe('stored-refresh-other')
    }
  })
})

describe('using the address of the account', () => {
  it('is the choice after a mismatch: the inbox takes it, and reads the new mailbox from its start', async () => {
    const address = `other-${Math.random()}@acme.example`
    const t = await setUpConnect({ signedInAs: address, tokens: liveTokens('first') })
    expect(await t.connect()).toEqual({ connect: 'mismatch', address })
    const object = env.INBOX.get(env.INBOX.idFromName(t.inbox.inboxId))
    await object.start({ tenantId: t.inbox.tenantId, inboxId: t.inbox.inboxId }, { newMailbox: false })
    expect(await t.connect({ useAddress: address.toUpperCase() })).toEqual({ connect: 'ok' })
    expect(await t.row()).toMatchObject({ email_address: address, google_address: address })
    expect(await t.object()).toMatchObject({ mailbox: 2, active: true })
    expect(t.world.released).toEqual([['stored-refresh-first', (await t.tokens())?.refreshToken]])
  })

  it('connects no third account', async () => {
    const t = await setUpConnect({ signedInAs: 'third@acme.example' })
    expect(await t.connect({ useAddress: 'second@acme.example' })).toEqual({
      connect: 'mismatch',
      address: 'third@acme.example',
    })
  })

  it('that was taken meanwhile changes nothing', async () => {
    const address = `taken-${Math.random()}@acme.example`
    const t = await setUpConnect({ signedInAs: address })
    const state = stateIn(await t.start({ useAddress: address }))
    await givenGoogleInbox({ tenantId: t.inbox.tenantId, address, tokens: null })
    const before = await t.row()
    expect(outcome(await t.back({ state, code: code() }))).toEqual({ connect: 'address_taken', address })
    expect(await t.row()).toEqual(before)
  })

  it('is free where another tenant has it', async () => {
    const address = `shared-${Math.random()}@acme.example`
    await givenGoogleInbox({ address })
    const t = await setUpConnect({ signedInAs: address })
    expect(await t.connect({ useAddress: address })).toEqual({ connect: 'ok' })
  })

  it('does not put two inboxes of a tenant on one mailbox under two spellings', async () => {
    const account = `team${Math.floor(Math.random() * 1e9)}@gmail.com`
    const first = await givenGoogleInbox({ address: account })
    const t = await setUpConnect({
      tenantId: first.tenantId,
      address: account.replace('@', '+2@'),
      signedInAs: account,
    })
    expect(await t.connect()).toEqual({ connect: 'address_taken', address: account })
    expect(await t.tokens()).toBeNull()
  })
})

describe('connecting again', () => {
  it('the same mailbox keeps its place', async () => {
    const t = await setUpConnect()
    expect(await t.connect()).toEqual({ connect: 'ok' })
    const first = await t.object()
    expect(await t.connect()).toEqual({ connect: 'ok' })
    const second = await t.object()
    expect(second.mailbox).toBe(first.mailbox)
    expect(second.startedAt).toBe(first.startedAt)
    expect(second.generation).toBeGreaterThan(first.generation)
    expect(t.world.released).toEqual([])
  })

  it('the same mailbox after a disconnect keeps its place', async () => {
    const t = await setUpConnect()
    await t.connect()
    await env.DB.prepare(
      "UPDATE inboxes SET credentials = NULL, google_address = NULL, status = 'disconnected' WHERE id = ?",
    )
      .bind(t.inbox.inboxId)
      .run()
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect((await t.object()).mailbox).toBe(1)
  })
})

it('one tenant neither begins nor finishes anything at the inbox of another', async () => {
  const [mine, theirs] = [await setUpConnect(), await setUpConnect()]
  mine.world.who = theirs.world.who
  expect((await mine.begin()).status).toBe(404)
})
