import { describe, expect, it } from 'vitest'
import { ProviderError, type ProviderErrorKind } from '../../../worker/providers/provider'
import { afterFailure, afterFetch, afterSuccess, type Failure, failureOf, HEALTHY } from '../../../worker/sync/policy'

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

  it('waits as long as the server asked', () => {
    const verdict = afterFailure(HEALTHY, failure('rate_limited', { retryAfter: 3_600_000 }), AT)
    expect(verdict).toMatchObject({ delay: 3_600_000, rateLimited: true, pause: false })
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
