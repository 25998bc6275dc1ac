// Sends one prepared message as MIME and finds its copy. Says for certain what happened, or that it cannot be known.
import { assertAddresses, bccField, headerSectionOf } from '../bcc'
import type { OutboundMime, SentRef } from '../provider'
import { ProviderError } from '../provider'
import { base64Of, contentOf, streamed, type Transfer } from '../stream-body'
import { type Message, MessageList } from './answers'
import type { Call, GraphClient } from './client'
import { identityOf } from './cursor'
import type { GraphLimits } from './limits'

export type SendDeps = { client: GraphClient; limits: GraphLimits }

/** Sends `mime` once. Throws a ProviderError whose `delivered` is 'unknown' when Microsoft may have the message. */
export async function sendMessage(deps: SendDeps, mime: OutboundMime): Promise<SentRef> {
  assertAddresses(mime)
  const prefix = bccField(await headerSectionOf(mime, deps.limits.headerSection), mime.envelope.to)
  const size = mime.size + Buffer.byteLength(prefix)
  if (size > deps.limits.send) throw tooLarge(mime.size, deps.limits.send)
  await sendMail(deps, mime, prefix, size)
  return sentRef(mime, await copyOf(deps, mime.messageId))
}

async function sendMail(deps: SendDeps, mime: OutboundMime, prefix: string, size: number): Promise<void> {
  const transfer: Transfer = { complete: false }
  const call: Call = {
    path: 'sendMail',
    method: 'POST',
    content: {
      type: 'text/plain',
      wait: deps.limits.sendWait + size / deps.limits.bytesPerMs,
      async open() {
        transfer.complete = false
        const raw = contentOf(prefix, await mime.open(), size)
        return streamed('', base64Of(raw, 'base64'), '', Math.ceil(size / 3) * 4, transfer)
      },
    },
  }
  try {
    await deps.client.command(call)
  } catch (error) {
    throw error instanceof ProviderError ? afterSend(error, transfer.complete) : error
  }
}

/** What a failed call says about the message: refused for good, not taken, or perhaps sent. */
export function afterSend(error: ProviderError, complete: boolean): ProviderError {
  const { kind, code, message, cause, hint } = error
  if (code === 'graph_refused') return new ProviderError('rejected', 'graph_send_refused', message, { cause })
  if (!UNCERTAIN.has(code) || !complete) return error
  return new ProviderError(kind, code, message, { cause, delivered: 'unknown', ...(hint !== undefined && { hint }) })
}

/** No answer, half an answer, or one that tells of trouble after the message was taken. */
const UNCERTAIN = new Set([
  'http_timeout',
  'http_unreachable',
  'http_cut',
  'http_slow',
  'http_not_json',
  'graph_unavailable',
])

export function sentRef(mime: OutboundMime, copy: Message | null): SentRef {
  return {
    copy: copy && {
      identity: identityOf(copy.id),
      thread: copy.conversationId ?? null,
      messageId: bareId(copy.internetMessageId),
    },
    response: 'Microsoft 365 accepted the message.',
    accepted: mime.envelope.to,
    rejected: [],
  }
}

const bareId = (field: string | null | undefined) => /^\s*<([^<>\s]+)>\s*$/.exec(field ?? '')?.[1] ?? null

/** The copy among the sent items, which may come late. Not knowing it takes nothing away from having sent. */
async function copyOf({ client, limits }: SendDeps, messageId: string): Promise<Message | null> {
  const query = {
    $filter: `internetMessageId eq '<${messageId.replaceAll("'", "''")}>'`,
    $select: 'id,conversationId,internetMessageId',
    $top: '1',
  }
  try {
    for (let look = 0; look < limits.copyLooks; look++) {
      if (look > 0) await pause(limits.copyWait)
      const { value } = await client.call(MessageList, { path: 'mailFolders/sentitems/messages', query })
      if (value[0]) return value[0]
    }
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
  }
  return null
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

function tooLarge(size: number, limit: number): ProviderError {
  const mb = (bytes: number) => Math.ceil((bytes / 1_048_576) * 10) / 10
  return new ProviderError(
    'too_large',
    'graph_send_too_large',
    `With its attachments the mail is ${mb(size)} MB as it goes out; Microsoft 365 sends at most ${mb(limit)} MB.`,
    { hint: 'Remove an attachment, or share the file by a link.' },
  )
}
