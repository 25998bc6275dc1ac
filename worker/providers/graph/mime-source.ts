// A message that can only be read from its beginning, as one that can be read in ranges.
import { MimeIndexer } from '../../mail/mime-index'
import type { MimeIndex, RawSource } from '../../mail/types'
import type { OutboundMime } from '../provider'
import type { Span } from './draft-plan'

export async function indexOf(mime: OutboundMime): Promise<MimeIndex> {
  const indexer = new MimeIndexer()
  for await (const chunk of iterated(await mime.open())) indexer.push(chunk)
  return indexer.end()
}

/** Each range opens the message anew and passes over what comes before it. */
export function sourceOf(mime: OutboundMime): RawSource {
  return {
    size: mime.size,
    async range(start, end) {
      const chunks = spansOf(await mime.open(), [{ start, end }])
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await chunks.next()
          if (done) return controller.close()
          controller.enqueue(value)
        },
        cancel: async () => void (await chunks.return(undefined)),
      })
    },
  }
}

/** The bytes of some spans, which are in order and do not overlap. Throws where the message ends before they do. */
export async function* spansOf(raw: ReadableStream<Uint8Array>, spans: readonly Span[]): AsyncGenerator<Uint8Array> {
  let at = 0
  let current = 0
  for await (const chunk of iterated(raw)) {
    for (let span = spans[current]; span && span.start < at + chunk.length; span = spans[current]) {
      const piece = chunk.subarray(Math.max(0, span.start - at), span.end - at)
      if (piece.length > 0) yield piece
      if (span.end > at + chunk.length) break
      current++
    }
    at += chunk.length
    if (current === spans.length) return
  }
  if (current < spans.length) throw new Error('the message is shorter than it was said to be')
}

const iterated = (raw: ReadableStream<Uint8Array>) => raw as unknown as AsyncIterable<Uint8Array>
