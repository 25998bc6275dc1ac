// Attachments of messages and uploads for replies: store, serve, fetch again.

import { and, eq } from 'drizzle-orm'
import { HTTP_LIMITS } from '../../contract/limits'
import type { AttachmentAnswer } from '../../contract/tickets'
import { attachments } from '../../db/tickets'
import { safeFilename } from '../../mail/filename'
import { LIMITS } from '../../mail/limits'
import { storeStream } from '../../platform/blob-stream'
import { attachmentKey } from '../../platform/blobs'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { newId } from '../../platform/ids'
import type { JobSender } from '../../platform/jobs'
import { type Conditions, storedObject } from './stored-object'
import { type AttachmentRow, attachmentAnswer } from './ticket-row'

/** Milliseconds an upload waits for its reply. */
const UPLOAD_LIFE = 24 * 60 * 60 * 1000
/** Types a browser shows as a picture and never runs; SVG and HTML are none of them. */
const SHOWN_INLINE = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'])

type Deps = { db: TenantDb; blobs: R2Bucket }

/** Stores an upload for a later reply. AppError('body_too_large') over HTTP_LIMITS.upload. */
export async function storeUpload(
  { db, blobs }: Deps,
  upload: {
    filename: string
    contentType: string | undefined
    body: ReadableStream<Uint8Array> | null
    userId: string
  },
  now: number,
): Promise<{ id: string; filename: string; contentType: string; size: number }> {
  const id = newId('att', now)
  const key = attachmentKey(db.tenantId, id)
  const body = (upload.body ?? new Blob([]).stream()).pipeThrough(atMost(HTTP_LIMITS.upload))
  const { size, sha256 } = await storeStream(blobs, key, body, 0)
  const file = {
    id,
    filename: safeFilename(upload.filename) || 'attachment',
    contentType: mediaType(upload.contentType),
    size,
  }
  await db.orm.insert(attachments).values({
    ...file,
    sha256,
    tenantId: db.tenantId,
    state: 'stored',
    blobKey: key,
    uploadedBy: upload.userId,
    expiresAt: now + UPLOAD_LIFE,
    createdAt: now,
  })
  return file
}

/** The bytes of an attachment. AppError('attachment_not_stored') with its state where there are none yet. */
export async function openAttachment(
  { db, blobs }: Deps,
  id: string,
  asked: Conditions & { inline: boolean },
): Promise<Response> {
  const row = await attachmentRow(db, id)
  if (row.state !== 'stored' || row.blobKey === null) {
    throw new AppError('attachment_not_stored', {
      detail: notStored(row),
      extra: { state: row.state, reason: row.reason },
    })
  }
  const contentType = mediaType(row.contentType)
  const disposition = asked.inline && SHOWN_INLINE.has(contentType) ? 'inline' : 'attachment'
  return storedObject(blobs, { key: row.blobKey, filename: row.filename, contentType, disposition }, asked)
}

/** Puts a skipped or failed attachment back to work; pressing twice does no more. AppError('conflict') where it cannot be stored. */
export async function fetchAttachment(
  { db, jobs }: { db: TenantDb; jobs: JobSender },
  id: string,
  now: number,
): Promise<AttachmentAnswer> {
  const row = await attachmentRow(db, id)
  if (row.state === 'stored' || row.state === 'pending') return attachmentAnswer(row)
  if (row.reason === 'cloud_link') throw new AppError('conflict', { detail: IN_A_CLOUD })
  if (row.rawKey === null) {
    throw new AppError('conflict', {
      detail: 'The original mail of this attachment is not stored, so it cannot be read.',
    })
  }
  if (row.size > LIMITS.rawMessage) {
    throw new AppError('conflict', { detail: 'This attachment is too large to be stored. Ask for it in another way.' })
  }
  const [queued] = await db.orm
    .update(attachments)
    .set({ state: 'pending', attempts: 0, dueAt: now })
    .where(and(eq(attachments.tenantId, db.tenantId), eq(attachments.id, id), eq(attachments.state, row.state)))
    .returning()
  if (queued) await jobs.send({ kind: 'attachment', tenantId: db.tenantId, attachmentIds: [id] })
  return attachmentAnswer(queued ?? (await attachmentRow(db, id)))
}

async function attachmentRow(db: TenantDb, id: string): Promise<AttachmentRow> {
  const [row] = await db.orm
    .select()
    .from(attachments)
    .where(and(eq(attachments.tenantId, db.tenantId), eq(attachments.id, id)))
  if (!row) throw new AppError('not_found')
  return row
}

const IN_A_CLOUD = "This file lies in the sender's cloud storage. Open it by the link in the message."

function notStored(row: AttachmentRow): string {
  switch (row.state) {
    case 'pending':
      return 'The attachment is being stored. Try again in a moment.'
    case 'skipped':
      if (row.reason === 'cloud_link') return IN_A_CLOUD
      return 'The attachment was not stored because it is very large. Choose "Fetch" to store it now.'
    case 'failed':
      return 'The attachment could not be stored. Choose "Fetch" to try again.'
    case 'stored':
      return 'The stored file is missing.'
  }
}

/** Passes bytes on and fails with AppError('body_too_large') past the limit. */
function atMost(limit: number): TransformStream<Uint8Array, Uint8Array> {
  let size = 0
  return new TransformStream({
    transform(chunk, controller) {
      size += chunk.length
      if (size <= limit) controller.enqueue(chunk)
      else controller.error(tooLarge())
    },
  })
}

/** The refusal of an upload over HTTP_LIMITS.upload. */
export const tooLarge = () =>
  new AppError('body_too_large', {
    detail: `A file of a reply can have at most ${HTTP_LIMITS.upload / 1024 / 1024} MB. Send a link to larger ones.`,
  })

/** type/subtype in lower case without parameters; anything else is octets. */
function mediaType(given: string | undefined): string {
  const type = given?.split(';')[0]?.trim().toLowerCase() ?? ''
  return /^[a-z0-9][a-z0-9!#$&^_.+-]{0,80}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,120}$/.test(type)
    ? type
    : 'application/octet-stream'
}
