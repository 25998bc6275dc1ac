// Tables of the tickets slice: tickets, their messages, attachments, tags, and every Message-ID a ticket is known by.
import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

export const tickets = sqliteTable(
  'tickets',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    number: integer('number').notNull(),
    subject: text('subject').notNull(),
    status: text('status', { enum: ['open', 'in_progress', 'waiting', 'resolved', 'closed'] }).notNull(),
    priority: text('priority', { enum: ['low', 'normal', 'high', 'urgent'] })
      .notNull()
      .default('normal'),
    inboxId: text('inbox_id').notNull(),
    assigneeId: text('assignee_id'),
    contactId: text('contact_id').notNull(),
    messageCount: integer('message_count').notNull().default(0),
    lastMessageAt: integer('last_message_at').notNull(),
    mergedIntoId: text('merged_into_id'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('tickets_number').on(t.tenantId, t.number),
    // Lists (features/tickets/list-query.ts) read one short run per status from one of these and never sort more than a page.
    index('tickets_activity').on(t.tenantId, t.lastMessageAt, t.id),
    index('tickets_status').on(t.tenantId, t.status, t.lastMessageAt, t.id),
    index('tickets_inbox').on(t.tenantId, t.inboxId, t.status, t.lastMessageAt, t.id),
    index('tickets_assignee').on(t.tenantId, t.assigneeId, t.status, t.lastMessageAt, t.id),
    index('tickets_inbox_assignee').on(t.tenantId, t.inboxId, t.assigneeId, t.status, t.lastMessageAt, t.id),
    // Newest first by number: the filters are read off the index itself.
    index('tickets_created').on(t.tenantId, t.number, t.status, t.inboxId, t.assigneeId),
    index('tickets_contact').on(t.tenantId, t.contactId),
  ],
)

export const ticketTags = sqliteTable(
  'ticket_tags',
  {
    tenantId: text('tenant_id').notNull(),
    tag: text('tag').notNull(),
    ticketId: text('ticket_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.ticketId, t.tag] }),
    index('ticket_tags_tag').on(t.tenantId, t.tag, t.ticketId),
  ],
)

export const messages = sqliteTable(
  'messages',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    ticketId: text('ticket_id').notNull(),
    inboxId: text('inbox_id').notNull(),
    ledgerId: text('ledger_id'),
    direction: text('direction', { enum: ['inbound', 'outbound', 'note'] }).notNull(),
    authorId: text('author_id'),
    fromName: text('from_name').notNull().default(''),
    fromEmail: text('from_email').notNull().default(''),
    /** JSON Address[] { name, email } */
    to: text('to_json').notNull().default('[]'),
    cc: text('cc_json').notNull().default('[]'),
    bcc: text('bcc_json').notNull().default('[]'),
    subject: text('subject').notNull().default(''),
    /** The new part, at most LIMITS.storedTextChars; the whole text and HTML are in R2 under bodyKey. */
    text: text('text').notNull().default(''),
    /** R2 key of JSON MessageBody { text, fullText, html }. */
    bodyKey: text('body_key'),
    /** R2 key of the raw MIME: inbound as received, outbound as sent (written once, before the first attempt). */
    rawKey: text('raw_key'),
    rawSize: integer('raw_size'),
    messageId: text('message_id'),
    inReplyTo: text('in_reply_to'),
    /** JSON string[], oldest first */
    references: text('references_json').notNull().default('[]'),
    /** JSON { matchedBy, evidence } */
    trace: text('trace'),
    /** JSON Classification of mail/automated, or null */
    automated: text('automated'),
    receivedAt: integer('received_at').notNull(),
    createdAt: integer('created_at').notNull(),
    deliveryState: text('delivery_state', { enum: ['queued', 'sending', 'sent', 'failed'] }),
    /** What the server answered, or why it failed, in plain words. */
    deliveryDetail: text('delivery_detail'),
    deliveryAttempts: integer('delivery_attempts').notNull().default(0),
    /** When the sender or sweeper may take it again; null unless queued or sending. */
    deliveryDueAt: integer('delivery_due_at'),
    sentAt: integer('sent_at'),
  },
  (t) => [
    index('messages_ticket').on(t.tenantId, t.ticketId, t.receivedAt, t.id),
    index('messages_message_id').on(t.tenantId, t.messageId).where(sql`message_id is not null`),
    index('messages_delivery_due').on(t.deliveryDueAt).where(sql`delivery_due_at is not null`),
  ],
)

/** Every Message-ID that leads to a ticket: of its own messages ('own') and of the mails those refer to ('ref'). */
export const threadRefs = sqliteTable(
  'thread_refs',
  {
    tenantId: text('tenant_id').notNull(),
    messageId: text('message_id').notNull(),
    ticketId: text('ticket_id').notNull(),
    kind: text('kind', { enum: ['own', 'ref', 'provider_thread'] }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.messageId, t.kind, t.ticketId] }),
    index('thread_refs_ticket').on(t.tenantId, t.ticketId),
  ],
)

export const attachments = sqliteTable(
  'attachments',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    inboxId: text('inbox_id'),
    /** Null: an upload not yet part of a reply; it expires by expiresAt. */
    messageId: text('message_id'),
    ledgerId: text('ledger_id'),
    /** MIME part path of the index, for example '2.1'; unique with the ledger row, so a replay stores nothing twice. */
    part: text('part'),
    filename: text('filename').notNull(),
    contentType: text('content_type').notNull(),
    /** Decoded bytes; an estimate from the encoded size until stored. */
    size: integer('size').notNull(),
    contentId: text('content_id'),
    /** Kept for rendering only, not listed. */
    inline: integer('inline', { mode: 'boolean' }).notNull().default(false),
    state: text('state', { enum: ['pending', 'stored', 'skipped', 'failed'] }).notNull(),
    reason: text('reason'),
    /** R2 key of the decoded file. */
    blobKey: text('blob_key'),
    /** Where the encoded part lies in the raw object: [start, end) and its Content-Transfer-Encoding. */
    rawKey: text('raw_key'),
    rawStart: integer('raw_start'),
    rawEnd: integer('raw_end'),
    encoding: text('encoding'),
    sha256: text('sha256'),
    attempts: integer('attempts').notNull().default(0),
    dueAt: integer('due_at'),
    uploadedBy: text('uploaded_by'),
    expiresAt: integer('expires_at'),
    createdAt: integer('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('attachments_part').on(t.tenantId, t.ledgerId, t.part).where(sql`ledger_id is not null`),
    index('attachments_message').on(t.tenantId, t.messageId),
    index('attachments_due').on(t.dueAt).where(sql`due_at is not null`),
    index('attachments_expiry').on(t.expiresAt).where(sql`expires_at is not null`),
  ],
)
