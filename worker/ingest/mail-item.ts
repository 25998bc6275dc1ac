// One stored mail on its way through plan and apply, and the ids that follow from its ledger row. Pure.
import type { ThreadHints } from '../mail/thread'
import type { ParsedMail } from '../mail/types'

/** What the planner is given about one mail. */
export type MailItem = {
  ledgerId: string
  /** SHA-256 of the raw bytes, hex */
  digest: string
  /** the provider's receipt time, ms; null where it says none */
  receivedAt: number | null
  /** a person asked for a ticket: nothing is suppressed */
  released: boolean
  /** the conversation as the provider or the sender's mail program numbers it, null without */
  providerThread: string | null
  mail: ParsedMail
  /** its reply tokens are verified for this tenant */
  hints: ThreadHints
}

/** Ids follow from the ledger row: one row can never make two tickets or two messages, whatever else fails. */
export const ticketIdOf = (ledgerId: string) => `tkt_${suffix(ledgerId)}`
export const messageIdOf = (ledgerId: string) => `msg_${suffix(ledgerId)}`
/** `index` counts the attachments of the mail from 0. */
export const attachmentIdOf = (ledgerId: string, index: number) =>
  `att_${suffix(ledgerId)}${index.toString(36).padStart(2, '0')}`

function suffix(ledgerId: string): string {
  return ledgerId.slice(ledgerId.indexOf('_') + 1)
}

/** Longer Message-IDs are no use as keys (RFC 5322 section 2.1.1: a line has at most 998 characters). */
const ID_CHARS = 998

/** What the ledger recognises a mail by: its Message-ID, or its content where it has none. */
export function messageKey(item: MailItem): string {
  const { messageId } = item.mail
  return messageId !== null && messageId.length <= ID_CHARS ? messageId : `sha256:${item.digest}`
}

/** Ids the mail answers or refers to, nearest first: In-Reply-To, then References from newest to oldest; never its own. */
export function referencedIds(item: MailItem): { inReplyTo: string[]; references: string[] } {
  const usable = (id: string) => id !== '' && id.length <= ID_CHARS && id !== item.mail.messageId
  const inReplyTo = [...new Set(item.hints.inReplyTo.filter(usable))]
  const references = [...new Set(item.hints.references.filter(usable))]
  return { inReplyTo, references }
}

/** Every thread key the matching may look up, unique: a new ticket holds only while nothing new is known about them. */
export function lookupIds(item: MailItem, inboxId: string): string[] {
  const { inReplyTo, references } = referencedIds(item)
  const own = item.mail.messageId
  const thread = providerThreadKey(item, inboxId)
  return [
    ...new Set([
      ...(own !== null && own.length <= ID_CHARS ? [own] : []),
      ...inReplyTo,
      ...references,
      ...(thread === null ? [] : [thread]),
    ]),
  ]
}

/** Provider conversation ids are only unique within a mailbox. */
export function providerThreadKey(item: MailItem, inboxId: string): string | null {
  return item.providerThread === null ? null : `${inboxId}:${item.providerThread}`
}

/** The ids of our own sent mail a bounce may be about, best first. */
export function bouncedIds(item: MailItem): string[] {
  if (item.mail.automated.kind !== 'bounce') return []
  const { inReplyTo, references } = referencedIds(item)
  const original = item.mail.bounce?.originalMessageId
  return [...new Set([...(original ? [original] : []), ...inReplyTo, ...references])]
}

/** Lower-case addresses in To and Cc. */
export function addressees(item: MailItem): string[] {
  return [...new Set([...item.mail.to, ...item.mail.cc].map((address) => address.email.toLowerCase()))].filter(
    (email) => email !== '',
  )
}

/** The lower-case address in From, '' where there is none. */
export const senderOf = (item: MailItem) => item.mail.from?.email.toLowerCase() ?? ''
