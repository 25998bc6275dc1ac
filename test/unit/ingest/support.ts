// Hand-made mails and facts for the planner's tests.
import { emptyFacts, type Facts, type RefKind, type TicketFact } from '../../../worker/ingest/facts'
import type { MailItem } from '../../../worker/ingest/mail-item'
import type { BounceReport, Classification, ParsedMail } from '../../../worker/mail/types'

export const NOW = Date.UTC(2026, 9, 20, 12)
export const INBOX = 'inb_support'
const SUPPORT = { name: 'Support', email: 'support@acme.test' }

type Wish = {
  id?: string
  from?: string | null
  to?: string[]
  cc?: string[]
  replyTo?: string[]
  subject?: string
  messageId?: string | null
  inReplyTo?: string[]
  references?: string[]
  date?: number | null
  receivedAt?: number | null
  kind?: Classification['kind']
  rule?: string
  bounce?: BounceReport | null
  authenticationResults?: string | null
  digest?: string
  tokenTickets?: string[]
  subjectNumber?: number
  providerThread?: string | null
  released?: boolean
  role?: MailItem['role']
  /** further header fields */
  headers?: Record<string, string>
}

/** A mail from ann@customer.test to support@acme.test unless told otherwise. */
export function mail(wish: Wish = {}): MailItem {
  const id = wish.id ?? 'led_1'
  const people = (emails: string[]) => emails.map((email) => ({ name: '', email }))
  const kind = wish.kind ?? 'human'
  const from = wish.from === undefined ? 'ann@customer.test' : wish.from
  const parsed: ParsedMail = {
    headers: Object.entries(wish.headers ?? {}).map(([name, value]) => ({ name, value })),
    subject: wish.subject ?? 'Printer on fire',
    from: from === null ? null : { name: '', email: from },
    replyTo: people(wish.replyTo ?? []),
    to: wish.to ? people(wish.to) : [SUPPORT],
    cc: people(wish.cc ?? []),
    recipients: [],
    date: wish.date === undefined ? NOW - 60_000 : wish.date,
    messageId: wish.messageId === undefined ? `${id}@customer.test` : wish.messageId,
    inReplyTo: wish.inReplyTo ?? [],
    references: wish.references ?? [],
    text: 'It burns.',
    fullText: 'It burns.',
    html: null,
    attachments: [],
    automated: { automated: kind !== 'human', kind, rule: wish.rule ?? (kind === 'human' ? null : `test:${kind}`) },
    bounce: wish.bounce ?? null,
    authenticationResults: wish.authenticationResults ?? null,
    warnings: [],
  }
  return {
    ledgerId: id,
    digest: wish.digest ?? `digest-${id}`,
    receivedAt: wish.receivedAt ?? null,
    released: wish.released ?? false,
    providerThread: wish.providerThread ?? null,
    role: wish.role ?? null,
    mail: parsed,
    hints: {
      tokenTicketIds: (wish.tokenTickets ?? []).map((ticketId) => ({
        ticketId,
        source: `token-of-${ticketId}@acme.test`,
      })),
      inReplyTo: parsed.inReplyTo,
      references: parsed.references.toReversed(),
      subjectNumber: wish.subjectNumber ?? null,
      providerThreadId: null,
      participants: [],
    },
  }
}

type Known = {
  tickets?: Partial<TicketFact>[]
  /** message id → tickets */
  own?: Record<string, string[]>
  ref?: Record<string, string[]>
  thread?: Record<string, string[]>
  /** ticket id → writers */
  wrote?: Record<string, string[]>
  addressed?: Record<string, string[]>
  /** our sent Message-ID → ticket id */
  sent?: Record<string, string>
}

/** Ticket tkt_12, number 12, resolved, of this inbox; and what else is known. */
export function facts(known: Known = {}): Facts {
  const made = emptyFacts()
  made.ownAddresses.add(SUPPORT.email)
  made.mailbox = SUPPORT
  for (const wish of known.tickets ?? [{}]) {
    const ticket: TicketFact = {
      id: 'tkt_12',
      number: 12,
      status: 'resolved',
      inboxId: INBOX,
      mergedIntoId: null,
      lastMessageAt: 1000,
      createdBy: null,
      ...wish,
    }
    made.tickets.set(ticket.id, ticket)
    if (ticket.number !== null) made.numbers.set(ticket.number, ticket.id)
  }
  const refs = (kind: RefKind, list: Record<string, string[]> = {}) => {
    for (const [id, tickets] of Object.entries(list)) {
      const rows = made.refs.get(id) ?? []
      made.refs.set(id, [...rows, ...tickets.map((ticketId) => ({ ticketId, kind }))])
      made.refCounts.set(id, rows.length + tickets.length)
    }
  }
  refs('own', known.own)
  refs('ref', known.ref)
  refs('provider_thread', known.thread)
  for (const [role, list] of [
    ['addressed', known.addressed],
    ['wrote', known.wrote],
  ] as const) {
    for (const [ticketId, emails] of Object.entries(list ?? {})) {
      const people = made.participants.get(ticketId) ?? new Map()
      for (const email of emails) people.set(email, role)
      made.participants.set(ticketId, people)
    }
  }
  for (const [id, ticketId] of Object.entries(known.sent ?? {})) {
    made.sent.set(id, { messageRowId: `msg_of_${id}`, ticketId, fromEmail: SUPPORT.email })
  }
  return made
}
