// R2 as streams: ranges out, and streams of unknown length in, with one part in memory at most.
import { createHash } from 'node:crypto'

/** R2 wants equal parts of at least 5 MiB, the last one aside. Bytes. */
const PART = 8 * 1024 * 1024

/** The object is not in R2 (any more). */
export class BlobMissingError extends Error {
  override readonly name = 'BlobMissingError'
}

/** A stored object that can be read in ranges: the RawSource of the mail zone. `range` throws BlobMissingError. */
export function blobSource(bucket: R2Bucket, key: string, size: number) {
  return {
    size,
    async range(start: number, end: number): Promise<ReadableStream<Uint8Array>> {
      if (end <= start) return new Blob([]).stream()
      const object = await bucket.get(key, { range: { offset: start, length: end - start } })
      if (!object) throw new BlobMissingError(key)
      return object.body
    },
  }
}

/**
 * Stores a stream: in one put up to 8 MiB, above that as a multipart upload. `expected` (bytes) is a guess that spares growing the buffer.
 * Returns the exact size and the SHA-256 (hex). On an error nothing is left behind.
 */
export async function storeStream(
  bucket: R2Bucket,
  key: string,
  stream: ReadableStream<Uint8Array>,
  expected: number,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256')
  let buffer = new Uint8Array(Math.min(PART, Math.max(64 * 1024, expected + 1024)))
  let filled = 0
  let size = 0
  let upload: R2MultipartUpload | null = null
  const parts: R2UploadedPart[] = []
  try {
    for await (const chunk of stream) {
      hash.update(chunk)
      size += chunk.length
      for (let at = 0; at < chunk.length; ) {
        if (filled === buffer.length && filled < PART) buffer = grown(buffer)
        const piece = chunk.subarray(at, at + buffer.length - filled)
        buffer.set(piece, filled)
        filled += piece.length
        at += piece.length
        if (filled === PART) {
          upload ??= await bucket.createMultipartUpload(key)
          parts.push(await upload.uploadPart(parts.length + 1, buffer))
          filled = 0
        }
      }
    }
    if (!upload) await bucket.put(key, buffer.subarray(0, filled))
    else {
      if (filled > 0) parts.push(await upload.uploadPart(parts.length + 1, buffer.subarray(0, filled)))
      await upload.complete(parts)
    }
  } catch (error) {
    await upload?.abort().catch(() => {})
    throw error
  }
  return { size, sha256: hash.digest('hex') }
}

function grown(buffer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(PART, buffer.length * 2))
  larger.set(buffer)
  return larger
}
