// Tenants as the operator of the installation manages them: make one, list them, change a plan.
import { asc, eq, gt } from 'drizzle-orm'
import type { TenantAnswer } from '../../contract/auth'
import { tenants } from '../../db/tenants'
import { PLAN_NAMES } from '../../entitlements/features'
import { iso } from '../../platform/clock'
import { AppError } from '../../platform/errors'
import { newId } from '../../platform/ids'
import { mintInvitation } from '../../platform/invitation'
import type { SystemDb } from '../../platform/system-db'

type TenantRow = typeof tenants.$inferSelect

const answerOf = ({ id, name, plan, createdAt }: TenantRow): TenantAnswer => ({
  id,
  name,
  plan,
  createdAt: iso(createdAt),
})

function knownPlan(plan: string): string {
  if ((PLAN_NAMES as string[]).includes(plan)) return plan
  const message = `There is no plan "${plan}". Plans: ${PLAN_NAMES.join(', ')}.`
  throw new AppError('invalid_body', { detail: message, fields: [{ path: 'plan', message }] })
}

/** Makes a tenant and the invitation of its first owner. AppError('conflict') where the address already has an account. */
export async function createTenant(
  deps: { db: SystemDb; now: number; appUrl: string },
  input: { tenantName: string; ownerEmail: string; plan: string },
): Promise<{ tenant: TenantAnswer; inviteUrl: string }> {
  const { d1 } = deps.db
  const plan = knownPlan(input.plan)
  if (await d1.prepare('SELECT 1 FROM users WHERE email = ?1').bind(input.ownerEmail).first()) {
    throw new AppError('conflict', { detail: 'This address already has an account.' })
  }
  const tenantId = newId('ten', deps.now)
  const invitation = await mintInvitation(deps.appUrl, deps.now)
  await d1.batch([
    d1
      .prepare('INSERT INTO tenants (id, name, plan, created_at) VALUES (?1, ?2, ?3, ?4)')
      .bind(tenantId, input.tenantName, plan, deps.now),
    d1
      .prepare(
        `INSERT INTO invitations (id, tenant_id, email, role, token_hash, created_at, expires_at)
         VALUES (?1, ?2, ?3, 'owner', ?4, ?5, ?6)`,
      )
      .bind(
        invitation.id,
        tenantId,
        input.ownerEmail,
        invitation.tokenHash,
        invitation.createdAt,
        invitation.expiresAt,
      ),
  ])
  const tenant = { id: tenantId, name: input.tenantName, plan, createdAt: iso(deps.now) }
  return { tenant, inviteUrl: invitation.url }
}

/** Tenants in order of their making; the cursor is the last id seen. */
export async function listTenants(db: SystemDb, page: { cursor?: string | undefined; limit: number }) {
  const rows = await db.orm
    .select()
    .from(tenants)
    .where(gt(tenants.id, page.cursor ?? ''))
    .orderBy(asc(tenants.id))
    .limit(page.limit + 1)
  const items = rows.slice(0, page.limit)
  return { items: items.map(answerOf), nextCursor: rows.length > page.limit ? (items.at(-1)?.id ?? null) : null }
}

/** Moves a tenant to another plan, from its next request on. A smaller limit archives nothing; it only stops new inboxes. */
export async function changePlan(db: SystemDb, id: string, plan: string): Promise<TenantAnswer> {
  const [row] = await db.orm
    .update(tenants)
    .set({ plan: knownPlan(plan) })
    .where(eq(tenants.id, id))
    .returning()
  if (!row) throw new AppError('not_found')
  return answerOf(row)
}
