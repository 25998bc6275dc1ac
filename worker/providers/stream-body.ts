// Request bodies that stream a message, have a known length, and note when the last byte leaves.

/** `complete`: all of the message was handed over; from then on the provider may have it. */
export type Transfer = { complete: boolean }

/** Throws when the message has another length than was said: half a message must not be a message. */
export async function* contentOf(
  prefix: string,
  raw: ReadableStream<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
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

/** The source in base64 without line breaks, or in base64url without padding. */
export async function* base64Of(
  source: AsyncGenerator<Uint8Array>,
  alphabet: 'base64' | 'base64url',
): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0)
  for await (const chunk of source) {
    const bytes = Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % 3)
    rest = bytes.subarray(whole)
    if (whole > 0) yield Buffer.from(bytes.subarray(0, whole).toString(alphabet), 'latin1')
  }
  if (rest.length > 0) yield Buffer.from(rest.toString(alphabet), 'latin1')
}

/** Content-Length comes from the FixedLengthStream; a source that fails ends the request before it is whole. */
export function streamed(
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
