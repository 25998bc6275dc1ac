// Writes the plans of a whole batch as one D1 transaction. The first statements are the guard: they end the ledger rows whose assumptions still
// hold and mark them with a token made for this call; every later statement touches only what belongs to a row with that token.
import { indexQueued } from '../features/tickets/search-index'
import type { TenantDb } from '../platform/db'
import type { NewId } from '../platform/ids'
import {
  type Applicable,
  activityRow,
  attachmentRows,
  bounceRows,
  byDependency,
  chunked,
  contactRow,
  copyRows,
  guardRow,
  lands,
  messageRow,
  ticketRow,
} from './apply-rows'

/**
 * Applies plans of one inbox. Returns the ledger ids that this call has ended; for any other nothing at all was written, because
 * somebody else ended it or an assumption no longer holds. Throws only when the transaction failed, and then nothing was written.
 */
export async function applyPlans(
  deps: { db: TenantDb; newId: NewId },
  mails: Applicable[],
  now: number,
): Promise<Set<string>> {
  const token = deps.newId('job')
  const statements: D1PreparedStatement[] = []
  const add = (rows: object[], ...sqls: string[]) => {
    for (const json of chunked(rows)) for (const sql of sqls) statements.push(deps.db.prepare(sql, json, token, now))
  }

  for (const level of byDependency(mails)) add(level.map(guardRow), GUARD)
  const guards = statements.length
  const landing = mails.filter(lands)
  add(
    // What we write on a ticket makes nobody a contact, least of all ourselves.
    landing
      .filter(({ item, plan }) => item.role !== 'sent' || plan.kind === 'new_ticket')
      .map((mail) => contactRow(mail, deps.newId('con'))),
    CONTACTS,
  )
  add(landing.filter((mail) => mail.plan.kind === 'new_ticket').map(ticketRow), TICKETS, TICKET_NUMBER)
  add(landing.map(messageRow), MESSAGES)
  add(
    landing.flatMap((mail) => mail.refs.map((ref) => ({ ledgerId: mail.item.ledgerId, ...ref }))),
    THREAD_REFS,
  )
  add(landing.flatMap(attachmentRows), ATTACHMENTS)
  add(landing.map(activityRow), TICKET_ACTIVITY)
  add(landing.flatMap(bounceRows), BOUNCED)
  add(mails.flatMap(copyRows), COPY_SENT, COPY_REFS, COPY_TICKET)
  // Words written together cost a tenth of words written one by one, and a search finds a mail as soon as it is there.
  if (landing.length > 0) statements.push(...indexQueued(deps.db, landing.length))

  const results = await deps.db.batch(statements)
  return new Set(
    results.slice(0, guards).flatMap(({ results: ended }) => (ended as { id: string }[]).map((row) => row.id)),
  )
}

// In every statement: ?1 the tenant, ?2 a JSON array of rows, ?3 the token of this call, ?4 now.

const GUARD = `
  UPDATE ledger SET state = 'done', disposition = j.value ->> 'disposition', reason = j.value ->> 'reason',
    message_id = j.value ->> 'messageKey', digest = j.value ->> 'digest', from_address = j.value ->> 'fromAddress',
    subject = j.value ->> 'subject', received_at = j.value ->> 'receivedAt', ticket_id = j.value ->> 'ticketId',
    message_row_id = j.value ->> 'messageRowId', apply_token = ?3, attempts = 0, error = NULL, due_at = NULL, updated_at = ?4,
    -- Received mail that is on a ticket now is to be marked in its mailbox, where its inbox asks for that.
    mark_attempts = 0, mark_due_at = (
      SELECT ?4 FROM inboxes i WHERE i.tenant_id = ?1 AND i.id = ledger.inbox_id AND i.mark_processed <> 'none'
        AND ledger.role IS NULL AND j.value ->> 'disposition' IN ('ticket_created', 'reply_added', 'duplicate'))
  FROM json_each(?2) j
  WHERE ledger.tenant_id = ?1 AND ledger.id = j.value ->> 'ledgerId' AND ledger.state = 'stored'
    AND (j.value ->> 'dependsOn' IS NULL OR EXISTS (
      SELECT 1 FROM ledger base WHERE base.tenant_id = ?1 AND base.id = j.value ->> 'dependsOn' AND base.apply_token = ?3))
    AND (j.value ->> 'lands' = 0 OR NOT EXISTS (
      SELECT 1 FROM ledger twin WHERE twin.tenant_id = ?1 AND twin.message_id = j.value ->> 'messageKey' AND twin.digest = j.value ->> 'digest'
        AND twin.inbox_id = ledger.inbox_id AND twin.state = 'done' AND twin.disposition IN ('ticket_created', 'reply_added')))
    AND (j.value ->> 'joins' IS NULL OR EXISTS (
      SELECT 1 FROM tickets t WHERE t.tenant_id = ?1 AND t.id = j.value ->> 'joins' AND t.merged_into_id IS NULL))
    AND (j.value ->> 'lookups' IS NULL OR j.value ->> 'refsSeen' = (
      SELECT count(*) FROM json_each(j.value -> 'lookups') k
      CROSS JOIN thread_refs r ON r.tenant_id = ?1 AND r.message_id = k.value))
  RETURNING id`

/** The rows of ?2 whose ledger row this call has ended. */
const WON = `json_each(?2) j CROSS JOIN ledger l ON l.tenant_id = ?1 AND l.id = j.value ->> 'ledgerId' AND l.apply_token = ?3`

const CONTACTS = `
  INSERT INTO contacts (id, tenant_id, name, email, created_at)
  SELECT j.value ->> 'contactId', ?1, j.value ->> 'name', j.value ->> 'email', ?4 FROM ${WON} WHERE true
  ON CONFLICT (tenant_id, email) DO UPDATE SET name = excluded.name
    WHERE contacts.name IN ('', contacts.email) AND excluded.name <> contacts.name`

const TICKETS = `
  INSERT INTO tickets (id, tenant_id, number, subject, status, priority, inbox_id, contact_id, message_count, last_message_at, created_at, updated_at)
  SELECT l.ticket_id, ?1, tenant.last_ticket_number + row_number() OVER (ORDER BY j.value ->> 'place'), j.value ->> 'subject', j.value ->> 'status', 'normal',
    l.inbox_id, c.id, 0, j.value ->> 'at', j.value ->> 'at', ?4
  FROM ${WON}
  JOIN tenants tenant ON tenant.id = ?1
  JOIN contacts c ON c.tenant_id = ?1 AND c.email = j.value ->> 'email'`

const TICKET_NUMBER = `
  UPDATE tenants SET last_ticket_number = last_ticket_number + (SELECT count(*) FROM ${WON}) WHERE id = ?1 AND ?4 > 0`

const MESSAGES = `
  INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, ledger_id, direction, from_name, from_email, to_json, cc_json, bcc_json, subject, text,
    body_key, raw_key, raw_size, message_id, in_reply_to, references_json, trace, automated, received_at, created_at, delivery_state, sent_at)
  SELECT l.message_row_id, ?1, l.ticket_id, l.inbox_id, l.id, j.value ->> 'direction', j.value ->> 'fromName', j.value ->> 'fromEmail', j.value -> 'to', j.value -> 'cc',
    j.value -> 'bcc', j.value ->> 'subject', j.value ->> 'text', j.value ->> 'bodyKey', j.value ->> 'rawKey', j.value ->> 'rawSize', j.value ->> 'messageId',
    j.value ->> 'inReplyTo', j.value -> 'references', j.value -> 'trace', j.value -> 'automated', j.value ->> 'at', ?4,
    j.value ->> 'deliveryState', j.value ->> 'sentAt'
  FROM ${WON}`

const THREAD_REFS = `
  INSERT OR IGNORE INTO thread_refs (tenant_id, message_id, ticket_id, kind)
  SELECT ?1, j.value ->> 'id', l.ticket_id, j.value ->> 'kind' FROM ${WON} WHERE ?4 > 0`

const ATTACHMENTS = `
  INSERT OR IGNORE INTO attachments (id, tenant_id, inbox_id, message_id, ledger_id, part, filename, content_type, size, content_id, inline,
    state, reason, blob_key, raw_key, raw_start, raw_end, encoding, sha256, attempts, due_at, created_at)
  SELECT j.value ->> 'id', ?1, l.inbox_id, l.message_row_id, l.id, j.value ->> 'part', j.value ->> 'filename', j.value ->> 'contentType',
    j.value ->> 'size', j.value ->> 'contentId', j.value ->> 'inline', j.value ->> 'state', j.value ->> 'reason', j.value ->> 'blobKey',
    j.value ->> 'rawKey', j.value ->> 'start', j.value ->> 'end', j.value ->> 'encoding', j.value ->> 'sha256', 0,
    iif(j.value ->> 'state' = 'pending', ?4, NULL), ?4
  FROM ${WON}`

/** New tickets start at zero messages and are counted here like all others. */
const TICKET_ACTIVITY = `
  UPDATE tickets SET message_count = message_count + news.messages, last_message_at = max(last_message_at, news.at), updated_at = ?4,
    status = iif(news.reopen = 1 AND status IN ('waiting', 'resolved', 'closed'), 'open', status)
  FROM (
    SELECT l.ticket_id AS id, count(*) AS messages, max(j.value ->> 'at') AS at, max(j.value ->> 'reopen') AS reopen FROM ${WON} GROUP BY l.ticket_id
  ) news
  WHERE tickets.tenant_id = ?1 AND tickets.id = news.id`

const BOUNCED = `
  UPDATE messages SET delivery_state = 'failed', delivery_detail = j.value ->> 'detail', delivery_due_at = NULL
  FROM ${WON}
  WHERE messages.tenant_id = ?1 AND messages.id = j.value ->> 'messageRowId' AND messages.direction = 'outbound' AND ?4 > 0`

/** Found in Sent: it has been sent, whatever its sender could tell us, and this is the Message-ID that answers will name. */
const COPY_SENT = `
  UPDATE messages SET message_id = coalesce(j.value ->> 'messageId', messages.message_id),
    delivery_state = iif(messages.sent_at IS NULL, 'sent', messages.delivery_state),
    delivery_detail = iif(messages.sent_at IS NULL, 'It was found among the sent mail of its mailbox.', messages.delivery_detail),
    delivery_due_at = iif(messages.sent_at IS NULL, NULL, messages.delivery_due_at),
    sent_at = coalesce(messages.sent_at, j.value ->> 'at')
  FROM ${WON}
  WHERE messages.tenant_id = ?1 AND messages.id = j.value ->> 'messageRowId' AND messages.direction = 'outbound' AND ?4 > 0`

const COPY_REFS = `
  INSERT OR IGNORE INTO thread_refs (tenant_id, message_id, ticket_id, kind)
  SELECT ?1, ref.value ->> 'id', m.ticket_id, ref.value ->> 'kind'
  FROM ${WON} CROSS JOIN messages m ON m.tenant_id = ?1 AND m.id = j.value ->> 'messageRowId' CROSS JOIN json_each(j.value -> 'refs') ref
  WHERE ?4 > 0`

const COPY_TICKET = `
  UPDATE tickets SET updated_at = ?4 WHERE tenant_id = ?1 AND id IN (
    SELECT m.ticket_id FROM ${WON} CROSS JOIN messages m ON m.tenant_id = ?1 AND m.id = j.value ->> 'messageRowId')`
