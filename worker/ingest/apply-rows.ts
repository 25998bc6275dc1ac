// The rows of an apply as JSON: what each statement of apply.ts reads through json_each. Pure.
import { LIMITS } from '../mail/limits'
import { bccOf, messageIdOf, messageKey, senderOf, usableId } from './mail-item'
import type { Plan } from './plan'
import type { Planned } from './plan-batch'

/** An attachment as its row is inserted; bytes that ingest had in memory are stored already. */
export type NewAttachment = {
  id: string
  part: string
  filename: string
  contentType: string
  size: number
  contentId: string | null
  inline: boolean
  state: 'pending' | 'stored' | 'skipped'
  reason: string | null
  blobKey: string | null
  /** where it lies in the original; null for what is not in there */
  start: number | null
  end: number | null
  encoding: string | null
  sha256: string | null
}
/** A plan with everything its rows need; R2 objects it names are written already. */
export type Applicable = Planned & {
  rawKey: string
  rawSize: number
  /** R2 key of the body JSON of a large mail, else null (ADR 0004) */
  bodyKey: string | null
  attachments: NewAttachment[]
}

/** Bytes of one JSON parameter; D1 takes values of up to 2 MB. */
const CHUNK = 800_000

/** Rows as JSON arrays of bounded size. D1 keeps neither NUL nor half surrogate pairs, and hostile mail has both. */
export function chunked(rows: object[]): string[] {
  const chunks: string[] = []
  let open: string[] = []
  let size = 0
  for (const row of rows) {
    const json = JSON.stringify(row, (_key, value) => (typeof value === 'string' ? storable(value) : value))
    const bytes = Buffer.byteLength(json)
    if (open.length > 0 && size + bytes > CHUNK) {
      chunks.push(`[${open.join(',')}]`)
      open = []
      size = 0
    }
    open.push(json)
    size += bytes + 1
  }
  if (open.length > 0) chunks.push(`[${open.join(',')}]`)
  return chunks
}

function storable(text: string): string {
  return text.isWellFormed() && !text.includes('\0') ? text : text.toWellFormed().replaceAll('\0', '\uFFFD')
}

/** Whether the mail becomes a message of a ticket. */
export const lands = (mail: Planned) => mail.plan.kind === 'new_ticket' || mail.plan.kind === 'reply'

/** The ledger's word for each kind of plan. */
export const DISPOSITION = {
  new_ticket: 'ticket_created',
  reply: 'reply_added',
  duplicate: 'duplicate',
  suppressed: 'suppressed',
} as const satisfies Record<Plan['kind'], string>

/** The ledger row's outcome and the assumptions it rests on. */
export function guardRow(mail: Planned) {
  const { item, plan } = mail
  return {
    ledgerId: item.ledgerId,
    disposition: DISPOSITION[plan.kind],
    reason: reasonOf(plan),
    messageKey: messageKey(item),
    digest: item.digest,
    fromAddress: senderOf(item) || null,
    subject: item.mail.subject.slice(0, LIMITS.subjectChars),
    receivedAt: mail.receivedAt,
    ticketId: mail.ticketId,
    messageRowId: lands(mail) ? messageIdOf(item.ledgerId) : null,
    // The assumptions: the row it builds on is ended by this very batch; no twin has landed; the ticket it joins still stands;
    // nothing new is known about the ids of a new ticket.
    dependsOn: mail.dependsOn,
    lands: lands(mail) ? 1 : 0,
    joins: plan.kind === 'reply' && mail.dependsOn === null ? mail.ticketId : null,
    lookups: plan.kind === 'new_ticket' ? mail.lookups : null,
    refsSeen: mail.refsSeen,
  }
}

/** The ledger's reason. */
export function reasonOf(plan: Plan): string | null {
  switch (plan.kind) {
    case 'new_ticket':
      return null
    case 'reply':
      return plan.matchedBy
    case 'duplicate':
      return `same_as:${plan.of}`
    case 'suppressed':
      return plan.reason
  }
}

/** The mails whose plan stands alone, then those that build on them, and so on. */
export function byDependency<T extends Planned>(mails: T[]): T[][] {
  const known = new Map(mails.map((mail) => [mail.item.ledgerId, mail]))
  const depth = (mail: T): number => {
    const base = mail.dependsOn === null ? undefined : known.get(mail.dependsOn)
    return base ? depth(base) + 1 : 0
  }
  const levels: T[][] = []
  for (const mail of mails) {
    const level = depth(mail)
    for (let missing = levels.length; missing <= level; missing++) levels.push([])
    levels[level]?.push(mail)
  }
  return levels
}

export function contactRow(mail: Planned, contactId: string) {
  return { ledgerId: mail.item.ledgerId, contactId, name: mail.contact.name, email: mail.contact.email }
}

export function ticketRow(mail: Planned, place: number) {
  return {
    ledgerId: mail.item.ledgerId,
    place,
    subject: mail.item.mail.subject.trim().slice(0, LIMITS.subjectChars) || '(no subject)',
    email: mail.contact.email,
    // A conversation that we began waits for the other side.
    status: mail.item.role === 'sent' ? 'waiting' : 'open',
    at: mail.receivedAt,
  }
}

export function messageRow(mail: Applicable) {
  const { item, plan } = mail
  return {
    ledgerId: item.ledgerId,
    fromName: mail.author.name,
    fromEmail: mail.author.email,
    // Mail written in this mailbox is a message of ours that has been sent.
    ...(item.role === 'sent'
      ? { direction: 'outbound', deliveryState: 'sent', sentAt: mail.receivedAt }
      : { direction: 'inbound', deliveryState: null, sentAt: null }),
    bcc: bccOf(item),
    to: item.mail.to,
    cc: item.mail.cc,
    subject: item.mail.subject.slice(0, LIMITS.subjectChars),
    text: item.mail.text.slice(0, LIMITS.storedTextChars),
    bodyKey: mail.bodyKey,
    rawKey: mail.rawKey,
    rawSize: mail.rawSize,
    messageId: item.mail.messageId,
    inReplyTo: item.mail.inReplyTo[0] ?? null,
    references: item.mail.references.slice(-LIMITS.references),
    trace: { matchedBy: plan.kind === 'reply' ? plan.matchedBy : 'new_ticket', evidence: plan.evidence },
    automated: item.mail.automated,
    at: mail.receivedAt,
  }
}

export function attachmentRows(mail: Applicable) {
  return mail.attachments.map((attachment) => ({
    ledgerId: mail.item.ledgerId,
    rawKey: attachment.start === null ? null : mail.rawKey,
    ...attachment,
    inline: attachment.inline ? 1 : 0,
  }))
}

export function activityRow(mail: Planned) {
  return {
    ledgerId: mail.item.ledgerId,
    at: mail.receivedAt,
    reopen: mail.plan.kind === 'reply' && mail.plan.reopen ? 1 : 0,
  }
}

/** Our message whose copy in Sent the mail is, and what it is known by since. */
export function copyRows({ item, plan, refs, receivedAt }: Planned) {
  if (plan.kind !== 'suppressed' || plan.copyOf === null) return []
  return [{ ledgerId: item.ledgerId, messageRowId: plan.copyOf, messageId: usableId(item), refs, at: receivedAt }]
}

export function bounceRows(mail: Planned) {
  const { plan, item } = mail
  return plan.kind === 'reply' && plan.bounced ? [{ ledgerId: item.ledgerId, ...plan.bounced }] : []
}
