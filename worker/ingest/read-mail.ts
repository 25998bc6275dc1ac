// From a stored original to what the planner wants: parsed, digested, its reply tokens checked. Small mails are read whole, large ones as a stream
// and then in ranges, so that no mail is ever in memory as a whole that is larger than LIMITS.inMemory.
import { createHash } from 'node:crypto'
import type { CloudLink } from '../mail/cloud-link'
import { LIMITS } from '../mail/limits'
import { indexStream } from '../mail/mime-index'
import { parseBytes, parseMail } from '../mail/parse'
import { readToken } from '../mail/reply-token'
import { type ThreadHints, threadHints } from '../mail/thread'
import type { ParsedMail } from '../mail/types'
import { BlobMissingError, blobSource } from '../platform/blob-stream'
import { sha256Hex } from '../platform/ids'
import { RELEASED, type StoredRow } from './ledger-rows'
import type { MailItem } from './mail-item'

/** A mail that has been read; `bytes` where it is small, `links` to the files that are not in it. */
export type ReadMail = {
  item: MailItem
  rawKey: string
  rawSize: number
  bytes: Uint8Array | null
  links: CloudLink[]
}

/** Reads one stored mail. Throws BlobMissingError where its original is gone. */
export async function readMail(
  deps: { blobs: R2Bucket; authSecret: string },
  tenantId: string,
  row: StoredRow,
  given: Uint8Array | null,
): Promise<ReadMail> {
  const bytes = given ?? (row.size <= LIMITS.inMemory ? await wholeObject(deps.blobs, row.rawKey) : null)
  const { mail, digest } = bytes
    ? { mail: await parseBytes(bytes), digest: row.digest ?? (await sha256Hex(bytes)) }
    : await readLarge(deps.blobs, row)
  const hints = await hintsOf(deps.authSecret, tenantId, mail)
  return {
    item: {
      ledgerId: row.id,
      digest,
      receivedAt: row.receivedAt,
      released: row.reason === RELEASED,
      providerThread: row.providerThread ?? hints.providerThreadId,
      role: row.role,
      mail,
      hints,
    },
    rawKey: row.rawKey,
    rawSize: bytes?.length ?? row.size,
    bytes,
    links: row.links,
  }
}

/** What a parsed mail says about its thread. Only reply tokens signed for this tenant count. */
export function hintsOf(authSecret: string, tenantId: string, mail: ParsedMail): Promise<ThreadHints> {
  return threadHints(mail, async (value) => (await readToken(authSecret, tenantId, value))?.ticketId ?? null)
}

/** One pass for the index (and the digest, if nobody has it yet), then the text parts by their ranges. */
async function readLarge(blobs: R2Bucket, row: StoredRow): Promise<{ mail: ParsedMail; digest: string }> {
  const source = blobSource(blobs, row.rawKey, row.size)
  const stream = await source.range(0, row.size)
  const hash = row.digest === null ? createHash('sha256') : null
  const index = await indexStream(hash ? stream.pipeThrough(tap((chunk) => hash.update(chunk))) : stream)
  return { mail: await parseMail(index, source), digest: row.digest ?? hash?.digest('hex') ?? '' }
}

function tap(look: (chunk: Uint8Array) => void): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      look(chunk)
      controller.enqueue(chunk)
    },
  })
}

async function wholeObject(blobs: R2Bucket, key: string): Promise<Uint8Array> {
  const object = await blobs.get(key)
  if (!object) throw new BlobMissingError(key)
  return new Uint8Array(await object.arrayBuffer())
}
