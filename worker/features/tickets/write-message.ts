// Writes what agents write: replies, notes, new conversations. One batch per message; sending is the outbound job's work.
import type { Address } from '../../contract/http'
import type { NewTicketBody, ReplyBody, TicketStatus } from '../../contract/tickets'
import { cleanLine } from '../../mail/headers'
import { htmlToText } from '../../mail/html-text'
import { LIMITS } from '../../mail/limits'
import { signedMessageId } from '../../mail/reply-token'
import { sanitizeHtml } from '../../mail/sanitize'
import { bodyKey, type MessageBody } from '../../platform/blobs'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { newId, sha256Hex } from '../../platform/ids'
import type { JobSender } from '../../platform/jobs'
import { log } from '../../platform/log'
import { readTicket } from './detail'
import { type Recipients, replyRecipients, replySubject, statusAfterReply, threadHeaders } from './recipients'
import { indexQueued } from './search-index'
import { requireUploads, senderOf, usableUpload } from './sender'

export type WriteDeps = { db: TenantDb; blobs: R2Bucket; jobs: JobSender; now: number; secret: string }
export type Author = { userId: string; userName: string }

/** Pictures that the agent put in by address are loaded by the customer's mail program, as in any mail. */
const OUTGOING = { allowRemote: true, cid: () => null }
/** Messages of a conversation that its next message's headers are made from. */
const CHAIN = 200

/**
 * Queues a reply and answers its message id. The same `idempotencyKey` of the same person on the same ticket writes once.
 * AppError('not_found'), 'invalid_body', 'conflict' where the inbox cannot send.
 */
export async function writeReply(
  deps: WriteDeps,
  author: Author,
  ticketId: string,
  body: ReplyBody,
  idempotencyKey?: string,
): Promise<string> {
  const { db, now } = deps
  const ticket = await readTicket(db, ticketId)
  const id = idempotencyKey ? await derivedId(db.tenantId, author.userId, ticketId, idempotencyKey) : newId('msg', now)
  if (idempotencyKey && (await exists(db, id))) return id
  const sender = await senderOf(db, ticket.inboxId, body.from)
  const contact = { name: ticket.contactName ?? '', email: ticket.contactEmail ?? '' }
  const recipients = replyRecipients(body, contact, sender.ownAddresses)
  const content = contentOf(body)
  const { inReplyTo, references } = threadHeaders(await conversation(db, ticketId))
  await write(deps, {
    id,
    ticket: { id: ticketId, status: statusAfterReply(ticket.status, body.status), before: [] },
    inboxId: sender.inboxId,
    author,
    from: sender.from,
    recipients,
    subject: replySubject(ticket.subject),
    content,
    inReplyTo,
    references,
    attachmentIds: [...new Set(body.attachmentIds ?? [])],
  })
  return id
}

/** Starts a conversation with somebody: a ticket whose first message is ours. Answers the ticket's id. Errors as `writeReply`. */
export async function writeNewTicket(deps: WriteDeps, author: Author, body: NewTicketBody): Promise<string> {
  const { db, now } = deps
  const sender = await senderOf(db, body.inboxId, undefined)
  const recipients = replyRecipients(body, { name: '', email: '' }, sender.ownAddresses)
  const content = contentOf(body)
  const ticketId = newId('tkt', now)
  const messageId = newId('msg', now)
  const subject = cleanLine(body.subject)
  const contactEmail = recipients.to[0]?.email ?? ''
  const written = 'EXISTS (SELECT 1 FROM messages WHERE tenant_id = ?1 AND id = ?2)'
  await write(deps, {
    id: messageId,
    ticket: {
      id: ticketId,
      status: 'waiting',
      before: [
        db.prepare(
          `INSERT INTO contacts (id, tenant_id, name, email, created_at) SELECT ?3, ?1, '', ?4, ?5 WHERE ${written} ON CONFLICT DO NOTHING`,
          messageId,
          newId('con', now),
          contactEmail,
          now,
        ),
        db.prepare(
          `UPDATE tenants SET last_ticket_number = last_ticket_number + 1
           WHERE id = ?1 AND EXISTS (SELECT 1 FROM messages WHERE tenant_id = ?1 AND id = ?2)`,
          messageId,
        ),
        db.prepare(
          `INSERT INTO tickets (id, tenant_id, number, subject, status, inbox_id, assignee_id, contact_id, last_message_at, created_at, updated_at)
           SELECT ?3, ?1, t.last_ticket_number, ?4, 'waiting', ?5, ?6, c.id, ?7, ?7, ?7
           FROM tenants t JOIN contacts c ON c.tenant_id = ?1 AND c.email = ?8 WHERE t.id = ?1 AND ${written}`,
          messageId,
          ticketId,
          subject,
          sender.inboxId,
          author.userId,
          now,
          contactEmail,
        ),
      ],
    },
    inboxId: sender.inboxId,
    author,
    from: sender.from,
    recipients,
    subject,
    content,
    inReplyTo: null,
    references: [],
    attachmentIds: [...new Set(body.attachmentIds ?? [])],
  })
  return ticketId
}

/** Writes a note that only the team sees and answers its message id. AppError('not_found'). */
export async function writeNote(deps: WriteDeps, author: Author, ticketId: string, text: string): Promise<string> {
  const { db, now } = deps
  const ticket = await readTicket(db, ticketId)
  const id = newId('msg', now)
  const longBody = text.length > LIMITS.storedTextChars ? await storeBody(deps, id, { text, html: null }) : null
  await db.batch([
    db.prepare(
      `INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, author_id, from_name, text, body_key, received_at, created_at)
       VALUES (?2, ?1, ?3, ?4, 'note', ?5, ?6, ?7, ?8, ?9, ?9)`,
      id,
      ticketId,
      ticket.inboxId,
      author.userId,
      author.userName,
      text.slice(0, LIMITS.storedTextChars),
      longBody,
      now,
    ),
    db.prepare(
      'UPDATE tickets SET message_count = message_count + 1, updated_at = ?3 WHERE tenant_id = ?1 AND id = ?2',
      ticketId,
      now,
    ),
    ...indexQueued(db, 10),
  ])
  return id
}

type Outgoing = {
  id: string
  /** `before`: statements that make the ticket, once the message is written */
  ticket: { id: string; status: TicketStatus; before: D1PreparedStatement[] }
  inboxId: string
  author: Author
  from: Address
  recipients: Recipients
  subject: string
  content: { text: string; html: string | null }
  inReplyTo: string | null
  references: string[]
  attachmentIds: string[]
}

async function write(deps: WriteDeps, message: Outgoing): Promise<void> {
  const { db, now } = deps
  await requireUploads(db, message.attachmentIds, now)
  const [messageId, key] = await Promise.all([
    signedMessageId(deps.secret, {
      tenantId: db.tenantId,
      ticketId: message.ticket.id,
      messageId: message.id,
      domain: message.from.email.slice(message.from.email.lastIndexOf('@') + 1),
    }),
    storeBody(deps, message.id, message.content),
  ])
  const uploads = JSON.stringify(message.attachmentIds)
  const written = 'EXISTS (SELECT 1 FROM messages WHERE tenant_id = ?1 AND id = ?2)'
  const statements = [
    // The guard: without its row nothing else of this batch does anything.
    db.prepare(
      `INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, author_id, from_name, from_email, to_json, cc_json, bcc_json,
         subject, text, body_key, message_id, in_reply_to, references_json, received_at, created_at, delivery_state, delivery_due_at)
       SELECT ?2, ?1, ?3, ?4, 'outbound', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, 'queued', ?17
       WHERE (SELECT count(*) FROM attachments WHERE ${usableUpload('?18', '?17')}) = ?19
       RETURNING id`,
      message.id,
      message.ticket.id,
      message.inboxId,
      message.author.userId,
      message.from.name,
      message.from.email,
      JSON.stringify(message.recipients.to),
      JSON.stringify(message.recipients.cc),
      JSON.stringify(message.recipients.bcc),
      message.subject,
      message.content.text.slice(0, LIMITS.storedTextChars),
      key,
      messageId,
      message.inReplyTo,
      JSON.stringify(message.references),
      now,
      uploads,
      message.attachmentIds.length,
    ),
    ...message.ticket.before,
    db.prepare(
      `UPDATE attachments SET message_id = ?2, inbox_id = ?5, expires_at = NULL WHERE ${usableUpload('?3', '?4')} AND ${written}`,
      message.id,
      uploads,
      now,
      message.inboxId,
    ),
    db.prepare(
      `UPDATE tickets SET message_count = message_count + 1, last_message_at = max(last_message_at, ?4), updated_at = ?4, status = ?5
       WHERE tenant_id = ?1 AND id = ?3 AND ${written}`,
      message.id,
      message.ticket.id,
      now,
      message.ticket.status,
    ),
    db.prepare(
      `INSERT OR IGNORE INTO thread_refs (tenant_id, message_id, ticket_id, kind) SELECT ?1, ?3, ?4, 'own' WHERE ${written}`,
      message.id,
      messageId,
      message.ticket.id,
    ),
    ...indexQueued(db, 10),
  ]
  const results = await db.batch(statements).catch(async (error) => {
    // Two clicks with one idempotency key: the other one wrote the same row.
    if (await exists(db, message.id)) return null
    throw error
  })
  if (results === null) return
  if (results[0]?.results.length === 0) {
    throw new AppError('invalid_body', {
      fields: [{ path: 'attachmentIds', message: 'One of the files was just used in another mail. Add it again.' }],
    })
  }
  // Only a wake-up: the sweeper finds the row without it.
  await deps.jobs
    .send({ kind: 'outbound', tenantId: db.tenantId, messageId: message.id })
    .catch((error) => log.warn('outbound.wake_failed', { messageId: message.id, error }))
}

async function storeBody(deps: WriteDeps, id: string, content: { text: string; html: string | null }): Promise<string> {
  const key = bodyKey(deps.db.tenantId, id)
  const body: MessageBody = { text: content.text, fullText: content.text, html: content.html }
  await deps.blobs.put(key, JSON.stringify(body))
  return key
}

/** The body of a reply: HTML without anything that runs, and a text that says the same. AppError('invalid_body') when both are empty. */
function contentOf(body: { text?: string; html?: string }): { text: string; html: string | null } {
  const html = body.html?.trim() ? sanitizeHtml(body.html, OUTGOING).html : null
  const text = body.text?.trim() ? body.text : html === null ? '' : htmlToText(html)
  if (text.trim() || html?.includes('<img')) return { text, html }
  throw new AppError('invalid_body', { fields: [{ path: 'text', message: 'Write something first.' }] })
}

async function conversation(db: TenantDb, ticketId: string) {
  const { results } = await db
    .prepare(
      `SELECT message_id AS messageId, references_json AS refs, direction FROM messages
       WHERE tenant_id = ?1 AND ticket_id = ?2 ORDER BY received_at DESC, id DESC LIMIT ${CHAIN}`,
      ticketId,
    )
    .all<{ messageId: string | null; refs: string; direction: string }>()
  return results.reverse().map((row) => ({
    messageId: row.messageId,
    references: JSON.parse(row.refs) as string[],
    inbound: row.direction === 'inbound',
  }))
}

async function exists(db: TenantDb, messageId: string): Promise<boolean> {
  return (await db.prepare('SELECT 1 FROM messages WHERE tenant_id = ?1 AND id = ?2', messageId).first()) !== null
}

async function derivedId(...parts: string[]): Promise<string> {
  return `msg_${(await sha256Hex(JSON.stringify(parts))).slice(0, 26)}`
}
