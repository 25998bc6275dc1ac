// What the preview of a mail answers: how it reads, and what would become of it.
import { z } from 'zod'
import { Address } from './http'

export const PreviewQuery = z.object({ inboxId: z.string().min(1).max(64).optional() })

const PreviewAttachment = z.object({
  filename: z.string(),
  contentType: z.string(),
  /** bytes, an estimate for large parts */
  size: z.number(),
  contentId: z.string().nullable(),
  inline: z.boolean(),
  decision: z.enum(['store', 'too_large']),
})

export const PreviewAnswer = z.object({
  message: z.object({
    subject: z.string(),
    /** null where the mail names no sender */
    from: Address.nullable(),
    to: z.array(Address),
    cc: z.array(Address),
    date: z.string().nullable(),
    messageId: z.string().nullable(),
    inReplyTo: z.string().nullable(),
    references: z.array(z.string()),
    text: z.string(),
    fullText: z.string(),
    /** made safe to show, without pictures */
    html: z.string().nullable(),
    attachments: z.array(PreviewAttachment),
  }),
  plan: z.object({
    disposition: z.enum(['ticket_created', 'reply_added', 'duplicate', 'suppressed']),
    reason: z.string().nullable(),
    matchedBy: z.string().nullable(),
    ticketId: z.string().nullable(),
    automated: z.object({ is: z.boolean(), rule: z.string().nullable() }),
    evidence: z.array(z.string()),
  }),
  warnings: z.array(z.string()),
})
export type PreviewAnswer = z.infer<typeof PreviewAnswer>
