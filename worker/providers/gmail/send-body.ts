// The two forms in which Gmail takes a message. Both stream and have a known length, and both note when the last byte leaves.
import type { OutboundMime } from '../provider'
import { base64Of, contentOf, streamed, type Transfer } from '../stream-body'

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
      return streamed(before, base64Of(raw, 'base64url'), '"}', before.length + coded + 2, transfer)
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
