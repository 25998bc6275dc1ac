// The people of a tenant: list, role, access. The rules that protect owners are conditions of the one UPDATE, so no race gets past them.
import { and, asc, eq } from 'drizzle-orm'
import type { UserAnswer } from '../../contract/auth'
import type { Role } from '../../contract/permissions'
import { users } from '../../db/auth'
import { iso } from '../../platform/clock'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import type { Session } from '../../platform/http/context'

const shown = {
  id: users.id,
  name: users.name,
  email: users.email,
  role: users.role,
  disabledAt: users.disabledAt,
  createdAt: users.createdAt,
}
type UserRow = Pick<typeof users.$inferSelect, keyof typeof shown>

const answerOf = (row: UserRow): UserAnswer => ({
  ...row,
  disabledAt: iso(row.disabledAt),
  createdAt: iso(row.createdAt),
})

/** Everybody of the tenant by name; small enough to be one page. */
export async function listUsers(db: TenantDb): Promise<UserAnswer[]> {
  const rows = await db.orm.select(shown).from(users).where(eq(users.tenantId, db.tenantId)).orderBy(asc(users.name))
  return rows.map(answerOf)
}

async function findUser(db: TenantDb, id: string): Promise<UserRow> {
  const [row] = await db.orm
    .select(shown)
    .from(users)
    .where(and(eq(users.tenantId, db.tenantId), eq(users.id, id)))
  if (!row) throw new AppError('not_found')
  return row
}

/**
 * Changes a person's role or access; both take effect with their next request. Disabling ends their sessions.
 * AppError('forbidden') where an admin would touch or make an owner, 'conflict' where no owner would be left.
 */
export async function updateUser(
  db: TenantDb,
  actor: Session,
  id: string,
  change: { role?: Role; disabled?: boolean },
  now: number,
): Promise<UserAnswer> {
  const before = await findUser(db, id)
  if (actor.role !== 'owner' && (before.role === 'owner' || change.role === 'owner')) {
    throw new AppError('forbidden', { detail: 'Only an owner can change or make an owner.' })
  }
  const role = change.role ?? before.role
  const disabledAt =
    change.disabled === undefined ? before.disabledAt : change.disabled ? (before.disabledAt ?? now) : null
  const staysOwner = role === 'owner' && disabledAt === null
  const [update] = await db.batch([
    db.prepare(
      `UPDATE users SET role = ?3, disabled_at = ?4
       WHERE tenant_id = ?1 AND id = ?2
         AND (?5 = 1 OR role <> 'owner')
         AND (?6 = 1 OR role <> 'owner' OR disabled_at IS NOT NULL
              OR EXISTS (SELECT 1 FROM users WHERE tenant_id = ?1 AND role = 'owner' AND disabled_at IS NULL AND id <> ?2))`,
      id,
      role,
      disabledAt,
      actor.role === 'owner' ? 1 : 0,
      staysOwner ? 1 : 0,
    ),
    db.prepare(
      `DELETE FROM sessions WHERE tenant_id = ?1 AND user_id = ?2
         AND EXISTS (SELECT 1 FROM users WHERE tenant_id = ?1 AND id = ?2 AND disabled_at IS NOT NULL)`,
      id,
    ),
  ])
  if (update?.meta.changes !== 1) {
    throw new AppError('conflict', { detail: 'This is the last owner. Make somebody else an owner first.' })
  }
  return answerOf(await findUser(db, id))
}
