// Bodies of the ticket, message and attachment routes.
import { z } from 'zod'
import { Address, Email, PageQuery, pageOf } from './http'
import { HTTP_LIMITS } from './limits'

export const TICKET_STATUS = ['open', 'in_progress', 'waiting', 'resolved', 'closed'] as const
export type TicketStatus = (typeof TICKET_STATUS)[number]
export const PRIORITIES = ['low', 'normal', 'high', 'urgent'] as const
export type Priority = (typeof PRIORITIES)[number]

const id = z.string().min(1).max(64)
const Tag = z.string().trim().toLowerCase().min(1).max(HTTP_LIMITS.tag)

export const TicketListQuery = PageQuery.extend({
  status: z.string().max(100).optional().describe('one status or several, comma-separated'),
  inboxId: id.optional(),
  assigneeId: id.optional().describe("a user's id, 'me' or 'none'"),
  tag: Tag.optional(),
  q: z.string().trim().max(HTTP_LIMITS.search).optional(),
  sort: z.enum(['activity', 'created']).default('activity'),
})
export type TicketListQuery = z.infer<typeof TicketListQuery>

export const TicketDetailQuery = z.object({
  images: z.enum(['remote']).optional().describe('also show pictures that are fetched from elsewhere'),
  before: id.optional().describe('a message id: the page of messages before it'),
})
export type TicketDetailQuery = z.infer<typeof TicketDetailQuery>

export const UpdateTicketBody = z.object({
  subject: z.string().trim().min(1).max(HTTP_LIMITS.subject).optional(),
  status: z.enum(TICKET_STATUS).optional(),
  priority: z.enum(PRIORITIES).optional(),
  assigneeId: id.nullable().optional(),
  tags: z.array(Tag).max(HTTP_LIMITS.tags).optional(),
})
export type UpdateTicketBody = z.infer<typeof UpdateTicketBody>

export const ReplyBody = z.object({
  text: z.string().max(HTTP_LIMITS.replyText).optional(),
  html: z.string().max(HTTP_LIMITS.replyHtml).optional(),
  from: Email.optional(),
  to: z.array(Email).max(HTTP_LIMITS.recipients).optional(),
  cc: z.array(Email).max(HTTP_LIMITS.recipients).optional(),
  bcc: z.array(Email).max(HTTP_LIMITS.recipients).optional(),
  attachmentIds: z.array(id).max(50).optional(),
  status: z.enum(TICKET_STATUS).optional().describe("the ticket's status afterwards; without it an open ticket waits"),
})
export type ReplyBody = z.infer<typeof ReplyBody>
export const NoteBody = z.object({ text: z.string().trim().min(1).max(HTTP_LIMITS.replyText) })
export const NewTicketBody = ReplyBody.omit({ status: true, from: true }).extend({
  inboxId: id,
  subject: z.string().trim().min(1).max(HTTP_LIMITS.subject),
  to: z.array(Email).min(1).max(HTTP_LIMITS.recipients),
})
export type NewTicketBody = z.infer<typeof NewTicketBody>

export const TicketItem = z.object({
  id: z.string(),
  number: z.number(),
  subject: z.string(),
  status: z.enum(TICKET_STATUS),
  priority: z.enum(PRIORITIES),
  inboxId: z.string(),
  assigneeId: z.string().nullable(),
  contact: z.object({ id: z.string(), name: z.string(), email: z.string() }),
  tags: z.array(z.string()),
  createdAt: z.string(),
  updatedAt: z.string(),
  lastMessageAt: z.string(),
  messageCount: z.number(),
})
export type TicketItem = z.infer<typeof TicketItem>
export const TicketPage = pageOf(TicketItem)

/** Numbers of the sidebar; each stops at `limit`. `mine` and `unassigned` count open and in-progress tickets. */
export const TicketCounts = z.object({
  byStatus: z.record(z.enum(TICKET_STATUS), z.number()),
  mine: z.number(),
  unassigned: z.number(),
  limit: z.number(),
})
export type TicketCounts = z.infer<typeof TicketCounts>

export const AttachmentAnswer = z.object({
  id: z.string(),
  filename: z.string(),
  contentType: z.string(),
  size: z.number(),
  state: z.enum(['pending', 'stored', 'skipped', 'failed']),
  reason: z.string().nullable(),
  inline: z.boolean(),
  contentId: z.string().nullable(),
})
export type AttachmentAnswer = z.infer<typeof AttachmentAnswer>

export const Delivery = z.object({
  state: z.enum(['queued', 'sent', 'failed']),
  detail: z.string().nullable(),
  attempts: z.number(),
  sentAt: z.string().nullable(),
  nextAttemptAt: z.string().nullable(),
})
export type Delivery = z.infer<typeof Delivery>

/** Why a message is where it is. `evidence` is one plain sentence a line. */
export const Trace = z.object({ matchedBy: z.string(), evidence: z.array(z.string()) })
export type Trace = z.infer<typeof Trace>

export const MessageAnswer = z.object({
  id: z.string(),
  direction: z.enum(['inbound', 'outbound', 'note']),
  from: Address,
  to: z.array(Address),
  cc: z.array(Address),
  bcc: z.array(Address),
  subject: z.string(),
  text: z.string(),
  fullText: z.string(),
  /** sanitised; pictures from elsewhere are left out unless asked for */
  html: z.string().nullable(),
  /** pictures left out of `html`; GET /messages/:id/html?images=remote has them */
  blockedRemote: z.number(),
  /** the user who wrote a reply or note */
  authorId: z.string().nullable(),
  messageId: z.string().nullable(),
  inReplyTo: z.string().nullable(),
  receivedAt: z.string(),
  delivery: Delivery.nullable(),
  trace: Trace.nullable(),
  automated: z.object({ is: z.boolean(), rule: z.string().nullable() }).nullable(),
  hasOriginal: z.boolean(),
  attachments: z.array(AttachmentAnswer),
})
export type MessageAnswer = z.infer<typeof MessageAnswer>

/** Messages oldest first, the newest page of them; `hasEarlier`: ask again with `before` = the first one's id. */
export const TicketAnswer = TicketItem.extend({ messages: z.array(MessageAnswer), hasEarlier: z.boolean() })
export type TicketAnswer = z.infer<typeof TicketAnswer>

export const MessageHtmlQuery = z.object({ images: z.enum(['remote']).optional() })
export const MessageHtmlAnswer = z.object({ html: z.string().nullable(), blockedRemote: z.number() })

export const UploadQuery = z.object({ filename: z.string().max(1000).default('') })
export const DownloadQuery = z.object({
  inline: z.enum(['1']).optional().describe('show a picture instead of saving it'),
})

export const UploadAnswer = z.object({
  id: z.string(),
  filename: z.string(),
  contentType: z.string(),
  size: z.number(),
})
