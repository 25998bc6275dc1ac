import { describe, expect, it } from 'vitest'
import type { ClaimedRow } from '../../../worker/sync/claims'
import type { Failure } from '../../../worker/sync/policy'
import { afterBreak, afterMessageFailure, beforeFetch } from '../../../worker/sync/row-policy'

const times = { now: 1_000_000, random: 0.5 }
const row = (id: string, rest: Partial<ClaimedRow> = {}): ClaimedRow => ({
  id,
  identity: id,
  ref: '{}',
  size: 100,
  attempts: 1,
  upload: null,
  error: null,
  ...rest,
})
const failure = (kind: Failure['kind'], retryAfter: number | null = null): Failure => ({
  kind,
  code: 'c',
  message: 'No.',
  hint: null,
  retryAfter,
})

describe('one message that failed', () => {
  it('waits longer each time and is quarantined with its cause at the eighth', () => {
    const dueIn = [1, 2, 3, 7].map((attempts) => {
      const outcome = afterMessageFailure(row('a', { attempts }), failure('transient'), times)
      return 'returned' in outcome ? (outcome.returned.dueAt - times.now) / 1000 : null
    })
    expect(dueIn).toEqual([30, 60, 120, 900])
    expect(afterMessageFailure(row('a', { attempts: 8 }), failure('transient'), times)).toEqual({
      ended: { id: 'a', disposition: 'quarantined', reason: 'fetch_failed', error: 'No.' },
    })
  })

  it('that was expunged is gone, that is too large is quarantined: no second try for either', () => {
    expect(afterMessageFailure(row('a'), failure('not_found'), times)).toMatchObject({ ended: { disposition: 'gone' } })
    expect(afterMessageFailure(row('a'), failure('too_large'), times)).toMatchObject({ ended: { reason: 'too_large' } })
  })
})

describe('a connection that broke', () => {
  it('is blamed on the message that was being read and on no other', () => {
    const outcomes = afterBreak(failure('transient'), { blamed: row('a'), others: [row('b'), row('c')] }, times)
    expect(outcomes.map((outcome) => 'returned' in outcome && [outcome.returned.id, outcome.returned.burn])).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
    ])
  })

  it.each(['auth_revoked', 'rate_limited'] as const)('by %s is blamed on no message at all', (kind) => {
    const outcomes = afterBreak(failure(kind), { blamed: row('a', { attempts: 8 }), others: [row('b')] }, times)
    expect(outcomes.every((outcome) => 'returned' in outcome && !outcome.returned.burn)).toBe(true)
  })

  it('keeps the others waiting as long as the server asked, and no longer', () => {
    const waits = [900_000, 1_000, null].map((retryAfter) => {
      const failed = { ...failure('rate_limited'), retryAfter }
      const [outcome] = afterBreak(failed, { blamed: null, others: [row('b')] }, times)
      return outcome && 'returned' in outcome && outcome.returned.dueAt - times.now
    })
    expect(waits).toEqual([900_000, 1_000, 60_000])
  })
})

describe('before the network is asked', () => {
  it('a mail that is too large or was tried too often ends', () => {
    expect(beforeFetch(row('a', { size: 101 }), 100)).toMatchObject({ reason: 'too_large' })
    expect(beforeFetch(row('a', { attempts: 9, error: 'It broke.' }), 100)).toMatchObject({
      reason: 'fetch_failed',
      error: 'It broke.',
    })
    expect(beforeFetch(row('a', { attempts: 9 }), 100)?.error).toMatch(/interrupted/)
  })

  it('any other is fetched, also one of unknown size', () => {
    expect(beforeFetch(row('a', { attempts: 8 }), 100)).toBeNull()
    expect(beforeFetch(row('a', { size: null }), 100)).toBeNull()
  })
})
