// Routes of connecting a Google account: the way out for people who manage inboxes, the way back for Google's redirect.
import { type Context, Hono } from 'hono'
import { StartConnectAnswer, StartConnectBody } from '../contract/inboxes'
import { may } from '../contract/permissions'
import { type TenantDb, tenantDb } from '../platform/db'
import type { AppEnv } from '../platform/http/context'
import { access, answers, json, publicRoute, sessionOf } from '../platform/http/route'
import { countAttempt } from '../platform/rate-limit'
import { finishGoogleConnect, type GoogleConnectDeps, startGoogleConnect, turnedAway } from './google-connect'

/** Enough for a script that connects hundreds of mailboxes, too few to fill a table with. */
const STARTS = { name: 'connect-start', max: 300, windowMs: 10 * 60_000 }

const permission = 'inboxes:manage'

/** The routes over a way to reach Google; tests lend a fake one. */
export function googleConnectRoutes(io: { fetch: typeof fetch }) {
  const deps = (c: Context<AppEnv>, db: TenantDb): GoogleConnectDeps => ({
    db,
    settings: c.get('settings'),
    clock: c.get('clock'),
    fetch: io.fetch,
    object: (inboxId) => c.env.INBOX.get(c.env.INBOX.idFromName(inboxId)),
    release: (inboxId) => c.get('releaseConnection')(db, inboxId),
  })
  return new Hono<AppEnv>()
    .post(
      '/inboxes/:id/connect/google',
      access(permission, 'Begin connecting a Google account; answers where to send the browser'),
      json(StartConnectBody),
      answers(200, StartConnectAnswer),
      async (c) => {
        const { tenantId, userId } = sessionOf(c)
        await countAttempt({ d1: c.env.DB, secret: c.get('settings').AUTH_SECRET, now: c.get('clock')() }, [
          { limit: STARTS, subject: tenantId },
        ])
        const input = { inboxId: c.req.param('id'), userId, body: c.req.valid('json') }
        return c.json(await startGoogleConnect(deps(c, c.get('db')), input))
      },
    )
    .get(
      '/auth/google/callback',
      publicRoute("The way back from Google's consent page; answers with a redirect"),
      async (c) => {
        // Public, since a browser must never be shown a JSON error here: without the right session it is sent into the app as well.
        const session = c.get('session')
        if (!session) return c.redirect(turnedAway(c.get('settings'), 'signed_out'))
        if (!may(session.role, permission)) return c.redirect(turnedAway(c.get('settings'), 'not_allowed'))
        const db = tenantDb(c.env.DB, session.tenantId)
        const callback = new URL(c.req.url).searchParams
        return c.redirect(await finishGoogleConnect(deps(c, db), { userId: session.userId, callback }))
      },
    )
}
