// The first visit: one tenant, its owner and a session, made once. Whoever comes second, even at the same moment, gets a conflict.
import { AppError } from '../../platform/errors'
import { newId } from '../../platform/ids'
import type { AuthDeps, Caller } from './deps'
import { hashPassword } from './password'
import { mintSession } from './session'
import { insertSession, type SignedIn } from './sign-in'

/** Whether nobody has set this installation up yet. */
export async function setupNeeded({ db }: Pick<AuthDeps, 'db'>): Promise<boolean> {
  return (await db.d1.prepare('SELECT 1 FROM tenants LIMIT 1').first()) === null
}

/** Makes the first tenant and signs its owner in. AppError('conflict') once any tenant exists. */
export async function setUp(
  deps: AuthDeps,
  input: { tenantName: string; name: string; email: string; password: string; plan: string },
  caller: Caller,
): Promise<SignedIn> {
  const done = new AppError('conflict', { detail: 'Postroom is already set up. Sign in instead.' })
  if (!(await setupNeeded(deps))) throw done
  const { d1 } = deps.db
  const tenantId = newId('ten', deps.now)
  const userId = newId('usr', deps.now)
  const passwordHash = await hashPassword(input.password)
  const minted = await mintSession(deps.now)
  const [made] = await d1.batch([
    d1
      .prepare(
        'INSERT INTO tenants (id, name, plan, created_at) SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM tenants)',
      )
      .bind(tenantId, input.tenantName, input.plan, deps.now),
    d1
      .prepare(
        `INSERT INTO users (id, tenant_id, email, name, role, password_hash, created_at)
         SELECT ?1, id, ?3, ?4, 'owner', ?5, ?6 FROM tenants WHERE id = ?2`,
      )
      .bind(userId, tenantId, input.email, input.name, passwordHash, deps.now),
    insertSession(deps, minted, userId, caller),
  ])
  if (made?.meta.changes !== 1) throw done
  return {
    token: minted.token,
    session: {
      userId,
      userName: input.name,
      userEmail: input.email,
      tenantId,
      tenantName: input.tenantName,
      plan: input.plan,
      role: 'owner',
    },
  }
}
