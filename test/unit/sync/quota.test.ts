import { describe, expect, it } from 'vitest'
import type { Quota } from '../../../worker/providers/provider'
import { charge, reserve, type Spending, settle, spendingOf } from '../../../worker/sync/quota'

const MINUTE = 60_000
const START = 1_800_000_000_000
const QUOTA: Quota = { units: 6000, window: MINUTE, perMessage: 20 }
const none = () => spendingOf(undefined)

/** A request as the provider counts it: when it was made, and its price. */
type Request = { at: number; units: number }

/** The most units that any window of a minute held. */
function worstMinute(requests: Request[]): number {
  const sorted = requests.toSorted((a, b) => a.at - b.at)
  let sum = 0
  let first = 0
  let worst = 0
  for (const request of sorted) {
    sum += request.units
    for (; (sorted[first]?.at ?? 0) <= request.at - MINUTE; first++) sum -= sorted[first]?.units ?? 0
    worst = Math.max(worst, sum)
  }
  return worst
}

/**
 * Fetch jobs over a backlog: batches of 50, a message a time of `latency` ms, woken `wake` ms after the planned time. `others` happen at
 * their own times and are charged afterwards. The stored form goes through JSON each time, as in the object.
 */
function importing(options: {
  messages: number
  latency: number
  wake: number
  until?: number
  others?: Request[]
  diesAt?: number
}) {
  const { latency, wake, until = Number.POSITIVE_INFINITY, diesAt = -1 } = options
  const others = [...(options.others ?? [])]
  const requests: Request[] = []
  let spending: Spending = none()
  let now = START
  let left = options.messages
  const charged = () => {
    for (let next = others[0]; next && next.at <= now; next = others[0]) {
      requests.push(next)
      spending = charge(spending, next.units, now)
      others.shift()
    }
  }
  for (let batch = 0; left > 0 && now < START + until; batch++) {
    charged()
    spending = spendingOf(JSON.parse(JSON.stringify(spending)))
    const answer = reserve(spending, QUOTA, { slot: `s${batch}`, wanted: 50, now })
    spending = answer.spending
    if (answer.granted === 0) {
      expect(answer.nextAt).toBeGreaterThan(now)
      now = (answer.nextAt ?? 0) + wake
      continue
    }
    const spentAt: number[] = []
    for (let n = 0; n < Math.min(answer.granted, left); n++) {
      requests.push({ at: now, units: QUOTA.perMessage })
      now += latency
      spentAt.push(now)
    }
    left -= spentAt.length
    if (batch !== diesAt) spending = settle(spending, `s${batch}`, spentAt, now)
  }
  return { requests, took: now - START, fetched: options.messages - left, spending }
}

describe('an import under a quota', () => {
  it.each([
    ['a fast connection', 16, 150],
    ['a slow connection', 100, 150],
    ['a very slow connection', 190, 0],
    ['a late wake-up', 16, 900],
  ])(
    'of 1,000 messages over %s never spends more than the quota in any minute, and takes at most 210 s',
    (_name, latency, wake) => {
      const { requests, took } = importing({ messages: 1000, latency, wake })
      expect(requests).toHaveLength(1000)
      expect(worstMinute(requests)).toBeLessThanOrEqual(QUOTA.units)
      expect(took).toBeLessThanOrEqual(210_000)
    },
  )

  it.each([
    ['fast', 16],
    ['slow', 100],
  ])('uses 95 %% or more of the rate over ten minutes and longer, over a %s connection', (_name, latency) => {
    const { requests } = importing({ messages: 100_000, latency, wake: 300, until: 40 * MINUTE })
    expect(worstMinute(requests)).toBeLessThanOrEqual(QUOTA.units)
    const rate = QUOTA.units / QUOTA.perMessage
    for (const minutes of [10, 20, 40]) {
      const fetched = requests.filter(({ at }) => at < START + minutes * MINUTE).length
      expect(fetched).toBeGreaterThanOrEqual(0.95 * rate * minutes)
    }
  })

  it('leaves room for listings and replies, and fetches less by what they cost', () => {
    const others = [
      ...Array.from({ length: 40 }, (_, n) => ({ at: START + n * 10_000, units: 2 })),
      ...Array.from({ length: 4 }, (_, n) => ({ at: START + 30_000 + n * 90_000, units: 100 })),
    ]
    const run = { messages: 100_000, latency: 16, wake: 100, until: 6 * MINUTE }
    const alone = importing(run)
    const shared = importing({ ...run, others })
    expect(worstMinute(shared.requests)).toBeLessThanOrEqual(QUOTA.units)
    expect(shared.fetched).toBeLessThan(alone.fetched)
    expect(alone.fetched - shared.fetched).toBeLessThan(40)
  })

  it('counts what a killed job had been granted, and goes on without its units', () => {
    const { requests, fetched } = importing({ messages: 600, latency: 16, wake: 100, diesAt: 2 })
    expect(fetched).toBe(600)
    expect(worstMinute(requests)).toBeLessThanOrEqual(QUOTA.units)
  })
})

describe('a reservation', () => {
  it('gives at once what fits and no more', () => {
    const first = reserve(none(), QUOTA, { slot: 'a', wanted: 200, now: START })
    expect(first.granted).toBe(200)
    const second = reserve(first.spending, QUOTA, { slot: 'b', wanted: 200, now: START })
    expect(second.granted).toBe(94)
    expect(reserve(second.spending, QUOTA, { slot: 'c', wanted: 1, now: START }).granted).toBe(0)
  })

  it('gives back what was not used', () => {
    const { spending } = reserve(none(), QUOTA, { slot: 'a', wanted: 290, now: START })
    const settled = settle(spending, 'a', [START + 5], START + 10)
    expect(reserve(settled, QUOTA, { slot: 'b', wanted: 1000, now: START + 20 }).granted).toBe(293)
  })

  it('counts each message from the moment it was asked for at the latest, whatever clock its job has', () => {
    const { spending } = reserve(none(), QUOTA, { slot: 'a', wanted: 2, now: START })
    const settled = settle(spending, 'a', [START - 99_000, START + 99_000], START + 1_000)
    expect(settled.spent).toEqual([
      { at: START, units: 20 },
      { at: START + 1_000, units: 20 },
    ])
  })

  it('settled twice, or by a stranger, changes nothing more', () => {
    const { spending } = reserve(none(), QUOTA, { slot: 'a', wanted: 2, now: START })
    const settled = settle(spending, 'a', [START], START)
    expect(settle(settled, 'a', [START, START], START)).toEqual(settled)
    expect(settle(settled, 'x', [START], START)).toEqual(settled)
  })

  it('refused names a time at which a worthwhile number fits', () => {
    let { spending } = reserve(none(), QUOTA, { slot: 'a', wanted: 294, now: START })
    const times = Array.from({ length: 294 }, (_, n) => START + n * 100)
    spending = settle(spending, 'a', times, START + 30_000)
    const refused = reserve(spending, QUOTA, { slot: 'b', wanted: 50, now: START + 30_000 })
    expect(refused).toMatchObject({ granted: 0, nextAt: START + 900 + MINUTE + 250 })
    expect(reserve(spending, QUOTA, { slot: 'b', wanted: 50, now: START + 900 + MINUTE + 250 }).granted).toBe(10)
  })

  it('is possible under a quota that is smaller than one message', () => {
    const tiny = { units: 5, window: MINUTE, perMessage: 20 }
    const first = reserve(none(), tiny, { slot: 'a', wanted: 50, now: START })
    expect(first.granted).toBe(1)
    const spent = settle(first.spending, 'a', [START], START)
    expect(reserve(spent, tiny, { slot: 'b', wanted: 50, now: START + 1 })).toMatchObject({ granted: 0 })
  })
})

describe('charges', () => {
  it('that exceed the quota stop fetching until they have aged', () => {
    const spending = charge(none(), 9_000, START)
    const refused = reserve(spending, QUOTA, { slot: 'a', wanted: 1, now: START + 1 })
    expect(refused).toMatchObject({ granted: 0, nextAt: START + MINUTE + 250 })
    expect(reserve(spending, QUOTA, { slot: 'a', wanted: 1, now: START + MINUTE + 250 }).granted).toBe(1)
  })

  it('of an hour without any fetching are not kept for ever', () => {
    let spending = none()
    for (let n = 0; n < 3_600; n++) spending = charge(spending, 2, START + n * 1_000)
    expect(spending.spent.length).toBeLessThanOrEqual(601)
    const { granted, ...known } = reserve(spending, QUOTA, { slot: 'a', wanted: 1, now: START + 3_600_000 })
    expect(granted).toBe(1)
    expect(known.spending.spent.length).toBeLessThanOrEqual(61)
  })

  it('at the same moment take one entry', () => {
    let spending = none()
    for (let n = 0; n < 50; n++) spending = charge(spending, 1, START + 100)
    expect(spending.spent).toEqual([{ at: START + 100, units: 50 }])
  })
})

describe('a clock that goes back', () => {
  it('stretches no wait beyond one window', () => {
    let { spending } = reserve(none(), QUOTA, { slot: 'a', wanted: 294, now: START })
    spending = settle(spending, 'a', Array(294).fill(START), START)
    const back = START - 86_400_000
    const refused = reserve(spending, QUOTA, { slot: 'b', wanted: 50, now: back })
    expect(refused.granted).toBe(0)
    expect(refused.nextAt).toBeLessThanOrEqual(back + MINUTE + 350)
    expect(reserve(refused.spending, QUOTA, { slot: 'b', wanted: 50, now: back + MINUTE + 350 }).granted).toBe(50)
  })
})

describe('a window of ten minutes', () => {
  const graph = { units: 10_000, window: 600_000, perMessage: 1, jobs: 1 }

  it('is spent at full speed, then waits until a worthwhile number has aged', () => {
    let spending = none()
    let granted = 0
    for (let at = START; ; at += 1_500) {
      const taken = reserve(spending, graph, { slot: 'a', wanted: 100, now: at })
      granted += taken.granted
      if (taken.granted === 0) {
        expect(taken.nextAt).toBeGreaterThan(START + 600_000)
        expect(taken.nextAt).toBeLessThan(START + 603_000)
        break
      }
      spending = settle(taken.spending, 'a', Array(taken.granted).fill(at + 1_000), at + 1_400)
    }
    expect(granted).toBe(9_800)
  })

  it('keeps few entries, however evenly it is spent', () => {
    let spending = reserve(none(), graph, { slot: 'a', wanted: 1, now: START }).spending
    for (let n = 0; n < 6_000; n++) spending = charge(spending, 1, START + n * 100)
    expect(spending.spent.length).toBeLessThanOrEqual(602)
    expect(spending.spent.reduce((sum, { units }) => sum + units, 0)).toBe(6_000 + 1)
  })
})

describe('the stored form', () => {
  it('survives storage', () => {
    const spending = charge(reserve(none(), QUOTA, { slot: 'a', wanted: 2, now: START }).spending, 5, START)
    expect(spendingOf(structuredClone(spending))).toEqual(spending)
  })

  it.each([
    [null],
    ['text'],
    [{ spent: 'x' }],
    [{ window: 1, spent: [{ at: 'x', units: 1 }], reserved: [] }],
    [{ spent: [], reserved: [] }],
    [[]],
  ])('that is not one (%j) is a clean slate', (stored) => {
    expect(spendingOf(stored)).toMatchObject({ spent: [], reserved: [] })
  })
})
