// What an app may ask of one mailbox: requests in a sliding ten minutes, and four at once. Over it, Exchange's 429. A request is under way
// until the last byte of its answer.
import type { SimResponse } from '../shell/http.ts'
import type { World } from '../shell/world.ts'
import { graphError } from './graph-error.ts'

const DEFAULT_REQUESTS = 10_000
const DEFAULT_AT_ONCE = 4
const WINDOW = 600_000

/** null lifts a limit. `latency` in ms: how long every request takes at least. */
type Settings = { requests: number | null; atOnce: number | null; latency: number }
/** `most`: requests under way at once, those that were one too many included. */
type Spending = { at: number[]; underWay: number; most: number; refused: number; crowded: number }

export type Quota = ReturnType<typeof createQuota>

export function createQuota(world: World) {
  const settings = world.section<Settings>('quota', { requests: DEFAULT_REQUESTS, atOnce: DEFAULT_AT_ONCE, latency: 0 })
  const pairs = new Map<string, Spending>()
  world.events.on('clock', () => {
    for (const pair of pairs.values()) pair.at = []
  })

  function spendingOf(client: string, mailbox: string): Spending {
    const key = `${client} ${mailbox}`
    const known = pairs.get(key) ?? { at: [], underWay: 0, most: 0, refused: 0, crowded: 0 }
    pairs.set(key, known)
    const horizon = world.clock() - WINDOW
    const first = known.at.findIndex((at) => at > horizon)
    if (first !== 0 && known.at.length > 0) known.at = first < 0 ? [] : known.at.slice(first)
    return known
  }

  return {
    limit(change: Partial<Settings>): Settings {
      Object.assign(settings, change)
      world.changed()
      return settings
    },
    latency: async (): Promise<void> => {
      if (settings.latency > 0) await new Promise((resolve) => setTimeout(resolve, settings.latency))
    },
    /** Takes a request, or answers the refusal. What was taken is under way until `done`. */
    take(client: string, mailbox: string): { done(): void } | SimResponse {
      const pair = spendingOf(client, mailbox)
      pair.most = Math.max(pair.most, pair.underWay + 1)
      if (settings.atOnce !== null && pair.underWay >= settings.atOnce) {
        pair.crowded += 1
        return graphError(429, 'ApplicationThrottled', 'Application is over its MailboxConcurrency limit.')
      }
      if (settings.requests !== null && pair.at.length >= settings.requests) {
        pair.refused += 1
        const wait = Math.max(1, Math.ceil(((pair.at[0] ?? 0) + WINDOW - world.clock()) / 1000))
        return graphError(429, 'TooManyRequests', 'Please retry again later.', { 'retry-after': String(wait) })
      }
      pair.at.push(world.clock())
      pair.underWay += 1
      let under = true
      return {
        done() {
          if (under) pair.underWay -= 1
          under = false
        },
      }
    },
    /** Requests refused for either reason. */
    refusals: (): number => [...pairs.values()].reduce((sum, { refused, crowded }) => sum + refused + crowded, 0),
    /** The most requests of one app that any mailbox had under way at once, refused ones included. */
    mostAtOnce: (): number => Math.max(0, ...[...pairs.values()].map(({ most }) => most)),
    /** Per app and mailbox: requests in the window, the most at once, and refusals for either reason. */
    report: () => ({
      ...settings,
      pairs: Object.fromEntries(
        [...pairs].map(([key, { at, most, refused, crowded }]) => [
          key,
          { requests: at.length, most, refused, crowded },
        ]),
      ),
    }),
  }
}
