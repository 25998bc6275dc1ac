import { env, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { OAuthTokens } from '../../../worker/contract/inboxes'
import { type Env, settingsOf } from '../../../worker/env'
import { OAuthFailure } from '../../../worker/providers/oauth'
import { grantIssuer } from '../../../worker/sync/grant-issuer'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import type { InboxState } from '../../../worker/sync/inbox-state'
import { tokenKeeper } from '../../../worker/sync/token-keeper'
import { fakeMailbox } from '../../support/fake-provider'
import { tokensOf } from './google-rows'
import {
  bind,
  CLIENT_ID,
  CLIENT_SECRET,
  changeProfile,
  DEPLOYMENT,
  fakeMicrosoft,
  givenMicrosoftInbox,
  givenProfile,
  microsoftSettings,
  refused,
  sealedSecret,
} from './microsoft-rows'

const NOW = 1_800_000_000_000
const stale: OAuthTokens = { accessToken: 'old-access', expiresAt: NOW + 59_000, refreshToken: 'the-refresh' }
const live: OAuthTokens = { ...stale, accessToken: 'live-access', expiresAt: NOW + 3_600_000 }

async function setUp(
  given: Parameters<typeof givenMicrosoftInbox>[0] = {},
  more: Parameters<typeof microsoftSettings>[0] = {},
) {
  const inbox = await givenMicrosoftInbox({ tokens: stale, ...given })
  const microsoft = fakeMicrosoft(inbox.address)
  const settings = microsoftSettings(more)
  const io = { fetch: microsoft.fetch as typeof fetch, clock: () => NOW }
  const deps = { db: inbox.db, keyring: settingsOf(env as Env).keyring, clock: io.clock }
  const another = () => tokenKeeper({ ...deps, ...grantIssuer(settings, io, inbox.db) })
  const keeper = another()
  return {
    another,
    inbox,
    microsoft,
    ask: (old?: string) => keeper.accessToken(inbox.inboxId, old),
    failing: () =>
      keeper.accessToken(inbox.inboxId).then(
        () => null,
        (error: unknown) => error,
      ),
    stored: () => tokensOf(inbox),
  }
}
/** The bound profile cannot serve until somebody mends it: no end of what it issued. */
const BROKEN = { kind: 'transient', code: 'oauth_refused', hint: expect.stringContaining('Mend it') }
const CHANGED = { kind: 'auth_revoked', code: 'oauth_client_changed', hint: expect.stringContaining('econnect') }

describe('a refresh', () => {
  it('goes to the very authority and client that the exchange went to', async () => {
    const t = await setUp()
    expect(await t.ask()).toBe(t.microsoft.issued[0])
    expect(t.microsoft.asked).toEqual([
      {
        url: 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token',
        token: null,
        body: {
          grant_type: 'refresh_token',
          refresh_token: 'the-refresh',
          client_id: CLIENT_ID,
          client_secret: CLIENT_SECRET,
        },
      },
    ])
  })

  it('stays with the authority of its grant although the profile names another directory by now', async () => {
    const t = await setUp()
    await changeProfile(t.inbox.profileId ?? '', { directory_tenant: 'common' })
    await t.ask()
    expect(t.microsoft.asked[0]?.url).toContain('/contoso.example/')
  })

  it('uses the secret as it is now', async () => {
    const t = await setUp()
    const profileId = t.inbox.profileId ?? ''
    await changeProfile(profileId, { secret: await sealedSecret(t.inbox.tenantId, profileId, 'rotated-secret-0002') })
    await t.ask()
    expect(t.microsoft.asked[0]?.body.client_secret).toBe('rotated-secret-0002')
  })

  it('with a secret that does not open asks nobody', async () => {
    const t = await setUp()
    const secret = await sealedSecret(t.inbox.tenantId, 'msp_another', CLIENT_SECRET)
    await changeProfile(t.inbox.profileId ?? '', { secret })
    expect(await t.failing()).toMatchObject(BROKEN)
    expect(t.microsoft.asked).toEqual([])
  })

  it('stores the rotated refresh token before anybody gets the access token that came with it', async () => {
    const t = await setUp()
    const token = await t.ask()
    expect(await t.stored()).toMatchObject({ accessToken: token, refreshToken: t.microsoft.issued[1] })
    await t.ask(token)
    expect(t.microsoft.tokenRequests().map(({ body }) => body.refresh_token)).toEqual([
      'the-refresh',
      t.microsoft.issued[1],
    ])
  })

  it('that dies before it has stored anything is made again with the token of before', async () => {
    const t = await setUp()
    let answered = () => {}
    const dead = new Promise<void>((done) => (answered = done))
    t.microsoft.tokenAnswer = async () => {
      answered()
      return new Promise(() => {})
    }
    t.ask().catch(() => {})
    await dead
    t.microsoft.tokenAnswer = null
    const token = await t.another().accessToken(t.inbox.inboxId)
    expect(await t.stored()).toMatchObject({ accessToken: token, refreshToken: t.microsoft.issued[1] })
    expect(t.microsoft.tokenRequests().map(({ body }) => body.refresh_token)).toEqual(['the-refresh', 'the-refresh'])
  })

  it('of two keepers at once, as when an object moves, leaves one pair of tokens that belong together', async () => {
    const t = await setUp()
    const given = await Promise.all([t.ask(), t.another().accessToken(t.inbox.inboxId)])
    const stored = await t.stored()
    expect(new Set(given)).toEqual(new Set([stored?.accessToken]))
    const at = t.microsoft.issued.indexOf(stored?.accessToken ?? '')
    expect(stored?.refreshToken).toBe(t.microsoft.issued[at + 1])
  })

  it('whose rotated refresh token cannot be stored gives no token', async () => {
    const t = await setUp()
    await env.DB.prepare(
      `CREATE TRIGGER away BEFORE UPDATE ON inboxes WHEN OLD.id = '${t.inbox.inboxId}' BEGIN SELECT RAISE(ABORT, 'D1 is away'); END`,
    ).run()
    const error = await t.failing()
    await env.DB.prepare('DROP TRIGGER away').run()
    expect(error).toBeInstanceOf(Error)
    expect(await t.stored()).toEqual(stale)
  })
})

describe('the app that issued a grant is the only one that renews it', () => {
  it('a profile with another client id asks for a reconnect, though the access token is still good', async () => {
    const t = await setUp({ tokens: live })
    expect(await t.ask()).toBe('live-access')
    await changeProfile(t.inbox.profileId ?? '', { client_id: 'another-client' })
    expect(await t.failing()).toMatchObject(CHANGED)
    expect(t.microsoft.asked).toEqual([])
  })

  it('another profile that was bound since asks for a reconnect', async () => {
    const t = await setUp()
    await givenProfile(t.inbox.tenantId, { clientId: 'another-client' })
    expect(await t.failing()).toMatchObject(CHANGED)
    expect(t.microsoft.asked).toEqual([])
  })

  it.each<[string, Record<string, number | null>]>([
    ['archived', { archived_at: 5 }],
    ['without its secret', { secret: null }],
  ])(
    'a profile that is %s in the middle of it fails closed, and the deployment app does not stand in',
    async (_what, columns) => {
      const t = await setUp({ tokens: live }, DEPLOYMENT)
      const profileId = t.inbox.profileId ?? ''
      await changeProfile(profileId, columns)
      expect(await t.failing()).toMatchObject(BROKEN)
      expect(t.microsoft.asked).toEqual([])
      await changeProfile(profileId, {
        archived_at: null,
        secret: await sealedSecret(t.inbox.tenantId, profileId, CLIENT_SECRET),
      })
      expect(await t.ask(), 'the same grant, once the profile is mended').toBe('live-access')
    },
  )

  it('a profile that is gone fails closed as well', async () => {
    const t = await setUp({}, DEPLOYMENT)
    await env.DB.prepare('DELETE FROM microsoft_profiles WHERE id = ?').bind(t.inbox.profileId).run()
    expect(await t.failing()).toMatchObject(BROKEN)
    expect(t.microsoft.asked).toEqual([])
  })

  it("the deployment's app never renews a profile's grant, though its client id is the same", async () => {
    const t = await setUp({}, { ...DEPLOYMENT, MICROSOFT_CLIENT_ID: CLIENT_ID })
    await bind(t.inbox.tenantId, null)
    expect(await t.failing()).toMatchObject(CHANGED)
    expect(t.microsoft.asked).toEqual([])
  })

  it("a profile never renews a grant of the deployment's app", async () => {
    const t = await setUp({ grant: { profileId: null, clientId: DEPLOYMENT.MICROSOFT_CLIENT_ID } }, DEPLOYMENT)
    expect(await t.failing()).toMatchObject(CHANGED)
    expect(t.microsoft.asked).toEqual([])
  })

  it("the deployment's app renews its own", async () => {
    const grant = { profileId: null, clientId: DEPLOYMENT.MICROSOFT_CLIENT_ID, directory: 'common' }
    const t = await setUp({ profile: null, grant }, DEPLOYMENT)
    await t.ask()
    expect(t.microsoft.asked[0]).toMatchObject({
      url: 'https://login.microsoftonline.com/common/oauth2/v2.0/token',
      body: { client_id: DEPLOYMENT.MICROSOFT_CLIENT_ID },
    })
  })

  it('no binding and no app of the deployment ask for a reconnect', async () => {
    const t = await setUp({ profile: null, grant: { profileId: 'msp_gone' } })
    expect(await t.failing()).toMatchObject(CHANGED)
  })

  it('a profile that waits for its administrator is waited for', async () => {
    const t = await setUp()
    await changeProfile(t.inbox.profileId ?? '', { consent_required: 1 })
    expect(await t.failing()).toMatchObject({ kind: 'transient', hint: expect.stringContaining('Integrations') })
    expect(t.microsoft.asked).toEqual([])
  })

  it("another tenant's profile is none", async () => {
    const theirs = await givenMicrosoftInbox()
    const t = await setUp({ profile: null, grant: { profileId: theirs.profileId } })
    await bind(t.inbox.tenantId, theirs.profileId)
    expect(await t.failing()).toMatchObject(BROKEN)
  })
})

describe("Entra's errors", () => {
  const answering = async (answer: () => Response, kind: 'own' | 'app' = 'own') => {
    const t = await setUp({ kind, tokens: kind === 'app' ? { ...stale, refreshToken: null } : stale })
    t.microsoft.tokenAnswer = async () => answer()
    const error = await t.failing()
    expect(JSON.stringify(error)).not.toMatch(/the-refresh|client-secret/)
    return error
  }

  it.each([
    [50173, 'invalid_grant'],
    [700082, 'invalid_grant'],
    [700084, 'invalid_grant'],
    [50076, 'interaction_required'],
    [50079, 'interaction_required'],
    [54005, 'invalid_grant'],
    [70008, 'invalid_grant'],
  ])('AADSTS%i (%s) ends the grant and asks for a reconnect', async (code, error) => {
    expect(await answering(() => refused(code, error))).toMatchObject({
      kind: 'auth_revoked',
      code: 'oauth_refresh_failed',
      hint: expect.stringContaining('Reconnect'),
    })
  })

  it('a consent that was withdrawn ends the grant and names the administrator', async () => {
    expect(await answering(() => refused(65001))).toMatchObject({
      kind: 'auth_revoked',
      code: 'oauth_refresh_failed',
      hint: expect.stringContaining('administrator'),
    })
  })

  it('an invalid_grant without any number is what the standard says: the end', async () => {
    const error = await answering(() => Response.json({ error: 'invalid_grant' }, { status: 400 }))
    expect(error).toMatchObject({ kind: 'auth_revoked' })
  })

  it.each<[string, () => Response]>([
    ['the wrong endpoint for a single-tenant app', () => refused(50194, 'invalid_request')],
    ['a wrong secret', () => refused(7000215, 'invalid_client', 401)],
    ['an expired secret', () => refused(7000222, 'invalid_client', 401)],
    ['an app that is not known there', () => refused(700016, 'unauthorized_client')],
    ['a policy of the directory', () => refused(53003, 'interaction_required')],
    ['a disabled account', () => refused(50057)],
    ['a transient error', () => refused(90033, 'temporarily_unavailable', 503)],
    ['a transient error under an OAuth name that would end it', () => refused(90033)],
    ['a number nobody here knows', () => refused(999999)],
    ['a bad gateway', () => new Response('<html>', { status: 502 })],
    ['a firewall', () => new Response('<html>', { status: 403 })],
    ['no such page', () => new Response('', { status: 404 })],
  ])('%s may pass and is never terminal', async (_what, answer) => {
    expect(await answering(answer)).toMatchObject({ kind: 'transient' })
  })

  it.each([
    [7000222, 'Integrations'],
    [50194, 'directory'],
    [53003, 'policy'],
    [50057, 'disabled'],
  ])('AADSTS%i says what to do: %s', async (code, words) => {
    expect(await answering(() => refused(code))).toMatchObject({ hint: expect.stringContaining(words) })
  })

  it.each([429, 503])(
    'a throttle (%i) is waited for as long as it says, in seconds or until a date',
    async (status) => {
      const saying = (value: string) => () => new Response('{}', { status, headers: { 'retry-after': value } })
      expect(await answering(saying('7'))).toMatchObject({ kind: 'rate_limited', retryAfter: 7_000 })
      const date = new Date(NOW + 90_000).toUTCString()
      expect(await answering(saying(date))).toMatchObject({ kind: 'rate_limited', retryAfter: 90_000 })
    },
  )

  it('a throttle that names no time is one all the same', async () => {
    expect(await answering(() => refused(90055, 'invalid_request', 429))).toMatchObject({ kind: 'rate_limited' })
  })

  it("an app's own access that is refused for a bad secret may pass as well", async () => {
    expect(await answering(() => refused(7000215, 'invalid_client', 401), 'app')).toMatchObject({ kind: 'transient' })
  })
})

describe('an app that speaks for itself', () => {
  it('asks anew with its own credentials at its directory, and holds no refresh token', async () => {
    const t = await setUp({ kind: 'app', tokens: { ...stale, refreshToken: null } })
    expect(await t.ask()).toBe(t.microsoft.issued[0])
    expect(t.microsoft.asked).toEqual([
      {
        url: 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token',
        token: null,
        body: {
          grant_type: 'client_credentials',
          scope: 'https://graph.microsoft.com/.default',
          client_id: CLIENT_ID,
          client_secret: CLIENT_SECRET,
        },
      },
    ])
    expect(await t.stored()).toMatchObject({ accessToken: t.microsoft.issued[0], refreshToken: null })
  })

  it('at once for all who ask', async () => {
    const t = await setUp({ kind: 'app', tokens: { ...stale, refreshToken: null } })
    const tokens = await Promise.all(Array.from({ length: 10 }, () => t.ask()))
    expect(new Set(tokens).size).toBe(1)
    expect(t.microsoft.asked).toHaveLength(1)
  })
})

describe('in the middle of reading', () => {
  it('a throttled token endpoint is left alone until its time, whoever pokes, and is no error of the inbox', async () => {
    const inbox = await givenMicrosoftInbox({ tokens: { ...live, expiresAt: 1 } })
    const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
    let asked = 0
    await runInDurableObject<InboxObject, void>(stub, (object) => {
      object.refresh = async () => {
        asked++
        throw new OAuthFailure('oauth_unreachable', 'No answer.', { reason: 'http_429', retryAfter: 600_000 })
      }
      object.makeProvider = (_connection, { token }) => ({
        ...fakeMailbox().provider(),
        changes: async () => ({ refs: [], next: await token(), more: false }),
      })
    })
    await stub.start({ tenantId: inbox.tenantId, inboxId: inbox.inboxId }, { newMailbox: false })
    for (let n = 0; n < 4; n++)
      expect(await stub.syncNow()).toMatchObject({ failure: { kind: 'rate_limited', code: 'oauth_rate_limited' } })
    const before = asked
    await stub.poke(undefined, { push: true })
    const { agenda } = await runInDurableObject<InboxObject, InboxState>(stub, (object) => object.state())
    expect(agenda.sync).toBeGreaterThan(Date.now() + 590_000)
    expect(asked).toBe(before)
    const row = await env.DB.prepare(
      'SELECT status, status_detail AS detail, paused_at AS paused FROM inboxes WHERE id = ?',
    )
      .bind(inbox.inboxId)
      .first<{ status: string; detail: string; paused: number | null }>()
    expect(row).toMatchObject({ status: 'connected', paused: null })
    expect(JSON.parse(row?.detail ?? '')).toMatchObject({
      action: 'wait',
      until: expect.any(String),
      message: expect.stringContaining('Throttled until'),
    })
  })

  it('a profile that was taken away from email pauses the inbox, whose words ask for a reconnect', async () => {
    const inbox = await givenMicrosoftInbox({ tokens: { ...live, expiresAt: Date.now() + 3_600_000 } })
    const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
    const heard: string[] = []
    await runInDurableObject<InboxObject, void>(stub, (object) => {
      object.makeProvider = (_connection, { token }) => ({
        ...fakeMailbox().provider(),
        changes: async () => {
          heard.push(await token())
          return { refs: [], next: 1, more: false }
        },
      })
    })
    await stub.start({ tenantId: inbox.tenantId, inboxId: inbox.inboxId }, { newMailbox: false })
    expect(await stub.syncNow()).toMatchObject({ failure: null })
    await bind(inbox.tenantId, null)
    expect(await stub.syncNow()).toMatchObject({ failure: { kind: 'auth_revoked', code: 'oauth_client_changed' } })
    expect(new Set(heard)).toEqual(new Set(['live-access']))
    const row = await env.DB.prepare(
      'SELECT status, status_detail AS detail, pause_reason AS reason FROM inboxes WHERE id = ?',
    )
      .bind(inbox.inboxId)
      .first<{ status: string; detail: string; reason: string }>()
    expect(row).toMatchObject({ status: 'error', reason: 'auth_failure' })
    expect(JSON.parse(row?.detail ?? '')).toMatchObject({
      code: 'oauth_client_changed',
      action: 'reconnect',
      message: expect.stringContaining('until you reconnect'),
    })
  })
})
