// Tables of the contacts slice: the people who write to us, one row per address.
import { integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

export const contacts = sqliteTable(
  'contacts',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    name: text('name').notNull(),
    /** Lower case; '' is the one contact of mail that names no sender. */
    email: text('email').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  (t) => [uniqueIndex('contacts_email').on(t.tenantId, t.email)],
)
