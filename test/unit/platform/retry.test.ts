import { describe, expect, it } from 'vitest'
import { backoff } from '../../../worker/platform/retry'

describe('backoff', () => {
  it('doubles from the base and stops at the most', () => {
    const waits = [1, 2, 3, 4, 5, 50, 5000].map((attempt) => backoff(attempt, 1000, 10_000, 0.5))
    expect(waits).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000, 10_000])
  })

  it('spreads by a fifth to either side', () => {
    expect(backoff(1, 1000, 10_000, 0)).toBe(800)
    expect(backoff(1, 1000, 10_000, 0.999999)).toBe(1200)
  })

  it('treats no attempt at all like the first', () => {
    expect(backoff(0, 1000, 10_000, 0.5)).toBe(1000)
  })
})
