// Sessions: a random token in a cookie, its SHA-256 in D1. A stolen database opens no session; a revoked row ends it at once.
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import type { AppEnv, Session } from '../../platform/http/context'
import { newToken, sha256Hex } from '../../platform/ids'
import { type SystemDb, systemDb } from '../../platform/system-db'

const COOKIE = 'postroom_session'
const DAY = 86_400_000
/** A session ends this long after signing in, however often it is used. */
export const SESSION_TTL = 30 * DAY
/** last_seen_at is written at most this often, so that reading does not cost a write. */
const TOUCH_EVERY = 5 * 60_000

/** A fresh session's token (for the cookie) and what is stored of it. */
export async function mintSession(now: number) {
  const token = newToken()
  return { token, tokenHash: await sha256Hex(token), createdAt: now, expiresAt: now + SESSION_TTL }
}
export type MintedSession = Awaited<ReturnType<typeof mintSession>>

/** Puts the session's token into the browser. */
export function setSessionCookie(c: Context<AppEnv>, token: string): void {
  setCookie(c, COOKIE, token, { ...cookieOptions(c), maxAge: SESSION_TTL / 1000 })
}

/** Removes the session's cookie. */
export function clearSessionCookie(c: Context<AppEnv>): void {
  deleteCookie(c, COOKIE, cookieOptions(c))
}

function cookieOptions(c: Context<AppEnv>) {
  return { path: '/', httpOnly: true, sameSite: 'Lax', secure: new URL(c.req.url).protocol === 'https:' } as const
}

/** Finds the session of the cookie, if it holds one, and leaves it on the context; routes decide whether they need it. */
export const sessionFromCookie = createMiddleware<AppEnv>(async (c, next) => {
  const token = getCookie(c, COOKIE)
  c.set('session', token ? await findSession(systemDb(c.env.DB), token, c.get('clock')()) : null)
  await next()
})

type SessionRow = Session & { lastSeenAt: number }

async function findSession({ d1 }: SystemDb, token: string, now: number): Promise<Session | null> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(token)) return null
  const row = await d1
    .prepare(
      `SELECT s.token_hash AS tokenHash, s.last_seen_at AS lastSeenAt, s.tenant_id AS tenantId, t.name AS tenantName, t.plan AS plan,
              u.id AS userId, u.name AS userName, u.email AS userEmail, u.role AS role
       FROM sessions s
       JOIN users u ON u.id = s.user_id AND u.tenant_id = s.tenant_id
       JOIN tenants t ON t.id = s.tenant_id
       WHERE s.token_hash = ?1 AND s.expires_at > ?2 AND u.disabled_at IS NULL`,
    )
    .bind(await sha256Hex(token), now)
    .first<SessionRow>()
  if (!row) return null
  const { lastSeenAt, ...session } = row
  if (now - lastSeenAt > TOUCH_EVERY) {
    await d1.prepare('UPDATE sessions SET last_seen_at = ?2 WHERE token_hash = ?1').bind(row.tokenHash, now).run()
  }
  return session
}
