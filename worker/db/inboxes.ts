// Tables of the inboxes slice. Status columns mirror what the InboxObject has proven; only it and the connect routes write them.
import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

export const inboxes = sqliteTable(
  'inboxes',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    name: text('name').notNull(),
    displayName: text('display_name').notNull(),
    /** Lower case. */
    emailAddress: text('email_address').notNull(),
    connectionType: text('connection_type', { enum: ['imap', 'google', 'microsoft', 'forward'] }).notNull(),
    status: text('status', { enum: ['connected', 'disconnected', 'error'] })
      .notNull()
      .default('disconnected'),
    /** JSON StatusDetail { code, message, action } | null */
    statusDetail: text('status_detail'),
    /** JSON ConnectionConfig: hosts, ports, security, user names. Never a password. */
    config: text('config'),
    /** Keyring ciphertext of JSON ConnectionSecrets; null when disconnected. */
    credentials: text('credentials'),
    connectedAt: integer('connected_at'),
    lastSyncAt: integer('last_sync_at'),
    lastError: text('last_error'),
    nextPollAt: integer('next_poll_at'),
    pausedAt: integer('paused_at'),
    /** `auth_failure` or `manual` */
    pauseReason: text('pause_reason'),
    archivedAt: integer('archived_at'),
    /** Days of old mail the first connect imports; 0 = only new mail. */
    importDays: integer('import_days').notNull().default(30),
    /** JSON { enabled, subject, body } */
    autoResponse: text('auto_response'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('inboxes_address').on(t.tenantId, t.emailAddress),
    // Email Routing hands over a recipient address and nothing else, so among all tenants it names one forwarding inbox.
    uniqueIndex('inboxes_forward_address').on(t.emailAddress).where(sql`connection_type = 'forward'`),
    index('inboxes_list').on(t.tenantId, t.archivedAt, t.createdAt),
    index('inboxes_due').on(t.nextPollAt),
  ],
)
