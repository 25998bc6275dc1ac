// Queue messages. Ids only, never content or secrets: a job is a wake-up, the rows it names are the truth.
import { z } from 'zod'

const id = z.string().min(1).max(64)

/** "This inbox has discovered messages that nobody holds." The consumer claims rows itself. */
export const FetchJob = z.object({ kind: z.literal('fetch'), tenantId: id, inboxId: id })
/** "This inbox has stored messages without a disposition." */
export const IngestJob = z.object({ kind: z.literal('ingest'), tenantId: id, inboxId: id })
/** "These attachment rows are pending." */
export const AttachmentJob = z.object({
  kind: z.literal('attachment'),
  tenantId: id,
  attachmentIds: z.array(id).min(1).max(100),
})
/** "This message is queued for sending." */
export const OutboundJob = z.object({ kind: z.literal('outbound'), tenantId: id, messageId: id })

export const Job = z.discriminatedUnion('kind', [FetchJob, IngestJob, AttachmentJob, OutboundJob])
export type Job = z.infer<typeof Job>
export type FetchJob = z.infer<typeof FetchJob>
export type IngestJob = z.infer<typeof IngestJob>
export type AttachmentJob = z.infer<typeof AttachmentJob>
export type OutboundJob = z.infer<typeof OutboundJob>
