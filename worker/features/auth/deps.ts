// What the services of this slice are given by their routes.
import type { Context } from 'hono'
import type { AppEnv } from '../../platform/http/context'
import { networkOf } from '../../platform/rate-limit'
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
