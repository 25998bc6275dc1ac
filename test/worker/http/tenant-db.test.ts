// TenantDb refuses, on the spot, what would read or write beyond one tenant.
import { env } from 'cloudflare:test'
import { and, eq } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { users } from '../../../worker/db/auth'
import { TenantLeakError, tenantDb } from '../../../worker/platform/db'
import { makeTenant } from '../../support/session'

/** Drizzle wraps what its logger throws. */
async function refusal(query: Promise<unknown>): Promise<unknown> {
  const error = await query.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return error instanceof Error && error.cause instanceof TenantLeakError ? error.cause : error
}

describe('TenantDb', () => {
  it('reads the rows of its tenant and no others', async () => {
    const [one] = [await makeTenant(), await makeTenant()]
    const db = tenantDb(env.DB, one.tenantId)
    const rows = await db.orm.select().from(users).where(eq(users.tenantId, db.tenantId))
    expect(rows.map((row) => row.tenantId)).toEqual([one.tenantId, one.tenantId, one.tenantId])
    const raw = await db.prepare('SELECT id FROM users WHERE tenant_id = ?1 AND role = ?2', 'owner').all()
    expect(raw.results).toEqual([{ id: one.users.owner }])
  })

  it('refuses a typed query that forgets the tenant, or names another', async () => {
    const [one, two] = [await makeTenant(), await makeTenant()]
    const { orm } = tenantDb(env.DB, one.tenantId)
    const forgotten = orm.select({ name: users.name }).from(users).where(eq(users.id, two.users.owner))
    expect(await refusal(forgotten.execute())).toBeInstanceOf(TenantLeakError)
    const foreign = orm
      .select()
      .from(users)
      .where(and(eq(users.tenantId, two.tenantId), eq(users.role, 'owner')))
    expect(await refusal(foreign.execute())).toBeInstanceOf(TenantLeakError)
    const write = orm.update(users).set({ role: 'agent' }).where(eq(users.id, two.users.owner))
    expect(await refusal(write.execute())).toBeInstanceOf(TenantLeakError)
    const row = await env.DB.prepare('SELECT role FROM users WHERE id = ?').bind(two.users.owner).first()
    expect(row).toEqual({ role: 'owner' })
  })

  it('refuses a raw statement that forgets the tenant or does not bind it', () => {
    const db = tenantDb(env.DB, 'ten_a')
    expect(() => db.prepare('SELECT * FROM users')).toThrow(TenantLeakError)
    expect(() => db.prepare("SELECT * FROM users WHERE tenant_id = 'ten_b'")).toThrow(TenantLeakError)
  })
})
