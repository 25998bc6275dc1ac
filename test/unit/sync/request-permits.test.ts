import { describe, expect, it } from 'vitest'
import { requestGate, throughGate } from '../../../worker/sync/request-gate'
import {
  dropPermits,
  keepOne,
  noPermits,
  type PermitAsk,
  type Permits,
  takeAnyway,
  takePermits,
} from '../../../worker/sync/request-permits'

const NOW = 1_800_000_000_000
const ask = (most: number, first = false): PermitAsk => ({ limit: 4, most, first })
const FETCH = ask(3)
const PASS = ask(1)
const SEND = ask(1, true)
const heldBy = ({ held }: Permits, now: number) =>
  [...held.values()].reduce((sum, { requests, until }) => sum + (until > now ? requests : 0), 0)

describe('requests to one mailbox', () => {
  it('are three of a fetch job and one of a pass; a reply waits for the first that is given back', () => {
    const permits = noPermits()
    expect(takePermits(permits, 'job', FETCH, NOW)).toBe(3)
    expect(takePermits(permits, 'pass', PASS, NOW)).toBe(1)
    expect(takePermits(permits, 'reply', SEND, NOW)).toBe(0)
    dropPermits(permits, 'pass')
    expect(takePermits(permits, 'pass', PASS, NOW)).toBe(0)
    expect(takePermits(permits, 'reply', SEND, NOW)).toBe(1)
  })

  it('of the next batch are one less while a reply waits, and as many as before afterwards', () => {
    const permits = noPermits()
    takePermits(permits, 'job', FETCH, NOW)
    takePermits(permits, 'pass', PASS, NOW)
    takePermits(permits, 'reply', SEND, NOW)
    keepOne(permits, 'job', NOW)
    expect(takePermits(permits, 'job', FETCH, NOW)).toBe(2)
    expect(takePermits(permits, 'reply', SEND, NOW)).toBe(1)
    dropPermits(permits, 'pass')
    expect(takePermits(permits, 'job', FETCH, NOW)).toBe(3)
  })

  it('of a job are never taken away altogether, however many replies wait', () => {
    const permits = noPermits()
    takePermits(permits, 'job', FETCH, NOW)
    for (const id of ['a', 'b', 'c', 'd', 'e']) takePermits(permits, id, SEND, NOW)
    keepOne(permits, 'job', NOW)
    expect(takePermits(permits, 'job', FETCH, NOW)).toBe(1)
    expect(['e', 'd', 'c', 'b', 'a'].map((id) => takePermits(permits, id, SEND, NOW))).toEqual([0, 0, 1, 1, 1])
  })

  it('of equals are granted in the order of asking', () => {
    const permits = noPermits()
    takePermits(permits, 'job', { limit: 4, most: 4, first: false }, NOW)
    for (const id of ['pass', 'renewal']) expect(takePermits(permits, id, PASS, NOW)).toBe(0)
    keepOne(permits, 'job', NOW)
    expect(takePermits(permits, 'job', FETCH, NOW)).toBe(2)
    expect(['renewal', 'pass', 'renewal'].map((id) => takePermits(permits, id, PASS, NOW))).toEqual([1, 1, 1])
  })

  it('of whoever died are free in the end', () => {
    const permits = noPermits()
    takePermits(permits, 'dead', { limit: 4, most: 4, first: false }, NOW)
    expect(takePermits(permits, 'reply', SEND, NOW + 89_999)).toBe(0)
    expect(takePermits(permits, 'reply', SEND, NOW + 90_000)).toBe(1)
  })

  it('of whoever has waited long enough are made anyway, and count', () => {
    const permits = noPermits()
    takePermits(permits, 'job', { limit: 4, most: 4, first: false }, NOW)
    expect(takeAnyway(permits, 'reply', NOW)).toBe(1)
    keepOne(permits, 'job', NOW)
    expect(takePermits(permits, 'other', FETCH, NOW)).toBe(2)
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('are never more than four, whatever happens in whatever order (%i)', (seed) => {
    const permits = noPermits()
    let state = seed
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647
      return state % below
    }
    let now = NOW
    const asked = new Map<string, PermitAsk>()
    let granted = 0
    for (let step = 0; step < 4_000; step++) {
      now += random(20) === 0 ? random(60_000) : random(50)
      const id = `${random(9)}`
      switch (random(4)) {
        case 0:
          dropPermits(permits, id)
          asked.delete(id)
          break
        case 1:
          keepOne(permits, id, now)
          break
        default: {
          const wanted = asked.get(id) ?? [FETCH, PASS, SEND][random(3)] ?? PASS
          asked.set(id, wanted)
          const got = takePermits(permits, id, wanted, now)
          expect(got).toBeLessThanOrEqual(wanted.most)
          expect(permits.waiting.has(id)).toBe(got === 0)
          granted += got
        }
      }
      expect(heldBy(permits, now)).toBeLessThanOrEqual(4)
    }
    expect(granted).toBeGreaterThan(1_000)
  })
})

/** A gate whose pauses take no time but move its clock. */
function gateWithClock() {
  let now = NOW
  const turns: (() => void)[] = []
  const gate = requestGate(
    () => now,
    async (ms) => {
      now += ms
      turns.shift()?.()
    },
  )
  return { gate, turns, now: () => now }
}

describe('a gate', () => {
  it('lets the next one in as soon as a permit is given back', async () => {
    const { gate, turns, now } = gateWithClock()
    await gate.acquire('job', FETCH)
    await gate.acquire('pass', PASS)
    turns.push(
      () => {},
      () => gate.release('pass'),
    )
    expect(await gate.acquire('reply', SEND)).toBe(1)
    expect(now() - NOW).toBe(100)
  })

  it('stops nobody for longer than ten seconds', async () => {
    const { gate, now } = gateWithClock()
    await gate.acquire('job', { limit: 4, most: 4, first: false })
    expect(await gate.acquire('reply', SEND)).toBe(1)
    expect(now() - NOW).toBe(10_000)
  })
})

describe('work behind a gate', () => {
  const quota = { units: 1, window: 1, perMessage: 1 }
  function noted(fails = false) {
    const log: unknown[] = []
    const answer = async (what: unknown) => {
      log.push(what)
      if (fails) throw new Error('the object was reset')
      return 1
    }
    const gate = {
      acquireRequests: (_id: string, given: PermitAsk) => answer(given),
      releaseRequests: async () => void (await answer('released')),
    }
    return { gate, log }
  }

  it('asks for one permit, before everybody but other people’s work, and gives it back however it ends', async () => {
    const { gate, log } = noted()
    await throughGate(gate, { ...quota, atOnce: 4 }, async () => log.push('work'))
    const failing = throughGate(gate, { ...quota, atOnce: 4 }, () => Promise.reject(new Error('no')))
    await expect(failing).rejects.toThrow('no')
    expect(log).toEqual([SEND, 'work', 'released', SEND, 'released'])
  })

  it('asks nothing where the provider does not limit requests', async () => {
    const { gate, log } = noted()
    expect(await throughGate(gate, quota, async () => 'done')).toBe('done')
    expect(await throughGate(gate, undefined, async () => 'done')).toBe('done')
    expect(log).toEqual([])
  })

  it('is done all the same when the object does not answer', async () => {
    const { gate } = noted(true)
    expect(await throughGate(gate, { ...quota, atOnce: 4 }, async () => 'done')).toBe('done')
  })
})
