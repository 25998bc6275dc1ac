// Tables of the tenants slice. A tenant is one customer company; every other table carries its id.
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const tenants = sqliteTable('tenants', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  plan: text('plan').notNull(),
  /** The last ticket number given out; raised inside the batch that creates the tickets. */
  lastTicketNumber: integer('last_ticket_number').notNull().default(0),
  createdAt: integer('created_at').notNull(),
})
