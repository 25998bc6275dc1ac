// Renders a queued message to MIME and stores it once; every attempt sends those same bytes.
import { and, asc, desc, eq, lte } from 'drizzle-orm'
import type { Address } from '../contract/http'
import type { OutgoingMime } from '../contract/pipeline'
import { attachments, messages } from '../db/tickets'
import { composeMail, type OutgoingAttachment } from '../mail/compose'
import { BlobMissingError, storeStream } from '../platform/blob-stream'
import { type MessageBody, sentKey } from '../platform/blobs'
import type { TenantDb } from '../platform/db'
import { type QuotedMessage, withQuote } from './quoted'

export type MessageRow = typeof messages.$inferSelect

/** The message can never be rendered as it is; `message` says why, for the agent. */
export class RenderError extends Error {
  override readonly name = 'RenderError'
}

/** The MIME of a message under its sentKey, and its size in bytes. Throws RenderError; what the store throws is worth another try. */
export async function renderMessage(
  { db, blobs }: { db: TenantDb; blobs: R2Bucket },
  row: MessageRow,
): Promise<{ rawKey: string; rawSize: number }> {
  const [body, quoted, files] = await Promise.all([
    bodyOf(blobs, row),
    quotedMessage(db, row),
    attachmentsOf(db, blobs, row.id),
  ])
  const rawKey = sentKey(db.tenantId, row.id)
  try {
    const mail = await composeMail({
      from: { name: row.fromName, email: row.fromEmail },
      to: addresses(row.to),
      cc: addresses(row.cc),
      bcc: addresses(row.bcc),
      subject: row.subject,
      ...withQuote(body, quoted),
      messageId: row.messageId ?? '',
      inReplyTo: row.inReplyTo,
      references: JSON.parse(row.references) as string[],
      date: row.createdAt,
      attachments: files,
    })
    const { size } = await storeStream(blobs, rawKey, await mail.open(), mail.size)
    return { rawKey, rawSize: size }
  } catch (cause) {
    if (cause instanceof BlobMissingError)
      throw new RenderError('The file of an attachment is missing. Write the reply again.', { cause })
    if (cause instanceof RangeError)
      throw new RenderError(`The mail could not be written: ${cause.message}.`, { cause })
    throw cause
  }
}

/** The stored message as the sender takes it; `open` reads the same bytes each time. `thread`: the provider's id of its conversation. */
export function outgoingMime(
  blobs: R2Bucket,
  row: MessageRow,
  stored: { rawKey: string; rawSize: number },
  thread: string | null,
): OutgoingMime {
  const recipients = [row.to, row.cc, row.bcc].flatMap((json) => addresses(json).map(({ email }) => email))
  return {
    envelope: { from: row.fromEmail, to: [...new Set(recipients)] },
    messageId: row.messageId ?? '',
    size: stored.rawSize,
    thread,
    async open() {
      const object = await blobs.get(stored.rawKey)
      if (!object) throw new BlobMissingError(stored.rawKey)
      return object.body
    },
  }
}

const addresses = (json: string) => JSON.parse(json) as Address[]

/** Replies always have a body object (ADR 0004). Unlike a screen, a mail must not go out with less than was written. */
async function bodyOf(blobs: R2Bucket, row: MessageRow): Promise<MessageBody> {
  const object = row.bodyKey === null ? null : await blobs.get(row.bodyKey)
  if (!object) throw new RenderError('The text of this reply is missing. Write it again.')
  return object.json<MessageBody>()
}

/** The newest received message that the reply could have been about. */
async function quotedMessage(db: TenantDb, row: MessageRow): Promise<QuotedMessage | null> {
  const [last] = await db.orm
    .select({
      name: messages.fromName,
      email: messages.fromEmail,
      text: messages.text,
      receivedAt: messages.receivedAt,
    })
    .from(messages)
    .where(
      and(
        eq(messages.tenantId, db.tenantId),
        eq(messages.ticketId, row.ticketId),
        eq(messages.direction, 'inbound'),
        lte(messages.createdAt, row.createdAt),
      ),
    )
    .orderBy(desc(messages.receivedAt), desc(messages.id))
    .limit(1)
  return last ? { from: { name: last.name, email: last.email }, text: last.text, receivedAt: last.receivedAt } : null
}

async function attachmentsOf(db: TenantDb, blobs: R2Bucket, messageId: string): Promise<OutgoingAttachment[]> {
  const rows = await db.orm
    .select()
    .from(attachments)
    .where(and(eq(attachments.tenantId, db.tenantId), eq(attachments.messageId, messageId)))
    .orderBy(asc(attachments.id))
  return rows.map((file) => ({
    filename: file.filename,
    contentType: file.contentType,
    size: file.size,
    async open() {
      const object = file.blobKey === null ? null : await blobs.get(file.blobKey)
      if (!object) throw new BlobMissingError(file.id)
      return object.body
    },
  }))
}
