// What a route finds on Hono's context, and the small services made per request by app.ts.
import type { Role } from '../../contract/permissions'
import type { Env, Settings } from '../../env'
import type { Clock } from '../clock'
import type { TenantDb } from '../db'
import type { JobSender } from '../jobs'

/** A verified session: made by the auth slice, read by everybody. */
export type Session = {
  tokenHash: string
  tenantId: string
  tenantName: string
  /** for `entitlements` only */
  plan: string
  userId: string
  userName: string
  userEmail: string
  role: Role
}

export type Variables = {
  session: Session | null
  /** Names this request in logs and in the X-Request-Id of its answer. */
  requestId: string
  /** Ids of the modules in this build, for `entitlements` */
  modules: readonly string[]
  settings: Settings
  clock: Clock
  jobs: JobSender
  /** The TenantDb of the session. Set by `access()`; reading it on a public route is a bug. */
  db: TenantDb
  /**
   * Giving back the account of an inbox, for whoever takes its credentials away: reads first what that needs, and answers what is to be
   * run once the row no longer has them. Best effort; throws only where D1 does.
   */
  releaseConnection: (db: TenantDb, inboxId: string) => Promise<() => Promise<void>>
}
export type AppEnv = { Bindings: Env; Variables: Variables }
