// TenantDb: the only way to D1 for code that serves one tenant. Every statement must name tenant_id and bind this tenant's id,
// checked at run time on each statement; a forgotten tenant is an exception in the first test, not a leak in production.
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'

export class TenantLeakError extends Error {
  override readonly name = 'TenantLeakError'
}

export type TenantDb = {
  readonly tenantId: string
  /** Typed queries. */
  readonly orm: DrizzleD1Database
  /**
   * A raw statement, for bulk writes through json_each and hand-tuned lists. `?1` is always the tenant id; `params` bind from `?2` on.
   * Give it to `batch`, or call `.all()`, `.first()`, `.run()` on it.
   */
  prepare(sql: string, ...params: (string | number | null)[]): D1PreparedStatement
  /** One transaction. The first statement is the idempotency guard of the event. */
  batch(statements: D1PreparedStatement[]): Promise<D1Result[]>
}

/** The TenantDb of one verified tenant id (from a session, a job or a ledger row). */
export function tenantDb(database: D1Database, tenantId: string): TenantDb {
  const check = (sql: string) => {
    if (!sql.includes('tenant_id')) throw new TenantLeakError(`statement without tenant_id: ${sql.slice(0, 120)}`)
  }
  return {
    tenantId,
    orm: drizzle(database, {
      logger: {
        logQuery(query, params) {
          check(query)
          if (!params.includes(tenantId))
            throw new TenantLeakError(`statement without this tenant's id: ${query.slice(0, 120)}`)
        },
      },
    }),
    prepare(sql, ...params) {
      check(sql)
      if (!sql.includes('?1'))
        throw new TenantLeakError(`statement does not bind the tenant (?1): ${sql.slice(0, 120)}`)
      return database.prepare(sql).bind(tenantId, ...params)
    },
    batch: (statements) => database.batch(statements),
  }
}
