// The InboxObject of a mailbox whose provider announces mail, counts what is asked of it, and wants tokens.
import { env, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { FetchJob } from '../../../worker/contract/jobs'
import { settingsOf } from '../../../worker/env'
import { systemDb } from '../../../worker/platform/system-db'
import { OAuthFailure, type TokenSet } from '../../../worker/providers/oauth'
import { ProviderError } from '../../../worker/providers/provider'
import { loadInbox, storedTokens } from '../../../worker/sync/credentials'
import { runFetch } from '../../../worker/sync/fetch-job'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import type { InboxState } from '../../../worker/sync/inbox-state'
import { noTokens } from '../../../worker/sync/mailbox'
import { sweep } from '../../../worker/sync/sweep'
import { type FakeMailbox, fakeMailbox, fakePush, smallMail } from '../../support/fake-provider'
import { givenInbox, inboxRow, ledgerOf, letTimePass, STORED_TOKENS } from './rows'

const MINUTE = 60_000
const DAY = 86_400_000
const many = (count: number) => Array.from({ length: count }, (_, n) => smallMail(n))

async function setUp(options: { mails?: number; columns?: Parameters<typeof givenInbox>[0] } = {}) {
  const inbox = await givenInbox({ type: 'google', ...options.columns })
  const push = fakePush()
  const mailbox: FakeMailbox = Object.assign(fakeMailbox(many(options.mails ?? 0)), { push })
  const owner = { tenantId: inbox.tenantId, inboxId: inbox.inboxId }
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  const jobs: FetchJob[] = []
  const inside = <T>(use: (object: InboxObject, state: DurableObjectState) => T | Promise<T>) =>
    runInDurableObject<InboxObject, T>(stub, use)
  await inside((object) => {
    object.makeProvider = (_connection, given) => mailbox.provider(given)
    Object.assign(object, { env: { ...env, FETCH_QUEUE: { send: async (job: FetchJob) => void jobs.push(job) } } })
  })
  const t = {
    inbox,
    owner,
    stub,
    mailbox,
    push,
    jobs,
    inside,
    start: (newMailbox = false) => inside((object) => object.start(owner, { newMailbox })),
    checked: () => inside((object) => object.syncNow()),
    state: () => inside((object) => object.state()),
    /** Changes what the object remembers, as if time had passed. */
    remember: (change: (state: InboxState) => InboxState) =>
      inside(async (object, state) => state.storage.kv.put('state', change(await object.state()))),
    alarmAt: () => inside((_object, state) => state.storage.getAlarm()),
    row: () => inboxRow(owner),
    pushed: () => inside((object) => object.poke(owner, { push: true })),
    /** Connected, checked once and subscribed. */
    async connected() {
      await t.start()
      await t.checked()
      await vi.waitFor(async () => expect((await t.row())?.gmail_watch_expires_at).not.toBeNull())
    },
    /** Connected, and a push has come and has been followed up. */
    async trusted() {
      await t.connected()
      await t.pushed()
      await t.checked()
      expect((await t.row())?.delivery_mode).toBe('push')
    },
    /** As if all of that were an hour ago. */
    async anHourLater() {
      const back = (time: number | null) => time && time - 60 * MINUTE
      await t.remember((state) => ({
        ...state,
        push: {
          ...state.push,
          subscribedAt: back(state.push.subscribedAt),
          lastPushAt: back(state.push.lastPushAt),
          readAt: back(state.push.readAt),
        },
      }))
    },
  }
  return t
}

describe('after a connect', () => {
  it('push is asked for anew, its end is mirrored, and the inbox polls until a push has proven it', async () => {
    const t = await setUp()
    await t.connected()
    expect(t.push.log).toEqual(['subscribe'])
    const row = await t.row()
    expect(row).toMatchObject({ delivery_mode: 'poll', push_problem: null, last_push_at: null })
    expect(Math.abs(Number(row?.gmail_watch_expires_at) - Date.now() - 7 * DAY)).toBeLessThan(30_000)
    expect(Math.abs(Number(row?.next_poll_at) - Date.now() - MINUTE)).toBeLessThan(10_000)
    const { agenda } = await t.state()
    expect(Math.abs((agenda.renew ?? 0) - Date.now() - DAY)).toBeLessThan(30_000)
  })

  it('the first push puts it into push mode, with slower checks, in the same statement as the proof of the check', async () => {
    const t = await setUp()
    await t.trusted()
    await t.anHourLater()
    await t.checked()
    const row = await t.row()
    expect(row).toMatchObject({ delivery_mode: 'push', push_problem: null, status: 'connected' })
    expect(row?.last_push_at).toBe((await t.state()).push.lastPushAt)
    expect(Math.abs(Number(row?.next_poll_at) - Date.now() - 5 * MINUTE)).toBeLessThan(10_000)
  })

  it('a check follows soon behind the one that a push has woken: what came right after it is not announced', async () => {
    const t = await setUp()
    await t.connected()
    await t.pushed()
    await t.checked()
    expect((await t.state()).agenda.sync).toBeLessThan(Date.now() + 2_500)
    const before = t.mailbox.log.changes
    await vi.waitFor(() => expect(t.mailbox.log.changes).toBeGreaterThan(before), { timeout: 5_000 })
    // And once more, for a list that is later than its announcement.
    await vi.waitFor(async () => expect((await t.state()).agenda.sync).toBeGreaterThan(Date.now() + 10_000))
    expect((await t.state()).agenda.sync).toBeLessThan(Date.now() + 20_000)
  })

  it('a reconnect asks for push anew and has it prove itself again', async () => {
    const t = await setUp()
    await t.trusted()
    await t.start()
    await t.checked()
    await vi.waitFor(() => expect(t.push.log).toEqual(['subscribe', 'subscribe']))
    await t.checked()
    expect((await t.row())?.delivery_mode).toBe('poll')
  })
})

describe('renewal', () => {
  it('is done by the alarm, which plans the next one', async () => {
    const t = await setUp()
    await t.trusted()
    await t.remember((state) => ({
      ...state,
      push: { ...state.push, expiresAt: Date.now() + DAY },
      agenda: { renew: 1 },
    }))
    await t.inside((object) => object.alarm())
    expect(t.push.log).toEqual(['subscribe', 'renew'])
    const row = await t.row()
    expect(Number(row?.gmail_watch_expires_at)).toBeGreaterThan(Date.now() + 6 * DAY)
    expect(row?.delivery_mode).toBe('push')
    expect((await t.state()).agenda.renew).toBeGreaterThan(Date.now() + DAY / 2)
  })

  it('comes too late: what has ended is asked for anew', async () => {
    const t = await setUp()
    await t.trusted()
    await t.remember((state) => ({
      ...state,
      push: { ...state.push, expiresAt: Date.now() - 1 },
      agenda: { renew: 1 },
    }))
    await t.inside((object) => object.alarm())
    expect(t.push.log).toEqual(['subscribe', 'subscribe'])
  })

  it('whose alarm was lost is caught up by the sweeper, and checking with it', async () => {
    const t = await setUp()
    await t.trusted()
    await t.inside(async (_object, state) => state.storage.deleteAlarm())
    await t.remember((state) => ({ ...state, push: { ...state.push, expiresAt: Date.now() + DAY / 2 }, agenda: {} }))
    await env.DB.prepare('UPDATE inboxes SET gmail_watch_expires_at = ? WHERE id = ?')
      .bind(Date.now() + DAY / 2, t.owner.inboxId)
      .run()
    await sweep({
      system: systemDb(env.DB),
      blobs: env.BLOBS,
      jobs: { send: async () => {} },
      clock: Date.now,
      poke: (owner, hint) => env.INBOX.get(env.INBOX.idFromName(owner.inboxId)).poke(owner, hint),
      pollInterval: MINUTE,
      watches: true,
    })
    await vi.waitFor(() => expect(t.push.log).toEqual(['subscribe', 'renew']))
    await vi.waitFor(async () =>
      expect(Number((await t.row())?.gmail_watch_expires_at)).toBeGreaterThan(Date.now() + 6 * DAY),
    )
  })

  it('has its next try planned while it runs, in case it dies half-way', async () => {
    const t = await setUp()
    await t.connected()
    await t.remember((state) => ({ ...state, agenda: { renew: 1 } }))
    await t.inside(async (object) => {
      let planned: number | undefined
      t.push.during = async () => {
        planned = (await object.state()).agenda.renew
      }
      await object.alarm()
      expect(planned).toBeGreaterThan(Date.now())
    })
  })
})

describe('a provider that gives no push', () => {
  const missing = new ProviderError('protocol', 'google_topic_forbidden', 'Gmail may not publish to the topic.', {
    hint: 'Grant the role.',
  })

  it('has its reason shown in words, is polled honestly, and is asked again by itself', async () => {
    const t = await setUp()
    t.push.fails = missing
    await t.start()
    await t.checked()
    await vi.waitFor(async () =>
      expect((await t.row())?.push_problem).toBe('Gmail may not publish to the topic. Grant the role.'),
    )
    await t.checked()
    const row = await t.row()
    expect(row).toMatchObject({ status: 'connected', delivery_mode: 'poll', gmail_watch_expires_at: null })
    expect(row?.push_problem).toContain('Grant the role.')
    expect(Math.abs(Number(row?.next_poll_at) - Date.now() - MINUTE)).toBeLessThan(10_000)
    const { agenda } = await t.state()
    expect(agenda.renew).toBeGreaterThan(Date.now() + 30_000)
    expect(agenda.renew).toBeLessThan(Date.now() + 2 * MINUTE)

    t.push.fails = null
    await t.remember((state) => ({ ...state, agenda: { ...state.agenda, renew: 1 } }))
    await t.inside((object) => object.alarm())
    expect(await t.row()).toMatchObject({ push_problem: null, gmail_watch_expires_at: expect.any(Number) })
  })

  it('is not asked again for every poke of the sweeper', async () => {
    const t = await setUp()
    t.push.fails = missing
    await t.start()
    await t.checked()
    await vi.waitFor(async () => expect((await t.state()).push.failures).toBe(1))
    for (let n = 0; n < 3; n++) await t.inside((object) => object.poke(t.owner, { lapsing: true }))
    await t.checked()
    expect(t.push.log).toHaveLength(1)
  })

  it('because the topic was taken out of the settings is forgotten without a problem', async () => {
    const t = await setUp()
    await t.trusted()
    t.mailbox.push = null
    await t.checked()
    expect(await t.row()).toMatchObject({ delivery_mode: 'poll', push_problem: null, gmail_watch_expires_at: null })
    expect((await t.state()).agenda.renew).toBeUndefined()
  })
})

describe('silent push', () => {
  it('is noticed by the first unannounced mail, shown, polled at the normal pace, and trusted again after a push', async () => {
    const t = await setUp()
    await t.trusted()
    await t.anHourLater()
    await t.checked()
    expect((await t.row())?.delivery_mode).toBe('push')
    await t.anHourLater()
    t.mailbox.mails.push(smallMail(1))
    await t.checked()
    const row = await t.row()
    expect(row).toMatchObject({
      delivery_mode: 'poll',
      push_problem: expect.stringContaining('without an announcement'),
    })
    expect(Math.abs(Number(row?.next_poll_at) - Date.now() - MINUTE)).toBeLessThan(10_000)
    await t.pushed()
    await t.checked()
    expect(await t.row()).toMatchObject({ delivery_mode: 'push', push_problem: null })
  })
})

describe('a stop', () => {
  it('during a renewal waits for it, and nothing of its outcome comes back', async () => {
    const t = await setUp()
    await t.connected()
    const steps: string[] = []
    await t.remember((state) => ({ ...state, agenda: { ...state.agenda, renew: 1 } }))
    const before = await t.row()
    await t.inside(async (object) => {
      let release = () => {}
      t.push.during = () => new Promise((done) => (release = done))
      const alarm = object.alarm()
      await vi.waitFor(() => expect(t.push.log).toHaveLength(2))
      const stop = object.stop().then(() => steps.push('stopped'))
      await new Promise((done) => setTimeout(done, 50))
      steps.push('answer')
      release()
      await Promise.all([alarm, stop])
    })
    expect(steps).toEqual(['answer', 'stopped'])
    expect(await t.state()).toMatchObject({ active: false, agenda: {} })
    expect(await t.alarmAt()).toBeNull()
    expect((await t.row())?.gmail_watch_expires_at).toBe(before?.gmail_watch_expires_at)
  })

  it('ends renewals: neither an alarm nor a late push brings the watch back', async () => {
    const t = await setUp()
    await t.trusted()
    await t.inside((object) => object.stop())
    await env.DB.prepare('UPDATE inboxes SET credentials = NULL, google_address = NULL WHERE id = ?')
      .bind(t.owner.inboxId)
      .run()
    await t.pushed()
    expect(await t.state()).toMatchObject({ active: false, agenda: {} })
    await runDurableObjectAlarm(t.stub)
    await t.inside((object) => object.alarm())
    expect(t.push.log).toEqual(['subscribe'])
    expect(await t.state()).toMatchObject({ active: false, agenda: {} })
  })
})

describe('a quota', () => {
  const quota = { units: 2_000, window: 1_000, perMessage: 20 }

  it('grants what fits, and the alarm sends a fetch job when more does', async () => {
    const t = await setUp()
    await t.connected()
    t.jobs.length = 0
    await t.inside(async (object) => {
      expect(await object.reserveFetch('a', quota, 80)).toBe(80)
      expect(await object.reserveFetch('b', quota, 80)).toBe(18)
      await object.settleFetch('a', { messages: Array(80).fill(Date.now()), units: 0 })
      await object.settleFetch('b', { messages: Array(18).fill(Date.now()), units: 0 })
      expect(await object.reserveFetch('c', quota, 80)).toBe(0)
    })
    expect(await t.alarmAt()).toBeLessThan(Date.now() + 1_500)
    const { tenantId, inboxId } = t.owner
    await vi.waitFor(() => expect(t.jobs).toEqual([{ kind: 'fetch', tenantId, inboxId }]), { timeout: 4_000 })
    expect((await t.state()).agenda.fetch).toBeUndefined()
    await t.inside(async (object) => expect(await object.reserveFetch('d', quota, 50)).toBe(50))
  })

  it('is lowered by what listings, watches and replies cost, and is remembered through an eviction', async () => {
    const t = await setUp()
    t.mailbox.listingUnits = 100
    await t.connected()
    await t.inside((object) => object.charge(1_000))
    const { stored, granted } = await t.inside(async (object, state) => ({
      stored: state.storage.kv.get('spending'),
      granted: await object.reserveFetch('a', { ...quota, window: MINUTE }, 1_000),
    }))
    expect(granted).toBe((2_000 * 0.98 - 1_000 - 100) / 20)
    expect(JSON.stringify(stored)).toContain('"units"')
  })

  it('lets an import of hundreds run at its full rate, with every mail stored once and none asked for beyond it', async () => {
    const t = await setUp({ mails: 250 })
    t.mailbox.quota = { units: 1_000, window: 1_000, perMessage: 20 }
    const asked: number[] = []
    const { provider } = t.mailbox
    t.mailbox.provider = (given) => {
      const real = provider(given)
      return {
        ...real,
        async *fetchRaw(refs) {
          asked.push(...refs.map(() => Date.now()))
          yield* real.fetchRaw(refs)
        },
      }
    }
    await t.start()
    await t.checked()
    const job = { kind: 'fetch' as const, ...t.owner }
    const began = Date.now()
    const run = () =>
      runFetch(
        {
          db: t.inbox.db,
          keyring: settingsOf(env).keyring,
          makeProvider: (_connection, given) => t.mailbox.provider(given),
          tokens: () => noTokens,
          blobs: env.BLOBS,
          clock: Date.now,
          jobs: { send: async () => {} },
          onStored: async () => {},
          slots: t.stub,
          random: Math.random,
        },
        job,
      )
    await vi.waitFor(
      async () => {
        if (t.jobs.splice(0).length > 0) await run()
        expect((await ledgerOf(t.owner)).filter((row) => row.state === 'stored')).toHaveLength(250)
      },
      { timeout: 25_000, interval: 20 },
    )
    expect(asked).toHaveLength(250)
    expect(Date.now() - began).toBeGreaterThan(4_000)
    for (const from of asked)
      expect(asked.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(50)
    expect((await t.row())?.status).toBe('connected')
  })
})

describe('a throttle', () => {
  const failure = {
    kind: 'rate_limited' as const,
    code: 'gmail_rate_limited',
    message: 'Google asks us to slow down.',
    hint: null,
    retryAfter: 600_000,
  }

  it('that a fetch job met is shown with its end, leaves the status alone, and survives a check that succeeds', async () => {
    const t = await setUp()
    await t.connected()
    await t.inside((object) => object.releaseFetchSlot('s', { received: 3, failure }))
    const expectShown = async () => {
      const row = await t.row()
      expect(row?.status).toBe('connected')
      const detail = JSON.parse(String(row?.status_detail))
      expect(detail).toMatchObject({ code: 'gmail_rate_limited', action: 'wait' })
      expect(Date.parse(detail.until)).toBeGreaterThan(Date.now() + 590_000)
      expect(Number(row?.next_poll_at)).toBeGreaterThan(Date.now() + 50_000)
    }
    await expectShown()
    expect((await t.row())?.last_error).toBe('Google asks us to slow down.')
    await t.checked()
    await expectShown()
    await t.inside(async (object) => {
      expect(await object.acquireFetchSlot()).toBeNull()
      expect(await object.reserveFetch('s', { units: 9_000, window: 1, perMessage: 1 }, 1)).toBe(0)
    })
  })

  it('is over when a check succeeds after its end', async () => {
    const t = await setUp()
    await t.connected()
    await t.inside((object) => object.releaseFetchSlot('s', { received: 0, failure: { ...failure, retryAfter: 1 } }))
    await vi.waitFor(async () => {
      await t.checked()
      expect(await t.row()).toMatchObject({ status: 'connected', status_detail: null, last_error: null })
    })
  })

  it('wakes the fetch job again that it held back', async () => {
    const t = await setUp()
    await t.connected()
    t.jobs.length = 0
    await t.inside((object) => object.releaseFetchSlot('s', { received: 0, failure: { ...failure, retryAfter: 300 } }))
    await vi.waitFor(() => expect(t.jobs).toHaveLength(1), { timeout: 4_000 })
  })
})

describe('access tokens', () => {
  const expired = { ...STORED_TOKENS, expiresAt: 1 }
  const fresh: TokenSet = { accessToken: 'fresh', expiresAt: 4_000_000_000_000, refreshToken: null, scopes: null }

  it('are refreshed once for all who ask at the same time, and stored before anybody has one', async () => {
    const t = await setUp({ columns: { tokens: expired } })
    await t.connected()
    const refreshed: unknown[] = []
    await t.inside((object) => {
      object.refresh = async (grant) => {
        refreshed.push(grant)
        await new Promise((done) => setTimeout(done, 50))
        return fresh
      }
    })
    const answers = await Promise.all(Array.from({ length: 8 }, () => t.stub.accessToken()))
    expect(answers).toEqual(Array(8).fill({ token: 'fresh' }))
    expect(refreshed).toEqual([expect.objectContaining({ clientId: 'client', refreshToken: 'stored-refresh' })])
    const row = (await loadInbox(t.inbox.db, null, t.owner.inboxId))?.row
    expect(row && (await storedTokens(settingsOf(env).keyring, row))).toEqual({
      accessToken: 'fresh',
      expiresAt: fresh.expiresAt,
      refreshToken: 'stored-refresh',
    })
  })

  it('that are still good cost no refresh, and a refused one is replaced', async () => {
    const t = await setUp()
    await t.connected()
    await t.inside((object) => {
      object.refresh = async () => fresh
    })
    expect(await t.stub.accessToken()).toEqual({ token: 'stored-access' })
    expect(await t.stub.accessToken('stored-access')).toEqual({ token: 'fresh' })
  })

  it('of an inbox that nobody has connected are a failure that passes', async () => {
    const t = await setUp()
    expect(await t.stub.accessToken()).toMatchObject({ failure: { kind: 'transient' } })
  })

  it('whose grant is gone end as an error that asks for a reconnect at once, and the alarm stops', async () => {
    const t = await setUp({ columns: { tokens: expired } })
    await t.inside((object) => {
      object.refresh = () =>
        Promise.reject(new OAuthFailure('oauth_refresh_failed', 'Google no longer accepts the access.'))
      object.makeProvider = (_connection, given) => ({
        ...t.mailbox.provider(given),
        changes: async () => {
          await given.token()
          return { refs: [], next: 1, more: false }
        },
      })
    })
    await t.start()
    await t.checked()
    expect(await t.row()).toMatchObject({ status: 'error', pause_reason: 'auth_failure', next_poll_at: null })
    expect(JSON.parse(String((await t.row())?.status_detail))).toMatchObject({
      code: 'oauth_refresh_failed',
      action: 'reconnect',
    })
    expect(await t.alarmAt()).toBeNull()
  })
})

describe('an object of an older version', () => {
  it('goes on from what it has stored', async () => {
    const t = await setUp({ mails: 3 })
    await t.connected()
    await t.inside(async (object, state) => {
      const { push: _push, throttle: _throttle, ...old } = await object.state()
      state.storage.kv.put('state', old)
      state.storage.kv.put('spending', 'nonsense')
    })
    await letTimePass(t.owner)
    expect(await t.checked()).toEqual({ found: 0, queued: 0, failure: null })
    expect(await t.row()).toMatchObject({ status: 'connected' })
    await t.inside(async (object) =>
      expect(await object.reserveFetch('a', { units: 100, window: 1_000, perMessage: 20 }, 50)).toBe(4),
    )
  })
})
