// What the services of this slice are given by their routes.
import type { Context } from 'hono'
import type { AppEnv } from '../../platform/http/context'
import { type SystemDb, systemDb } from '../../platform/system-db'

export type AuthDeps = { db: SystemDb; now: number; secret: string; appUrl: string }
/** Where a request comes from: `network` for rate limits, `userAgent` for the list of sessions. */
export type Caller = { network: string; userAgent: string | null }

/** The services' dependencies, from a request. */
export function authDeps(c: Context<AppEnv>): AuthDeps {
  const { AUTH_SECRET: secret, APP_URL: appUrl } = c.get('settings')
  return { db: systemDb(c.env.DB), now: c.get('clock')(), secret, appUrl }
}

/** The request's caller, as far as the platform tells. */
export function callerOf(c: Context<AppEnv>): Caller {
  return {
    network: networkOf(c.req.header('cf-connecting-ip') ?? ''),
    userAgent: c.req.header('user-agent')?.slice(0, 300) ?? null,
  }
}

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
