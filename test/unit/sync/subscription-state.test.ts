// Push by a subscription that its provider proves with a handshake, as Graph does.
import { describe, expect, it } from 'vitest'
import {
  inboxStateOf,
  lapsing,
  pushOffered,
  renewalEnded,
  renewalShown,
  renewalWanted,
  started,
} from '../../../worker/sync/inbox-state'
import {
  afterCheck,
  announced,
  leaseOf,
  modeOf,
  NO_PUSH,
  type PushState,
  problemOf,
  proofOf,
  pushColumns,
  recognisable,
  refused,
  removed,
  renewalDelay,
  renewed,
  subscribed,
  unproven,
  wantsAnew,
} from '../../../worker/sync/push-state'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOW = 1_800_000_000_000
const subscription = { id: 'sub-1', clientState: 'secret-state' }
const lease = (life = 7 * DAY) => ({ expiresAt: NOW + life, subscription, proven: true })
const given = subscribed(NO_PUSH, lease(), NOW)
const check = (push: PushState, at: number, queued = 0) => afterCheck(push, { begunAt: at, queued, more: false })
/** subscribed, shown in the row, and read to the end after that */
const trusted = check(recognisable(given, NOW + 100), NOW + 200)
const silent = check(trusted, NOW + HOUR, 1)

describe('a handshake', () => {
  it('proves push as soon as the row can recognise announcements, and not before', () => {
    expect(modeOf(given, NOW + 50)).toBe('poll')
    expect(modeOf(recognisable(given, NOW + 100), NOW + 100)).toBe('push')
  })

  it('makes a quiet mailbox no problem, however long nothing is announced', () => {
    expect(problemOf(trusted, NOW + 6 * DAY)).toBeNull()
    expect(problemOf(given, NOW + DAY)).toBeNull()
  })

  it('is one of its own subscription only', () => {
    expect(modeOf(subscribed(trusted, { ...lease(), proven: false }, NOW + HOUR), NOW + HOUR)).toBe('poll')
    expect(modeOf(unproven(trusted, false), NOW + HOUR)).toBe('poll')
    expect(modeOf(removed(trusted), NOW + HOUR)).toBe('poll')
  })

  it('lasts through a renewal and no longer than the subscription', () => {
    expect(modeOf(renewed(trusted, { expiresAt: NOW + 14 * DAY }), NOW + 8 * DAY)).toBe('push')
    expect(modeOf(trusted, NOW + 7 * DAY)).toBe('poll')
  })
})

describe('mail that nothing announced', () => {
  it('is no sign of silence where it may have come before announcements were recognised', () => {
    expect(check(recognisable(given, NOW + 100), NOW + 200, 5).suspectAt).toBeNull()
    const readBefore = check(check(NO_PUSH, NOW - HOUR), NOW - MINUTE)
    expect(check(recognisable(subscribed(readBefore, lease(), NOW), NOW + 100), NOW + MINUTE, 5).suspectAt).toBeNull()
    expect(check(subscribed(readBefore, lease(), NOW), NOW + MINUTE, 5).suspectAt).toBeNull()
  })

  it('is one after that: the inbox polls, until an announcement comes', () => {
    expect(silent.suspectAt).toBe(NOW + HOUR)
    expect(modeOf(silent, NOW + HOUR)).toBe('poll')
    expect(problemOf(silent, NOW + HOUR)).toMatch(/without an announcement/)
    expect(modeOf(announced(silent, NOW + 2 * HOUR), NOW + 2 * HOUR)).toBe('push')
  })

  it('has push asked for anew a day later, once a day', () => {
    expect(wantsAnew(silent, NOW + HOUR + DAY - 1)).toBe(false)
    expect(wantsAnew(silent, NOW + HOUR + DAY)).toBe(true)
    expect(renewalDelay(silent, NOW + 20 * HOUR, 0.5)).toBe(5 * HOUR)
    const probed = recognisable(subscribed(silent, lease(8 * DAY), NOW + 25 * HOUR), NOW + 25 * HOUR)
    expect(modeOf(probed, NOW + 25 * HOUR)).toBe('push')
    const again = check(check(probed, NOW + 25 * HOUR + MINUTE), NOW + 26 * HOUR, 1)
    expect(modeOf(again, NOW + 26 * HOUR)).toBe('poll')
    expect(wantsAnew(again, NOW + 49 * HOUR)).toBe(false)
    expect(wantsAnew(again, NOW + 50 * HOUR)).toBe(true)
  })
})

describe('renewal', () => {
  it('is due twice a day, so that a subscription that vanished without a word is noticed', () => {
    expect(renewalDelay(given, NOW, 0.5)).toBe(DAY / 2)
    expect(renewalDelay(subscribed(NO_PUSH, lease(HOUR), NOW), NOW, 0.5)).toBe(HOUR / 2)
  })

  it('names the subscription to the provider, also for its replacement after a reconnect or its end', () => {
    expect(leaseOf(NO_PUSH)).toBeNull()
    expect(leaseOf(given)).toEqual({ expiresAt: NOW + 7 * DAY, subscription })
    expect(leaseOf(unproven(given, false))?.subscription).toEqual(subscription)
    expect(leaseOf(removed(given))?.subscription).toEqual(subscription)
    expect(leaseOf(unproven(given, true))).toBeNull()
  })

  it('that was refused for good leaves an inbox that polls and says why', () => {
    const push = refused(NO_PUSH, 'Microsoft gives no announcements for this shared mailbox, so it is polled.')
    expect(pushColumns(push, NOW)).toEqual({
      mode: 'poll',
      lastPushAt: null,
      problem: 'Microsoft gives no announcements for this shared mailbox, so it is polled.',
      expiresAt: null,
    })
  })
})

describe('the row', () => {
  it('names the subscription, its end and the digest of what proves it, never the secret', () => {
    const columns = pushColumns(trusted, NOW + HOUR)
    expect(columns).toMatchObject({
      mode: 'push',
      expiresAt: NOW + 7 * DAY,
      subscription: { id: 'sub-1', proof: proofOf('secret-state') },
    })
    expect(columns.subscription?.proof).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(columns)).not.toContain('secret-state')
  })
})

describe('the inbox', () => {
  const owner = { tenantId: 't', inboxId: 'i' }
  const connected = { ...started(inboxStateOf(undefined), owner, false, NOW), agenda: {}, push: trusted }

  it('is checked right after a new subscription was shown, for what came meanwhile; a renewal changes nothing', () => {
    expect(renewalShown({ ...connected, push: given }, NOW + 5)).toMatchObject({
      agenda: { sync: NOW + 5 },
      push: { heardFrom: NOW + 5 },
    })
    expect(renewalShown(connected, NOW + 5)).toBe(connected)
  })

  it('renews at once when the provider wants it to, and subscribes anew when it has ended the subscription', () => {
    const planned = { ...connected, agenda: { renew: NOW + DAY } }
    expect(renewalWanted(planned, NOW)).toMatchObject({ agenda: { renew: NOW }, push: trusted })
    const ended = renewalWanted(planned, NOW, true)
    expect(ended.agenda.renew).toBe(NOW)
    expect(wantsAnew(ended.push, NOW)).toBe(true)
    expect(renewalWanted({ ...planned, active: false }, NOW, true)).toEqual({ ...planned, active: false })
  })

  it('that Microsoft has asked for patience is not hurried, whoever wants a renewal', () => {
    const push = refused(trusted, 'Slow down.', NOW + HOUR)
    for (const ended of [false, true])
      expect(renewalWanted({ ...connected, push }, NOW, ended).agenda.renew).toBe(NOW + HOUR)
    expect(lapsing({ ...connected, push }, NOW).agenda.renew).toBe(NOW + HOUR)
    const throttled = { ...connected, notBefore: NOW + 2 * HOUR }
    expect(renewalWanted(throttled, NOW).agenda.renew).toBe(NOW + 2 * HOUR)
    expect(pushOffered({ ...throttled, push: NO_PUSH }, true, NOW).agenda.renew).toBe(NOW + 2 * HOUR)
  })

  it('whose subscription is ended while it is prolonged makes a new one soon', () => {
    const push = renewed(removed(trusted), { expiresAt: NOW + 7 * DAY })
    expect(wantsAnew(push, NOW)).toBe(true)
    const fallback = NOW + 15 * MINUTE
    const state = { ...connected, push, agenda: { renew: fallback } }
    expect(renewalEnded(state, { now: NOW, fallback, random: 0.5 }).agenda.renew).toBe(NOW + MINUTE)
  })

  it('keeps a renewal that somebody wanted while another was under way, unless that failed', () => {
    const fallback = NOW + 15 * MINUTE
    const times = { now: NOW + 5, fallback, random: 0.5 }
    const asked = renewalWanted({ ...connected, agenda: { renew: fallback } }, NOW)
    expect(renewalEnded(asked, times).agenda.renew).toBe(NOW)
    expect(renewalEnded({ ...asked, push: refused(trusted, 'Away.') }, times).agenda.renew).toBe(NOW + 5 + MINUTE)
    expect(renewalEnded({ ...asked, agenda: { renew: fallback } }, times).agenda.renew).toBe(NOW + 5 + DAY / 2)
  })

  it('with subscriptions that are never good for long is not renewed each time the sweeper looks', () => {
    const short = { ...connected, push: subscribed(NO_PUSH, lease(HOUR), NOW), agenda: { renew: NOW + HOUR / 2 } }
    expect(lapsing(short, NOW).agenda.renew).toBe(NOW + HOUR / 2)
    expect(lapsing({ ...short, agenda: {} }, NOW).agenda.renew).toBe(NOW)
    expect(lapsing({ ...short, agenda: { renew: NOW + 2 * HOUR } }, NOW).agenda.renew).toBe(NOW)
  })

  it('goes on from what a version without subscriptions has stored', () => {
    const { subscription: _a, handshake: _b, heardFrom: _c, ...old } = announced(trusted, NOW + HOUR)
    const { push } = inboxStateOf({ ...connected, push: old as PushState })
    expect(modeOf(push, NOW + HOUR)).toBe('push')
    expect(renewalDelay(push, NOW, 0.5)).toBe(DAY)
    expect(pushColumns(push, NOW + HOUR)).not.toHaveProperty('subscription')
  })
})
