// Reading ahead: order, the budget, errors, and a reader that leaves.
import { describe, expect, it } from 'vitest'
import { readAhead } from '../../../worker/providers/read-ahead'

const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

/** Counts what was pulled from it. */
function source(count: number, failAt = Number.POSITIVE_INFINITY) {
  const log = { pulled: 0, closed: false }
  async function* generate() {
    try {
      for (let i = 1; i <= count; i++) {
        if (i === failAt) throw new Error('source failed')
        log.pulled++
        yield i
      }
    } finally {
      log.closed = true
    }
  }
  return { log, items: generate() }
}
const weigh = () => 10

describe('reading ahead', () => {
  it('keeps the order and ends', async () => {
    const seen: number[] = []
    for await (const item of readAhead(source(20).items, weigh, 35, () => {})) seen.push(item)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })

  it('pulls on while the reader is busy, up to the budget and no further', async () => {
    const { log, items } = source(100)
    const ahead = readAhead(items, weigh, 50, () => {})
    await ahead.next()
    await settle()
    expect(log.pulled).toBe(6)
    await ahead.next()
    await settle()
    expect(log.pulled).toBe(7)
    await ahead.return(undefined)
  })

  it('lets one item through that is larger than the budget', async () => {
    const seen: number[] = []
    for await (const item of readAhead(
      source(3).items,
      () => 1_000,
      50,
      () => {},
    ))
      seen.push(item)
    expect(seen).toEqual([1, 2, 3])
  })

  it('hands over what came before an error, then the error', async () => {
    const seen: number[] = []
    const reading = async () => {
      for await (const item of readAhead(source(9, 4).items, weigh, 1_000, () => {})) seen.push(item)
    }
    await expect(reading()).rejects.toThrow('source failed')
    expect(seen).toEqual([1, 2, 3])
  })

  it('abandons and closes the source when the reader leaves, even while the source waits', async () => {
    let release = () => {}
    let abandoned = 0
    let closed = false
    async function* stuck() {
      try {
        yield 1
        await new Promise<void>((resolve) => {
          release = resolve
        })
        yield 2
      } finally {
        closed = true
      }
    }
    for await (const item of readAhead(stuck(), weigh, 1_000, () => {
      abandoned++
      release()
    })) {
      expect(item).toBe(1)
      break
    }
    expect([abandoned, closed]).toEqual([1, true])
  })

  it('does not abandon a source that has ended', async () => {
    let abandoned = 0
    for await (const _ of readAhead(source(2).items, weigh, 1_000, () => abandoned++)) await settle()
    expect(abandoned).toBe(0)
  })
})
