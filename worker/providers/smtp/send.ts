// Sends one prepared message as a stream. Says for certain what happened, or that it cannot be known.
import { Readable } from 'node:stream'
import type { OutboundMime, SentRef } from '../provider'
import { ProviderError } from '../provider'
import { type Server, spoken, timedOut, within } from '../server'
import { openSmtp, type SmtpConnection, type SmtpDeps } from './connection'
import { toProviderError } from './errors'

/** How far the content got: once all of it was handed over, a lost connection leaves the outcome unknown. */
type Transfer = { complete: boolean }

/**
 * Sends `mime` once. Refused recipients are listed in the answer while at least one was accepted; otherwise this throws a ProviderError
 * whose `delivered` is 'unknown' when the server may have the message.
 */
export async function sendMessage(deps: SmtpDeps, server: Server, mime: OutboundMime): Promise<SentRef> {
  const { limits } = deps
  assertAddresses(mime)
  const connection = await openSmtp(deps, server)
  const transfer: Transfer = { complete: false }
  const ms = limits.send + mime.size / limits.bytesPerMs
  try {
    return await within(ms, deliver(connection, server, mime, transfer), () => timedOut('smtp_timeout', 'Sending', ms))
  } catch (error) {
    throw withDelivered(toProviderError(error, server, transfer.complete ? 'unknown' : 'no'), error, transfer)
  } finally {
    connection.close()
  }
}

/** A timeout or a lost connection is a ProviderError already; it learns here whether the content had gone out. */
function withDelivered(error: ProviderError, thrown: unknown, transfer: Transfer): ProviderError {
  if (thrown !== error || !transfer.complete || error.kind !== 'transient') return error
  return new ProviderError(error.kind, error.code, error.message, { cause: error.cause, delivered: 'unknown' })
}

/** Addresses go into command lines; what cannot stand there never gets that far. */
function assertAddresses(mime: OutboundMime): void {
  const { from, to } = mime.envelope
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  const bad = [from, ...to].find((address) => /[\s<>\u0000-\u001f\u007f]/.test(address))
  if (bad !== undefined || to.length === 0) {
    throw new ProviderError('rejected', 'smtp_bad_address', 'A sender or recipient address is not valid.')
  }
}

async function deliver(
  { smtp, failed }: SmtpConnection,
  server: Server,
  mime: OutboundMime,
  transfer: Transfer,
): Promise<SentRef> {
  const source = contentOf(await mime.open(), mime.size, transfer)
  const envelope = { from: mime.envelope.from, to: [...mime.envelope.to], size: mime.size, use8BitMime: true }
  const sending = new Promise<SentRef>((resolve, reject) => {
    smtp.send(envelope, source, (error, info) => {
      if (error || !info) return reject(error ?? new Error('no answer'))
      resolve({
        copy: null,
        response: spoken(info.response ?? '', server),
        accepted: info.accepted ?? [],
        rejected: (info.rejectedErrors ?? []).map((refusal) => ({
          address: String(refusal.recipient ?? ''),
          response: spoken(refusal.response ?? refusal.message, server),
        })),
      })
    })
  })
  // The answer comes first where both happen: nodemailer ends the message with its own error before it reports the connection's.
  sending.catch(() => {})
  try {
    return await Promise.race([sending, failed])
  } finally {
    source.destroy()
  }
}

/**
 * The message as a Node stream. A source that ends early or late is an error, not an end: the final dot after half a message would
 * deliver half a message.
 */
function contentOf(raw: ReadableStream<Uint8Array>, size: number, transfer: Transfer): Readable {
  async function* read() {
    let sent = 0
    for await (const chunk of raw as unknown as AsyncIterable<Uint8Array>) {
      sent += chunk.length
      if (sent > size) break
      // The last byte is about to leave: from here on the server may have the whole message.
      if (sent === size) transfer.complete = true
      yield chunk
    }
    if (sent !== size) throw new Error(`the message has ${sent} bytes instead of ${size}`)
  }
  return Readable.from(read(), { objectMode: false })
}
