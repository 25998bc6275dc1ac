import { describe, expect, it } from 'vitest'
import {
  afterCheck,
  announced,
  checkAgainAt,
  modeOf,
  NO_PUSH,
  type PushState,
  problemOf,
  pushColumns,
  refused,
  renewalDelay,
  renewed,
  subscribed,
  unproven,
  wantsAnew,
} from '../../../worker/sync/push-state'

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOW = 1_800_000_000_000
const lease = (days = 7, from = NOW) => ({ expiresAt: from + days * DAY })
const watched = subscribed(NO_PUSH, lease(), NOW)
/** subscribed, announced at once, read to the end */
const trusted = afterCheck(announced(watched, NOW + SECOND), { begunAt: NOW + 2 * SECOND, queued: 0, more: false })
const check = (push: PushState, at: number, queued = 0, more = false) => afterCheck(push, { begunAt: at, queued, more })

describe('push is believed', () => {
  it('not for a standing order alone', () => {
    expect(modeOf(NO_PUSH, NOW)).toBe('poll')
    expect(modeOf(watched, NOW + SECOND)).toBe('poll')
  })

  it('from the first push on, also one that comes before the answer to the question', () => {
    expect(modeOf(announced(watched, NOW + SECOND), NOW + SECOND)).toBe('push')
    expect(modeOf(subscribed(announced(NO_PUSH, NOW + 5), lease(), NOW), NOW + 10)).toBe('push')
  })

  it('not for a push of before the standing order', () => {
    expect(modeOf(subscribed(announced(NO_PUSH, NOW - 5), lease(), NOW), NOW + 10)).toBe('poll')
  })

  it('not beyond the end of the standing order', () => {
    expect(modeOf(trusted, NOW + 7 * DAY - 1)).toBe('push')
    expect(modeOf(trusted, NOW + 7 * DAY)).toBe('poll')
    expect(problemOf(trusted, NOW + 7 * DAY)).toMatch(/run out/)
  })

  it('on through a renewal, which has nothing to prove', () => {
    const later = renewed(trusted, lease(7, NOW + DAY))
    expect(modeOf(later, NOW + 7 * DAY + 1)).toBe('push')
  })

  it('only anew after a reconnect', () => {
    const again = unproven(trusted, false)
    expect(modeOf(again, NOW + MINUTE)).toBe('poll')
    expect(again.lastPushAt).toBe(NOW + SECOND)
    expect(modeOf(subscribed(again, lease(), NOW + MINUTE), NOW + MINUTE)).toBe('poll')
    expect(unproven(trusted, true)).toEqual(NO_PUSH)
  })
})

describe('silence', () => {
  it('is noticed when a check finds new mail that nothing has announced, and ended by the next push', () => {
    const suspect = check(trusted, NOW + HOUR, 1)
    expect(suspect.suspectAt).toBe(NOW + HOUR)
    expect(modeOf(suspect, NOW + HOUR)).toBe('poll')
    expect(problemOf(suspect, NOW + HOUR)).toMatch(/without an announcement/)
    const again = announced(suspect, NOW + 2 * HOUR)
    expect(modeOf(again, NOW + 2 * HOUR)).toBe('push')
    expect(problemOf(again, NOW + 2 * HOUR)).toBeNull()
  })

  it('keeps its beginning through further unannounced mail', () => {
    const suspect = check(trusted, NOW + HOUR, 1)
    expect(check(suspect, NOW + 2 * HOUR, 3).suspectAt).toBe(NOW + HOUR)
    expect(check(suspect, NOW + 2 * HOUR, 0).suspectAt).toBe(NOW + HOUR)
  })

  it('is not a check that finds nothing', () => {
    expect(modeOf(check(trusted, NOW + HOUR), NOW + HOUR)).toBe('push')
  })

  it('is not mail that was announced before the check that finds it', () => {
    const told = announced(trusted, NOW + HOUR - SECOND)
    expect(modeOf(check(told, NOW + HOUR, 5), NOW + HOUR)).toBe('push')
  })

  it('is not the surplus of a burst, of which providers announce only the first', () => {
    const told = check(announced(trusted, NOW + HOUR), NOW + HOUR + 50, 1)
    expect(modeOf(check(told, NOW + HOUR + 2 * SECOND, 1), NOW + HOUR + 3 * SECOND)).toBe('push')
  })

  it('is not an import, whose mail is old, however many checks it takes', () => {
    let push = announced(subscribed(NO_PUSH, lease(), NOW), NOW + SECOND)
    for (let n = 1; n <= 20; n++) push = check(push, NOW + n * 20 * SECOND, 500, true)
    push = check(push, NOW + HOUR, 7, false)
    expect(modeOf(push, NOW + HOUR)).toBe('push')
  })

  it('is not a flood that one push announced and several checks read', () => {
    const told = announced(trusted, NOW + HOUR)
    const first = check(told, NOW + HOUR + 50, 500, true)
    const second = check(first, NOW + HOUR + 20 * SECOND, 500, true)
    expect(modeOf(check(second, NOW + HOUR + 40 * SECOND, 20), NOW + HOUR + 41 * SECOND)).toBe('push')
  })

  it('means nothing to an inbox that nobody promised pushes', () => {
    expect(check(check(NO_PUSH, NOW), NOW + HOUR, 3).suspectAt).toBeNull()
  })
})

describe('a check after a push', () => {
  const told = announced(trusted, NOW + HOUR)

  it('is followed by another, since providers drop the announcements of what comes right behind', () => {
    expect(checkAgainAt(told, NOW + HOUR + 50)).toBe(NOW + HOUR + 2 * SECOND)
    expect(checkAgainAt(NO_PUSH, NOW)).toBeNull()
  })

  it('is followed by a later one, since lists may be behind announcements, and what that finds is no silence', () => {
    expect(checkAgainAt(told, NOW + HOUR + 2 * SECOND)).toBe(NOW + HOUR + 20 * SECOND)
    expect(checkAgainAt(told, NOW + HOUR + 20 * SECOND)).toBeNull()
    const early = check(told, NOW + HOUR + 2 * SECOND)
    const late = check(early, NOW + HOUR + 20 * SECOND, 1)
    expect(modeOf(late, NOW + HOUR + 20 * SECOND)).toBe('push')
  })
})

describe('renewal', () => {
  it('is daily, long before a week is over, and at half of a shorter life', () => {
    expect(renewalDelay(watched, NOW, 0.5)).toBe(DAY)
    expect(renewalDelay(subscribed(NO_PUSH, { expiresAt: NOW + HOUR }, NOW), NOW, 0.5)).toBe(HOUR / 2)
    expect(renewalDelay(subscribed(NO_PUSH, { expiresAt: NOW - 1 }, NOW), NOW, 0.5)).toBe(MINUTE)
  })

  it('prolongs what stands and asks anew for what does not', () => {
    expect(wantsAnew(NO_PUSH, NOW)).toBe(true)
    expect(wantsAnew(watched, NOW + DAY)).toBe(false)
    expect(wantsAnew(watched, NOW + 7 * DAY)).toBe(true)
    expect(wantsAnew(unproven(trusted, false), NOW)).toBe(true)
  })

  it('that fails keeps what stands, says why, and is tried again ever more slowly, hourly at last', () => {
    let push = refused(trusted, 'The topic is missing.')
    expect(modeOf(push, NOW + DAY)).toBe('push')
    expect(problemOf(push, NOW + DAY)).toBe('The topic is missing.')
    const delays = []
    for (let n = 0; n < 9; n++) {
      delays.push(renewalDelay(push, NOW, 0.999))
      push = refused(push, 'The topic is missing.')
    }
    expect(delays[0]).toBeLessThan(2 * MINUTE)
    expect(Math.max(...delays)).toBe(HOUR)
    expect(renewed(push, lease())).toMatchObject({ problem: null, failures: 0 })
    expect(subscribed(push, lease(), NOW)).toMatchObject({ problem: null, failures: 0 })
  })

  it('that was asked for patience waits that long at least, and starts afresh once it has succeeded', () => {
    const patient = refused(trusted, 'Slow down.', NOW + 3 * HOUR)
    expect(renewalDelay(patient, NOW, 0.5)).toBe(3 * HOUR)
    expect(renewalDelay(refused(trusted, 'Slow down.', NOW + SECOND), NOW, 0.5)).toBe(MINUTE)
    expect(renewalDelay(refused(patient, 'Away.'), NOW, 0.5)).toBe(2 * MINUTE)
    expect(renewed(patient, lease()).retryAt).toBeNull()
    expect(subscribed(patient, lease(), NOW).retryAt).toBeNull()
  })

  it('that never succeeded leaves an inbox that polls and says why', () => {
    const push = refused(NO_PUSH, 'Gmail may not publish to the topic.')
    expect(pushColumns(push, NOW)).toEqual({
      mode: 'poll',
      lastPushAt: null,
      problem: 'Gmail may not publish to the topic.',
      expiresAt: null,
    })
  })
})

describe('a set-up that is accepted and delivers nothing', () => {
  it('is given two minutes for its first push, then says what to look at', () => {
    expect(problemOf(watched, NOW + MINUTE)).toBeNull()
    expect(problemOf(watched, NOW + 2 * MINUTE)).toMatch(/audience and service account/)
    expect(problemOf(announced(watched, NOW + 3 * MINUTE), NOW + 3 * MINUTE)).toBeNull()
  })
})

describe('an inbox without push', () => {
  it('polls and has no problem', () => {
    expect(pushColumns(NO_PUSH, NOW)).toEqual({ mode: 'poll', lastPushAt: null, problem: null, expiresAt: null })
  })
})
