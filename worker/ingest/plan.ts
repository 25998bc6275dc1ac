// What becomes of a mail: new ticket, reply, duplicate or suppressed, with the evidence for it. Pure; no clock, no env.
// Whenever there is doubt the answer is a ticket: a customer's mail that nobody sees is the worst that can happen.

import type { Address } from '../mail/types'
import type { Facts, TicketFact } from './facts'
import { originalKey } from './facts'
import { bouncedIds, type MailItem, senderOf } from './mail-item'
import { type MatchedBy, matchTicket } from './match'

type SuppressReason = 'own_message' | 'auto_reply' | 'unmatched_bounce'
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
  | { kind: 'suppressed'; reason: SuppressReason; evidence: string[] }

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
  if (isOurOwn(item, facts) && !item.released) {
    return {
      kind: 'suppressed',
      reason: 'own_message',
      evidence: ['We sent this message ourselves; it is in its ticket already.'],
    }
  }
  const match = matchTicket(item, facts, inboxId)
  if (match.ticket) return reply(item, facts, match.ticket, match.matchedBy, match.evidence)
  const { kind, rule } = item.mail.automated
  if (!item.released && kind === 'bounce') {
    return {
      kind: 'suppressed',
      reason: 'unmatched_bounce',
      evidence: [...match.evidence, `It is a delivery report (${rule}) about no mail of ours.`],
    }
  }
  if (!item.released && kind === 'auto_reply' && !WEAK_RULES.has(rule ?? '')) {
    return {
      kind: 'suppressed',
      reason: 'auto_reply',
      evidence: [...match.evidence, `It is an automatic answer (${rule}) to no mail of ours.`],
    }
  }
  const released = item.released ? ['A person released it as a ticket.'] : []
  const behalf = writesForAnother(item, facts)
  const author = behalf ? [`It comes from our own address, so its Reply-To is the contact: ${behalf.email}.`] : []
  return { kind: 'new_ticket', evidence: [...match.evidence, ...released, 'So it is a new ticket.', ...author] }
}

/** Whom the mail is from, for the ticket: lower-case address ('' where it names nobody) and a name to show. */
export function contactOf(item: MailItem, facts: Facts): Address {
  const author = writesForAnother(item, facts) ?? item.mail.from
  if (!author?.email) return { email: '', name: 'Unknown sender' }
  const email = author.email.toLowerCase()
  return { email, name: author.name.trim() || email }
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

/** A copy of our own mail coming back, by Cc or a group address. The sender must agree: senders reuse each other's ids. */
function isOurOwn(item: MailItem, facts: Facts): boolean {
  const { messageId } = item.mail
  const sent = messageId === null ? undefined : facts.sent.get(messageId)
  return sent !== undefined && sent.fromEmail === senderOf(item)
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
