import { describe, expect, it } from 'vitest'
import { ProviderError, type ProviderErrorKind } from '../../../worker/providers/provider'
import {
  afterFailure,
  afterFetch,
  afterSuccess,
  afterThrottle,
  type Failure,
  failureOf,
  HEALTHY,
} from '../../../worker/sync/policy'

const MINUTE = 60_000
const AT = { interval: MINUTE, now: 1_800_000_000_000, random: 0.5 }
const failure = (kind: Failure['kind'], rest: Partial<Failure> = {}): Failure => ({
  kind,
  code: 'code',
  message: 'It failed',
  hint: null,
  retryAfter: null,
  ...rest,
})
const repeat = (kind: Failure['kind'], times: number, start = HEALTHY) => {
  let verdict = afterFailure(start, failure(kind), AT)
  for (let n = 1; n < times; n++) verdict = afterFailure(verdict.health, failure(kind), AT)
  return verdict
}
const HARMLESS: Failure['kind'][] = [
  'rate_limited',
  'cursor_expired',
  'not_found',
  'too_large',
  'rejected',
  'transient',
  'protocol',
  'internal',
] satisfies (ProviderErrorKind | 'internal')[]

describe('pausing', () => {
  it('needs three refused logins in a row', () => {
    expect([1, 2, 3].map((times) => repeat('auth_revoked', times).pause)).toEqual([false, false, true])
  })

  it('names reconnecting as the action, and editing before it comes to that', () => {
    expect(repeat('auth_revoked', 1).detail).toMatchObject({
      action: 'edit_connection',
      message: expect.stringContaining('1 of 3'),
    })
    expect(repeat('auth_revoked', 3).detail).toMatchObject({ code: 'auth_failure', action: 'reconnect' })
  })

  it.each(HARMLESS)('never follows from %s, however often', (kind) => {
    const verdict = repeat(kind, 100)
    expect(verdict.pause).toBe(false)
    expect(verdict.health.authFailures).toBe(0)
  })

  it('is not brought nearer by an outage between two refused logins, nor is the count forgotten', () => {
    const twice = repeat('auth_revoked', 2).health
    const outage = afterFailure(twice, failure('transient'), AT)
    expect(outage.pause).toBe(false)
    expect(afterFailure(outage.health, failure('auth_revoked'), AT).pause).toBe(true)
  })

  it('starts counting anew after a success', () => {
    const { health } = afterSuccess(repeat('auth_revoked', 2).health, MINUTE)
    expect(repeat('auth_revoked', 2, health).pause).toBe(false)
  })
})

describe('a grant that is gone', () => {
  it.each(['oauth_refresh_failed', 'oauth_client_changed'])(
    '(%s) pauses at once, and only a reconnect mends it',
    (code) => {
      const verdict = afterFailure(HEALTHY, failure('auth_revoked', { code, hint: 'Reconnect.' }), AT)
      expect(verdict).toMatchObject({ pause: true, status: 'error', detail: { code, action: 'reconnect' } })
      expect(verdict.detail?.message).toContain('It failed. Reconnect.')
    },
  )

  it.each(['transient', 'protocol', 'rate_limited'] as const)('is not what %s with such a code means', (kind) => {
    expect(afterFailure(HEALTHY, failure(kind, { code: 'oauth_refresh_failed' }), AT).pause).toBe(false)
  })
})

describe('a provider that asks us to slow down', () => {
  const slow = failure('rate_limited', {
    code: 'gmail_rate_limited',
    message: 'Google asks us to slow down',
    retryAfter: 600_000,
  })

  it('leaves the status as it was, however often, and says until when', () => {
    let verdict = afterFailure(HEALTHY, slow, { ...AT, random: 0 })
    for (let n = 0; n < 9; n++) verdict = afterFailure(verdict.health, slow, { ...AT, random: 0 })
    expect(verdict).toMatchObject({ status: null, pause: false, rateLimited: true })
    const until = new Date(AT.now + verdict.delay).toISOString()
    expect(verdict.detail).toMatchObject({ code: 'gmail_rate_limited', action: 'wait', until })
    expect(verdict.detail?.message).toContain(`Google asks us to slow down. Throttled until ${until.slice(11, 16)} UTC`)
  })

  it('has not failed: the first real failure after many of its wishes is one', () => {
    const throttled = repeat('rate_limited', 7).health
    expect([1, 2, 3].map((times) => repeat('transient', times, throttled).status)).toEqual([null, null, 'error'])
  })

  it('and names no time is left alone for longer each time', () => {
    const delays = [1, 2, 3, 9].map((times) => repeat('rate_limited', times).delay)
    expect(delays).toEqual([1, 2, 4, 15].map((minutes) => minutes * MINUTE))
  })

  it('says the same to a fetch job', () => {
    const { until, detail } = afterThrottle(HEALTHY, slow, { now: AT.now, random: 0 })
    expect(until).toBe(AT.now + 600_000)
    expect(detail).toMatchObject({ action: 'wait', until: new Date(until).toISOString() })
    const unnamed = failure('rate_limited')
    const health = afterFetch(afterFetch(HEALTHY, { received: 0, failure: unnamed }), { received: 0, failure: unnamed })
    expect(afterThrottle(health, unnamed, { now: 0, random: 0.5 }).until).toBe(2 * MINUTE)
    const now = failure('rate_limited', { retryAfter: 0 })
    expect(afterThrottle(health, now, { now: 0, random: 0.5 }).until).toBe(2 * MINUTE)
  })
})

describe('status', () => {
  it('is connected after a success, with nothing left of what was wrong', () => {
    const verdict = afterSuccess(repeat('transient', 7).health, MINUTE)
    expect(verdict).toMatchObject({ status: 'connected', detail: null, lastError: null, delay: MINUTE, reached: true })
    expect(verdict.health).toEqual(HEALTHY)
  })

  it('says error at once for a refused login, and for anything else from the third failure in a row', () => {
    expect(repeat('auth_revoked', 1).status).toBe('error')
    expect([1, 2, 3].map((times) => repeat('transient', times).status)).toEqual([null, null, 'error'])
  })

  it('always says what is wrong in a whole sentence', () => {
    for (const kind of [...HARMLESS, 'auth_revoked' as const]) {
      const { detail, lastError } = afterFailure(HEALTHY, failure(kind, { hint: 'Do this.' }), AT)
      expect(detail?.message).toMatch(/It failed\. .*\.$/)
      expect(lastError).toBe('It failed')
    }
  })

  it('is not connected while mail is seen and cannot be fetched', () => {
    let health = HEALTHY
    for (let n = 0; n < 3; n++) health = afterFetch(health, { received: 0, failure: failure('transient') })
    expect(afterSuccess(health, MINUTE)).toMatchObject({ status: 'error', detail: { code: 'fetch_failing' } })
    expect(afterSuccess(afterFetch(health, { received: 1, failure: null }), MINUTE).status).toBe('connected')
  })

  it('stays connected while fetching waits for a provider that asked for patience', () => {
    let health = HEALTHY
    for (let n = 0; n < 5; n++) health = afterFetch(health, { received: 0, failure: failure('rate_limited') })
    expect(afterSuccess(health, MINUTE)).toMatchObject({ status: 'connected', detail: null })
  })

  it('is untouched by a fetch job that found nothing to do', () => {
    expect(afterFetch(HEALTHY, { received: 0, failure: null })).toBe(HEALTHY)
  })
})

describe('the next check', () => {
  it('comes later with each failure, never sooner than the interval, never later than a quarter of an hour', () => {
    const delays = [1, 2, 3, 4, 5, 6, 20].map((times) => repeat('transient', times).delay)
    expect(delays).toEqual([1, 2, 4, 8, 15, 15, 15].map((minutes) => minutes * MINUTE))
    expect(afterFailure(HEALTHY, failure('transient'), { ...AT, random: 0 }).delay).toBe(MINUTE)
  })

  it('waits as long as the server asked and not much longer, so that mailboxes do not come back together', () => {
    const asked = failure('rate_limited', { retryAfter: 3_600_000 })
    const delays = [0, 0.5, 0.999].map((random) => afterFailure(HEALTHY, asked, { ...AT, random }).delay)
    expect(delays[0]).toBe(3_600_000)
    expect(delays[1]).toBeGreaterThan(delays[0] ?? 0)
    expect(delays[2]).toBeLessThanOrEqual(3_630_000)
  })
})

describe('a thrown value', () => {
  it('that is no ProviderError is our own fault and tells nobody its text', () => {
    expect(failureOf(new Error('password is hunter2'))).toMatchObject({
      kind: 'internal',
      message: 'Something went wrong on our side.',
    })
  })

  it('that is one keeps what people need', () => {
    const error = new ProviderError('rate_limited', 'slow', 'Slow down.', { retryAfter: 5, hint: 'Wait.' })
    expect(failureOf(error)).toEqual({
      kind: 'rate_limited',
      code: 'slow',
      message: 'Slow down.',
      hint: 'Wait.',
      retryAfter: 5,
    })
  })
})
