import { describe, expect, it } from 'vitest'
import { freeSlot, limitSlots, noSlots, takeSlot } from '../../../worker/sync/fetch-slots'

const NOW = 1_800_000_000_000
const quota = { units: 10_000, window: 600_000, perMessage: 1 }

describe('fetch jobs of one inbox', () => {
  it('are two at once, and the one who leaves learns that another was turned away', () => {
    const slots = noSlots()
    expect([takeSlot(slots, 'a', NOW), takeSlot(slots, 'b', NOW), takeSlot(slots, 'c', NOW)]).toEqual([
      true,
      true,
      false,
    ])
    expect(freeSlot(slots, 'a')).toBe(true)
    expect(freeSlot(slots, 'b')).toBe(false)
  })

  it('are as many as the provider allows at the same time', () => {
    const slots = noSlots()
    limitSlots(slots, { ...quota, jobs: 1 })
    expect([takeSlot(slots, 'a', NOW), takeSlot(slots, 'b', NOW)]).toEqual([true, false])
    expect(freeSlot(slots, 'a')).toBe(true)
    limitSlots(slots, quota)
    expect([takeSlot(slots, 'a', NOW), takeSlot(slots, 'b', NOW)]).toEqual([true, true])
  })

  it('that died give their slot back in the end', () => {
    const slots = noSlots()
    limitSlots(slots, { ...quota, jobs: 1 })
    takeSlot(slots, 'dead', NOW)
    expect(takeSlot(slots, 'b', NOW + 90_000)).toBe(true)
  })
})
