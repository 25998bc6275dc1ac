// What becomes of a mail: new ticket, reply, duplicate or suppressed, with the evidence for it. Pure; no clock, no env.
// Whenever there is doubt the answer is a ticket: a customer's mail that nobody sees is the worst that can happen. Mail that lies in Sent is never
// a customer's: it is our own copy, a message of ours on its ticket, or nobody's concern here.

import type { MailRole } from '../contract/inboxes'
import type { Address } from '../mail/types'
import type { Facts, SentFact, TicketFact } from './facts'
import { originalKey, writtenKey } from './facts'
import { bouncedIds, type MailItem, ownIds, senderOf } from './mail-item'
import { type MatchedBy, matchTicket } from './match'

type SuppressReason =
  | 'own_message'
  | 'auto_reply'
  | 'unmatched_bounce'
  | 'sent_elsewhere'
  | 'draft'
  | 'provider_spam'
  | 'trashed'
export type Plan =
  | { kind: 'new_ticket'; evidence: string[] }
  | {
      kind: 'reply'
      ticket: TicketFact
      matchedBy: MatchedBy
      /** a waiting, resolved or closed ticket becomes open */
      reopen: boolean
      /** our message that came back, and why */
      bounced: { messageRowId: string; detail: string } | null
      evidence: string[]
    }
  | { kind: 'duplicate'; of: string; ticketId: string | null; inBatch: boolean; evidence: string[] }
  | {
      kind: 'suppressed'
      reason: SuppressReason
      /** the message of ours that this is the provider's own copy of: it has been sent, whatever we knew about that */
      copyOf: string | null
      evidence: string[]
    }

/** What nobody has sent us, by where the provider keeps it. */
const SET_ASIDE: Record<Exclude<MailRole, 'sent'>, { reason: SuppressReason; why: string }> = {
  draft: { reason: 'draft', why: 'It is a draft: it has not been sent.' },
  spam: { reason: 'provider_spam', why: 'The provider has put it into its spam folder.' },
  trash: { reason: 'trashed', why: 'It lies in the trash of its mailbox.' },
}

/** Autoresponder signs that people's mail can bear too: too weak to keep a mail away from the agents. */
const WEAK_RULES = new Set(['auto-reply-subject', 'return-path:null'])

/** Decides about one mail of an inbox (null: a preview without one). */
export function planMail(item: MailItem, facts: Facts, inboxId: string | null): Plan {
  const original = facts.originals.get(originalKey(item))
  if (original && original.ledgerId !== item.ledgerId) {
    return {
      kind: 'duplicate',
      of: original.ledgerId,
      ticketId: original.ticketId,
      inBatch: original.inBatch,
      evidence: ['The same mail, byte for byte, is already in this inbox under another identity.'],
    }
  }
  const aside = item.released || item.role === null || item.role === 'sent' ? null : SET_ASIDE[item.role]
  if (aside) return suppressed(aside.reason, [aside.why])
  const ours = item.released ? null : ownMessage(item, facts)
  if (ours) {
    const copyOf = item.role === 'sent' ? ours.messageRowId : null
    return { ...suppressed('own_message', ['We sent this message ourselves; it is in its ticket already.']), copyOf }
  }
  const match = matchTicket(item, facts, inboxId)
  if (match.ticket) return reply(item, facts, match.ticket, match.matchedBy, match.evidence)
  const { kind, rule } = item.mail.automated
  if (!item.released && item.role === 'sent') {
    const why = 'It was written in this mailbox itself, not with Postroom, and belongs to no ticket.'
    return suppressed('sent_elsewhere', [...match.evidence, why])
  }
  if (!item.released && kind === 'bounce') {
    return suppressed('unmatched_bounce', [
      ...match.evidence,
      `It is a delivery report (${rule}) about no mail of ours.`,
    ])
  }
  if (!item.released && kind === 'auto_reply' && !WEAK_RULES.has(rule ?? '')) {
    return suppressed('auto_reply', [...match.evidence, `It is an automatic answer (${rule}) to no mail of ours.`])
  }
  const released = item.released ? ['A person released it as a ticket.'] : []
  const behalf = item.role === 'sent' ? null : writesForAnother(item, facts)
  const author = behalf ? [`It comes from our own address, so its Reply-To is the contact: ${behalf.email}.`] : []
  return { kind: 'new_ticket', evidence: [...match.evidence, ...released, 'So it is a new ticket.', ...author] }
}

const suppressed = (reason: SuppressReason, evidence: string[]) =>
  ({ kind: 'suppressed', reason, copyOf: null, evidence }) satisfies Plan

/** Whose mail it is, for the ticket: lower-case address ('' where it names nobody) and a name to show. */
export function contactOf(item: MailItem, facts: Facts): Address {
  const author = item.role === 'sent' ? firstAddressee(item, facts) : (writesForAnother(item, facts) ?? item.mail.from)
  if (!author?.email) return { email: '', name: 'Unknown sender' }
  const email = author.email.toLowerCase()
  return { email, name: author.name.trim() || email }
}

/** Who stands as the author of the message: the sender; the mailbox itself where mail in Sent leaves that open. */
export function authorOf(item: MailItem, facts: Facts): Address {
  const from = { name: item.mail.from?.name ?? '', email: senderOf(item) }
  if (item.role !== 'sent' || facts.mailbox === null) return from
  return from.email === '' ? facts.mailbox : { ...from, name: from.name || facts.mailbox.name }
}

/** Whom a mail of ours went to; ourselves only where it went to nobody else. */
function firstAddressee({ mail: { to, cc } }: MailItem, facts: Facts): Address | null {
  const people = [...to, ...cc].filter(({ email }) => email !== '')
  return people.find(({ email }) => !facts.ownAddresses.has(email.toLowerCase())) ?? people[0] ?? null
}

/** Web forms write from our own address and name the customer in Reply-To. From anybody else Reply-To is not believed: it is easily abused. */
function writesForAnother(item: MailItem, facts: Facts): Address | null {
  if (!facts.ownAddresses.has(senderOf(item))) return null
  return item.mail.replyTo.find(({ email }) => email !== '' && !facts.ownAddresses.has(email.toLowerCase())) ?? null
}

function reply(item: MailItem, facts: Facts, ticket: TicketFact, matchedBy: MatchedBy, evidence: string[]): Plan {
  const stays = reasonNotToReopen(item, facts)
  const wouldReopen = ticket.status !== 'open' && ticket.status !== 'in_progress'
  return {
    kind: 'reply',
    ticket,
    matchedBy,
    reopen: stays === null,
    bounced: bouncedMessage(item, facts),
    evidence: wouldReopen && stays ? [...evidence, `The ticket stays ${ticket.status}: ${stays}`] : evidence,
  }
}

/** Only people reopen tickets: two machines that answer each other would do so for ever. */
function reasonNotToReopen(item: MailItem, facts: Facts): string | null {
  if (item.role === 'sent') return 'we wrote it.'
  const { kind, rule } = item.mail.automated
  if (kind !== 'human' && kind !== 'list') return `a machine wrote this (${rule}).`
  if (facts.ownAddresses.has(senderOf(item))) return 'it comes from our own address.'
  if (failedDmarc(item)) return 'the receiving server says that the sender is forged (DMARC failed).'
  return null
}

/** RFC 8601: the receiving server's verdict on the From domain. */
function failedDmarc(item: MailItem): boolean {
  return /(?:^|[;\s])dmarc\s*=\s*fail\b/i.test(item.mail.authenticationResults ?? '')
}

/**
 * The message of ours that the mail is a copy of: the provider's own in Sent, known by its id or, where that was changed,
 * by when it was written; or one that came back by Cc or a group address. Of the latter the sender must agree: senders reuse each other's ids.
 */
export function ownMessage(item: MailItem, facts: Facts): SentFact | null {
  const sent = ownIds(item).flatMap((id) => facts.sent.get(id) ?? [])
  if (item.role !== 'sent') return sent.find(({ fromEmail }) => fromEmail === senderOf(item)) ?? null
  return sent[0] ?? facts.written.get(writtenKey(senderOf(item), item.mail.date)) ?? null
}

function bouncedMessage(item: MailItem, facts: Facts): { messageRowId: string; detail: string } | null {
  const report = item.mail.bounce
  if (!report?.permanent) return null
  const sent = bouncedIds(item).map((id) => facts.sent.get(id))
  const message = sent.find((candidate) => candidate !== undefined)
  if (!message) return null
  const failed = report.recipients.filter(
    (recipient) => recipient.action === 'failed' || recipient.action === 'unknown',
  )
  const lines = failed.map(({ address, status, diagnostic }) =>
    [`${address || 'A recipient'} did not get it`, [status, diagnostic].filter(Boolean).join(' ')]
      .filter(Boolean)
      .join(': '),
  )
  return {
    messageRowId: message.messageRowId,
    detail: lines.join('\n').slice(0, 2000) || 'The mail came back undelivered.',
  }
}
