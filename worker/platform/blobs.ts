// Keys of the R2 bucket, in one place. Every key starts with its tenant, so that a tenant's objects can be listed and removed as one.
import { sha256Hex } from './ids'

/** The raw MIME of a received message; a digest of its identity, so that a replayed fetch writes the same object. */
export async function rawKey(tenantId: string, inboxId: string, identity: string): Promise<string> {
  return `${tenantId}/raw/${await sha256Hex(JSON.stringify([inboxId, identity]))}.eml`
}
/** The raw MIME of a message we send, written once before the first attempt. */
export const sentKey = (tenantId: string, messageId: string) => `${tenantId}/sent/${messageId}.eml`
/** JSON MessageBody of a message. */
export const bodyKey = (tenantId: string, messageId: string) => `${tenantId}/body/${messageId}.json`
/** The decoded file of an attachment row. */
export const attachmentKey = (tenantId: string, attachmentId: string) => `${tenantId}/file/${attachmentId}`
/** A large mail while it is previewed; removed by the same request. */
export const previewKey = (tenantId: string, id: string) => `${tenantId}/preview/${id}`

/** What bodyKey holds: `text` is the new part, `fullText` the whole with quotes, `html` as received (sanitised when served). */
export type MessageBody = { text: string; fullText: string; html: string | null }
