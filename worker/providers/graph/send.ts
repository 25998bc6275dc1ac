// Sends one prepared message, in one request or as a draft, and finds its copy. Says for certain what happened, or that it cannot be known.
import { headerValues, parseHeaderLines, parseMessageIds } from '../../mail/headers'
import { assertAddresses, bccField, headerSectionOf } from '../bcc'
import type { OutboundMime, SentRef } from '../provider'
import { ProviderError } from '../provider'
import { base64Of, contentOf, streamed, type Transfer } from '../stream-body'
import { Message, MessageList } from './answers'
import type { Call, GraphClient, GraphMailbox } from './client'
import { identityOf } from './cursor'
import { discard, makeDraft, pathOf, quoted } from './draft'
import type { GraphLimits } from './limits'
import { claimsOf, mayWrite } from './token-claims'

export type SendDeps = { client: GraphClient; limits: GraphLimits; mailbox: GraphMailbox }

/** Sends `mime` once. Throws a ProviderError whose `delivered` is 'unknown' when Microsoft may have the message. */
export async function sendMessage(deps: SendDeps, mime: OutboundMime): Promise<SentRef> {
  assertAddresses(mime)
  const headers = await headerSectionOf(mime, deps.limits.headerSection)
  const prefix = bccField(headers, mime.envelope.to)
  const size = mime.size + Buffer.byteLength(prefix)
  if (size > deps.limits.send) throw tooLarge(mime.size, deps.limits.send)
  const inReplyTo = inReplyToOf(headers)
  const large = size > deps.limits.direct
  // Only a draft shows beforehand whether Microsoft keeps the headers that make a reply thread.
  if (large || (inReplyTo !== null && (await mayDraft(deps)))) {
    const draft = await orInWords(large, makeDraft(deps, { mime, prefix, inReplyTo }))
    return sentRef(mime, await sendDraft(deps, draft))
  }
  await sendMail(deps, mime, prefix, size)
  return sentRef(mime, await copyOf(deps, mime.messageId))
}

async function mayDraft({ client, mailbox }: SendDeps): Promise<boolean> {
  const claims = claimsOf(await client.token())
  return claims !== null && mayWrite(claims, mailbox.kind)
}

function inReplyToOf(headers: string): string | null {
  const fields = parseHeaderLines(headers.split(/\r\n|\r|\n/))
  return parseMessageIds(headerValues(fields, 'in-reply-to').join(' ')).at(-1) ?? null
}

/** A draft that may not be made is a missing permission, and this one mail's trouble. */
async function orInWords<T>(large: boolean, making: Promise<T>): Promise<T> {
  try {
    return await making
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    if (!large || error.code !== 'graph_access_denied') throw afterSend(error, false)
    throw new ProviderError('rejected', 'graph_draft_denied', 'Mails over 3 MB need the permission Mail.ReadWrite.', {
      cause: error.cause,
      hint: 'Tick "Replies over 3 MB" in the Microsoft profile, add Mail.ReadWrite (for a shared mailbox Mail.ReadWrite.Shared) to the app in the Entra admin center and reconnect; or share the file by a link.',
    })
  }
}

/**
 * Sends a draft that is ready. Its id is that of the sent copy, so it also tells what became of it where no answer came. A copy that cannot
 * be found, since it is late or lies in the mailbox of the person who connected, is what the draft was.
 */
async function sendDraft(deps: SendDeps, draft: Message): Promise<Message> {
  const { id } = draft
  try {
    await deps.client.command({ path: `${pathOf(id)}/send`, method: 'POST' })
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    const judged = afterSend(error, true)
    if (judged.delivered === 'no') {
      await discard(deps, id)
      throw judged
    }
    const copy = await sentDraft(deps, id)
    if (copy === null) throw judged
    return copy
  }
  return (await sentDraft(deps, id)) ?? draft
}

/** The draft once it is among the sent items, which may be late. */
async function sentDraft({ client, limits }: SendDeps, id: string): Promise<Message | null> {
  const query = { $select: 'id,conversationId,internetMessageId,isDraft' }
  return patiently(limits, async () => {
    const message = await client.call(Message, { path: pathOf(id), query })
    return message.isDraft === true ? null : message
  })
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
function afterSend(error: ProviderError, complete: boolean): ProviderError {
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

function sentRef(mime: OutboundMime, copy: Message | null): SentRef {
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

/** The copy among the sent items. */
async function copyOf({ client, limits }: SendDeps, messageId: string): Promise<Message | null> {
  const query = {
    $filter: `internetMessageId eq ${quoted(`<${messageId}>`)}`,
    $select: 'id,conversationId,internetMessageId',
    $top: '1',
  }
  return patiently(limits, async () => {
    const { value } = await client.call(MessageList, { path: 'mailFolders/sentitems/messages', query })
    return value[0] ?? null
  })
}

/** Looks a few times, since a copy may come late. Not knowing it takes nothing away from having sent. */
async function patiently(
  { copyLooks, copyWait }: GraphLimits,
  look: () => Promise<Message | null>,
): Promise<Message | null> {
  for (let looks = 1; ; looks++) {
    const found = await look().catch((error: unknown) => {
      if (error instanceof ProviderError) return null
      throw error
    })
    if (found !== null || looks >= copyLooks) return found
    await pause(copyWait)
  }
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
