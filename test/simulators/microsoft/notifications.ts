// How change notifications travel: gathered per URL over all subscriptions, several in one POST, retried for hours, delayed or dropped for slow
// endpoints, with planned mishaps. At least once and unordered, like the real service.
import type { World } from './world.ts'

/** What befalls the next notifications. `reorder` lets the next POST overtake. */
export const MISHAPS = ['drop', 'duplicate', 'reorder', 'hold'] as const
export type Mishap = (typeof MISHAPS)[number]

/** All times in ms. */
export type NotificationSettings = {
  /** how long notifications are gathered, and how many go into one POST */
  gather: number
  batch: number
  /** a POST without an answer in time has failed; an answer after `slowAfter` is slow */
  deadline: number
  slowAfter: number
  /** how long a URL that is to be validated has for its whole answer */
  handshake: number
  minBackoff: number
  maxBackoff: number
  retryFor: number
  /** how late notifications come to an endpoint in state `slow` */
  slowDelay: number
}

/** One member of a POST's `value`, as it goes out. */
export type Item = Record<string, unknown> & { subscriptionId: string }

type Waiting = { url: string; item: Item; since: number; attempts: number }
type Data = {
  settings: NotificationSettings
  mishaps: { kind: Mishap; left: number }[]
  held: Waiting[]
  /** not yet answered with 2xx; outlives the process */
  outstanding: Waiting[]
}
type Delivery = { at: number; url: string; items: number; attempt: number; status: number | null; ms: number }
type Endpoint = { answers: { at: number; slow: boolean }[] }

export type Notifications = ReturnType<typeof createNotifications>

const DEFAULTS: NotificationSettings = {
  gather: 20,
  batch: 50,
  deadline: 10_000,
  slowAfter: 3_000,
  handshake: 10_000,
  minBackoff: 1_000,
  maxBackoff: 600_000,
  retryFor: 4 * 3_600_000,
  slowDelay: 10_000,
}
const WINDOW = 600_000
/** Shares of slow answers above which an endpoint is slow, or dropped; and the fewest answers to judge by. */
const SLOW_SHARE = 0.1
const DROP_SHARE = 0.15
const FEWEST = 10
const KEPT_DELIVERIES = 1_000
const REORDER_GAP = 100

export function createNotifications(world: World) {
  const data = world.section<Data>('notifications', {
    settings: { ...DEFAULTS },
    mishaps: [],
    held: [],
    outstanding: [],
  })
  data.settings = { ...DEFAULTS, ...data.settings }
  const timers = new Set<NodeJS.Timeout>()
  const gathering = new Map<string, Waiting[]>()
  const endpoints = new Map<string, Endpoint>()
  const deliveries: Delivery[] = []
  const counts = { announced: 0, dropped: 0, posts: 0, items: 0, retried: 0, lost: 0 }
  let overtaken: Waiting[] = []
  let closed = false

  const later = (ms: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (!closed) run()
    }, ms)
    timers.add(timer.unref())
  }

  /** POSTs to an endpoint; the status, or null when there was none in time. */
  async function post(url: string, body: string): Promise<number | null> {
    if (!mayReach(url)) return null
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(data.settings.deadline),
      })
      await response.arrayBuffer()
      return response.status
    } catch {
      return null
    }
  }

  /** Never anything beyond this machine. */
  function mayReach(url: string): boolean {
    const { hostname, host } = new URL(url)
    return world.notificationHosts
      ? world.notificationHosts.includes(host)
      : ['127.0.0.1', 'localhost'].includes(hostname)
  }

  function stateOf(url: string): 'normal' | 'slow' | 'drop' {
    const known = endpoints.get(url)
    if (!known) return 'normal'
    const horizon = world.clock() - WINDOW
    known.answers = known.answers.filter(({ at }) => at > horizon)
    const { length } = known.answers
    const share = known.answers.filter(({ slow }) => slow).length / Math.max(1, length)
    if (length < FEWEST || share <= SLOW_SHARE) return 'normal'
    return share > DROP_SHARE ? 'drop' : 'slow'
  }

  function gather(waiting: Waiting): void {
    const known = gathering.get(waiting.url)
    if (known) {
      known.push(waiting)
      return
    }
    gathering.set(waiting.url, [waiting])
    later(data.settings.gather, () => {
      const all = gathering.get(waiting.url) ?? []
      gathering.delete(waiting.url)
      const { batch } = data.settings
      for (let from = 0; from < all.length; from += batch) void deliver(waiting.url, all.slice(from, from + batch))
    })
  }

  async function deliver(url: string, batch: Waiting[]): Promise<void> {
    const started = performance.now()
    const attempt = Math.max(...batch.map(({ attempts }) => attempts)) + 1
    for (const waiting of batch) waiting.attempts += 1
    counts.posts += 1
    counts.items += batch.length
    const status = await post(url, JSON.stringify({ value: batch.map(({ item }) => item) }))
    if (closed) return
    const ms = performance.now() - started
    deliveries.push({ at: world.clock(), url, items: batch.length, attempt, status, ms: Math.round(ms) })
    if (deliveries.length > KEPT_DELIVERIES) deliveries.shift()
    const endpoint = endpoints.get(url) ?? { answers: [] }
    endpoints.set(url, endpoint)
    endpoint.answers.push({ at: world.clock(), slow: status === null || ms > data.settings.slowAfter })

    const accepted = status !== null && status >= 200 && status < 300
    const horizon = world.clock() - data.settings.retryFor
    for (const waiting of batch) {
      if (accepted || waiting.since < horizon) settle(waiting)
      else {
        counts.retried += 1
        const { minBackoff, maxBackoff } = data.settings
        later(Math.min(maxBackoff, minBackoff * 2 ** (waiting.attempts - 1)), () => gather(waiting))
      }
      if (!accepted && waiting.since < horizon) counts.lost += 1
    }
  }

  function settle(waiting: Waiting): void {
    const index = data.outstanding.indexOf(waiting)
    if (index >= 0) data.outstanding.splice(index, 1)
    world.changed()
  }

  function send(waiting: Waiting): void {
    const state = stateOf(waiting.url)
    if (state === 'drop') {
      counts.lost += 1
      return
    }
    data.outstanding.push(waiting)
    world.changed()
    if (state === 'slow') later(data.settings.slowDelay, () => gather(waiting))
    else gather(waiting)
  }

  /** Takes the next mishap that is planned, if any. */
  function mishap(): Mishap | null {
    const plan = data.mishaps[0]
    if (!plan) return null
    plan.left -= 1
    if (plan.left <= 0) data.mishaps.shift()
    return plan.kind
  }

  function announce(url: string, item: Item): void {
    counts.announced += 1
    const waiting = (): Waiting => ({ url, item, since: world.clock(), attempts: 0 })
    const before = overtaken
    switch (mishap()) {
      case 'drop':
        counts.dropped += 1
        return
      case 'duplicate':
        send(waiting())
        later(data.settings.gather * 2, () => send(waiting()))
        break
      case 'hold':
        data.held.push(waiting())
        world.changed()
        return
      case 'reorder':
        overtaken = [...before, waiting()]
        later(1_500, () => overtake(overtaken))
        return
      case null:
        send(waiting())
    }
    if (before.length > 0) later(data.settings.gather + REORDER_GAP, () => overtake(before))
  }

  /** Sends what was held back so that others could overtake it; each once. */
  function overtake(those: Waiting[]): void {
    const still = those.filter((waiting) => overtaken.includes(waiting))
    overtaken = overtaken.filter((waiting) => !still.includes(waiting))
    for (const waiting of still) send(waiting)
  }

  world.events.once('close', () => {
    closed = true
    for (const timer of timers) clearTimeout(timer)
  })
  // What was outstanding when the process ended is delivered again.
  for (const waiting of data.outstanding) later(data.settings.minBackoff, () => gather(waiting))

  world.reports.notifications = () => ({
    ...counts,
    outstanding: data.outstanding.length,
    held: data.held.length,
    mishaps: data.mishaps,
    settings: data.settings,
    endpoints: Object.fromEntries([...endpoints.keys()].map((url) => [url, stateOf(url)])),
    deliveries,
  })

  return {
    announce,
    post,
    mayReach,
    settings: data.settings,
    plan(kind: Mishap, count: number): void {
      data.mishaps.push({ kind, left: count })
      world.changed()
    },
    /** Lets go of what is held; how many those were. */
    release(): number {
      data.mishaps = data.mishaps.filter(({ kind }) => kind !== 'hold')
      const held = data.held.splice(0)
      for (const waiting of held) send({ ...waiting, since: world.clock() })
      return held.length
    },
  }
}
