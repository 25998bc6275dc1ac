// The reader of message bodies (ADR 0004): JSON in R2 where one was written (replies, notes, large mails), else read again from the stored
// original, which is then at most LIMITS.inMemory. `parse` is mail/parse.ts parseBytes, handed in because platform knows no mail.
import type { MessageBody } from './blobs'
import { log } from './log'

type BodyOf = { bodyKey: string | null; rawKey: string | null; text: string }

/** The body of one message. Never throws for a missing or unreadable object: then the stored new part is all there is. */
export async function loadBody(
  deps: { blobs: R2Bucket; parse: (raw: Uint8Array) => Promise<MessageBody> },
  message: BodyOf,
): Promise<MessageBody> {
  const fallback = { text: message.text, fullText: message.text, html: null }
  const key = message.bodyKey ?? message.rawKey
  if (!key) return fallback
  try {
    const object = await deps.blobs.get(key)
    if (!object) return fallback
    const body = message.bodyKey
      ? await object.json<MessageBody>()
      : await deps.parse(new Uint8Array(await object.arrayBuffer()))
    return { text: body.text, fullText: body.fullText, html: body.html }
  } catch (error) {
    log.error('message_body.unreadable', { object: key, error })
    return fallback
  }
}
