// One stored mail on its way through plan and apply, and the ids that follow from its ledger row. Pure.
import type { MailRole } from '../contract/inboxes'
import { parseAddressList } from '../mail/address'
import { headerValues, parseMessageIds } from '../mail/headers'
import { type ThreadHints, threadKey } from '../mail/thread'
import type { Address, ParsedMail } from '../mail/types'

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
  /** where it lies at the provider, null for received mail */
  role: MailRole | null
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

/** `index` counts the files that the mail only points at, from 0. */
export const linkIdOf = (ledgerId: string, index: number) => `att_${suffix(ledgerId)}link${index.toString(36)}`

function suffix(ledgerId: string): string {
  return ledgerId.slice(ledgerId.indexOf('_') + 1)
}

/** Longer Message-IDs are no use as keys (RFC 5322 section 2.1.1: a line has at most 998 characters). */
const ID_CHARS = 998

/** The Message-ID, null where it has none or one that is no use as a key. */
export function usableId({ mail: { messageId } }: MailItem): string | null {
  return messageId !== null && messageId.length <= ID_CHARS ? messageId : null
}

/** What the ledger recognises a mail by: its Message-ID, or its content where it has none. */
export const messageKey = (item: MailItem) => usableId(item) ?? `sha256:${item.digest}`

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
  const own = usableId(item)
  const thread = providerThreadKey(item, inboxId)
  return [
    ...new Set([...(own === null ? [] : [own]), ...inReplyTo, ...references, ...(thread === null ? [] : [thread])]),
  ]
}

/** The conversation as thread_refs knows it, null without one. */
export function providerThreadKey(item: MailItem, inboxId: string): string | null {
  return item.providerThread === null ? null : threadKey(inboxId, item.providerThread)
}

/**
 * What a mail of ours may be known by: its Message-ID and, for one that lies in Sent, the one it had before Gmail gave it another.
 * In received mail that field would be a stranger's claim.
 */
export function ownIds(item: MailItem): string[] {
  const original =
    item.role === 'sent'
      ? parseMessageIds(headerValues(item.mail.headers, 'x-google-original-message-id').join(' '))
      : []
  return [...(item.mail.messageId === null ? [] : [item.mail.messageId]), ...original]
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

/** Whose part in a ticket ties the mail to it: its sender's; for mail written in this mailbox, that of the people it went to. */
export const correspondents = (item: MailItem) => (item.role === 'sent' ? addressees(item) : [senderOf(item)])

/** Bcc stands only in the writer's own copy. */
export const bccOf = (item: MailItem): Address[] =>
  item.role === 'sent' ? headerValues(item.mail.headers, 'bcc').flatMap(parseAddressList) : []
