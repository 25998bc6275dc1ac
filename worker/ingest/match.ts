// Which ticket a mail belongs to: an ordered list of strategies, first hit wins, each leaving one line of evidence in plain words. Pure.
import type { Facts, RefKind, TicketFact } from './facts'
import { addressees, bouncedIds, correspondents, type MailItem, providerThreadKey, referencedIds } from './mail-item'

export type MatchedBy =
  | 'bounce'
  | 'reply_token'
  | 'in_reply_to'
  | 'references'
  | 'provider_thread'
  | 'subject_number'
  | 'late_ancestor'
  | 'common_ancestor'
export type Match =
  | { ticket: TicketFact; matchedBy: MatchedBy; evidence: string[] }
  | { ticket: null; evidence: string[] }

type Finding = { ticket: TicketFact | null; evidence: string }
type View = { item: MailItem; facts: Facts; inboxId: string | null }
type Strategy = { matchedBy: MatchedBy; find(view: View): Finding | null }

/** The stated order of docs/architecture.md. A strategy that does not apply at all answers null. */
const STRATEGIES: Strategy[] = [
  { matchedBy: 'bounce', find: byBounce },
  { matchedBy: 'reply_token', find: byToken },
  { matchedBy: 'in_reply_to', find: (view) => byIds(view, 'In-Reply-To', referencedIds(view.item).inReplyTo) },
  { matchedBy: 'references', find: (view) => byIds(view, 'References', referencedIds(view.item).references) },
  { matchedBy: 'provider_thread', find: byProviderThread },
  { matchedBy: 'subject_number', find: bySubjectNumber },
  { matchedBy: 'late_ancestor', find: byLateAncestor },
  { matchedBy: 'common_ancestor', find: byCommonAncestor },
]

/** Finds the ticket, or says line by line why there is none. */
export function matchTicket(item: MailItem, facts: Facts, inboxId: string | null): Match {
  const evidence: string[] = []
  for (const { matchedBy, find } of STRATEGIES) {
    const finding = find({ item, facts, inboxId })
    if (!finding) continue
    evidence.push(finding.evidence)
    if (finding.ticket) return { ticket: finding.ticket, matchedBy, evidence }
  }
  return { ticket: null, evidence }
}

/** How a ticket is called in evidence. */
function ticketName(ticket: TicketFact): string {
  return ticket.number === null ? 'a ticket made in the same import' : `ticket #${ticket.number}`
}

function byBounce({ item, facts }: View): Finding | null {
  if (item.mail.automated.kind !== 'bounce') return null
  for (const id of bouncedIds(item)) {
    const sent = facts.sent.get(id)
    const ticket = sent && followed(facts, sent.ticketId)
    if (ticket) return { ticket, evidence: `It reports on ${quoted(id)}, which we sent in ${ticketName(ticket)}.` }
  }
  return { ticket: null, evidence: 'It is a delivery report, but names no mail that we sent.' }
}

function byToken({ item, facts }: View): Finding {
  const tokens = item.hints.tokenTicketIds
  for (const { ticketId, source } of tokens) {
    const ticket = followed(facts, ticketId)
    if (ticket)
      return { ticket, evidence: `${quoted(source)} carries our signed reply token of ${ticketName(ticket)}.` }
  }
  const evidence =
    tokens.length > 0
      ? 'It carries a signed reply token, but that ticket is gone.'
      : 'No signed reply token in its addresses or referenced ids.'
  return { ticket: null, evidence }
}

function byIds(view: View, field: string, ids: string[]): Finding {
  for (const id of ids) {
    const ticket = best(view, ticketsOf(view.facts, id, 'own'))
    if (!ticket) continue
    const whose = view.facts.sent.has(id) ? 'which we sent in' : 'a message of'
    return { ticket, evidence: `${field} names ${quoted(id)}, ${whose} ${ticketName(ticket)}.` }
  }
  const [first] = ids
  if (first === undefined) return { ticket: null, evidence: `No ${field}.` }
  const others = ids.length > 1 ? ` and ${ids.length - 1} more` : ''
  return { ticket: null, evidence: `${field} names ${quoted(first)}${others}, none of which is a message of ours.` }
}

function byProviderThread(view: View): Finding | null {
  const key = providerThreadKey(view.item, view.inboxId ?? '')
  if (key === null) return null
  const tickets = ticketsOf(view.facts, key, 'provider_thread')
  const ticket = best(
    view,
    tickets.filter((candidate) => partnerKnown(view, candidate)),
  )
  if (ticket) {
    return {
      ticket,
      evidence: `Its mail program or provider puts it in the conversation of ${ticketName(ticket)}, where its ${partner(view)} is known.`,
    }
  }
  const evidence =
    tickets.length > 0
      ? `Its conversation is known, but its ${partner(view)} is not part of that ticket.`
      : 'Its conversation is not known.'
  return { ticket: null, evidence }
}

function bySubjectNumber(view: View): Finding {
  const number = view.item.hints.subjectNumber
  if (number === null) return { ticket: null, evidence: 'No ticket number in the subject.' }
  const ticket = followed(view.facts, view.facts.numbers.get(number))
  if (!ticket) return { ticket, evidence: `The subject names #${number}, which is no ticket of ours.` }
  return partnerKnown(view, ticket)
    ? { ticket, evidence: `The subject names ${ticketName(ticket)}, where its ${partner(view)} is known.` }
    : {
        ticket: null,
        evidence: `The subject names ${ticketName(ticket)}, but its ${partner(view)} is not part of that ticket: perhaps they belong together.`,
      }
}

/** The mail that a known one answers, arriving after it. People must overlap: an id can be quoted by anyone who has seen it. */
function byLateAncestor(view: View): Finding {
  const own = view.item.mail.messageId
  const tickets = own === null ? [] : ticketsOf(view.facts, own, 'ref')
  if (tickets.length === 0) return { ticket: null, evidence: 'No known mail refers to it.' }
  const ticket = best(
    view,
    tickets.filter((candidate) => partnerKnown(view, candidate) || wroteBy(view, candidate)),
  )
  return ticket
    ? { ticket, evidence: `A message of ${ticketName(ticket)} answers it: it arrived after its own reply.` }
    : { ticket: null, evidence: 'A known mail refers to it, but between other people.' }
}

function byCommonAncestor(view: View): Finding {
  const { inReplyTo, references } = referencedIds(view.item)
  let stranger = false
  for (const id of [...inReplyTo, ...references]) {
    const tickets = ticketsOf(view.facts, id, 'ref')
    const ticket = best(
      view,
      tickets.filter((candidate) => partnerKnown(view, candidate)),
    )
    if (ticket) {
      return {
        ticket,
        evidence: `It refers to ${quoted(id)}, as a message of ${ticketName(ticket)} does, where its ${partner(view)} is known.`,
      }
    }
    stranger ||= tickets.length > 0
  }
  const evidence = stranger
    ? `It shares a referenced mail with a ticket, but its ${partner(view)} is not part of that ticket.`
    : 'It shares no referenced mail with a ticket.'
  return { ticket: null, evidence }
}

function ticketsOf(facts: Facts, id: string, kind: RefKind): TicketFact[] {
  const found = (facts.refs.get(id) ?? [])
    .filter((ref) => ref.kind === kind)
    .map((ref) => followed(facts, ref.ticketId))
  return [...new Set(found.filter((ticket) => ticket !== null))]
}

/** The ticket, or the one it was merged into; null where it is gone or the merges run in a circle. */
function followed(facts: Facts, ticketId: string | undefined): TicketFact | null {
  const seen = new Set<string>()
  for (let id: string | null | undefined = ticketId; id && !seen.has(id); ) {
    seen.add(id)
    const ticket = facts.tickets.get(id)
    if (!ticket) return null
    if (ticket.mergedIntoId === null) return ticket
    id = ticket.mergedIntoId
  }
  return null
}

/** Of several tickets: one of this inbox, then one that knows the correspondent, then the liveliest. */
function best(view: View, tickets: TicketFact[]): TicketFact | null {
  const rank = (ticket: TicketFact) => (ticket.inboxId === view.inboxId ? 2 : 0) + (partnerKnown(view, ticket) ? 1 : 0)
  const [first] = [...tickets].sort(
    (a, b) => rank(b) - rank(a) || b.lastMessageAt - a.lastMessageAt || (a.id < b.id ? -1 : 1),
  )
  return first ?? null
}

/** Whether a correspondent wrote or was addressed in the ticket. Our own addresses are in every ticket and prove nothing. */
function partnerKnown({ item, facts }: View, ticket: TicketFact): boolean {
  const people = facts.participants.get(ticket.id)
  return correspondents(item).some((email) => email !== '' && !facts.ownAddresses.has(email) && people?.has(email))
}

/** What evidence calls the correspondent. */
const partner = ({ item }: View) => (item.role === 'sent' ? 'recipient' : 'sender')

/** Whether the mail is addressed to somebody who wrote in the ticket. */
function wroteBy({ item, facts }: View, ticket: TicketFact): boolean {
  const people = facts.participants.get(ticket.id)
  return addressees(item).some((email) => !facts.ownAddresses.has(email) && people?.get(email) === 'wrote')
}

function quoted(id: string): string {
  return id.length > 120 ? `<${id.slice(0, 120)}…>` : `<${id}>`
}
