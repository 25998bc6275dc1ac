// What the routes of connecting an account share, whatever the vendor: their dependencies, their limit, and who may come back.
import type { Context } from 'hono'
import { may, type Permission } from '../contract/permissions'
import { type TenantDb, tenantDb } from '../platform/db'
import type { AppEnv } from '../platform/http/context'
import { sessionOf } from '../platform/http/route'
import { countAttempt } from '../platform/rate-limit'
import { type AccountConnectDeps, type Returned, turnedAway } from './account-connect'

/** Enough for a script that connects hundreds of mailboxes, too few to fill a table with. */
const STARTS = { name: 'connect-start', max: 300, windowMs: 10 * 60_000 }

export const permission = 'inboxes:manage' satisfies Permission

/** How the routes reach a vendor; tests lend a fake one. */
export type ConnectIo = { fetch: typeof fetch }

/** Counts a beginning and answers what it works with. */
export async function beginning(io: ConnectIo, c: Context<AppEnv>): Promise<AccountConnectDeps> {
  await countAttempt({ d1: c.env.DB, secret: c.get('settings').AUTH_SECRET, now: c.get('clock')() }, [
    { limit: STARTS, subject: sessionOf(c).tenantId },
  ])
  return depsOf(io, c, c.get('db'))
}

/** The way back: public, since a browser must never be shown a JSON error here; without the right session it is sent into the app as well. */
export async function comingBack(
  io: ConnectIo,
  c: Context<AppEnv>,
  finish: (deps: AccountConnectDeps, returned: Returned) => Promise<string>,
): Promise<Response> {
  const session = c.get('session')
  if (!session) return c.redirect(turnedAway(c.get('settings'), 'signed_out'))
  if (!may(session.role, permission)) return c.redirect(turnedAway(c.get('settings'), 'not_allowed'))
  const deps = depsOf(io, c, tenantDb(c.env.DB, session.tenantId))
  const callback = new URL(c.req.url).searchParams
  return c.redirect(await finish(deps, { userId: session.userId, callback }))
}

const depsOf = (io: ConnectIo, c: Context<AppEnv>, db: TenantDb): AccountConnectDeps => ({
  db,
  settings: c.get('settings'),
  clock: c.get('clock'),
  fetch: io.fetch,
  object: (inboxId) => c.env.INBOX.get(c.env.INBOX.idFromName(inboxId)),
  release: (inboxId) => c.get('releaseConnection')(db, inboxId),
})
