import { describe, expect, it } from 'vitest'
import { freeSlot, noSlots, takeSlot } from '../../../worker/sync/fetch-slots'
import { singleFlight } from '../../../worker/sync/single-flight'

describe('single flight', () => {
  it('never runs twice at once, and one further run serves all who asked meanwhile', async () => {
    let running = 0
    let most = 0
    let runs = 0
    const run = singleFlight(async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return ++runs
    })
    expect(await Promise.all([run(), run(), run(), run()])).toEqual([1, 2, 2, 2])
    expect(most).toBe(1)
    expect(await run()).toBe(3)
  })

  it('goes on after a failure, which only those see who shared it', async () => {
    let runs = 0
    const run = singleFlight(async () => {
      await Promise.resolve()
      if (++runs === 1) throw new Error('first')
      return runs
    })
    const [first, second] = await Promise.allSettled([run(), run()])
    expect(first.status).toBe('rejected')
    expect(second).toEqual({ status: 'fulfilled', value: 2 })
  })

  it('lets nobody slip in between a run and the one that waits for it', async () => {
    let running = 0
    let most = 0
    const run = singleFlight(async () => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
    })
    const calls: Promise<void>[] = [run(), run()]
    for (let n = 0; n < 20; n++) {
      await Promise.resolve()
      calls.push(run())
    }
    await Promise.all(calls)
    expect(most).toBe(1)
  })
})

describe('fetch slots', () => {
  it('are bounded, and who leaves is told when somebody was turned away', () => {
    const slots = noSlots()
    expect([takeSlot(slots, 'a', 0), takeSlot(slots, 'b', 0), takeSlot(slots, 'c', 0)]).toEqual([true, true, false])
    expect(freeSlot(slots, 'a')).toBe(true)
    expect(freeSlot(slots, 'b')).toBe(false)
  })

  it('of a job that died are free again after a while', () => {
    const slots = noSlots()
    takeSlot(slots, 'a', 0)
    takeSlot(slots, 'b', 0)
    expect(takeSlot(slots, 'c', 90_000)).toBe(true)
  })
})
