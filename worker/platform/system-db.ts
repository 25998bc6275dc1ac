// SystemDb: D1 across tenants, for the few questions that come before a tenant is known (who signs in, whose token, which inbox
// has this address) and for the sweeper's keyset pages. dependency-cruiser lists who may import it.
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'

export type SystemDb = { readonly orm: DrizzleD1Database; readonly d1: D1Database }

export function systemDb(database: D1Database): SystemDb {
  return { orm: drizzle(database), d1: database }
}
