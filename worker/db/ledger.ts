// The ledger: one row per provider message and inbox, from discovery to its one disposition. It is the truth that queues only wake.
import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

export const ledger = sqliteTable(
  'ledger',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    inboxId: text('inbox_id').notNull(),
    /** `imap:<folder>:<uidvalidity>:<uid>`, `gmail:<id>`, `graph:<immutable id>`, `email:<sha256>` */
    identity: text('identity').notNull(),
    /** JSON MessageRef: what the provider needs to fetch it. */
    ref: text('ref').notNull(),
    /** discovered → stored (raw MIME in R2) → done (has a disposition) */
    state: text('state', { enum: ['discovered', 'stored', 'done'] })
      .notNull()
      .default('discovered'),
    disposition: text('disposition', {
      enum: ['ticket_created', 'reply_added', 'duplicate', 'suppressed', 'quarantined', 'gone'],
    }),
    reason: text('reason'),
    /** RFC 5322 Message-ID without angle brackets, or null. */
    messageId: text('message_id'),
    /** SHA-256 of the raw bytes, hex. */
    digest: text('digest'),
    fromAddress: text('from_address'),
    subject: text('subject'),
    receivedAt: integer('received_at'),
    rawKey: text('raw_key'),
    size: integer('size'),
    /** JSON UploadProgress of a large message half way into R2. */
    upload: text('upload'),
    /** Where it lies at the provider, null for received mail. */
    role: text('role', { enum: ['sent', 'spam', 'trash', 'draft'] }),
    /** JSON CloudLink[]: files that the mail only points at, which are not in its MIME; null where it has none. */
    links: text('links'),
    /** Until it is marked in its mailbox (inboxes.markProcessed): a lease or a backoff, as dueAt. Null where nothing is to be marked. */
    markDueAt: integer('mark_due_at'),
    markAttempts: integer('mark_attempts').notNull().default(0),
    /** Claims of the current state; reset when the state advances. */
    attempts: integer('attempts').notNull().default(0),
    error: text('error'),
    /** Claimable from this time on: a lease while a worker has it, a backoff after a failure. Null once done. */
    dueAt: integer('due_at'),
    /** Random token of the apply that won; every other statement of its batch depends on it. */
    applyToken: text('apply_token'),
    ticketId: text('ticket_id'),
    /** Postroom's message row. */
    messageRowId: text('message_row_id'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('ledger_identity').on(t.tenantId, t.inboxId, t.identity),
    index('ledger_message_id').on(t.tenantId, t.messageId).where(sql`message_id is not null`),
    index('ledger_due').on(t.dueAt).where(sql`due_at is not null`),
    index('ledger_claim').on(t.tenantId, t.inboxId, t.state, t.dueAt),
    index('ledger_mark').on(t.tenantId, t.inboxId, t.markDueAt).where(sql`mark_due_at is not null`),
    index('ledger_list').on(t.tenantId, t.inboxId, t.createdAt),
    index('ledger_disposition').on(t.tenantId, t.inboxId, t.disposition, t.createdAt),
  ],
)
