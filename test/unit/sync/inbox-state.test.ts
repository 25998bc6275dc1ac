import { describe, expect, it } from 'vitest'
import { begun, ended, poked, sinceOf, started, stopped, UNCONFIGURED } from '../../../worker/sync/inbox-state'
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
    const after = ended(during, afterFailure(HEALTHY, throttle, { interval: 60_000, now: NOW, random: 0 }), { now: NOW, fallback, more: false })
    expect(after.agenda.sync).toBe(NOW + 600_000)
    expect(poked(after, NOW + 20).agenda.sync).toBe(NOW + 600_000)
  })

  it('goes on at once when time was up before the mailbox was', () => {
    const fallback = NOW + 120_000
    expect(ended(begun(connected, fallback), success, { now: NOW, fallback, more: true }).agenda.sync).toBe(NOW)
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
})
