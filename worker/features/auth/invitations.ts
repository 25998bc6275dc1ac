// Invitations: a link that makes one user, once, within seven days. The link is shown to the inviter and stored only as a digest.
import { and, desc, eq, gt, isNull } from 'drizzle-orm'
import type { Role } from '../../contract/permissions'
import { invitations } from '../../db/auth'
import { iso } from '../../platform/clock'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import type { Session } from '../../platform/http/context'
import { newId, sha256Hex } from '../../platform/ids'
import { mintInvitation } from '../../platform/invitation'
import { countAttempt, type RateLimit } from '../../platform/rate-limit'
import type { AuthDeps, Caller } from './deps'
import { hashPassword } from './password'
import { mintSession } from './session'
import { insertSession, type SignedIn } from './sign-in'

const PER_NETWORK: RateLimit = { name: 'accept-invitation:network', max: 30, windowMs: 15 * 60_000 }

/** Invites an address. A pending invitation of the same address is replaced, so that only the newest link works. */
export async function invite(
  deps: AuthDeps,
  db: TenantDb,
  inviter: Session,
  input: { email: string; role: Role },
): Promise<{ id: string; url: string; expiresAt: string }> {
  if (input.role === 'owner' && inviter.role !== 'owner') {
    throw new AppError('forbidden', { detail: 'Only an owner can invite an owner.' })
  }
  if (await deps.db.d1.prepare('SELECT 1 FROM users WHERE email = ?1').bind(input.email).first()) {
    throw new AppError('conflict', { detail: 'This address already has an account.' })
  }
  const { id, url, tokenHash, createdAt, expiresAt } = await mintInvitation(deps.appUrl, deps.now)
  await db.batch([
    db.prepare('DELETE FROM invitations WHERE tenant_id = ?1 AND email = ?2 AND accepted_at IS NULL', input.email),
    db.prepare(
      `INSERT INTO invitations (id, tenant_id, email, role, token_hash, invited_by, created_at, expires_at)
       VALUES (?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8)`,
      id,
      input.email,
      input.role,
      tokenHash,
      inviter.userId,
      createdAt,
      expiresAt,
    ),
  ])
  return { id, url, expiresAt: iso(expiresAt) }
}

/** Invitations that can still be accepted, newest first. */
export async function pendingInvitations(db: TenantDb, now: number) {
  const rows = await db.orm
    .select()
    .from(invitations)
    .where(and(eq(invitations.tenantId, db.tenantId), isNull(invitations.acceptedAt), gt(invitations.expiresAt, now)))
    .orderBy(desc(invitations.createdAt))
  return rows.map(({ id, email, role, createdAt, expiresAt }) => ({
    id,
    email,
    role,
    createdAt: iso(createdAt),
    expiresAt: iso(expiresAt),
  }))
}

/** Takes a pending invitation back; its link stops working. An admin cannot take back an owner's. */
export async function revokeInvitation(db: TenantDb, actor: Session, id: string): Promise<void> {
  const row = await db
    .prepare('SELECT role FROM invitations WHERE tenant_id = ?1 AND id = ?2 AND accepted_at IS NULL', id)
    .first<{ role: Role }>()
  if (!row) throw new AppError('not_found')
  if (row.role === 'owner' && actor.role !== 'owner') {
    throw new AppError('forbidden', { detail: 'Only an owner can take back the invitation of an owner.' })
  }
  await db.prepare('DELETE FROM invitations WHERE tenant_id = ?1 AND id = ?2 AND accepted_at IS NULL', id).run()
}

/** Makes the invited user and signs them in. Of two acceptances at the same moment one wins; the other gets AppError('conflict'). */
export async function acceptInvitation(
  deps: AuthDeps,
  input: { token: string; name: string; password: string },
  caller: Caller,
): Promise<SignedIn> {
  const { d1 } = deps.db
  await countAttempt({ d1, secret: deps.secret, now: deps.now }, [{ limit: PER_NETWORK, subject: caller.network }])
  const used = new AppError('conflict', {
    detail: 'This invitation has expired or was already used. Ask for a new one.',
  })
  const tokenHash = await sha256Hex(input.token)
  const invitation = await d1
    .prepare(
      `SELECT i.email, i.role, t.id AS tenantId, t.name AS tenantName, t.plan
       FROM invitations i JOIN tenants t ON t.id = i.tenant_id
       WHERE i.token_hash = ?1 AND i.accepted_at IS NULL AND i.expires_at > ?2`,
    )
    .bind(tokenHash, deps.now)
    .first<{ email: string; role: Role; tenantId: string; tenantName: string; plan: string }>()
  if (!invitation) throw used
  const userId = newId('usr', deps.now)
  const passwordHash = await hashPassword(input.password)
  const minted = await mintSession(deps.now)
  const [made] = await d1.batch([
    d1
      .prepare(
        `INSERT INTO users (id, tenant_id, email, name, role, password_hash, created_at)
           SELECT ?2, tenant_id, email, ?3, role, ?4, ?5 FROM invitations
           WHERE token_hash = ?1 AND accepted_at IS NULL AND expires_at > ?5
           ON CONFLICT (email) DO NOTHING`,
      )
      .bind(tokenHash, userId, input.name, passwordHash, deps.now),
    d1
      .prepare(
        'UPDATE invitations SET accepted_at = ?3 WHERE token_hash = ?1 AND EXISTS (SELECT 1 FROM users WHERE id = ?2)',
      )
      .bind(tokenHash, userId, deps.now),
    insertSession(deps, minted, userId, caller),
  ])
  if (made?.meta.changes !== 1) throw used
  return {
    token: minted.token,
    session: {
      userId,
      userName: input.name,
      userEmail: invitation.email,
      role: invitation.role,
      tenantId: invitation.tenantId,
      tenantName: invitation.tenantName,
      plan: invitation.plan,
    },
  }
}
