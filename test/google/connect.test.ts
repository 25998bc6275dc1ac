// Connecting, renewing and giving back an account, against the Google simulator: real consent, real PKCE, real refusals.
import { env, runInDurableObject } from 'cloudflare:test'
import { Hono } from 'hono'
import { afterAll, describe, expect, it } from 'vitest'
import { type Env, settingsOf } from '../../worker/env'
import type { AppEnv } from '../../worker/platform/http/context'
import { problemResponse } from '../../worker/platform/http/problem'
import { systemDb } from '../../worker/platform/system-db'
import { googleConnectRoutes } from '../../worker/sync/google-connect.routes'
import { grantIssuer } from '../../worker/sync/grant-issuer'
import type { InboxObject } from '../../worker/sync/inbox-object'
import { prepareRelease } from '../../worker/sync/release-grant'
import { tokenKeeper } from '../../worker/sync/token-keeper'
import { fakeMailbox } from '../support/fake-provider'
import { control, expectNoViolations, google } from '../support/google-lab'
import { givenGoogleInbox, tokensOf } from '../worker/sync/google-rows'

afterAll(expectNoViolations)

const io = { fetch: (...args: Parameters<typeof fetch>) => fetch(...args), clock: Date.now }
const settings = () => ({
  ...settingsOf(env as Env),
  GOOGLE_CLIENT_ID: google.clientId,
  GOOGLE_CLIENT_SECRET: google.clientSecret,
  GOOGLE_AUTH_URL: `${google.url}/o/oauth2/v2/auth`,
  GOOGLE_TOKEN_URL: `${google.url}/token`,
  GOOGLE_REVOKE_URL: `${google.url}/revoke`,
  GMAIL_API_URL: google.url,
})

type Choice = { account?: string; scopes?: string[]; deny?: boolean }

/** A Google inbox that is not connected, and the ways to connect it. */
async function setUp(given: { account?: string } = {}) {
  const address = given.account ?? `box-${crypto.randomUUID().slice(0, 8)}@gmail.test`
  await control('accounts', { email: address })
  const inbox = await givenGoogleInbox({ address, tokens: null })
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  await runInDurableObject<InboxObject, void>(stub, (object) => {
    object.makeProvider = () => fakeMailbox().provider()
  })
  const releasing = (id: string) =>
    prepareRelease(
      {
        ...io,
        db: inbox.db,
        system: systemDb(env.DB),
        settings: settings(),
        object: () => ({ stop: async () => {} }),
        makeProvider: () => fakeMailbox().provider(),
      },
      id,
    )
  const app = new Hono<AppEnv>()
    .use(async (c, next) => {
      c.set('settings', settings())
      c.set('clock', Date.now)
      c.set('session', { tenantId: inbox.tenantId, userId: 'u', role: 'admin' } as AppEnv['Variables']['session'])
      c.set('releaseConnection', (_db, id) => releasing(id))
      await next()
    })
    .route('/api', googleConnectRoutes(io))
  app.onError((error) => problemResponse(error))
  const keeper = tokenKeeper({
    db: inbox.db,
    keyring: settings().keyring,
    clock: Date.now,
    ...grantIssuer(settings(), io, inbox.db),
  })
  return {
    inbox,
    /** All the way round; answers the outcome. */
    async connect(choice: Choice = {}, body: object = {}) {
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', body: JSON.stringify(body), headers }
      const begun = await app.request(`/api/inboxes/${inbox.inboxId}/connect/google`, init, env as Env)
      const { url } = (await begun.json()) as { url: string }
      const { location } = await control<{ location: string }>('authorize', { url, account: address, ...choice })
      const { pathname, search } = new URL(location)
      const back = await app.request(`${pathname}${search}`, {}, env as Env)
      return Object.fromEntries(new URL(back.headers.get('location') ?? '').searchParams)
    },
    token: (refused?: string) => keeper.accessToken(inbox.inboxId, refused),
    tokens: () => tokensOf(inbox),
    /** Tells what the profile answers to a token. */
    profile: async (token: string) =>
      (await fetch(`${google.url}/gmail/v1/users/me/profile`, { headers: { authorization: `Bearer ${token}` } }))
        .status,
    release: async () => {
      const giveBack = await releasing(inbox.inboxId)
      await env.DB.prepare('UPDATE inboxes SET credentials = NULL, google_address = NULL WHERE id = ?')
        .bind(inbox.inboxId)
        .run()
      await giveBack()
    },
  }
}

describe('with a Google that minds its rules', () => {
  it('an account is connected, its token works, and a refused one is renewed', async () => {
    const t = await setUp()
    expect(await t.connect()).toEqual({ connect: 'ok' })
    const first = await t.token()
    expect(await t.profile(first)).toBe(200)
    await control('expire-access', { account: t.inbox.address })
    expect(await t.profile(first)).toBe(401)
    const refresh = (await t.tokens())?.refreshToken
    const second = await t.token(first)
    expect(await t.profile(second)).toBe(200)
    expect((await t.tokens())?.refreshToken).toBe(refresh)
  })

  it('refusals, missing permissions and wrong accounts store nothing', async () => {
    const t = await setUp()
    const wrong = `other-${crypto.randomUUID().slice(0, 8)}@gmail.test`
    expect(await t.connect({ deny: true })).toEqual({ connect: 'denied' })
    const scopes = ['https://www.googleapis.com/auth/gmail.readonly']
    expect(await t.connect({ scopes })).toEqual({ connect: 'missing_scopes', missing: 'send' })
    expect(await t.connect({ account: wrong })).toEqual({ connect: 'mismatch', address: wrong })
    expect(await t.tokens()).toBeNull()
    expect(await t.connect({ account: wrong }, { useAddress: wrong })).toEqual({ connect: 'ok' })
  })

  it('a revoked grant is the end until somebody reconnects', async () => {
    const t = await setUp()
    await t.connect()
    const dead = await t.token()
    await control('revoke', { account: t.inbox.address })
    await expect(t.token(dead)).rejects.toMatchObject({ kind: 'auth_revoked', code: 'oauth_refresh_failed' })
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(await t.profile(await t.token())).toBe(200)
  })

  it('session control of a Workspace is the end too, and is named', async () => {
    const t = await setUp()
    await t.connect()
    await control('revoke', { account: t.inbox.address, subtype: 'invalid_rapt' })
    await expect(t.token(await t.token())).rejects.toMatchObject({
      kind: 'auth_revoked',
      hint: expect.stringContaining('Workspace'),
    })
  })

  const throttled = { kind: 'rate_limited', retryAfter: 2_000 }
  it.each([
    ...['html', 'truncated_json', 'cut', 'redirect'].map((kind) => [kind, { kind: 'transient' }] as const),
    ...['503', '429'].map((kind) => [kind, throttled] as const),
  ])('a token endpoint in trouble (%s) is not the end', async (kind, trouble) => {
    const t = await setUp()
    await t.connect()
    const first = await t.token()
    await control('fault', { path: '^/token$', kind, times: 1, location: 'http://evil.test/', retryAfter: 2 })
    await expect(t.token(first)).rejects.toMatchObject(trouble)
    expect(await t.profile(await t.token(first))).toBe(200)
  })

  it('letting go revokes the grant, unless another inbox reads the account', async () => {
    const one = await setUp()
    const two = await setUp({ account: one.inbox.address })
    await one.connect()
    await two.connect()
    await one.release()
    expect(await two.profile(await two.token())).toBe(200)
    const last = await two.token()
    await two.release()
    expect(await two.profile(last)).toBe(401)
  })
})
