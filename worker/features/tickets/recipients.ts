// Who a reply goes to and how it is tied to the conversation. Pure.
import type { Address } from '../../contract/http'
import type { TicketStatus } from '../../contract/tickets'
import { replyHeaders } from '../../mail/compose'
import { cleanLine } from '../../mail/headers'
import { baseSubject } from '../../mail/thread'
import { AppError } from '../../platform/errors'

/** Message-IDs kept of a long conversation: the first, which names it, and the newest. */
const LONGEST_CHAIN = 100

export type Recipients = { to: Address[]; cc: Address[]; bcc: Address[] }

/**
 * The recipients of a reply: the contact unless `to` names others, each address once. Our own inboxes are refused where they were typed
 * (a reply to oneself becomes a ticket) and left out where they come by default. AppError('invalid_body').
 */
export function replyRecipients(
  asked: { to?: string[]; cc?: string[]; bcc?: string[] },
  contact: Address,
  ownAddresses: ReadonlySet<string>,
): Recipients {
  for (const path of ['to', 'cc', 'bcc'] as const) {
    const own = asked[path]?.find((email) => ownAddresses.has(email))
    if (own) {
      throw new AppError('invalid_body', {
        fields: [{ path, message: `${own} is one of your own inboxes. Choose the customer's address.` }],
      })
    }
  }
  const seen = new Set<string>()
  const named = (emails: string[]): Address[] =>
    emails
      .filter((email) => !seen.has(email) && seen.add(email))
      .map((email) => ({ name: email === contact.email ? contact.name : '', email }))
  const fallback = contact.email === '' || ownAddresses.has(contact.email) ? [] : [contact.email]
  const recipients = {
    to: named(asked.to?.length ? asked.to : fallback),
    cc: named(asked.cc ?? []),
    bcc: named(asked.bcc ?? []),
  }
  if (recipients.to.length > 0) return recipients
  throw new AppError('invalid_body', {
    fields: [{ path: 'to', message: 'This customer has no email address. Enter one.' }],
  })
}

/** In-Reply-To and References of the next message: the newest received mail is the parent, so that it threads where the customer reads. */
export function threadHeaders(conversation: { messageId: string | null; references: string[]; inbound: boolean }[]): {
  inReplyTo: string | null
  references: string[]
} {
  const known = conversation.filter((message) => message.messageId !== null)
  const parent = known.findLast((message) => message.inbound) ?? known.at(-1)
  const { inReplyTo, references } = replyHeaders(known.filter((message) => message !== parent).concat(parent ?? []))
  const [root] = references
  return {
    inReplyTo,
    references:
      root === undefined || references.length <= LONGEST_CHAIN
        ? references
        : [root, ...references.slice(1 - LONGEST_CHAIN)],
  }
}

/** The subject of a reply: 'Re: ' once, whatever language the marks were in. */
export const replySubject = (subject: string) => `Re: ${cleanLine(baseSubject(subject))}`

/** The ticket's status after a reply: as asked, else an open ticket now waits for the customer. */
export const statusAfterReply = (before: TicketStatus, asked: TicketStatus | undefined): TicketStatus =>
  asked ?? (before === 'open' ? 'waiting' : before)
