// Consent that ends in the middle of the work, against the Microsoft simulator: the inbox says so in words, nothing is lost, and a
// reconnect goes on where it ended. A policy of the administrator's passes by itself.
import { env, runInDurableObject } from 'cloudflare:test'
import { Hono } from 'hono'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { type Env, settingsOf } from '../../worker/env'
import type { AppEnv } from '../../worker/platform/http/context'
import type { MailProvider } from '../../worker/providers/provider'
import { runFetch } from '../../worker/sync/fetch-job'
import type { InboxObject } from '../../worker/sync/inbox-object'
import { type MakeProvider, realProvider } from '../../worker/sync/mailbox'
import { microsoftConnectRoutes } from '../../worker/sync/microsoft-connect.routes'
import { tokenSourceOf } from '../../worker/sync/token-keeper'
import { type Account, API, control, deliver, expectNoViolations, grant, microsoft } from '../support/microsoft-lab'
import { givenMicrosoftInbox } from '../worker/sync/microsoft-rows'
import { inboxRow, ledgerOf, letTimePass } from '../worker/sync/rows'

afterEach(() => control('fault/clear'))
afterAll(expectNoViolations)

const io = { fetch: (...args: Parameters<typeof fetch>) => fetch(...args), clock: Date.now }
/** ms until what the object does by itself has been done */
const WAIT = 20_000
const mail = (subject: string) =>
  `From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x.example>\r\n\r\n${subject}\r\n`

/** A connected inbox of the simulator whose object and fetch jobs are the real ones; `meet` may come between them and their provider. */
async function setUp() {
  const address = `box-${crypto.randomUUID().slice(0, 8)}@contoso.example`
  await control('accounts', { email: address })
  const { access, refresh } = await grant(address)
  const inbox = await givenMicrosoftInbox({
    address,
    profile: { clientId: microsoft.clientId, secret: microsoft.clientSecret },
    tokens: { accessToken: access, refreshToken: refresh, expiresAt: Date.now() + 3_600_000 },
  })
  const account: Account = { email: address, tokens: { access, refresh }, mailbox: { kind: 'own', address } }
  let meet = (provider: MailProvider): MailProvider => provider
  const ours = {
    ...env,
    MICROSOFT_LOGIN_URL: microsoft.url,
    MICROSOFT_GRAPH_URL: API,
    FETCH_QUEUE: { send: async () => {} },
  } as unknown as Env
  const settings = settingsOf(ours)
  const makeProvider: MakeProvider = (...args) => meet(realProvider(settings)(...args))
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  await runInDurableObject<InboxObject, void>(stub, async (object) => {
    Object.assign(object, { env: ours, makeProvider })
    await object.start({ tenantId: inbox.tenantId, inboxId: inbox.inboxId }, { newMailbox: false })
  })
  // The simulator does not reach the address of this test, so the inbox is one that is polled.
  await vi.waitFor(async () => expect((await inboxRow(inbox))?.push_problem).not.toBeNull(), WAIT)
  await stub.syncNow()
  const app = new Hono<AppEnv>()
    .use(async (c, next) => {
      c.set('settings', settings)
      c.set('clock', Date.now)
      c.set('session', { tenantId: inbox.tenantId, userId: 'u', role: 'admin' } as AppEnv['Variables']['session'])
      c.set('releaseConnection', async () => async () => {})
      await next()
    })
    .route('/api', microsoftConnectRoutes(io))
  return {
    account,
    check: () => stub.syncNow(),
    row: () => inboxRow(inbox),
    rows: () => ledgerOf(inbox),
    meeting(how: (provider: MailProvider) => MailProvider) {
      meet = how
    },
    fetchJob: () =>
      runFetch(
        {
          db: inbox.db,
          keyring: settings.keyring,
          makeProvider,
          tokens: () => tokenSourceOf(stub),
          blobs: env.BLOBS,
          clock: Date.now,
          jobs: { send: async () => {} },
          onStored: async () => {},
          slots: stub,
          random: () => 0.5,
        },
        { kind: 'fetch', tenantId: inbox.tenantId, inboxId: inbox.inboxId },
      ),
    timePasses: () => letTimePass(inbox),
    async reconnect() {
      meet = (provider) => provider
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', body: '{}', headers }
      const begun = await app.request(`/api/inboxes/${inbox.inboxId}/connect/microsoft`, init, env as Env)
      const { url } = (await begun.json()) as { url: string }
      const { location } = await control<{ location: string }>('authorize', { url, account: address })
      const { pathname, search } = new URL(location)
      const back = await app.request(`${pathname}${search}`, {}, env as Env)
      expect(new URL(back.headers.get('location') ?? '').searchParams.get('connect')).toBe('ok')
    },
    /** The inbox has come to rest with words that ask for a reconnect. */
    async saysWithdrawn() {
      const row = await vi.waitFor(async () => {
        const found = await inboxRow(inbox)
        expect(found).toMatchObject({ status: 'error', pause_reason: 'auth_failure' })
        return found
      }, WAIT)
      const detail = JSON.parse(String(row?.status_detail))
      expect(detail).toMatchObject({ code: 'oauth_refresh_failed', action: 'reconnect' })
      expect(detail.message).toContain('permission was withdrawn')
      expect(detail.message).toContain('administrator')
      expect(detail.message).not.toMatch(/AADSTS|Trace ID/)
    },
  }
}

const withdraw = ({ email }: Account) => control('revoke', { account: email, code: 65001 })

describe('consent that is withdrawn', () => {
  it('in the middle of a fetch job keeps what has arrived and gives the rest back; a reconnect fetches it', async () => {
    const t = await setUp()
    for (let i = 0; i < 12; i++) await deliver(t.account, mail(`m${i}`))
    await t.check()
    expect(await t.rows()).toHaveLength(12)
    let arrived = 0
    t.meeting((provider) => ({
      ...provider,
      async *fetchRaw(refs) {
        for await (const message of provider.fetchRaw(refs)) {
          if (++arrived === 3) await withdraw(t.account)
          yield message
        }
      },
    }))
    await t.fetchJob()
    await t.saysWithdrawn()
    const states = async () => Object.groupBy(await t.rows(), ({ state }) => state)
    const { stored = [], discovered = [] } = await states()
    expect(stored.length).toBeGreaterThanOrEqual(3)
    expect(discovered.length).toBeGreaterThan(0)
    expect(stored.length + discovered.length).toBe(12)
    expect(discovered.every(({ attempts }) => attempts === 0)).toBe(true)

    await deliver(t.account, mail('meanwhile'))
    await t.reconnect()
    await t.check()
    await t.timePasses()
    await t.fetchJob()
    const rows = await t.rows()
    expect(rows.map(({ state }) => state)).toEqual(Array.from({ length: 13 }, () => 'stored'))
    expect(new Set(rows.map(({ digest }) => digest)).size).toBe(13)
    expect(await t.row()).toMatchObject({ status: 'connected', status_detail: null, paused_at: null })
  })

  it('in the middle of a pass keeps the pages that were read; after a reconnect each mail has one row', async () => {
    const t = await setUp()
    for (let i = 0; i < 1_100; i++) await deliver(t.account, mail(`p${i}`))
    let pages = 0
    t.meeting((provider) => ({
      ...provider,
      async changes(...args) {
        if (++pages === 3) await withdraw(t.account)
        return provider.changes(...args)
      },
    }))
    await t.check()
    await t.saysWithdrawn()
    const before = (await t.rows()).length
    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(1_100)

    await deliver(t.account, mail('meanwhile'))
    await t.reconnect()
    await t.check() // ends the round of the delta that was being read; what came meanwhile is of the next
    await t.check()
    const rows = await t.rows()
    expect(rows).toHaveLength(1_101)
    expect(new Set(rows.map(({ identity }) => identity)).size).toBe(1_101)
    expect(await t.row()).toMatchObject({ status: 'connected', status_detail: null })
  })
})

describe('a policy of the directory', () => {
  it.each([53003, 53000, 50105])(
    '(AADSTS%i) that stops a renewal is said in words, and passes by itself',
    async (code) => {
      const t = await setUp()
      await t.check()
      await deliver(t.account, mail('kept'))
      await control('expire-access', { account: t.account.email })
      await control('fault', { path: '/token$', kind: `AADSTS${code}`, times: 1 })
      expect(await t.check()).toMatchObject({ failure: { kind: 'transient', code: 'oauth_refused' } })
      const { message, action } = JSON.parse(String((await t.row())?.status_detail))
      expect(message).toContain('A policy of the Microsoft directory stops Postroom')
      expect([message, action]).not.toContain('reconnect')
      expect((await t.row())?.paused_at).toBeNull()
      expect(await t.check()).toMatchObject({ queued: 1, failure: null })
      expect(await t.row()).toMatchObject({ status: 'connected', status_detail: null })
    },
  )
})
