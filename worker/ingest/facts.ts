// What D1 knows about a batch of mails, in one round trip whatever their number. Reads only; every statement is scoped to the tenant.
import type { TicketStatus } from '../contract/tickets'
import type { Address } from '../mail/types'
import type { TenantDb } from '../platform/db'
import { addressees, bouncedIds, lookupIds, type MailItem, messageKey, ownIds, senderOf } from './mail-item'

export type TicketFact = {
  id: string
  /** null for a ticket that this batch is about to create */
  number: number | null
  status: TicketStatus
  inboxId: string
  mergedIntoId: string | null
  lastMessageAt: number
  /** ledger row of this batch that creates it, null for tickets already stored */
  createdBy: string | null
}
export type RefKind = 'own' | 'ref' | 'provider_thread'
type RefFact = { ticketId: string; kind: RefKind }
export type SentFact = { messageRowId: string; ticketId: string; fromEmail: string }
type OriginalFact = { ledgerId: string; ticketId: string | null; inBatch: boolean }
/** `wrote`: sent a message of the ticket; `addressed`: only named in To or Cc of one. */
type Participation = 'wrote' | 'addressed'

export type Facts = {
  /** ledger rows of the batch that still wait for a disposition */
  open: Set<string>
  tickets: Map<string, TicketFact>
  numbers: Map<number, string>
  refs: Map<string, RefFact[]>
  /** stored thread_refs rows for each id, at the time of reading */
  refCounts: Map<string, number>
  /** ticket id → address → role; only addresses named in the batch */
  participants: Map<string, Map<string, Participation>>
  /** our own outgoing mail by Message-ID */
  sent: Map<string, SentFact>
  /** what was written with Postroom for this inbox, in the seconds that mail in Sent names and to whom it names; by `writtenKey` */
  written: Map<string, SentFact>
  /** by `originalKey` */
  originals: Map<string, OriginalFact>
  /** addresses of the tenant's inboxes, lower case */
  ownAddresses: Set<string>
  /** the inbox of the batch, as its mail names it; null for a preview without one */
  mailbox: Address | null
  /** when the oldest mail of this inbox was written that a server is being given right now, ms; null: none is */
  oldestSending: number | null
}

/** Key of Facts.originals: same inbox, same Message-ID (or none), same bytes. */
export const originalKey = (item: MailItem) => `${messageKey(item)}\n${item.digest}`

/** Key of Facts.written: the sender and the second in the Date field, which a provider leaves as we wrote it when it changes the Message-ID. */
export const writtenKey = (fromEmail: string, date: number | null) =>
  `${fromEmail}\n${date === null ? '' : secondOf(date)}`
const secondOf = (date: number) => Math.floor(date / 1_000)

/** Tickets considered for one Message-ID: a newsletter's id may be referred to by thousands. */
const TICKETS_PER_ID = 20
const ADDRESSES_PER_MAIL = 50

/** Tickets that the batch could belong to, with the ones they were merged into. ?2 message ids, ?3 ticket ids, ?4 numbers, ?5 ids of our own mail. */
const CANDIDATES = `
  WITH RECURSIVE hits AS (
    SELECT message_id, ticket_id, kind, seen FROM (
      SELECT r.message_id, r.ticket_id, r.kind, count(*) OVER (PARTITION BY r.message_id) AS seen,
        row_number() OVER (PARTITION BY r.message_id ORDER BY r.kind, r.ticket_id DESC) AS place
      FROM json_each(?2) k CROSS JOIN thread_refs r ON r.tenant_id = ?1 AND r.message_id = k.value)
    WHERE place <= ${TICKETS_PER_ID}),
  candidates(id) AS (
    SELECT ticket_id FROM hits
    UNION SELECT value FROM json_each(?3)
    UNION SELECT t.id FROM json_each(?4) n CROSS JOIN tickets t ON t.tenant_id = ?1 AND t.number = n.value
    UNION SELECT m.ticket_id FROM json_each(?5) k CROSS JOIN messages m ON m.tenant_id = ?1 AND m.message_id = k.value WHERE m.direction = 'outbound'
    UNION SELECT t.merged_into_id FROM candidates candidate CROSS JOIN tickets t ON t.tenant_id = ?1 AND t.id = candidate.id
      WHERE t.merged_into_id IS NOT NULL)`

/** Reads everything the planner may ask about these mails of one inbox. */
export async function gatherFacts(db: TenantDb, inboxId: string | null, items: MailItem[]): Promise<Facts> {
  const ids = unique(items.flatMap((item) => lookupIds(item, inboxId ?? '')))
  const outgoing = unique(items.flatMap((item) => [...ownIds(item), ...bouncedIds(item), ...ids]))
  const candidates = [
    ids,
    unique(items.flatMap((item) => item.hints.tokenTicketIds.map(({ ticketId }) => ticketId))),
    unique(items.flatMap((item) => item.hints.subjectNumber ?? [])),
    outgoing,
  ].map((list) => JSON.stringify(list))
  const sent = items.filter((item) => item.role === 'sent')
  const people = unique(items.flatMap((item) => [senderOf(item), ...addressees(item).slice(0, ADDRESSES_PER_MAIL)]))

  const [open, refs, tickets, participants, ours, written, originals, inboxes, sending] = await db.batch([
    db.prepare(
      `SELECT id FROM ledger WHERE tenant_id = ?1 AND state = 'stored' AND id IN (SELECT value FROM json_each(?2))`,
      JSON.stringify(items.map((item) => item.ledgerId)),
    ),
    db.prepare(
      `${CANDIDATES} SELECT message_id AS id, ticket_id AS ticketId, kind, seen FROM hits ORDER BY kind, ticket_id`,
      ...candidates,
    ),
    db.prepare(
      `${CANDIDATES} SELECT t.id, t.number, t.status, t.inbox_id AS inboxId, t.merged_into_id AS mergedIntoId, t.last_message_at AS lastMessageAt
       FROM candidates candidate CROSS JOIN tickets t ON t.tenant_id = ?1 AND t.id = candidate.id`,
      ...candidates,
    ),
    db.prepare(
      `${CANDIDATES}, people AS (SELECT value AS email FROM json_each(?6)),
       mails AS (SELECT m.ticket_id, m.from_email, m.to_json, m.cc_json
         FROM candidates candidate CROSS JOIN messages m ON m.tenant_id = ?1 AND m.ticket_id = candidate.id AND m.direction <> 'note')
       SELECT ticket_id AS ticketId, email, max(wrote) AS wrote FROM (
         SELECT ticket_id, lower(from_email) AS email, 1 AS wrote FROM mails
         UNION ALL SELECT ticket_id, lower(a.value ->> 'email'), 0 FROM mails, json_each(to_json) a
         UNION ALL SELECT ticket_id, lower(a.value ->> 'email'), 0 FROM mails, json_each(cc_json) a)
       WHERE email <> '' AND email IN (SELECT email FROM people) GROUP BY ticket_id, email`,
      ...candidates,
      JSON.stringify(people),
    ),
    db.prepare(
      `SELECT m.message_id AS messageId, m.id AS messageRowId, m.ticket_id AS ticketId, lower(m.from_email) AS fromEmail
       FROM json_each(?2) k CROSS JOIN messages m ON m.tenant_id = ?1 AND m.message_id = k.value WHERE m.direction = 'outbound'`,
      JSON.stringify(outgoing),
    ),
    db.prepare(
      `${CANDIDATES}, addressed(id) AS (SELECT candidate.id FROM candidates candidate
         UNION SELECT t.id FROM json_each(?8) k CROSS JOIN contacts c ON c.tenant_id = ?1 AND c.email = k.value
           CROSS JOIN tickets t ON t.tenant_id = ?1 AND t.contact_id = c.id
           WHERE t.last_message_at >= (SELECT min(value) FROM json_each(?7)))
       SELECT m.id AS messageRowId, m.ticket_id AS ticketId, lower(m.from_email) AS fromEmail, m.created_at AS writtenAt
       FROM addressed candidate CROSS JOIN json_each(?7) k CROSS JOIN messages m ON m.tenant_id = ?1 AND m.ticket_id = candidate.id
         AND m.received_at >= k.value AND m.received_at < k.value + 1000
       WHERE m.inbox_id = ?6 AND m.direction = 'outbound' AND m.ledger_id IS NULL
         -- One copy only: what else was written in that second was written by somebody in the mailbox itself.
         AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.tenant_id = ?1 AND l.message_id = m.message_id AND l.inbox_id = ?6
           AND l.reason = 'own_message')`,
      ...candidates,
      inboxId ?? '',
      JSON.stringify(unique(sent.flatMap(({ mail: { date } }) => (date === null ? [] : secondOf(date) * 1_000)))),
      JSON.stringify(unique(sent.flatMap((item) => addressees(item).slice(0, ADDRESSES_PER_MAIL)))),
    ),
    db.prepare(
      `SELECT l.message_id || char(10) || l.digest AS key, l.id AS ledgerId, l.ticket_id AS ticketId
       FROM json_each(?2) k CROSS JOIN ledger l ON l.tenant_id = ?1 AND l.message_id = k.value ->> 0 AND l.digest = k.value ->> 1
       WHERE l.inbox_id = ?3 AND l.state = 'done' AND l.disposition IN ('ticket_created', 'reply_added')`,
      JSON.stringify(items.map((item) => [messageKey(item), item.digest])),
      inboxId ?? '',
    ),
    db.prepare('SELECT id, lower(email_address) AS email, display_name AS name FROM inboxes WHERE tenant_id = ?1'),
    db.prepare(
      `SELECT min(created_at) AS since FROM messages INDEXED BY messages_delivery_due
       WHERE ?3 AND tenant_id = ?1 AND inbox_id = ?2 AND delivery_state = 'sending' AND delivery_due_at > 0`,
      inboxId ?? '',
      sent.length > 0 ? 1 : 0,
    ),
  ])

  const facts = emptyFacts()
  for (const row of rows<{ id: string }>(open)) facts.open.add(row.id)
  for (const row of rows<{ id: string; ticketId: string; kind: RefKind; seen: number }>(refs)) {
    facts.refCounts.set(row.id, row.seen)
    append(facts.refs, row.id, { ticketId: row.ticketId, kind: row.kind })
  }
  for (const row of rows<Omit<TicketFact, 'createdBy'> & { number: number }>(tickets)) {
    facts.tickets.set(row.id, { ...row, createdBy: null })
    facts.numbers.set(row.number, row.id)
  }
  for (const row of rows<{ ticketId: string; email: string; wrote: number }>(participants)) {
    addParticipant(facts, row.ticketId, row.email, row.wrote === 1 ? 'wrote' : 'addressed')
  }
  for (const row of rows<SentFact & { messageId: string }>(ours)) {
    facts.sent.set(row.messageId, {
      messageRowId: row.messageRowId,
      ticketId: row.ticketId,
      fromEmail: row.fromEmail,
    })
  }
  for (const { writtenAt, ...row } of rows<SentFact & { writtenAt: number }>(written)) {
    facts.written.set(writtenKey(row.fromEmail, writtenAt), row)
  }
  for (const row of rows<{ key: string; ledgerId: string; ticketId: string | null }>(originals)) {
    facts.originals.set(row.key, { ledgerId: row.ledgerId, ticketId: row.ticketId, inBatch: false })
  }
  for (const { id, email, name } of rows<Address & { id: string }>(inboxes)) {
    facts.ownAddresses.add(email)
    if (id === inboxId) facts.mailbox = { name, email }
  }
  facts.oldestSending = rows<{ since: number | null }>(sending)[0]?.since ?? null
  return facts
}

/** Facts of a tenant that has nothing. */
export function emptyFacts(): Facts {
  return {
    open: new Set(),
    tickets: new Map(),
    numbers: new Map(),
    refs: new Map(),
    refCounts: new Map(),
    participants: new Map(),
    sent: new Map(),
    written: new Map(),
    originals: new Map(),
    ownAddresses: new Set(),
    mailbox: null,
    oldestSending: null,
  }
}

/** Notes a participant; who wrote once stays a writer. */
export function addParticipant(facts: Facts, ticketId: string, email: string, role: Participation): void {
  let people = facts.participants.get(ticketId)
  if (!people) {
    people = new Map()
    facts.participants.set(ticketId, people)
  }
  if (people.get(email) !== 'wrote') people.set(email, role)
}

/** Notes that an id leads to a ticket. */
export function append(refs: Facts['refs'], id: string, fact: RefFact): void {
  const known = refs.get(id)
  if (known) known.push(fact)
  else refs.set(id, [fact])
}

function rows<T>(result: D1Result | undefined): T[] {
  return (result?.results ?? []) as T[]
}

function unique<T>(values: T[]): T[] {
  return [...new Set(values)].filter((value) => value !== '')
}
