// What a mail says about the conversation it belongs to, in the order in which it is to be believed. Pure; looks nothing up.
import { firstHeader } from './headers'
import { LIMITS } from './limits'
import type { ParsedMail } from './types'

/** Ids without angle brackets. Everything here is a claim of the sender until the tenant's own rows confirm it; only tokens are proof. */
export type ThreadHints = {
  /** From recipient addresses first, then In-Reply-To, then References newest to oldest; each ticket once. */
  tokenTicketIds: { ticketId: string; source: string }[]
  inReplyTo: string[]
  /** newest to oldest, without those of inReplyTo */
  references: string[]
  /** the last `[#123]` of the subject */
  subjectNumber: number | null
  /** Outlook's conversation from Thread-Index, OUTLOOK_THREAD and base64; other providers' ids come with the message, not with the mail */
  providerThreadId: string | null
  /** lower-case addresses of From, Reply-To, To and Cc */
  participants: string[]
}

/** Begins conversations read from a Thread-Index. No provider's own thread id has a colon, so the two kinds never meet. */
export const OUTLOOK_THREAD = 'outlook:'

/** What a conversation is known by in thread_refs: its ids are only unique within a mailbox. */
export const threadKey = (inboxId: string, thread: string) => `${inboxId}:${thread}`

/** Collects the hints. `readToken` answers the ticket id of a valid signed token within an address or a Message-ID, else null. */
export async function threadHints(
  mail: ParsedMail,
  readToken: (value: string) => Promise<string | null>,
): Promise<ThreadHints> {
  const inReplyTo = unique(mail.inReplyTo).slice(0, LIMITS.references)
  const references = unique(mail.references.toReversed())
    .filter((id) => !inReplyTo.includes(id))
    .slice(0, LIMITS.references)
  const sources = [...mail.recipients.slice(0, LIMITS.addresses), ...inReplyTo, ...references]
  const found = new Map<string, string>()
  for (const source of sources) {
    const ticketId = await readToken(source)
    if (ticketId !== null && !found.has(ticketId)) found.set(ticketId, source)
  }
  const people = [mail.from, ...mail.replyTo, ...mail.to, ...mail.cc]
  return {
    tokenTicketIds: [...found].map(([ticketId, source]) => ({ ticketId, source })),
    inReplyTo,
    references,
    subjectNumber: numberIn(mail.subject),
    providerThreadId: providerThread(mail),
    participants: unique(people.flatMap((person) => (person ? [person.email.toLowerCase()] : []))).filter(Boolean),
  }
}

/** The last one counts: forwarded subjects of other desks come before ours. */
function numberIn(subject: string): number | null {
  const digits = [...subject.matchAll(/\[#(\d{1,9})\]/g)].at(-1)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** MS-OXOMSG 2.2.1.3: the first 22 bytes name the conversation and every answer adds five. 21 bytes are 28 characters of base64. */
function providerThread(mail: ParsedMail): string | null {
  const index = firstHeader(mail.headers, 'thread-index')?.replace(/\s+/g, '') ?? ''
  return /^[A-Za-z0-9+/]{28}/.test(index) ? `${OUTLOOK_THREAD}${index.slice(0, 28)}` : null
}

/** Reply and forward marks of mail programs by language; the colon may be full-width, and Outlook counts: "Re[2]:". */
const REPLY_MARK =
  /^(?:re|aw|antw|antwort|sv|vs|rv|rif|r|odp|ynt|vá|vb|doorst|fwd?|wg|tr|enc|i|pd|ilt|res|rép|réponse|resp|ответ|пересл|回复|回覆|答复|答覆|转发|轉寄|返信|転送|답장|전달)\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s?[:：]/iu
const TRAILER = /\s*\((?:fwd|fw)\)$/i

/**
 * The subject without reply and forward marks (RFC 5256 section 2.1, with the marks of other languages). A leading list or ticket tag in
 * square brackets stays, but marks before it go. An empty result means that the subject was nothing but marks.
 */
export function baseSubject(subject: string): string {
  let text = subject.slice(0, LIMITS.subjectChars).replace(/\s+/g, ' ').trim()
  for (;;) {
    const next = text.replace(REPLY_MARK, '').replace(TRAILER, '').trim()
    if (next === text) return text
    text = next
  }
}

function unique(list: string[]): string[] {
  return [...new Set(list)]
}
