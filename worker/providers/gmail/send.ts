// Sends one prepared message, inside JSON or as an upload, and reads back what Gmail made of it. Says for certain what happened, or that it cannot be known.

import { assertAddresses, bccField, headerSectionOf } from '../bcc'
import type { HttpAnswer } from '../http'
import type { OutboundMime, SentRef } from '../provider'
import { ProviderError } from '../provider'
import type { Transfer } from '../stream-body'
import { Message, MessageHeaders } from './answers'
import type { Call, GmailClient } from './client'
import { identityOf } from './cursor'
import { type GmailLimits, UNITS } from './limits'
import { jsonBody, uploadBody } from './send-body'

export type SendDeps = { client: GmailClient; limits: GmailLimits }

/**
 * Sends `mime` once, into its conversation where Gmail still knows it. Throws a ProviderError whose `delivered` is 'unknown' when Gmail may
 * have the message.
 */
export async function sendMessage(deps: SendDeps, mime: OutboundMime): Promise<SentRef> {
  assertAddresses(mime)
  const bcc = bccField(await headerSectionOf(mime, deps.limits.headerSection), mime.envelope.to)
  const size = mime.size + Buffer.byteLength(bcc)
  if (size > deps.limits.send) throw tooLarge(mime.size, deps.limits.send)
  const parts = { prefix: bcc, mime, size }
  const answer = await inThread(mime.thread, (thread) => post(deps, parts, thread))
  const sent = await readSent(deps, answer)
  return {
    copy: sent && {
      identity: identityOf(sent.id),
      thread: sent.threadId ?? null,
      messageId: await messageIdOf(deps, sent.id),
    },
    response: sent ? `Gmail accepted the message as ${sent.id}.` : 'Gmail accepted the message.',
    accepted: mime.envelope.to,
    rejected: [],
  }
}

/** A conversation that was deleted refuses the message, and the message matters more. */
async function inThread(thread: string | null, send: (thread: string | null) => Promise<HttpAnswer>) {
  try {
    return await send(thread)
  } catch (error) {
    const refused = error instanceof ProviderError && (error.kind === 'not_found' || error.kind === 'rejected')
    if (thread === null || !refused) throw error
    return send(null)
  }
}

type Parts = { prefix: string; mime: OutboundMime; size: number }

async function post(deps: SendDeps, { prefix, mime, size }: Parts, thread: string | null): Promise<HttpAnswer> {
  const upload = size > deps.limits.jsonSend
  const transfer: Transfer = { complete: false }
  const body = upload ? uploadBody({ prefix, mime, size, thread }) : jsonBody({ prefix, mime, size, thread })
  const call: Call = {
    path: 'messages/send',
    method: 'POST',
    units: UNITS.send,
    ...(upload && { query: { uploadType: 'multipart' } }),
    content: {
      type: body.type,
      upload,
      wait: deps.limits.sendWait + size / deps.limits.bytesPerMs,
      open: () => {
        transfer.complete = false
        return body.open(transfer)
      },
    },
  }
  try {
    return await deps.client.open(call)
  } catch (error) {
    throw error instanceof ProviderError ? afterSend(error, transfer) : error
  }
}

/** What a failed call says about the message: refused for good, not taken, or perhaps sent. */
function afterSend(error: ProviderError, { complete }: Transfer): ProviderError {
  if (error.code === 'gmail_refused')
    return new ProviderError('rejected', 'gmail_send_refused', error.message, { cause: error.cause })
  const uncertain = UNCERTAIN.has(error.code) && complete
  if (!uncertain) return error
  return new ProviderError(error.kind, error.code, error.message, { cause: error.cause, delivered: 'unknown' })
}

/** No answer, half an answer, or one that tells of trouble after the message was taken. */
const UNCERTAIN = new Set([
  'http_timeout',
  'http_unreachable',
  'http_cut',
  'http_slow',
  'http_not_json',
  'gmail_unavailable',
])

/** The answer of a successful send. A success that cannot be read is one all the same, unless it was not Gmail that spoke. */
async function readSent({ client }: SendDeps, answer: HttpAnswer): Promise<Message | null> {
  try {
    return await client.read(Message, answer)
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    if (error.code !== 'http_not_json') return null
    throw new ProviderError(error.kind, error.code, error.message, { cause: error.cause, delivered: 'unknown' })
  }
}

/** The Message-ID on the wire, which may be Gmail's own. Not knowing it takes nothing away from having sent. */
async function messageIdOf({ client }: SendDeps, id: string): Promise<string | null> {
  try {
    const query = { format: 'metadata', metadataHeaders: 'Message-ID' }
    const { payload } = await client.call(MessageHeaders, { path: `messages/${id}`, query, units: UNITS.get })
    const field = payload.headers.find(({ name }) => name.toLowerCase() === 'message-id')
    return /^\s*<([^<>\s]+)>\s*$/.exec(field?.value ?? '')?.[1] ?? null
  } catch (error) {
    if (error instanceof ProviderError) return null
    throw error
  }
}

function tooLarge(size: number, limit: number): ProviderError {
  const mb = (bytes: number) => Math.ceil((bytes / 1_048_576) * 10) / 10
  return new ProviderError(
    'too_large',
    'gmail_send_too_large',
    `With its attachments the mail is ${mb(size)} MB as it goes out; Gmail sends at most ${mb(limit)} MB.`,
    { hint: 'Remove an attachment, or share the file by a link.' },
  )
}
