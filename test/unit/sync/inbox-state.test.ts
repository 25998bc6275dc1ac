import { describe, expect, it } from 'vitest'
import {
  begun,
  ended,
  fetchPlanned,
  fetchSent,
  type InboxState,
  inboxStateOf,
  lapsing,
  poked,
  pushOffered,
  sinceOf,
  started,
  stopped,
  throttleAt,
  throttled,
  UNCONFIGURED,
} from '../../../worker/sync/inbox-state'
import { afterFailure, afterSuccess, type Failure, HEALTHY } from '../../../worker/sync/policy'

const DAY = 86_400_000
const owner = { tenantId: 't', inboxId: 'i' }
const NOW = 100 * DAY
const connected = started(UNCONFIGURED, owner, false, NOW)
const success = afterSuccess(HEALTHY, 60_000)
const throttle: Failure = { kind: 'rate_limited', code: 'c', message: 'm', hint: null, retryAfter: 600_000 }

describe('the state of an inbox', () => {
  it('is due at once when it starts', () => {
    expect(connected).toMatchObject({ active: true, agenda: { sync: NOW }, mailbox: 1, cursor: null })
  })

  it('keeps its place in the same mailbox and forgets it in another one', () => {
    const later = { ...connected, cursor: { uid: 7 }, lastSuccessAt: NOW }
    expect(started(stopped(later), owner, false, NOW + 5)).toMatchObject({
      cursor: { uid: 7 },
      mailbox: 1,
      startedAt: NOW,
    })
    expect(started(stopped(later), owner, true, NOW + 5)).toMatchObject({
      cursor: null,
      mailbox: 2,
      lastSuccessAt: null,
    })
  })

  it('ignores pokes while stopped', () => {
    expect(poked(stopped(connected), NOW).agenda).toEqual({})
  })

  it('has its next beat in the agenda while a check runs, so that a crash loses none', () => {
    expect(begun(connected, NOW + 120_000).agenda.sync).toBe(NOW + 120_000)
  })

  it('checks again at once for a poke that came during a successful check', () => {
    const fallback = NOW + 120_000
    const during = poked(begun(connected, fallback), NOW + 10)
    expect(ended(during, success, { now: NOW + 50, fallback, more: false }).agenda.sync).toBe(NOW + 10)
  })

  it('lets no poke shorten the wait after a failed check', () => {
    const fallback = NOW + 120_000
    const during = poked(begun(connected, fallback), NOW + 10)
    const after = ended(during, afterFailure(HEALTHY, throttle, { interval: 60_000, now: NOW, random: 0 }), {
      now: NOW,
      fallback,
      more: false,
    })
    expect(after.agenda.sync).toBe(NOW + 600_000)
    expect(poked(after, NOW + 20).agenda.sync).toBe(NOW + 600_000)
  })

  it('goes on at once when time was up before the mailbox was', () => {
    const fallback = NOW + 120_000
    expect(ended(begun(connected, fallback), success, { now: NOW, fallback, more: true }).agenda.sync).toBe(NOW)
  })
})

describe('a state stored by an older version', () => {
  it('gains what is new and keeps what it had', () => {
    const { push: _push, throttle: _throttle, ...old } = { ...connected, cursor: { uid: 7 } }
    expect(inboxStateOf(old)).toEqual({ ...connected, cursor: { uid: 7 } })
    expect(inboxStateOf({ ...old, push: { lastPushAt: 5 } } as unknown as InboxState).push).toEqual({
      ...connected.push,
      lastPushAt: 5,
    })
    expect(inboxStateOf(undefined)).toEqual(UNCONFIGURED)
  })
})

describe('a throttle that a fetch job met', () => {
  const detail = { code: 'slow', message: 'Slow down.', action: 'wait' as const }
  const slow = throttled(connected, NOW + 600_000, detail)

  it('holds back checks, pokes and fetch jobs, and is told until it ends', () => {
    expect(slow.agenda).toEqual({ sync: NOW + 600_000, fetch: NOW + 600_000 })
    expect(poked(slow, NOW + 1).agenda.sync).toBe(NOW + 600_000)
    expect(throttleAt(slow, NOW + 599_999)).toEqual(detail)
    expect(throttleAt(slow, NOW + 600_000)).toBeNull()
  })

  it('outlives a check that succeeds meanwhile, and is not shortened by a milder one', () => {
    const fallback = NOW + 120_000
    const during = throttled(begun(connected, fallback), NOW + 600_000, detail)
    const after = ended(during, success, { now: NOW + 50, fallback, more: false })
    expect(throttleAt(after, NOW + 50)).toEqual(detail)
    expect(throttled(slow, NOW + 5, { ...detail, code: 'milder' })).toBe(slow)
  })

  it('is forgotten by a reconnect', () => {
    expect(started(slow, owner, false, NOW + 1)).toMatchObject({
      notBefore: 0,
      throttle: null,
      agenda: { sync: NOW + 1 },
    })
  })
})

describe('a fetch job that waits for quota', () => {
  it('is sent at the earliest of the times it was planned for, once', () => {
    const waiting = fetchPlanned(fetchPlanned(connected, NOW + 900), NOW + 500)
    expect(waiting.agenda.fetch).toBe(NOW + 500)
    expect(fetchSent(waiting).agenda).toEqual(connected.agenda)
  })

  it('is not planned for an inbox that is stopped', () => {
    expect(fetchPlanned(stopped(connected), NOW).agenda).toEqual({})
  })
})

describe('push', () => {
  const standing = { ...connected.push, subscribedAt: NOW, expiresAt: NOW + 7 * DAY }

  it('is asked for once a check has seen that the provider offers it, and not again while it stands or is tried', () => {
    expect(pushOffered(connected, true, NOW).agenda.renew).toBe(NOW)
    expect(pushOffered({ ...connected, push: standing }, true, NOW).agenda.renew).toBeUndefined()
    const trying = { ...connected, agenda: { renew: NOW + 9 } }
    expect(pushOffered(trying, true, NOW).agenda.renew).toBe(NOW + 9)
  })

  it('that the provider no longer offers is forgotten, so that the inbox polls', () => {
    const before = { ...connected, push: standing, agenda: { sync: NOW, renew: NOW + DAY } }
    expect(pushOffered(before, false, NOW)).toMatchObject({
      push: { subscribedAt: null, expiresAt: null },
      agenda: { sync: NOW },
    })
    expect(pushOffered(before, false, NOW).agenda.renew).toBeUndefined()
  })

  it('that the sweeper sees running out is renewed now, unless a failed attempt waits for its next', () => {
    const planned = { ...connected, push: standing, agenda: { renew: NOW + DAY } }
    expect(lapsing(planned, NOW).agenda.renew).toBe(NOW)
    expect(lapsing({ ...planned, push: { ...standing, failures: 1 } }, NOW).agenda.renew).toBe(NOW + DAY)
    expect(lapsing({ ...planned, push: { ...standing, failures: 1 }, agenda: {} }, NOW).agenda.renew).toBe(NOW)
    expect(lapsing(stopped(planned), NOW).agenda).toEqual({})
  })

  it('has to prove itself anew after a reconnect, and shows nothing of another mailbox', () => {
    const told = { ...connected, push: { ...standing, lastPushAt: NOW + 5 } }
    expect(started(told, owner, false, NOW + 9).push).toMatchObject({
      subscribedAt: null,
      expiresAt: null,
      lastPushAt: NOW + 5,
    })
    expect(started(told, owner, true, NOW + 9).push.lastPushAt).toBeNull()
  })
})

describe('how far back a first listing reaches', () => {
  it('is the setting, counted from the connect', () => {
    expect(sinceOf(connected, 30)).toBe(NOW - 30 * DAY)
  })

  it('is nothing but new mail for 0 days', () => {
    expect(sinceOf(connected, 0)).toBe(Number.POSITIVE_INFINITY)
  })

  it('covers the time since the last success with a margin, when a cursor was lost later', () => {
    expect(sinceOf({ ...connected, lastSuccessAt: NOW + 50 * DAY }, 0)).toBe(NOW + 43 * DAY)
  })

  it('is everything that is wanted while the mailbox was never read to its end, however long that takes', () => {
    const times = { now: NOW + 5 * DAY, fallback: NOW + 6 * DAY }
    const reading = ended(begun(connected, times.fallback), success, { ...times, more: true })
    expect(sinceOf({ ...reading, cursor: 'half-way' }, 30)).toBe(NOW - 30 * DAY)
    const gap = { ...connected, cursor: 'old', lastSuccessAt: NOW }
    const resync = ended(begun(gap, times.fallback), success, { ...times, more: true })
    expect(sinceOf(resync, 30)).toBe(NOW - 7 * DAY)
    expect(sinceOf(ended(resync, success, { ...times, more: false }), 30)).toBe(NOW - 2 * DAY)
  })

  it('misses nothing since the connect where the first look failed, or its place was lost before the end', () => {
    const failed = ended(begun(connected, NOW), afterFailure(HEALTHY, throttle, { interval: 1, now: NOW, random: 0 }), {
      now: NOW,
      fallback: NOW,
      more: false,
    })
    expect(sinceOf(failed, 0)).toBe(NOW - 10 * 60_000)
    expect(sinceOf({ ...connected, cursor: 'half-way' }, 0)).toBe(NOW - 10 * 60_000)
  })

  it('never imports what nobody asked for, when a cursor is lost soon after the connect', () => {
    const soon = { ...connected, lastSuccessAt: NOW + 3_600_000 }
    expect(sinceOf(soon, 0)).toBeGreaterThan(NOW - 3_600_000)
    expect(sinceOf(soon, 0)).toBeLessThan(NOW)
    expect(sinceOf(soon, 30)).toBe(soon.lastSuccessAt - 7 * DAY)
  })
})
