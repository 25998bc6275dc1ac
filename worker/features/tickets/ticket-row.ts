// Rows of D1 as the API shows them: tickets, messages, attachments. Pure.
import type { Address } from '../../contract/http'
import type {
  AttachmentAnswer,
  Delivery,
  MessageAnswer,
  Priority,
  TicketItem,
  TicketStatus,
  Trace,
} from '../../contract/tickets'
import type { attachments, messages } from '../../db/tickets'
import { iso } from '../../platform/clock'
import { log } from '../../platform/log'

/** What list-query.ts selects. */
export type TicketRow = {
  id: string
  number: number
  subject: string
  status: TicketStatus
  priority: Priority
  inboxId: string
  assigneeId: string | null
  contactId: string
  contactName: string | null
  contactEmail: string | null
  createdAt: number
  updatedAt: number
  lastMessageAt: number
  messageCount: number
}
export type MessageRow = typeof messages.$inferSelect
export type AttachmentRow = typeof attachments.$inferSelect

/** A ticket as lists show it. A contact that is gone degrades to an empty name. */
export function ticketItem(row: TicketRow, tags: string[]): TicketItem {
  return {
    id: row.id,
    number: row.number,
    subject: row.subject,
    status: row.status,
    priority: row.priority,
    inboxId: row.inboxId,
    assigneeId: row.assigneeId,
    contact: { id: row.contactId, name: row.contactName ?? '', email: row.contactEmail ?? '' },
    tags,
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
    lastMessageAt: iso(row.lastMessageAt),
    messageCount: row.messageCount,
  }
}

/** An attachment row as the API shows it. */
export function attachmentAnswer(row: AttachmentRow): AttachmentAnswer {
  return {
    id: row.id,
    filename: row.filename,
    contentType: row.contentType,
    size: row.size,
    state: row.state,
    reason: row.reason,
    inline: row.inline,
    contentId: row.contentId,
  }
}

/** What a message's body adds to its row. */
export type ShownBody = Pick<MessageAnswer, 'text' | 'fullText' | 'html' | 'blockedRemote'>

/** A message as the API shows it. */
export function messageAnswer(row: MessageRow, body: ShownBody, files: AttachmentRow[]): MessageAnswer {
  return {
    id: row.id,
    direction: row.direction,
    from: { name: row.fromName, email: row.fromEmail },
    to: addresses(row.to),
    cc: addresses(row.cc),
    bcc: addresses(row.bcc),
    subject: row.subject,
    ...body,
    authorId: row.authorId,
    messageId: row.messageId,
    inReplyTo: row.inReplyTo,
    receivedAt: iso(row.receivedAt),
    delivery: deliveryOf(row),
    trace: parsed<Trace | null>(row.trace, null),
    automated: automatedOf(row.automated),
    hasOriginal: row.rawKey !== null,
    attachments: files.map(attachmentAnswer),
  }
}

/** A stored JSON list of addresses. */
export const addresses = (json: string): Address[] => parsed<Address[]>(json, [])

function deliveryOf(row: MessageRow): Delivery | null {
  if (row.deliveryState === null) return null
  return {
    // 'sending' is a moment of 'queued': the agent waits either way.
    state: row.deliveryState === 'sending' ? 'queued' : row.deliveryState,
    detail: row.deliveryDetail,
    attempts: row.deliveryAttempts,
    sentAt: iso(row.sentAt),
    nextAttemptAt: row.deliveryState === 'queued' ? iso(row.deliveryDueAt) : null,
  }
}

function automatedOf(json: string | null): MessageAnswer['automated'] {
  const stored = parsed<{ automated: boolean; rule: string | null } | null>(json, null)
  return stored && { is: stored.automated, rule: stored.rule }
}

/** JSON of our own writing; a damaged row shows less, it never fails the ticket. */
function parsed<T>(json: string | null, otherwise: T): T {
  if (json === null) return otherwise
  try {
    return JSON.parse(json) as T
  } catch (error) {
    log.error('row.unreadable_json', { error })
    return otherwise
  }
}
