import { env } from 'cloudflare:test'
import { afterAll, describe, expect, it } from 'vitest'
import { APP, code, expectNothingTold, outcome, secrets, stateIn } from './account-connect-lab'
import { givenGoogleInbox } from './google-rows'
import { setUpConnect } from './microsoft-connect-lab'
import {
  bind,
  CLIENT_ID,
  CLIENT_SECRET,
  changeProfile,
  DEPLOYMENT,
  givenMicrosoftInbox,
  givenProfile,
  graphRefusal,
  liveTokens,
  refused,
} from './microsoft-rows'

const CALLBACK = '/api/auth/microsoft/callback'
const SHARED = { mailbox: { kind: 'shared' } }
const detailOf = async (response: Response) => (await response.json()) as { detail: string; code: string }

afterAll(expectNothingTold)

const marks = (inboxId: string, action: string) =>
  env.DB.prepare('UPDATE inboxes SET mark_processed = ? WHERE id = ?').bind(action, inboxId).run()

describe('beginning', () => {
  it("sends the browser to the profile's own authority with the least scopes, PKCE and the address as a hint", async () => {
    const t = await setUpConnect()
    const url = await t.start()
    expect(url.origin + url.pathname).toBe('https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize')
    const { state, code_challenge: challenge, ...rest } = Object.fromEntries(url.searchParams)
    expect(rest).toEqual({
      response_type: 'code',
      response_mode: 'query',
      client_id: CLIENT_ID,
      redirect_uri: `${APP}${CALLBACK}`,
      scope: 'offline_access User.Read Mail.Read Mail.Send',
      login_hint: t.inbox.address,
      code_challenge_method: 'S256',
    })
    expect(challenge).toMatch(/^[\w-]{43}$/)
    expect(state).toMatch(/^[\w-]{43}\.[\w-]{43}$/)
    expect(t.microsoft.asked).toEqual([])
  })

  it('never forces consent, which only administrators could give again', async () => {
    const t = await setUpConnect()
    expect((await t.start()).searchParams.has('prompt')).toBe(false)
    expect((await t.start({ chooseAccount: true })).searchParams.get('prompt')).toBe('select_account')
    const other = await t.start({ useAddress: 'other@contoso.example' })
    expect(other.searchParams.get('prompt')).toBe('select_account')
    expect(other.searchParams.get('login_hint')).toBe('other@contoso.example')
  })

  it('of a shared mailbox asks for the shared scopes and hints at nobody, since nobody signs in as it', async () => {
    const url = await (await setUpConnect()).start(SHARED)
    expect(url.searchParams.get('scope')).toBe('offline_access User.Read Mail.Read.Shared Mail.Send.Shared')
    expect(url.searchParams.has('login_hint')).toBe(false)
  })

  it('asks to write mail only for a profile that is set up for replies over 3 MB', async () => {
    const t = await setUpConnect()
    await changeProfile(t.inbox.profileId ?? '', { capabilities: '["mail","large_replies"]' })
    const own = await t.start()
    expect(own.searchParams.get('scope')).toBe('offline_access User.Read Mail.ReadWrite Mail.Send')
    const shared = await t.start(SHARED)
    expect(shared.searchParams.get('scope')).toBe('offline_access User.Read Mail.ReadWrite.Shared Mail.Send.Shared')
  })

  it('asks to write mail where the inbox marks it, with whichever app', async () => {
    for (const given of [{}, { profile: null, settings: DEPLOYMENT }]) {
      const t = await setUpConnect(given)
      await marks(t.inbox.inboxId, 'category')
      const own = await t.start()
      expect(own.searchParams.get('scope')).toBe('offline_access User.Read Mail.ReadWrite Mail.Send')
      const shared = await t.start(SHARED)
      expect(shared.searchParams.get('scope')).toBe('offline_access User.Read Mail.ReadWrite.Shared Mail.Send.Shared')
      await marks(t.inbox.inboxId, 'none')
      expect((await t.start()).searchParams.get('scope')).toBe('offline_access User.Read Mail.Read Mail.Send')
    }
  })

  it('of a shared mailbox that is connected hints at whoever connected it', async () => {
    const grant = { account: 'anna@contoso.example' }
    const t = await setUpConnect({ kind: 'shared', tokens: liveTokens('s'), grant })
    expect((await t.start(SHARED)).searchParams.get('login_hint')).toBe('anna@contoso.example')
  })

  it("without a binding goes by the deployment's app, where there is one", async () => {
    const t = await setUpConnect({ profile: null, settings: DEPLOYMENT })
    const url = await t.start()
    expect(url.pathname).toBe('/common/oauth2/v2.0/authorize')
    expect(url.searchParams.get('client_id')).toBe(DEPLOYMENT.MICROSOFT_CLIENT_ID)
  })

  it('without any app says where to set one up', async () => {
    const t = await setUpConnect({ profile: null })
    const response = await t.begin()
    expect(response.status).toBe(409)
    expect((await detailOf(response)).detail).toContain('Integrations')
    expect(await t.attempts()).toEqual([])
  })

  it('with a binding that is broken fails closed: nothing stands in for it', async () => {
    const t = await setUpConnect({ settings: DEPLOYMENT })
    await changeProfile(t.inbox.profileId ?? '', { archived_at: 5 })
    const response = await t.begin()
    expect(response.status).toBe(409)
    expect((await detailOf(response)).detail).toContain('archived')
  })

  it('takes the profile that is bound, and no other that somebody names', async () => {
    const t = await setUpConnect()
    const other = await givenProfile(t.inbox.tenantId, { clientId: 'other', bound: false })
    expect((await t.begin({ profileId: other })).status).toBe(409)
    expect((await t.begin({ profileId: t.inbox.profileId })).status).toBe(200)
  })

  it('is refused for an archived inbox and for one that is not Microsoft', async () => {
    const archived = await setUpConnect({ archived: true })
    expect((await archived.begin()).status).toBe(409)
    const t = await setUpConnect()
    await env.DB.prepare("UPDATE inboxes SET connection_type = 'imap' WHERE id = ?").bind(t.inbox.inboxId).run()
    expect((await t.begin()).status).toBe(409)
    expect(await t.attempts()).toEqual([])
  })

  it.each(['//evil.example', 'https://evil.example', '/api/health'])('refuses to come back to %j', async (returnTo) => {
    const t = await setUpConnect()
    expect((await t.begin({ returnTo })).status).toBe(422)
    expect(await t.attempts()).toEqual([])
  })

  it.each([{ mailbox: { kind: 'any' } }, { mailbox: { kind: 'shared', address: 'no address' } }])(
    'refuses the body %j',
    async (body) => {
      const t = await setUpConnect()
      expect((await t.begin(body)).status).toBe(422)
    },
  )

  it('refuses a mailbox that another inbox of the tenant has', async () => {
    const t = await setUpConnect()
    const other = await givenMicrosoftInbox({ tenantId: t.inbox.tenantId, profile: null })
    for (const body of [
      { useAddress: other.address },
      { mailbox: { kind: 'shared', address: other.address.toUpperCase() } },
    ])
      expect((await t.begin(body)).status).toBe(409)
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
})

describe('coming back', () => {
  it('connects, and stores what was proven and by whom', async () => {
    const t = await setUpConnect()
    t.microsoft.token = { scope: 'Mail.Read Mail.Send User.Read profile openid email' }
    expect(await t.connect({ returnTo: '/inboxes/x' })).toEqual({ connect: 'ok' })
    const row = await t.row()
    expect(row).toMatchObject({ status: 'connected', email_address: t.inbox.address, google_address: null })
    expect(JSON.parse(String(row?.config))).toEqual({
      microsoft: {
        kind: 'own',
        address: t.inbox.address,
        account: t.inbox.address,
        profileId: t.inbox.profileId,
        clientId: CLIENT_ID,
        directory: 'contoso.example',
        scopes: ['Mail.Read', 'Mail.Send', 'User.Read', 'profile', 'openid', 'email'],
        grantedAt: t.world.now,
      },
    })
    expect(await t.tokens()).toMatchObject({ accessToken: t.microsoft.issued[0], refreshToken: t.microsoft.issued[1] })
    expect((await t.object()).active).toBe(true)
  })

  it('exchanges at the authority it began with, with the code, the verifier and the redirect address', async () => {
    const t = await setUpConnect()
    await t.connect()
    const [exchange, ...reads] = t.microsoft.asked
    expect(exchange).toMatchObject({
      url: 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token',
      body: {
        grant_type: 'authorization_code',
        redirect_uri: `${APP}${CALLBACK}`,
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        code_verifier: expect.stringMatching(/^[\w-]{43}$/),
      },
    })
    expect(reads.map(({ url }) => url)).toEqual([
      'https://graph.microsoft.com/v1.0/me',
      'https://graph.microsoft.com/v1.0/me/mailFolders/inbox',
    ])
  })

  it('exchanges where it began although the profile names another directory by then', async () => {
    const t = await setUpConnect()
    const consent = await t.start()
    await changeProfile(t.inbox.profileId ?? '', { directory_tenant: 'common' })
    expect(outcome(await t.back({ state: stateIn(consent), code: code() }))).toEqual({ connect: 'ok' })
    expect(t.microsoft.asked[0]?.url).toContain('/contoso.example/')
    expect(JSON.parse(String((await t.row())?.config)).microsoft.directory).toBe('contoso.example')
  })

  it.each<[string, (t: Awaited<ReturnType<typeof setUpConnect>>) => Promise<unknown>, string]>([
    [
      'has another client id',
      (t) => changeProfile(t.inbox.profileId ?? '', { client_id: 'changed' }),
      'profile_changed',
    ],
    ['is another one', (t) => givenProfile(t.inbox.tenantId, { clientId: 'other' }), 'profile_changed'],
    [
      'waits for its administrator',
      (t) => changeProfile(t.inbox.profileId ?? '', { consent_required: 1 }),
      'admin_consent',
    ],
    ['was archived', (t) => changeProfile(t.inbox.profileId ?? '', { archived_at: 5 }), 'not_configured'],
    ['is none', (t) => bind(t.inbox.tenantId, null), 'profile_changed'],
  ])('after the bound profile %s asks nobody for tokens', async (_what, change, reason) => {
    const t = await setUpConnect({ settings: DEPLOYMENT })
    const consent = await t.start()
    await change(t)
    expect(outcome(await t.back({ state: stateIn(consent), code: code() }))).toEqual({ connect: 'failed', reason })
    expect(t.microsoft.asked).toEqual([])
    expect(await t.row()).toMatchObject({ status: 'disconnected', credentials: null })
  })

  it('knows an account by its sign-in name as well as by its mail address', async () => {
    const t = await setUpConnect()
    t.microsoft.me = async () =>
      Response.json({ mail: 'Primary@Contoso.Example', userPrincipalName: t.inbox.address.toUpperCase() })
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(await t.row()).toMatchObject({ email_address: t.inbox.address })
  })

  it('with the wrong account reports whose it is, stores nothing and reads no mail', async () => {
    const t = await setUpConnect({ signedInAs: 'adele@fabrikam.example' })
    expect(await t.connect()).toEqual({ connect: 'mismatch', address: 'adele@fabrikam.example' })
    expect(await t.row()).toMatchObject({ status: 'disconnected', credentials: null, config: null })
    expect(t.microsoft.asked.map(({ url }) => url).filter((url) => url.includes('mailFolders'))).toEqual([])
  })

  it('with the wrong account, chosen after all, takes its address', async () => {
    const t = await setUpConnect({ signedInAs: 'adele@fabrikam.example' })
    expect(await t.connect({ useAddress: 'adele@fabrikam.example' })).toEqual({ connect: 'ok' })
    expect(await t.row()).toMatchObject({ email_address: 'adele@fabrikam.example' })
  })

  it('with an account that has no mailbox says so', async () => {
    const t = await setUpConnect()
    t.microsoft.inbox = async () => graphRefusal(404, 'MailboxNotEnabledForRESTAPI')
    expect(await t.connect()).toEqual({ connect: 'failed', reason: 'no_mailbox' })
  })

  it.each<[string, Record<string, unknown>, object]>([
    ['reading', { scope: 'Mail.Send User.Read' }, { connect: 'missing_scopes', missing: 'read' }],
    [
      'sending',
      { scope: 'https://graph.microsoft.com/Mail.Read User.Read' },
      { connect: 'missing_scopes', missing: 'send' },
    ],
    ['lasting access', { refresh_token: undefined }, { connect: 'failed', reason: 'no_refresh_token' }],
  ])('without permission for %s connects nothing', async (_what, token, result) => {
    const t = await setUpConnect()
    t.microsoft.token = token
    expect(await t.connect()).toEqual(result)
    expect(await t.row()).toMatchObject({ status: 'disconnected', credentials: null })
  })

  it('without permission to write mail connects all the same, and says that nothing is marked', async () => {
    const t = await setUpConnect()
    await marks(t.inbox.inboxId, 'read')
    t.microsoft.token = { scope: 'Mail.Read Mail.Send User.Read' }
    expect(await t.connect()).toEqual({ connect: 'ok' })
    const problem = JSON.parse(String((await t.row())?.mark_problem))
    expect(problem).toMatchObject({ stops: true, message: expect.stringContaining('Reconnect') })
    t.microsoft.token = { scope: 'Mail.ReadWrite Mail.Send User.Read' }
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(await t.row()).toMatchObject({ mark_problem: null, status: 'connected' })
  })

  it('is judged by what it asked for, whatever is chosen meanwhile', async () => {
    const t = await setUpConnect()
    const consent = await t.start()
    await marks(t.inbox.inboxId, 'read')
    t.microsoft.token = { scope: undefined }
    expect(outcome(await t.back({ state: stateIn(consent), code: code() }))).toEqual({ connect: 'ok' })
    expect(JSON.parse(String((await t.row())?.config)).microsoft.scopes).toContain('Mail.Read')
    expect((await t.row())?.mark_problem).toContain('Reconnect')
  })

  it('to another mailbox forgets what was to be marked in the one before', async () => {
    const t = await setUpConnect({ tokens: liveTokens('old'), signedInAs: 'other@contoso.example' })
    await env.DB.prepare(
      `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, mark_due_at, created_at, updated_at)
       VALUES (?1, ?2, ?1, 'graph:a', '{}', 'done', 5, 1, 1)`,
    )
      .bind(t.inbox.inboxId, t.inbox.tenantId)
      .run()
    expect(await t.connect({ useAddress: 'other@contoso.example' })).toEqual({ connect: 'ok' })
    const row = env.DB.prepare('SELECT mark_due_at FROM ledger WHERE id = ?').bind(t.inbox.inboxId)
    expect(await row.first()).toEqual({ mark_due_at: null })
  })

  it('when Graph is away changes nothing', async () => {
    const t = await setUpConnect({ tokens: liveTokens('kept') })
    for (const status of [429, 500, 503]) {
      t.microsoft.me = async () => graphRefusal(status, 'serviceNotAvailable')
      expect(await t.connect()).toEqual({ connect: 'failed', reason: 'microsoft_unreachable' })
    }
    expect((await t.tokens())?.refreshToken).toBe('stored-refresh-kept')
  })

  it('with a mailbox that another inbox was connected to meanwhile leaves everything as it was', async () => {
    const t = await setUpConnect()
    const consent = await t.start()
    const grant = { address: t.inbox.address }
    await givenMicrosoftInbox({ tenantId: t.inbox.tenantId, profile: null, grant })
    expect(outcome(await t.back({ state: stateIn(consent), code: code() }))).toEqual({
      connect: 'address_taken',
      address: t.inbox.address,
    })
    expect(await t.row()).toMatchObject({ credentials: null })
  })

  it('twice is once', async () => {
    const t = await setUpConnect()
    const query = { state: stateIn(await t.start()), code: code() }
    expect(outcome(await t.back(query))).toEqual({ connect: 'ok' })
    expect(outcome(await t.back(query))).toEqual({ connect: 'expired' })
    expect(t.microsoft.tokenRequests()).toHaveLength(1)
  })

  it('to a Google callback, or from one, is nobody’s', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    await env.DB.prepare("UPDATE oauth_states SET provider = 'google' WHERE inbox_id = ?").bind(t.inbox.inboxId).run()
    expect(outcome(await t.back({ state, code: code() }))).toEqual({ connect: 'expired' })
  })

  it('with details that somebody changed in the database is nobody’s', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    await env.DB.prepare("UPDATE oauth_states SET details = replace(details, 'contoso', 'fabrikam') WHERE inbox_id = ?")
      .bind(t.inbox.inboxId)
      .run()
    expect(outcome(await t.back({ state, code: code() }))).toEqual({ connect: 'expired' })
    expect(t.microsoft.asked).toEqual([])
  })

  it.each(['signed out', 'as an agent', 'as somebody else'])('%s finishes nothing', async (how) => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    const { tenantId } = t.inbox
    if (how === 'signed out') t.world.who = null
    else if (how === 'as an agent') t.world.who = { userId: 'usr_1', tenantId, role: 'agent' }
    else t.world.who = { userId: 'usr_2', tenantId, role: 'admin' }
    await t.back({ state, code: code() })
    expect(t.microsoft.asked).toEqual([])
    expect(await t.attempts()).toHaveLength(1)
  })
})

describe('what Microsoft says instead of a code', () => {
  it.each<[Record<string, string>, object]>([
    [{ error: 'access_denied', error_subcode: 'cancel' }, { connect: 'denied' }],
    [{ error: 'access_denied', error_description: 'AADSTS65004: User declined.' }, { connect: 'denied' }],
    [
      { error: 'access_denied', error_description: 'AADSTS90094: An administrator has set a policy.' },
      { connect: 'failed', reason: 'admin_consent' },
    ],
    [
      { error: 'consent_required', error_description: 'AADSTS65001: No consent.' },
      { connect: 'failed', reason: 'admin_consent' },
    ],
    [
      { error: 'interaction_required', error_description: 'AADSTS53003: Blocked.' },
      { connect: 'failed', reason: 'admin_policy' },
    ],
    [
      { error: 'invalid_client', error_description: 'AADSTS50105: Not assigned.' },
      { connect: 'failed', reason: 'admin_policy' },
    ],
    [
      { error: 'server_error', error_description: '<script>' },
      { connect: 'failed', reason: 'microsoft_refused' },
    ],
  ])('%j is %j', async (answer, result) => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    expect(outcome(await t.back({ state, ...answer }))).toEqual(result)
    expect(t.microsoft.asked).toEqual([])
  })

  it.each<[string, () => Response, string]>([
    ['used before', () => refused(54005), 'microsoft_refused'],
    ['a wrong secret', () => refused(7000215, 'invalid_client', 401), 'microsoft_refused'],
    ['the wrong authority', () => refused(50194, 'invalid_request'), 'microsoft_refused'],
    ['no consent', () => refused(65001), 'admin_consent'],
    ['a policy', () => refused(53003), 'admin_policy'],
    ['no answer that makes sense', () => new Response('<html>', { status: 502 }), 'microsoft_unreachable'],
  ])('to the code, %s, is told apart', async (_what, answer, reason) => {
    const t = await setUpConnect()
    t.microsoft.tokenAnswer = async () => answer()
    expect(await t.connect()).toEqual({ connect: 'failed', reason })
  })
})

describe('a shared mailbox', () => {
  const anna = { signedInAs: 'anna@contoso.example' }

  it('is opened by its address, with the rights of whoever signed in', async () => {
    const t = await setUpConnect(anna)
    const bases: string[] = []
    t.microsoft.inbox = async (base) => {
      bases.push(base)
      return Response.json({ id: 'f' })
    }
    expect(await t.connect(SHARED)).toEqual({ connect: 'ok' })
    expect(bases).toEqual([`/users/${t.inbox.address}`])
    expect(JSON.parse(String((await t.row())?.config)).microsoft).toMatchObject({
      kind: 'shared',
      address: t.inbox.address,
      account: 'anna@contoso.example',
    })
  })

  it.each([403, 404])(
    'that the account may not open (%i) says so, names the account and stores nothing',
    async (status) => {
      const t = await setUpConnect(anna)
      t.microsoft.inbox = async () => graphRefusal(status)
      expect(await t.connect(SHARED)).toEqual({
        connect: 'failed',
        reason: 'mailbox_denied',
        address: 'anna@contoso.example',
      })
      expect(await t.row()).toMatchObject({ status: 'disconnected', credentials: null })
    },
  )

  it('of another address than the inbox leaves the address of the inbox alone', async () => {
    const t = await setUpConnect(anna)
    const mailbox = { kind: 'shared', address: `info-${t.inbox.inboxId}@contoso.example` }
    expect(await t.connect({ mailbox })).toEqual({ connect: 'ok' })
    const row = await t.row()
    expect(row?.email_address).toBe(t.inbox.address)
    expect(JSON.parse(String(row?.config)).microsoft.address).toBe(mailbox.address)
  })

  it('with own scopes alone is not connected', async () => {
    const t = await setUpConnect(anna)
    t.microsoft.token = { scope: 'Mail.Read Mail.Send User.Read' }
    expect(await t.connect(SHARED)).toEqual({ connect: 'missing_scopes', missing: 'read,send' })
  })

  it('read by another tenant is no obstacle', async () => {
    const mine = await setUpConnect(anna)
    await givenMicrosoftInbox({ address: mine.inbox.address })
    await givenGoogleInbox({ address: mine.inbox.address })
    expect(await mine.connect(SHARED)).toEqual({ connect: 'ok' })
  })
})

describe('connecting again', () => {
  it('with another mailbox gives the one before back first', async () => {
    const t = await setUpConnect({ kind: 'shared', tokens: liveTokens('before') })
    const mailbox = { kind: 'shared', address: `other-${t.inbox.inboxId}@contoso.example` }
    expect(await t.connect({ mailbox })).toEqual({ connect: 'ok' })
    expect(t.world.released).toEqual([['stored-refresh-before', t.microsoft.issued[1]]])
  })

  it('with the same mailbox gives nothing back, and a paused inbox reads on', async () => {
    const t = await setUpConnect({ tokens: liveTokens('before') })
    await env.DB.prepare(
      "UPDATE inboxes SET paused_at = 1, pause_reason = 'auth_failure', status = 'error' WHERE id = ?",
    )
      .bind(t.inbox.inboxId)
      .run()
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(t.world.released).toEqual([])
    expect(await t.row()).toMatchObject({ status: 'connected', paused_at: null, pause_reason: null })
  })

  it('means the mailbox of before, also where the inbox has another address', async () => {
    const address = `info-${crypto.randomUUID().slice(0, 8)}@contoso.example`
    const t = await setUpConnect({ kind: 'shared', tokens: liveTokens('before'), grant: { address } })
    expect(await t.connect(SHARED)).toEqual({ connect: 'ok' })
    expect(t.microsoft.asked.at(-1)?.url).toContain(encodeURIComponent(address))
    expect(t.world.released).toEqual([])
  })

  it('works while the stored access is dead', async () => {
    const t = await setUpConnect({ tokens: { accessToken: 'dead', expiresAt: 1, refreshToken: 'dead' } })
    await changeProfile(t.inbox.profileId ?? '', { client_id: 'new-client' })
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(JSON.parse(String((await t.row())?.config)).microsoft.clientId).toBe('new-client')
  })
})
