// What has to be in R2 before a mail's rows are written: the body of a large mail, and small attachments whose bytes are at hand.
// Object keys follow from the ledger row, so a second preparation overwrites the first.

import type { CloudLink } from '../mail/cloud-link'
import { decodeBytes } from '../mail/decode'
import { typeOfName } from '../mail/filename'
import { LIMITS } from '../mail/limits'
import type { ParsedAttachment } from '../mail/types'
import { attachmentKey, bodyKey, type MessageBody } from '../platform/blobs'
import { sha256Hex } from '../platform/ids'
import { log } from '../platform/log'
import { type Applicable, lands, type NewAttachment } from './apply-rows'
import { attachmentIdOf, linkIdOf, messageIdOf } from './mail-item'
import type { Planned } from './plan-batch'
import type { ReadMail } from './read-mail'

/** Attachments of one mail stored along with it; more of them wait for their job. */
const STORED_AT_ONCE = 20

/** Completes a plan for the apply. Throws when a large mail's body cannot be stored; an attachment that cannot is left to its job. */
export async function prepare(
  deps: { blobs: R2Bucket },
  tenantId: string,
  planned: Planned,
  read: ReadMail,
): Promise<Applicable> {
  const ready = { ...planned, rawKey: read.rawKey, rawSize: read.rawSize }
  if (!lands(planned)) return { ...ready, bodyKey: null, attachments: [] }
  const { mail, ledgerId } = planned.item
  const attachments: NewAttachment[] = []
  for (const [index, attachment] of mail.attachments.entries()) {
    const row = newAttachment(attachmentIdOf(ledgerId, index), attachment)
    const bytes = index < STORED_AT_ONCE && row.state === 'pending' ? read.bytes : null
    attachments.push(bytes ? await storedNow(deps.blobs, tenantId, row, attachment, bytes) : row)
  }
  attachments.push(...read.links.map((link, index) => linkRow(ledgerId, index, link)))
  if (read.rawSize <= LIMITS.inMemory) return { ...ready, bodyKey: null, attachments }
  const key = bodyKey(tenantId, messageIdOf(ledgerId))
  const body: MessageBody = { text: mail.text, fullText: mail.fullText, html: mail.html }
  await deps.blobs.put(key, JSON.stringify(body))
  return { ...ready, bodyKey: key, attachments }
}

function newAttachment(id: string, parsed: ParsedAttachment): NewAttachment {
  const { part, filename, contentType, size, contentId, inline, start, end, encoding } = parsed
  const skipped = parsed.decision === 'too_large'
  return {
    ...{ id, part, filename, contentType, size, contentId, inline, start, end, encoding },
    state: skipped ? 'skipped' : 'pending',
    reason: skipped ? 'too_large' : null,
    blobKey: null,
    sha256: null,
  }
}

/** A file in a cloud: nothing of it is in the original, so there is nothing to be decoded or fetched. */
function linkRow(ledgerId: string, index: number, { name, contentType, size }: CloudLink): NewAttachment {
  return {
    id: linkIdOf(ledgerId, index),
    part: `link:${index + 1}`,
    filename: name,
    contentType: contentType ?? typeOfName(name),
    size: size ?? 0,
    contentId: null,
    inline: false,
    state: 'skipped',
    reason: 'cloud_link',
    blobKey: null,
    start: null,
    end: null,
    encoding: null,
    sha256: null,
  }
}

async function storedNow(
  blobs: R2Bucket,
  tenantId: string,
  row: NewAttachment,
  { encoding, start, end }: ParsedAttachment,
  raw: Uint8Array,
): Promise<NewAttachment> {
  try {
    const file = decodeBytes(encoding, raw.subarray(start, end))
    const key = attachmentKey(tenantId, row.id)
    const [sha256] = await Promise.all([sha256Hex(file), blobs.put(key, file)])
    return { ...row, state: 'stored', size: file.length, blobKey: key, sha256 }
  } catch (error) {
    log.warn('ingest.attachment_postponed', { attachmentId: row.id, error })
    return row
  }
}
