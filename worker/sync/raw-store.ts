// Raw MIME into R2 as a stream: small mails whole, large ones as a resumable multipart upload. Never more than one part in memory.
import { LIMITS } from '../mail/limits'
import { sha256Hex } from '../platform/ids'

/** R2 wants equal parts of at least 5 MiB, the last one aside. Bytes. */
const PART = 8 * 1024 * 1024

/** How far a large message has come; stored in `ledger.upload`. `offset` bytes are safe in R2. */
export type UploadProgress = { uploadId: string; parts: R2UploadedPart[]; offset: number }

/** The message is larger than LIMITS.rawMessage; nothing is kept. */
export class RawTooLargeError extends Error {
  override readonly name = 'RawTooLargeError'
}
/** R2 no longer knows the upload (they vanish after 7 days): it has to start again at the first byte. */
export class UploadForgottenError extends Error {
  override readonly name = 'UploadForgottenError'
}

/** Reads a stream in pieces of a wanted size. */
export type PieceReader = {
  /** The next `size` bytes, fewer only at the end. The bytes are valid until the next read. */
  read(size: number): Promise<{ bytes: Uint8Array; ended: boolean }>
  /** Drops `count` bytes. */
  skip(count: number): Promise<void>
  cancel(): Promise<void>
}

/** `expected` is a guess of the whole size in bytes, to allocate once; `onChunk` runs as bytes arrive. */
export function pieceReader(
  raw: ReadableStream<Uint8Array>,
  expected: number,
  onChunk: () => Promise<void> = async () => {},
): PieceReader {
  const reader = raw.getReader()
  let rest = new Uint8Array(0)
  let done = false
  let buffer = new Uint8Array(0)

  async function fill(): Promise<void> {
    while (!done && rest.length === 0) {
      const chunk = await reader.read()
      if (chunk.done) done = true
      else rest = chunk.value as Uint8Array<ArrayBuffer>
      await onChunk()
    }
  }
  function take(limit: number): Uint8Array {
    const taken = rest.subarray(0, limit)
    rest = rest.subarray(taken.length)
    return taken
  }
  return {
    async read(size) {
      await fill()
      const first = take(size)
      await fill()
      if (done && rest.length === 0) return { bytes: first, ended: true }
      let length = first.length
      // One spare byte: a right guess then ends without growing.
      buffer = grown(buffer, Math.min(size, Math.max(expected, length * 2, 64 * 1024)), 0)
      buffer.set(first)
      while (length < size) {
        await fill()
        if (rest.length === 0) return { bytes: buffer.subarray(0, length), ended: true }
        const next = take(size - length)
        if (length + next.length > buffer.length)
          buffer = grown(buffer, Math.min(size, Math.max(buffer.length * 2, length + next.length)), length)
        buffer.set(next, length)
        length += next.length
      }
      await fill()
      return { bytes: buffer.subarray(0, length), ended: done && rest.length === 0 }
    },
    async skip(count) {
      for (let left = count; left > 0; ) {
        await fill()
        if (rest.length === 0) return
        left -= take(left).length
      }
    },
    cancel: () => reader.cancel().catch(() => {}),
  }
}

function grown(buffer: Uint8Array<ArrayBuffer>, size: number, keep: number): Uint8Array<ArrayBuffer> {
  if (buffer.length >= size) return buffer
  const larger = new Uint8Array(size)
  larger.set(buffer.subarray(0, keep))
  return larger
}

/** Stores a message that is in memory. Returns its SHA-256, hex. */
export async function putWhole(bucket: R2Bucket, key: string, bytes: Uint8Array): Promise<string> {
  const [digest] = await Promise.all([sha256Hex(bytes), bucket.put(key, bytes)])
  return digest
}

export type ReceiveInput = {
  key: string
  reader: PieceReader
  resume: UploadProgress | null
  /** Called with each part that is safe in R2; may throw to stop. */
  onPart: (progress: UploadProgress) => Promise<void>
}
/** A message that fits one part is given back to be put by the caller, who may do so while reading the next; a larger one is stored. */
export type Received = { stored: false; bytes: Uint8Array } | { stored: true; size: number; digest: string }

/**
 * Reads a message to its end, uploading it in parts where it is large. Throws RawTooLargeError (the upload is aborted),
 * UploadForgottenError, and what the stream throws (what is uploaded stays for a resume).
 */
export async function receiveRaw(bucket: R2Bucket, input: ReceiveInput): Promise<Received> {
  const { key, reader, resume } = input
  let piece = await reader.read(PART)
  if (!resume && piece.ended) return { stored: false, bytes: piece.bytes }
  const upload = resume ? bucket.resumeMultipartUpload(key, resume.uploadId) : await bucket.createMultipartUpload(key)
  let progress: UploadProgress = resume ?? { uploadId: upload.uploadId, parts: [], offset: 0 }
  // A resumed upload never saw its first bytes: its digest is read back from the finished object.
  const digest = resume ? null : runningDigest()
  for (;;) {
    const offset = progress.offset + piece.bytes.length
    if (offset > LIMITS.rawMessage) {
      await upload.abort().catch(() => {})
      throw new RawTooLargeError(`over ${LIMITS.rawMessage} bytes`)
    }
    if (piece.bytes.length > 0) {
      const [part] = await Promise.all([
        known(upload.uploadPart(progress.parts.length + 1, piece.bytes)),
        digest?.add(piece.bytes),
      ])
      progress = { uploadId: upload.uploadId, parts: [...progress.parts, part], offset }
    }
    if (piece.ended) break
    await input.onPart(progress)
    piece = await reader.read(PART)
  }
  await known(upload.complete(progress.parts))
  if (digest) return { stored: true, size: progress.offset, digest: await digest.hex() }
  return { stored: true, ...(await readBack(bucket, key)) }
}

/** SHA-256 over bytes as they come. */
function runningDigest() {
  const stream = new crypto.DigestStream('SHA-256')
  const writer = stream.getWriter()
  return {
    /** The bytes may be reused once this resolves. */
    add: (bytes: Uint8Array) => writer.write(bytes),
    async hex() {
      await writer.close()
      return hex(await stream.digest)
    },
  }
}

const hex = (digest: ArrayBuffer) =>
  Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')

/**
 * Size and SHA-256 (hex) of a stored object, without its bytes ever being in JavaScript.
 * Throws UploadForgottenError where there is none.
 */
export async function readBack(bucket: R2Bucket, key: string): Promise<{ size: number; digest: string }> {
  const object = await bucket.get(key)
  if (!object) throw new UploadForgottenError('the object is not there')
  const stream = new crypto.DigestStream('SHA-256')
  await object.body.pipeTo(stream)
  return { size: object.size, digest: hex(await stream.digest) }
}

/** R2 error 10024 is "NoSuchUpload". */
async function known<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes('(10024)'))
      throw new UploadForgottenError('R2 no longer knows the upload', { cause })
    throw cause
  }
}
