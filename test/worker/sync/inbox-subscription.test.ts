// The InboxObject of a mailbox whose provider gives subscriptions, as Graph does: asked for, shown, renewed, replaced, probed, lost.
import { env, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { systemDb } from '../../../worker/platform/system-db'
import { ProviderError } from '../../../worker/providers/provider'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import type { InboxState } from '../../../worker/sync/inbox-state'
import { type PushState, proofOf } from '../../../worker/sync/push-state'
import { sweep } from '../../../worker/sync/sweep'
import { type FakeMailbox, fakeMailbox, fakePush, smallMail } from '../../support/fake-provider'
import { givenInbox, inboxRow } from './rows'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A machine that is busy takes its time. */
const eventually = (expectation: () => void | Promise<void>) => vi.waitFor(expectation, { timeout: 15_000 })

async function setUp() {
  const inbox = await givenInbox({ type: 'microsoft' })
  const push = Object.assign(fakePush(), { subscribes: true })
  const mailbox: FakeMailbox = Object.assign(fakeMailbox(), { push })
  const owner = { tenantId: inbox.tenantId, inboxId: inbox.inboxId }
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  const inside = <T>(use: (object: InboxObject, state: DurableObjectState) => T | Promise<T>) =>
    runInDurableObject<InboxObject, T>(stub, use)
  await inside((object) => {
    object.makeProvider = (_connection, given) => mailbox.provider(given)
  })
  const t = {
    owner,
    stub,
    mailbox,
    push,
    inside,
    start: (newMailbox = false) => inside((object) => object.start(owner, { newMailbox })),
    checked: () => inside((object) => object.syncNow()),
    state: () => inside((object) => object.state()),
    row: () => inboxRow(owner),
    alarm: () => inside((object) => object.alarm()),
    pushed: () => inside((object) => object.poke(undefined, { push: true })),
    /** Changes what the object remembers, as if time had passed. */
    remember: (change: (state: InboxState) => InboxState) =>
      inside(async (object, state) => state.storage.kv.put('state', change(await object.state()))),
    due: (push: Partial<PushState> = {}) =>
      t.remember((state) => ({ ...state, push: { ...state.push, ...push }, agenda: { ...state.agenda, renew: 1 } })),
    /** Connected, subscribed, and checked after that. */
    async connected() {
      await t.start()
      await t.checked()
      await t.settled()
    },
    /** Whatever was asked for is shown, and a check has followed. */
    async settled() {
      await eventually(async () => {
        const { push, agenda } = await t.state()
        expect(push.heardFrom).not.toBeNull()
        expect(push.readAt).toBeGreaterThanOrEqual(push.heardFrom ?? 0)
        expect(agenda.renew).toBeGreaterThan(Date.now())
        expect((await t.row())?.delivery_mode).toBe('push')
      })
    },
    /** As if all of that were so much longer ago, ms. */
    async later(ms = HOUR) {
      const back = (time: number | null) => time && time - ms
      await t.remember((state) => ({
        ...state,
        push: {
          ...state.push,
          subscribedAt: back(state.push.subscribedAt),
          heardFrom: back(state.push.heardFrom),
          lastPushAt: back(state.push.lastPushAt),
          suspectAt: back(state.push.suspectAt),
          readAt: back(state.push.readAt),
        },
      }))
    },
    /** Mail arrives that nothing announces, and a check finds it. */
    async silence() {
      await t.later()
      t.mailbox.mails.push(smallMail(t.mailbox.mails.length))
      await t.checked()
      expect((await t.row())?.delivery_mode).toBe('poll')
    },
  }
  return t
}

const expectShown = async (t: Awaited<ReturnType<typeof setUp>>) => {
  const { subscription, expiresAt } = (await t.state()).push
  if (!subscription) throw new Error('no subscription')
  expect(await t.row()).toMatchObject({
    graph_subscription_id: subscription.id,
    graph_subscription_expires_at: expiresAt,
    graph_client_state: proofOf(subscription.clientState),
    gmail_watch_expires_at: null,
  })
  expect(t.push.standing).toEqual([subscription.id])
}

describe('after a connect', () => {
  it('a subscription is asked for once, its id, end and proof are mirrored, and the handshake makes it push at once', async () => {
    const t = await setUp()
    await t.connected()
    expect(t.push.log).toEqual(['subscribe'])
    await expectShown(t)
    const row = await t.row()
    expect(row).toMatchObject({ delivery_mode: 'push', push_problem: null, last_push_at: null, status: 'connected' })
    expect(Math.abs(Number(row?.next_poll_at) - Date.now() - 5 * MINUTE)).toBeLessThan(10_000)
    const { agenda } = await t.state()
    expect(Math.abs((agenda.renew ?? 0) - Date.now() - DAY / 2)).toBeLessThan(30_000)
  })

  it('a check follows the subscription, for mail that came before its announcements were recognised', async () => {
    const t = await setUp()
    t.push.during = async () => void t.mailbox.mails.push(smallMail(1))
    await t.connected()
    expect(t.mailbox.log.changes).toBeGreaterThanOrEqual(2)
    const { results } = await env.DB.prepare('SELECT id FROM ledger WHERE inbox_id = ?').bind(t.owner.inboxId).all()
    expect(results).toHaveLength(1)
    expect((await t.state()).push.suspectAt).toBeNull()
  })

  it('the clear clientState is nowhere in the database', async () => {
    const t = await setUp()
    await t.connected()
    const state = (await t.state()).push.subscription?.clientState ?? 'none'
    expect(JSON.stringify(await t.row())).not.toContain(state)
  })

  it('nor in any log line, whatever becomes of the subscription', async () => {
    const lines: string[] = []
    const spies = (['log', 'info', 'warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation((...said: unknown[]) => void lines.push(JSON.stringify(said))),
    )
    try {
      const t = await setUp()
      await t.connected()
      t.push.fails = new ProviderError('transient', 'graph_down', 'Microsoft is down.')
      await t.due()
      await t.alarm()
      await t.inside((object) => object.stop())
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
    expect(lines.join()).toContain('inbox.push')
    expect(lines.join()).not.toContain('state-of-')
  })

  it('a reconnect replaces the subscription: the old one is named for its end, and stays recognised until then', async () => {
    const t = await setUp()
    await t.connected()
    const before = (await t.row())?.graph_subscription_id
    await t.inside(async (object) => {
      let release = () => {}
      t.push.during = () => new Promise((done) => (release = done))
      await object.start(t.owner, { newMailbox: false })
      await object.syncNow()
      await eventually(() => expect(t.push.log).toEqual(['subscribe', 'subscribe']))
      expect((await t.row())?.graph_subscription_id).toBe(before)
      release()
    })
    await t.settled()
    await expectShown(t)
    expect((await t.row())?.graph_subscription_id).not.toBe(before)
  })
})

describe('renewal', () => {
  it('prolongs the subscription and leaves it push', async () => {
    const t = await setUp()
    await t.connected()
    await t.due({ expiresAt: Date.now() + HOUR })
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe', 'renew'])
    await expectShown(t)
    expect((await t.row())?.delivery_mode).toBe('push')
  })

  it('of a subscription that is gone (404) makes a new one at once', async () => {
    const t = await setUp()
    await t.connected()
    t.push.unknown = new ProviderError('not_found', 'graph_not_found', 'There is no such subscription.')
    await t.due()
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe', 'renew', 'subscribe'])
    await t.settled()
    await expectShown(t)
  })

  it('of one that is gone and cannot be replaced leaves an inbox that polls, says why and tries again soon', async () => {
    const t = await setUp()
    await t.connected()
    t.push.unknown = new ProviderError('not_found', 'graph_not_found', 'There is no such subscription.')
    t.push.during = async () => {
      if (t.push.log.at(-1) === 'subscribe') throw new ProviderError('transient', 'graph_down', 'Microsoft is down.')
    }
    await t.due()
    await t.alarm()
    expect(await t.row()).toMatchObject({ delivery_mode: 'poll', push_problem: 'Microsoft is down.' })
    expect((await t.state()).agenda.renew).toBeLessThan(Date.now() + 2 * MINUTE)
    t.push.during = async () => {}
    await t.due()
    await t.alarm()
    await t.settled()
    await expectShown(t)
  })

  it('that fails for another reason keeps what stands', async () => {
    const t = await setUp()
    await t.connected()
    t.push.fails = new ProviderError('transient', 'graph_down', 'Microsoft is down.')
    await t.due()
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe', 'renew'])
    expect(await t.row()).toMatchObject({ delivery_mode: 'push', push_problem: 'Microsoft is down.' })
  })

  it('that is asked for patience (429, Retry-After) waits that long, whoever pokes, and keeps what stands', async () => {
    const t = await setUp()
    await t.connected()
    t.push.fails = new ProviderError('rate_limited', 'graph_rate_limited', 'Slow down.', { retryAfter: 3 * HOUR })
    await t.due()
    await t.alarm()
    const until = Date.now() + 3 * HOUR - MINUTE
    expect((await t.state()).agenda.renew).toBeGreaterThan(until)
    for (const hint of [{ renewal: 'due' as const }, { renewal: 'ended' as const }, { lapsing: true }])
      await t.inside((object) => object.poke(t.owner, hint))
    await t.alarm()
    expect((await t.state()).agenda.renew).toBeGreaterThan(until)
    expect(t.push.log).toEqual(['subscribe', 'renew'])
    expect(await t.row()).toMatchObject({ status: 'connected', paused_at: null })
  })

  it('of a mailbox that asked a fetch job for patience waits as well', async () => {
    const t = await setUp()
    await t.connected()
    await t.due()
    const notBefore = Date.now() + HOUR
    await t.remember((state) => ({ ...state, notBefore }))
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe'])
    expect((await t.state()).agenda.renew).toBe(notBefore)
  })

  it('that the row could not be told of is done again soon: nobody would recognise the announcements', async () => {
    const t = await setUp()
    t.push.during = async () => {
      await env.DB.prepare(
        `CREATE TRIGGER away BEFORE UPDATE ON inboxes WHEN OLD.id = '${t.owner.inboxId}' BEGIN SELECT RAISE(ABORT, 'D1 is away'); END`,
      ).run()
    }
    await t.start()
    await t.checked()
    await eventually(() => expect(t.push.log).toEqual(['subscribe']))
    await eventually(async () => expect((await t.state()).push.subscribedAt).not.toBeNull())
    await env.DB.prepare('DROP TRIGGER away').run()
    expect((await t.state()).agenda.renew).toBeLessThanOrEqual(Date.now() + 15 * MINUTE)
    t.push.during = async () => {}
    await t.due()
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe', 'renew'])
    await t.settled()
    await expectShown(t)
  })

  it('whose alarm was lost is caught up by the sweeper, and checking with it', async () => {
    const t = await setUp()
    await t.connected()
    const expiresAt = Date.now() + DAY / 2
    await t.inside(async (_object, state) => state.storage.deleteAlarm())
    await t.remember((state) => ({ ...state, push: { ...state.push, expiresAt }, agenda: {} }))
    await env.DB.prepare('UPDATE inboxes SET graph_subscription_expires_at = ? WHERE id = ?')
      .bind(expiresAt, t.owner.inboxId)
      .run()
    const before = t.mailbox.log.changes
    await sweep({
      system: systemDb(env.DB),
      blobs: env.BLOBS,
      jobs: { send: async () => {} },
      clock: Date.now,
      poke: (owner, hint) => env.INBOX.get(env.INBOX.idFromName(owner.inboxId)).poke(owner, hint),
      pollInterval: MINUTE,
      watches: false,
    })
    await eventually(() => expect(t.push.log).toEqual(['subscribe', 'renew']))
    await eventually(() => expect(t.mailbox.log.changes).toBeGreaterThan(before))
    await eventually(async () =>
      expect(Number((await t.row())?.graph_subscription_expires_at)).toBeGreaterThan(Date.now() + 6 * DAY),
    )
  })
})

describe('a shared mailbox whose subscription is refused (403)', () => {
  it('is polled at the normal pace, says so, and is asked again by itself', async () => {
    const t = await setUp()
    t.push.fails = new ProviderError('protocol', 'graph_forbidden', 'Microsoft gives no announcements here.', {
      hint: 'This shared mailbox is polled.',
    })
    await t.start()
    await t.checked()
    await eventually(async () =>
      expect(await t.row()).toMatchObject({
        delivery_mode: 'poll',
        push_problem: 'Microsoft gives no announcements here. This shared mailbox is polled.',
        graph_subscription_id: null,
      }),
    )
    await t.checked()
    const row = await t.row()
    expect(row).toMatchObject({ status: 'connected', delivery_mode: 'poll' })
    expect(Math.abs(Number(row?.next_poll_at) - Date.now() - MINUTE)).toBeLessThan(10_000)
    expect((await t.state()).agenda.renew).toBeGreaterThan(Date.now())
    t.push.fails = null
    await t.due()
    await t.alarm()
    await t.settled()
  })
})

describe('silence', () => {
  it('is noticed by the first unannounced mail, polled at the normal pace, and over with the next announcement', async () => {
    const t = await setUp()
    await t.connected()
    await t.silence()
    const row = await t.row()
    expect(row?.push_problem).toContain('without an announcement')
    expect(Math.abs(Number(row?.next_poll_at) - Date.now() - MINUTE)).toBeLessThan(10_000)
    await t.pushed()
    await t.checked()
    expect(await t.row()).toMatchObject({ delivery_mode: 'push', push_problem: null })
    expect(t.push.log).toEqual(['subscribe'])
  })

  it('is probed once a day by a new subscription, which replaces the old one', async () => {
    const t = await setUp()
    await t.connected()
    await t.silence()
    await t.due()
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe', 'renew'])
    expect((await t.row())?.delivery_mode).toBe('poll')
    expect(Math.abs(((await t.state()).agenda.renew ?? 0) - Date.now() - DAY / 2)).toBeLessThan(30_000)
    await t.later(DAY)
    await t.due()
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe', 'renew', 'subscribe'])
    await t.settled()
    await expectShown(t)
    await t.silence()
    await t.due()
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe', 'renew', 'subscribe', 'renew'])
  })

  it('is not mail whose announcement comes while a check is reading it', async () => {
    const t = await setUp()
    await t.connected()
    await t.later()
    t.mailbox.mails.push(smallMail(1))
    await t.inside(async (object) => {
      t.mailbox.onChanges = async () => {
        t.mailbox.onChanges = async () => {}
        await object.poke(undefined, { push: true })
      }
      await object.syncNow()
    })
    expect((await t.state()).push.suspectAt).toBeNull()
    expect(await t.row()).toMatchObject({ delivery_mode: 'push', push_problem: null })
  })

  it('is not the first import, however much of it nobody announced', async () => {
    const t = await setUp()
    for (let n = 0; n < 1_200; n++) t.mailbox.mails.push(smallMail(n))
    await t.connected()
    await t.checked()
    expect(await t.row()).toMatchObject({ delivery_mode: 'push', push_problem: null })
  })

  it('is not mail that no announcement is promised for: replies written in Outlook lie in Sent', async () => {
    const t = await setUp()
    await t.connected()
    await t.later()
    t.mailbox.mails.push({ ...smallMail(1), role: 'sent' })
    await t.checked()
    expect(await t.row()).toMatchObject({ delivery_mode: 'push', push_problem: null })
  })
})

describe('a stop', () => {
  it('ends renewals: neither an alarm nor a late word of the provider brings the subscription back', async () => {
    const t = await setUp()
    await t.connected()
    await t.inside((object) => object.stop())
    await t.pushed()
    await t.inside((object) => object.poke(undefined, { renewal: 'ended' }))
    await runDurableObjectAlarm(t.stub)
    await t.alarm()
    expect(t.push.log).toEqual(['subscribe'])
    expect(await t.state()).toMatchObject({ active: false, agenda: {} })
  })

  it('during a renewal waits for it, and the row learns nothing of it', async () => {
    const t = await setUp()
    await t.connected()
    const before = await t.row()
    await t.due({ subscribedAt: null })
    await t.inside(async (object) => {
      let release = () => {}
      t.push.during = () => new Promise((done) => (release = done))
      const alarm = object.alarm()
      await eventually(() => expect(t.push.log).toHaveLength(2))
      const stop = object.stop()
      release()
      await Promise.all([alarm, stop])
    })
    expect((await t.row())?.graph_subscription_id).toBe(before?.graph_subscription_id)
    expect(await t.state()).toMatchObject({ active: false, agenda: {} })
  })
})

describe('an archived inbox', () => {
  const archive = (t: Awaited<ReturnType<typeof setUp>>, at: number | null) =>
    env.DB.prepare('UPDATE inboxes SET archived_at = ? WHERE id = ?').bind(at, t.owner.inboxId).run()

  it('ends its subscription at its next check, once, and has another one when it is restored', async () => {
    const t = await setUp()
    await t.connected()
    await archive(t, 1)
    await t.checked()
    await t.checked()
    expect(t.push.log).toEqual(['subscribe', 'unsubscribe'])
    expect(await t.state()).toMatchObject({ active: false, agenda: {} })
    await archive(t, null)
    await t.connected()
    expect(t.push.log).toEqual(['subscribe', 'unsubscribe', 'subscribe'])
    await expectShown(t)
  })

  it('whose subscription cannot be ended is archived all the same', async () => {
    const t = await setUp()
    await t.connected()
    await archive(t, 1)
    await t.inside((object) => {
      object.makeProvider = () => {
        throw new Error('no provider')
      }
    })
    expect(await t.checked()).toMatchObject({ failure: null })
    expect(await t.state()).toMatchObject({ active: false, agenda: {} })
  })
})

describe('fetch jobs', () => {
  it('of a mailbox that allows one at a time wait for each other, from the first check on', async () => {
    const t = await setUp()
    t.mailbox.quota = { units: 10_000, window: 600_000, perMessage: 1, jobs: 1 }
    await t.connected()
    const slot = await t.stub.acquireFetchSlot()
    expect(slot).not.toBeNull()
    expect(await t.stub.acquireFetchSlot()).toBeNull()
    expect(await t.stub.releaseFetchSlot(slot ?? '', { received: 0, failure: null })).toEqual({ wanted: true })
  })
})
