// Rate limits: counters in D1, one row per limited thing and caller. Who is limited is stored as a keyed digest, never readable.
import { AppError } from './errors'
import { sha256Hex } from './ids'

/** At most `max` attempts in `windowMs`, counted from the first of them. */
export type RateLimit = { name: string; max: number; windowMs: number }
export type LimitedCall = { limit: RateLimit; subject: string }
type Deps = { d1: D1Database; secret: string; now: number }

/**
 * Counts one attempt for each call before the work is done, so that parallel attempts cannot slip past the check.
 * Throws AppError('rate_limited') with Retry-After once one is over its limit.
 */
export async function countAttempt(deps: Deps, calls: LimitedCall[]): Promise<void> {
  const statement = deps.d1.prepare(
    `INSERT INTO rate_limits (key, window_start, count) VALUES (?1, ?2, 1)
     ON CONFLICT (key) DO UPDATE SET
       count = CASE WHEN window_start <= ?2 - ?3 THEN 1 ELSE count + 1 END,
       window_start = CASE WHEN window_start <= ?2 - ?3 THEN ?2 ELSE window_start END
     RETURNING window_start AS windowStart, count`,
  )
  const keys = await Promise.all(calls.map((call) => keyOf(deps.secret, call)))
  const results = await deps.d1.batch<{ windowStart: number; count: number }>(
    calls.map(({ limit }, i) => statement.bind(keys[i] ?? '', deps.now, limit.windowMs)),
  )
  const waits = calls.map(({ limit }, i) => {
    const row = results[i]?.results[0]
    return row && row.count > limit.max ? row.windowStart + limit.windowMs - deps.now : 0
  })
  const wait = Math.max(...waits)
  if (wait <= 0) return
  const retryAfter = Math.ceil(wait / 1000)
  const minutes = Math.ceil(retryAfter / 60)
  throw new AppError('rate_limited', {
    detail: `Too many attempts. Try again in ${minutes} minute${minutes === 1 ? '' : 's'}.`,
    retryAfter,
  })
}

/**
 * Takes back the one attempt that turned out right, so that people who sign in often are not locked out. It resets nothing:
 * whoever guesses between sign-ins of their own still has each guess counted.
 */
export async function forgiveAttempt(deps: Deps, calls: LimitedCall[]): Promise<void> {
  const statement = deps.d1.prepare('UPDATE rate_limits SET count = max(0, count - 1) WHERE key = ?1')
  await deps.d1.batch(await Promise.all(calls.map(async (call) => statement.bind(await keyOf(deps.secret, call)))))
}

const keyOf = async (secret: string, call: LimitedCall) =>
  `${call.limit.name}:${await sha256Hex(JSON.stringify([secret, call.limit.name, call.subject]))}`

/** What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, since one customer holds all of it. */
export function networkOf(ip: string): string {
  if (!ip.includes(':')) return ip
  const [head = '', tail] = ip.toLowerCase().split('::')
  const groups = head.split(':').filter(Boolean)
  if (tail !== undefined) {
    const rest = tail.split(':').filter(Boolean)
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
