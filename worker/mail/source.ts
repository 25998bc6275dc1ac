// Raw messages read in ranges, with a bound on what is held. The only part of reading mail that does IO, through RawSource.
import type { RawSource } from './types'

/** Bytes [start, end) of the message, at most `limit` of them. Rejects where the store does. */
export async function readRange(source: RawSource, start: number, end: number, limit: number): Promise<Uint8Array> {
  const stop = Math.min(end, start + limit, source.size)
  if (stop <= start) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of await source.range(start, stop)) {
    chunks.push(chunk)
    length += chunk.length
  }
  const [only] = chunks
  if (only && chunks.length === 1) return only
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
