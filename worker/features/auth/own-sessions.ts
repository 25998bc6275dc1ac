// A person's own sessions: where they are signed in, and ending one of them.
import { and, desc, eq, gt } from 'drizzle-orm'
import { sessions } from '../../db/auth'
import { iso } from '../../platform/clock'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import type { Session } from '../../platform/http/context'

/** A session's public name: the start of its token's digest, which opens nothing. */
const ID_LENGTH = 24

/** The live sessions of the person, newest use first. */
export async function ownSessions(db: TenantDb, session: Session, now: number) {
  const rows = await db.orm
    .select()
    .from(sessions)
    .where(and(eq(sessions.tenantId, db.tenantId), eq(sessions.userId, session.userId), gt(sessions.expiresAt, now)))
    .orderBy(desc(sessions.lastSeenAt))
  return rows.map((row) => ({
    id: row.tokenHash.slice(0, ID_LENGTH),
    current: row.tokenHash === session.tokenHash,
    userAgent: row.userAgent,
    createdAt: iso(row.createdAt),
    lastSeenAt: iso(row.lastSeenAt),
    expiresAt: iso(row.expiresAt),
  }))
}

/** Ends one of the person's sessions; AppError('not_found') for anybody else's. */
export async function revokeOwnSession(db: TenantDb, session: Session, id: string): Promise<void> {
  const { meta } = await db
    .prepare(
      `DELETE FROM sessions WHERE tenant_id = ?1 AND user_id = ?2 AND substr(token_hash, 1, ${ID_LENGTH}) = ?3`,
      session.userId,
      id,
    )
    .run()
  if (meta.changes === 0) throw new AppError('not_found')
}

/** Ends the session that the request came with. */
export async function endSession(db: TenantDb, session: Session): Promise<void> {
  await db.prepare('DELETE FROM sessions WHERE tenant_id = ?1 AND token_hash = ?2', session.tokenHash).run()
}
