// The two forms in which Gmail takes a message. Both stream and have a known length, and both note when the last byte leaves.
import type { OutboundMime } from '../provider'

/** `complete`: all of the message was handed over; from then on Gmail may have it. */
export type Transfer = { complete: boolean }
/** `prefix`: header fields to put before the message; `size`: both together, bytes. */
export type BodyInput = { prefix: string; mime: OutboundMime; size: number; thread: string | null }
export type SendBody = { type: string; open(transfer: Transfer): Promise<BodyInit> }

/** `{"threadId":…,"raw":…}`, the message in base64url. */
export function jsonBody({ prefix, mime, size, thread }: BodyInput): SendBody {
  const before = thread === null ? '{"raw":"' : `{"threadId":${JSON.stringify(thread)},"raw":"`
  const coded = Math.ceil((size * 4) / 3)
  return {
    type: 'application/json',
    async open(transfer) {
      const raw = contentOf(prefix, await mime.open(), size)
      return streamed(before, base64url(raw), '"}', before.length + coded + 2, transfer)
    },
  }
}

/** multipart/related of metadata and message/rfc822 ("uploadType=multipart"). */
export function uploadBody({ prefix, mime, size, thread }: BodyInput): SendBody {
  const boundary = `postroom-${crypto.randomUUID()}`
  const metadata = JSON.stringify(thread === null ? {} : { threadId: thread })
  const before = [
    `--${boundary}`,
    'Content-Type: application/json; charset=UTF-8',
    '',
    metadata,
    `--${boundary}`,
    'Content-Type: message/rfc822',
    '',
    '',
  ].join('\r\n')
  const after = `\r\n--${boundary}--\r\n`
  return {
    type: `multipart/related; boundary="${boundary}"`,
    async open(transfer) {
      const raw = contentOf(prefix, await mime.open(), size)
      return streamed(before, raw, after, Buffer.byteLength(before) + size + after.length, transfer)
    },
  }
}

/** Throws when the message has another length than was said: half a message must not be a message. */
async function* contentOf(prefix: string, raw: ReadableStream<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  const first = Buffer.from(prefix, 'utf8')
  if (first.length > 0) yield first
  let sent = first.length
  for await (const chunk of raw as unknown as AsyncIterable<Uint8Array>) {
    sent += chunk.length
    if (sent > size) break
    yield chunk
  }
  if (sent !== size) throw new Error(`the message has ${sent} bytes instead of ${size}`)
}

async function* base64url(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0)
  for await (const chunk of source) {
    const bytes = Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % 3)
    rest = bytes.subarray(whole)
    if (whole > 0) yield Buffer.from(bytes.subarray(0, whole).toString('base64url'), 'latin1')
  }
  if (rest.length > 0) yield Buffer.from(rest.toString('base64url'), 'latin1')
}

/** Content-Length comes from the FixedLengthStream; a source that fails ends the request before it is whole. */
function streamed(
  before: string,
  content: AsyncGenerator<Uint8Array>,
  after: string,
  length: number,
  transfer: Transfer,
): BodyInit {
  const { readable, writable } = new FixedLengthStream(length)
  const writer = writable.getWriter()
  const write = async () => {
    await writer.write(Buffer.from(before, 'utf8'))
    for await (const chunk of content) await writer.write(chunk)
    transfer.complete = true
    await writer.write(Buffer.from(after, 'latin1'))
    await writer.close()
  }
  writer.closed.catch(() => {})
  // What goes wrong here ends the request, and the request says so.
  write().catch((error: unknown) => writer.abort(error).catch(() => {}))
  return readable
}
