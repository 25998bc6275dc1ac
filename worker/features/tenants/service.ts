// Tenants as the operator of the installation manages them: make one, list them, change a plan.
import { asc, eq, gt } from 'drizzle-orm'
import type { TenantAnswer } from '../../contract/auth'
import type { Role } from '../../contract/permissions'
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

type Deps = { db: SystemDb; now: number; appUrl: string }

/** Makes a tenant and the invitation of its first owner. AppError('conflict') where the address already has an account. */
export async function createTenant(
  deps: Deps,
  input: { tenantName: string; ownerEmail: string; plan: string },
): Promise<{ tenant: TenantAnswer; inviteUrl: string }> {
  const plan = knownPlan(input.plan)
  const tenantId = newId('ten', deps.now)
  const { statement, url } = await prepareInvitation(deps, { tenantId, email: input.ownerEmail, role: 'owner' })
  await deps.db.d1.batch([
    deps.db.d1
      .prepare('INSERT INTO tenants (id, name, plan, created_at) VALUES (?1, ?2, ?3, ?4)')
      .bind(tenantId, input.tenantName, plan, deps.now),
    statement,
  ])
  return { tenant: { id: tenantId, name: input.tenantName, plan, createdAt: iso(deps.now) }, inviteUrl: url }
}

/** A link into an existing tenant, for when its owners' own links have expired or nobody can sign in any more. */
export async function inviteInto(
  deps: Deps,
  input: { tenantId: string; email: string; role: Role },
): Promise<{ id: string; url: string; expiresAt: string }> {
  const found = await deps.db.d1.prepare('SELECT 1 FROM tenants WHERE id = ?1').bind(input.tenantId).first()
  if (!found) throw new AppError('not_found')
  const { statement, id, url, expiresAt } = await prepareInvitation(deps, input)
  await statement.run()
  return { id, url, expiresAt: iso(expiresAt) }
}

async function prepareInvitation(
  { db: { d1 }, now, appUrl }: Deps,
  { tenantId, email, role }: { tenantId: string; email: string; role: Role },
) {
  if (await d1.prepare('SELECT 1 FROM users WHERE email = ?1').bind(email).first()) {
    throw new AppError('conflict', { detail: 'This address already has an account.' })
  }
  const { id, url, tokenHash, createdAt, expiresAt } = await mintInvitation(appUrl, now)
  const statement = d1
    .prepare(
      `INSERT INTO invitations (id, tenant_id, email, role, token_hash, created_at, expires_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
    )
    .bind(id, tenantId, email, role, tokenHash, createdAt, expiresAt)
  return { statement, id, url, expiresAt }
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
