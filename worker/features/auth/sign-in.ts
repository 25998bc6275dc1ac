// Signing in and changing the password: the places where a password is judged, and the limits on guessing one.
import { AppError } from '../../platform/errors'
import type { Session } from '../../platform/http/context'
import { countAttempt, forgiveAttempt, type RateLimit } from '../../platform/rate-limit'
import type { AuthDeps, Caller } from './deps'
import { hashPassword, verifyPassword } from './password'
import { type MintedSession, mintSession } from './session'

const MINUTE = 60_000
const PER_ADDRESS: RateLimit = { name: 'sign-in:email', max: 10, windowMs: 15 * MINUTE }
const PER_NETWORK: RateLimit = { name: 'sign-in:network', max: 60, windowMs: 15 * MINUTE }
const PER_USER: RateLimit = { name: 'change-password:user', max: 10, windowMs: 15 * MINUTE }

export type SignedIn = { token: string; session: Omit<Session, 'tokenHash'> }
type UserRow = Omit<Session, 'tokenHash'> & { passwordHash: string | null; disabledAt: number | null }

/**
 * Judges an address and a password and opens a session. Every cause of failure takes the same time and says the same words:
 * AppError('invalid_credentials'), or 'rate_limited' before anything is judged.
 */
export async function signIn(
  deps: AuthDeps,
  input: { email: string; password: string },
  caller: Caller,
): Promise<SignedIn> {
  const { d1 } = deps.db
  const limits = { d1, secret: deps.secret, now: deps.now }
  const attempt = [
    { limit: PER_ADDRESS, subject: input.email },
    { limit: PER_NETWORK, subject: caller.network },
  ]
  await countAttempt(limits, attempt)
  const user = await d1
    .prepare(
      `SELECT u.id AS userId, u.name AS userName, u.email AS userEmail, u.role AS role, u.password_hash AS passwordHash,
              u.disabled_at AS disabledAt, t.id AS tenantId, t.name AS tenantName, t.plan AS plan
       FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.email = ?1`,
    )
    .bind(input.email)
    .first<UserRow>()
  const usable = user?.disabledAt === null ? user.passwordHash : null
  const verdict = await verifyPassword(input.password, usable)
  if (!user || !verdict.ok) {
    throw new AppError('invalid_credentials', { detail: 'The email address or the password is wrong.' })
  }
  const minted = await mintSession(deps.now)
  const statements = [insertSession(deps, minted, user.userId, caller)]
  if (verdict.stale) {
    statements.push(
      d1
        .prepare('UPDATE users SET password_hash = ?2 WHERE id = ?1 AND password_hash = ?3')
        .bind(user.userId, await hashPassword(input.password), usable),
    )
  }
  await d1.batch(statements)
  await forgiveAttempt(limits, attempt)
  const { passwordHash: _hash, disabledAt: _disabled, ...session } = user
  return { token: minted.token, session }
}

/** Sets a new password after checking the current one, and ends every other session of the person. */
export async function changePassword(
  deps: AuthDeps,
  session: Session,
  input: { currentPassword: string; newPassword: string },
): Promise<void> {
  const { d1 } = deps.db
  const limits = { d1, secret: deps.secret, now: deps.now }
  const attempt = [{ limit: PER_USER, subject: session.userId }]
  await countAttempt(limits, attempt)
  const row = await d1
    .prepare('SELECT password_hash AS passwordHash FROM users WHERE tenant_id = ?1 AND id = ?2')
    .bind(session.tenantId, session.userId)
    .first<{ passwordHash: string | null }>()
  const verdict = await verifyPassword(input.currentPassword, row?.passwordHash ?? null)
  if (!verdict.ok) {
    throw new AppError('invalid_body', {
      detail: 'The current password is wrong.',
      fields: [{ path: 'currentPassword', message: 'The current password is wrong.' }],
    })
  }
  await d1.batch([
    d1
      .prepare('UPDATE users SET password_hash = ?3 WHERE tenant_id = ?1 AND id = ?2')
      .bind(session.tenantId, session.userId, await hashPassword(input.newPassword)),
    d1
      .prepare('DELETE FROM sessions WHERE tenant_id = ?1 AND user_id = ?2 AND token_hash <> ?3')
      .bind(session.tenantId, session.userId, session.tokenHash),
  ])
  await forgiveAttempt(limits, attempt)
}

/** Stores a minted session for a user, if that user exists and may sign in when the statement runs. */
export function insertSession(
  { db }: Pick<AuthDeps, 'db'>,
  minted: MintedSession,
  userId: string,
  caller: Caller,
): D1PreparedStatement {
  return db.d1
    .prepare(
      `INSERT INTO sessions (token_hash, tenant_id, user_id, created_at, last_seen_at, expires_at, user_agent)
       SELECT ?1, tenant_id, id, ?3, ?3, ?4, ?5 FROM users WHERE id = ?2 AND disabled_at IS NULL`,
    )
    .bind(minted.tokenHash, userId, minted.createdAt, minted.expiresAt, caller.userAgent)
}
