// Connecting, renewing and letting go, against the Microsoft simulator: real authorities, real consent, real PKCE, real refusals.
import { env, runInDurableObject } from 'cloudflare:test'
import { Hono } from 'hono'
import { afterAll, describe, expect, it } from 'vitest'
import type { Env } from '../../worker/env'
import type { AppEnv } from '../../worker/platform/http/context'
import { problemResponse } from '../../worker/platform/http/problem'
import { grantIssuer } from '../../worker/sync/grant-issuer'
import type { InboxObject } from '../../worker/sync/inbox-object'
import { microsoftConnectRoutes } from '../../worker/sync/microsoft-connect.routes'
import { tokenKeeper } from '../../worker/sync/token-keeper'
import { fakeMailbox } from '../support/fake-provider'
import { API, control, expectNoViolations, microsoft } from '../support/microsoft-lab'
import { tokensOf } from '../worker/sync/google-rows'
import {
  bind,
  changeProfile,
  givenMicrosoftInbox,
  givenProfile,
  microsoftSettings,
} from '../worker/sync/microsoft-rows'

afterAll(expectNoViolations)

const io = { fetch: (...args: Parameters<typeof fetch>) => fetch(...args), clock: Date.now }
const settings = () => microsoftSettings({ MICROSOFT_LOGIN_URL: microsoft.url, MICROSOFT_GRAPH_URL: API })
const multi = { clientId: microsoft.clientId, secret: microsoft.clientSecret }
const newAddress = (domain = 'contoso.example') => `box-${crypto.randomUUID().slice(0, 8)}@${domain}`

type Choice = { account?: string; deny?: boolean }

/** A Microsoft inbox that is not connected, with an app bound to email, and the ways to connect it. */
async function setUp(given: { profile?: Parameters<typeof givenProfile>[1]; account?: object } = {}) {
  const address = newAddress()
  await control('accounts', { email: address, ...given.account })
  const inbox = await givenMicrosoftInbox({ address, tokens: null, profile: { ...multi, ...given.profile } })
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  await runInDurableObject<InboxObject, void>(stub, (object) => {
    object.makeProvider = () => fakeMailbox().provider()
  })
  const app = new Hono<AppEnv>()
    .use(async (c, next) => {
      c.set('settings', settings())
      c.set('clock', Date.now)
      c.set('session', { tenantId: inbox.tenantId, userId: 'u', role: 'admin' } as AppEnv['Variables']['session'])
      c.set('releaseConnection', async () => async () => {})
      await next()
    })
    .route('/api', microsoftConnectRoutes(io))
  app.onError((error) => problemResponse(error))
  const keeper = tokenKeeper({
    db: inbox.db,
    keyring: settings().keyring,
    clock: Date.now,
    ...grantIssuer(settings(), io, inbox.db),
  })
  const t = {
    inbox,
    begin: async (body: object = {}) => {
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', body: JSON.stringify(body), headers }
      const begun = await app.request(`/api/inboxes/${inbox.inboxId}/connect/microsoft`, init, env as Env)
      return { status: begun.status, ...((await begun.json()) as { url: string | null; detail?: string }) }
    },
    /** All the way round; answers the outcome. */
    async connect(choice: Choice = {}, body: object = {}) {
      const { url } = await t.begin(body)
      const { location } = await control<{ location: string }>('authorize', { url, account: address, ...choice })
      const { pathname, search } = new URL(location)
      const back = await app.request(`${pathname}${search}`, {}, env as Env)
      return Object.fromEntries(new URL(back.headers.get('location') ?? '').searchParams)
    },
    token: (refused?: string) => keeper.accessToken(inbox.inboxId, refused),
    tokens: () => tokensOf(inbox),
    /** Tells what an inbox answers to a token. */
    opens: async (token: string, base = '/me') =>
      (await fetch(`${API}${base}/mailFolders/inbox`, { headers: { authorization: `Bearer ${token}` } })).status,
  }
  return t
}

/** A shared mailbox that `delegates` may open. */
async function newShared(delegates: string[]): Promise<string> {
  const email = newAddress()
  await control('accounts', { email, shared: true, delegates })
  return email
}

describe('with a Microsoft that minds its rules', () => {
  it('an account is connected, its token works, and the rotated refresh token replaces the old one', async () => {
    const t = await setUp()
    expect(await t.connect()).toEqual({ connect: 'ok' })
    const [first, before] = [await t.token(), await t.tokens()]
    expect(await t.opens(first)).toBe(200)
    await control('expire-access', { account: t.inbox.address })
    expect(await t.opens(first)).toBe(401)
    const second = await t.token(first)
    expect(await t.opens(second)).toBe(200)
    expect((await t.tokens())?.refreshToken).not.toBe(before?.refreshToken)
    expect(await t.opens(await t.token(second))).toBe(200)
  })

  it('an account is known by its user principal name as well', async () => {
    const t = await setUp()
    const upn = `upn-${crypto.randomUUID().slice(0, 8)}@contoso.example`
    await control('accounts', { email: t.inbox.address, userPrincipalName: upn })
    expect(await t.connect({}, { mailbox: { kind: 'own', address: upn } })).toEqual({ connect: 'ok' })
  })

  it('refusals and wrong accounts store nothing; the choice after a mismatch does', async () => {
    const t = await setUp()
    const wrong = newAddress('fabrikam.example')
    expect(await t.connect({ deny: true })).toEqual({ connect: 'denied' })
    await changeProfile(t.inbox.profileId ?? '', { directory_tenant: 'organizations' })
    expect(await t.connect({ account: wrong })).toEqual({ connect: 'mismatch', address: wrong })
    expect(await t.tokens()).toBeNull()
    expect(await t.connect({ account: wrong }, { useAddress: wrong })).toEqual({ connect: 'ok' })
  })

  it('a grant of one authority goes on being renewed there after the profile has changed its directory', async () => {
    const t = await setUp()
    await t.connect()
    await changeProfile(t.inbox.profileId ?? '', { directory_tenant: 'fabrikam.example' })
    expect(await t.opens(await t.token(await t.token()))).toBe(200)
  })

  it('a single-tenant app at the wrong authority is no end of a grant and says what to do', async () => {
    const single = { clientId: '22222222-2222-4222-a222-222222222222', secret: 'simulated~single-tenant-secret' }
    const t = await setUp({ profile: single })
    expect(await t.connect()).toEqual({ connect: 'ok' })
    const config = await env.DB.prepare('SELECT config FROM inboxes WHERE id = ?')
      .bind(t.inbox.inboxId)
      .first<{ config: string }>()
    const token = await t.token()
    await env.DB.prepare('UPDATE inboxes SET config = ? WHERE id = ?')
      .bind(config?.config.replace('"directory":"contoso.example"', '"directory":"common"'), t.inbox.inboxId)
      .run()
    await expect(t.token(token)).rejects.toMatchObject({
      kind: 'transient',
      hint: expect.stringContaining('directory'),
    })
  })

  it('a wrong secret is no end of a grant: the right one renews it', async () => {
    const t = await setUp()
    await t.connect()
    const token = await t.token()
    const wrong = await givenProfile(t.inbox.tenantId, { ...multi, secret: 'wrong', bound: false })
    await env.DB.prepare('UPDATE inboxes SET config = replace(config, ?, ?) WHERE id = ?')
      .bind(t.inbox.profileId, wrong, t.inbox.inboxId)
      .run()
    await bind(t.inbox.tenantId, wrong)
    await expect(t.token(token)).rejects.toMatchObject({ kind: 'transient', hint: expect.stringContaining('secret') })
    expect((await t.tokens())?.accessToken).toBe(token)
  })

  it.each([50173, 65001, 700082, 700084, 50076])('AADSTS%i is the end until somebody reconnects', async (code) => {
    const t = await setUp()
    await t.connect()
    const dead = await t.token()
    await control('revoke', { account: t.inbox.address, code })
    await expect(t.token(dead)).rejects.toMatchObject({ kind: 'auth_revoked', code: 'oauth_refresh_failed' })
    expect(await t.connect()).toEqual({ connect: 'ok' })
    expect(await t.opens(await t.token())).toBe(200)
  })

  it.each([
    ['html', { kind: 'transient' }],
    ['truncated_json', { kind: 'transient' }],
    ['cut', { kind: 'transient' }],
    ['redirect', { kind: 'transient' }],
    ['503', { kind: 'rate_limited', retryAfter: 2_000 }],
    ['429', { kind: 'rate_limited', retryAfter: 2_000 }],
  ])('a token endpoint in trouble (%s) is not the end', async (kind, trouble) => {
    const t = await setUp()
    await t.connect()
    const first = await t.token()
    await control('fault', { path: '/token$', kind, times: 1, location: 'http://evil.test/', retryAfter: 2 })
    await expect(t.token(first)).rejects.toMatchObject(trouble)
    expect(await t.opens(await t.token(first))).toBe(200)
  })
})

describe('a policy of the administrator', () => {
  it.each([53003, 53000, 50105])('(AADSTS%i) at the connect is said as what it is and stores nothing', async (code) => {
    const t = await setUp()
    await control('fault', { path: '/token$', kind: `AADSTS${code}`, times: 1 })
    expect(await t.connect()).toEqual({ connect: 'failed', reason: 'admin_policy' })
    expect(await t.tokens()).toBeNull()
    expect(await t.connect()).toEqual({ connect: 'ok' })
  })

  it('that lets nobody consent is one for the administrator, before and after he has agreed once', async () => {
    const clientId = crypto.randomUUID()
    const app = { clientId, secrets: ['a~secret'], redirectUris: [microsoft.redirectUri], adminOnly: true }
    await control('apps', app)
    const t = await setUp({ profile: { clientId, secret: 'a~secret' } })
    const asked = { connect: 'failed', reason: 'admin_consent' }
    expect(await t.connect()).toEqual(asked)
    await control('admin-consent', { clientId, directory: 'contoso.example' })
    expect(await t.connect()).toEqual({ connect: 'ok' })
    await control('admin-consent', { clientId, directory: 'contoso.example', withdraw: true })
    expect(await t.connect()).toEqual(asked)
  })
})

describe('a shared mailbox', () => {
  it('is opened by whoever was given it', async () => {
    const t = await setUp()
    const address = await newShared([t.inbox.address])
    expect(await t.connect({}, { mailbox: { kind: 'shared', address } })).toEqual({ connect: 'ok' })
    expect(await t.opens(await t.token(), `/users/${address}`)).toBe(200)
  })

  it('is denied in words to whoever was not', async () => {
    const t = await setUp()
    const address = await newShared([])
    expect(await t.connect({}, { mailbox: { kind: 'shared', address } })).toEqual({
      connect: 'failed',
      reason: 'mailbox_denied',
      address: t.inbox.address,
    })
    expect(await t.tokens()).toBeNull()
  })
})

describe('an app on its own', () => {
  const APP_ONLY = { mailbox: { kind: 'app' } }

  it('opens a mailbox without a browser, and asks anew for its token', async () => {
    const t = await setUp()
    expect(await t.begin(APP_ONLY)).toEqual({ status: 200, url: null })
    const base = `/users/${t.inbox.address}`
    const first = await t.token()
    expect(await t.opens(first, base)).toBe(200)
    const second = await t.token(first)
    expect(second).not.toBe(first)
    expect(await t.opens(second, base)).toBe(200)
  })

  it('without its administrator’s consent is denied in words', async () => {
    const profile = {
      clientId: '33333333-3333-4333-a333-333333333333',
      secret: 'simulated~unconsented-secret',
    }
    const t = await setUp({ profile })
    const answer = await t.begin(APP_ONLY)
    expect(answer).toMatchObject({ status: 422, detail: expect.stringContaining('consent') })
    expect(await t.tokens()).toBeNull()
  })

  it('for a mailbox that does not exist says so', async () => {
    const t = await setUp()
    const address = newAddress()
    expect(await t.begin({ mailbox: { kind: 'app', address } })).toMatchObject({
      status: 422,
      detail: expect.stringContaining('no mailbox'),
    })
  })
})

it('people who may not consent are told to ask their administrator', async () => {
  const profile = { clientId: '33333333-3333-4333-a333-333333333333', secret: 'simulated~unconsented-secret' }
  const t = await setUp({ profile })
  expect(await t.connect()).toEqual({ connect: 'failed', reason: 'admin_consent' })
})
