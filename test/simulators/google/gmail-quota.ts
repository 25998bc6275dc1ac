// What a user may spend: quota units in a sliding minute, and requests under way at once. Over it, Google's errors as clients meet them.
import type { SimResponse } from '../shell/http.ts'
import { googleError } from './google-error.ts'
import type { World } from './world.ts'

/** Units a method costs, under the table for projects made since May 2026 where it is known, else the older one. */
const COSTS: Record<string, number> = {
  'gmail.users.getProfile': 1,
  'gmail.users.watch': 100,
  'gmail.users.stop': 50,
  'gmail.users.history.list': 2,
  'gmail.users.messages.list': 5,
  'gmail.users.messages.get': 20,
  'gmail.users.messages.attachments.get': 5,
  'gmail.users.messages.send': 100,
  'gmail.users.messages.insert': 25,
  'gmail.users.messages.import': 25,
  'gmail.users.messages.modify': 5,
  'gmail.users.messages.batchModify': 50,
  'gmail.users.messages.trash': 5,
  'gmail.users.messages.untrash': 5,
  'gmail.users.messages.delete': 10,
  'gmail.users.threads.list': 10,
  'gmail.users.threads.get': 40,
  'gmail.users.threads.modify': 10,
  'gmail.users.drafts.list': 5,
  'gmail.users.drafts.get': 20,
  'gmail.users.drafts.create': 10,
  'gmail.users.drafts.update': 15,
  'gmail.users.drafts.delete': 10,
  'gmail.users.drafts.send': 100,
  'gmail.users.labels.list': 1,
  'gmail.users.labels.get': 1,
  'gmail.users.labels.create': 5,
  'gmail.users.labels.delete': 5,
  'gmail.users.labels.patch': 5,
  'gmail.users.labels.update': 5,
  'gmail.users.settings.sendAs.list': 1,
  'gmail.users.settings.sendAs.get': 1,
}
const DEFAULT_UNITS = 6_000
const WINDOW = 60_000
const MAX_AT_ONCE = 10

/** `latency` in ms: how long every request takes at least. */
type Settings = { unitsPerMinute: number | null; latency: number }
type Spending = { spent: { at: number; units: number }[]; sum: number; underWay: number; refused: number }

export type Quota = ReturnType<typeof createQuota>

export function createQuota(world: World) {
  const settings = world.section<Settings>('quota', { unitsPerMinute: DEFAULT_UNITS, latency: 0 })
  const users = new Map<string, Spending>()
  world.events.on('clock', () => {
    for (const user of users.values()) Object.assign(user, { spent: [], sum: 0 })
  })

  const spendingOf = (email: string): Spending => {
    const known = users.get(email)
    if (known) {
      const horizon = world.clock() - WINDOW
      while (known.spent[0] && known.spent[0].at <= horizon) known.sum -= known.spent.shift()?.units ?? 0
      return known
    }
    const made: Spending = { spent: [], sum: 0, underWay: 0, refused: 0 }
    users.set(email, made)
    return made
  }

  function overLimit(user: Spending): SimResponse {
    user.refused += 1
    // Google answers either way; clients must know both, and live without Retry-After.
    if (user.refused % 2 === 0) {
      return googleError(403, 'User-rate limit exceeded.', { reason: 'rateLimitExceeded', status: 'PERMISSION_DENIED' })
    }
    const wait = Math.max(1, Math.ceil(((user.spent[0]?.at ?? 0) + WINDOW - world.clock()) / 1000))
    const until = new Date(world.clock() + wait * 1000).toISOString()
    return googleError(429, `User-rate limit exceeded.  Retry after ${until}`, {
      reason: 'userRateLimitExceeded',
      status: 'RESOURCE_EXHAUSTED',
      headers: user.refused % 4 === 1 ? { 'retry-after': String(wait) } : undefined,
    })
  }

  return {
    /** null lifts the limit. */
    limit(unitsPerMinute: number | null): void {
      settings.unitsPerMinute = unitsPerMinute
      world.changed()
    },
    setLatency(ms: number): void {
      settings.latency = ms
      world.changed()
    },
    /** Takes as long as a request is to take. */
    latency: async (): Promise<void> => {
      if (settings.latency > 0) await new Promise((resolve) => setTimeout(resolve, settings.latency))
    },
    /** Takes the units of a method from a user, or answers the refusal. What was taken is under way until `done`. */
    take(email: string, operation: string): { done(): void } | SimResponse {
      const user = spendingOf(email)
      const units = COSTS[operation] ?? 5
      if (user.underWay >= MAX_AT_ONCE) {
        user.refused += 1
        const parts = { reason: 'rateLimitExceeded', status: 'RESOURCE_EXHAUSTED' }
        return googleError(429, 'Too many concurrent requests for user.', parts)
      }
      if (settings.unitsPerMinute !== null && user.sum + units > settings.unitsPerMinute) return overLimit(user)
      user.spent.push({ at: world.clock(), units })
      user.sum += units
      user.underWay += 1
      return {
        done() {
          user.underWay -= 1
        },
      }
    },
    /** Units each user has spent in the last minute, and how many requests were refused. */
    report() {
      const used = Object.fromEntries([...users.keys()].map((email) => [email, spendingOf(email).sum]))
      const refused = [...users.values()].reduce((sum, user) => sum + user.refused, 0)
      return { unitsPerMinute: settings.unitsPerMinute, used, refused }
    },
  }
}
