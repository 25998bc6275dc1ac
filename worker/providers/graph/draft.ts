// Sending by a draft, for which Mail.ReadWrite is needed: larger messages go up in pieces, and a reply whose headers Microsoft would not
// keep is made by Microsoft itself, so that it threads for the reader.
import { parseMail } from '../../mail/parse'
import type { Address, MimeIndex, RawSource } from '../../mail/types'
import type { OutboundMime } from '../provider'
import { ProviderError } from '../provider'
import { base64Of, streamed } from '../stream-body'
import { Message, MessageList } from './answers'
import { attach } from './attach'
import type { GraphClient } from './client'
import { type DraftFile, type DraftPlan, planDraft } from './draft-plan'
import type { GraphLimits } from './limits'
import { indexOf, sourceOf, spansOf } from './mime-source'

export type DraftDeps = { client: GraphClient; limits: GraphLimits }
/** `prefix`: header fields to put before the message. */
export type DraftInput = { mime: OutboundMime; prefix: string; inReplyTo: string | null }

/** Makes the draft of a message, whole and ready to go. What fails leaves no draft behind. Throws a ProviderError. */
export async function makeDraft(deps: DraftDeps, { mime, prefix, inReplyTo }: DraftInput): Promise<Message> {
  const index = await indexOf(mime)
  const source = sourceOf(mime)
  const plan = planDraft(index, deps.limits.direct - Buffer.byteLength(prefix))
  if (!plan) throw tooLargeText()
  const draft = await createFromMime(deps, mime, prefix, plan)
  return orDiscard(deps, draft.id, async () => {
    const answered = keptHeaders(draft, mime) ? null : await repliedTo(deps, mime, inReplyTo)
    if (answered !== null) {
      await discard(deps, draft.id)
      return replyDraft(deps, mime, answered, index, source)
    }
    for (const file of plan.files) await attach(deps, pathOf(draft.id), source, file)
    return draft
  })
}

export const pathOf = (id: string) => `messages/${encodeURIComponent(id)}`

/** The draft goes, best effort: a person would find it among theirs. */
export async function discard({ client }: DraftDeps, id: string): Promise<void> {
  try {
    await client.command({ path: pathOf(id), method: 'DELETE' })
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
  }
}

async function orDiscard<T>(deps: DraftDeps, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await discard(deps, id)
    throw error
  }
}

async function createFromMime(
  { client, limits }: DraftDeps,
  mime: OutboundMime,
  prefix: string,
  plan: DraftPlan,
): Promise<Message> {
  const head = Buffer.from(prefix, 'utf8')
  const size = head.length + plan.size
  const content = {
    type: 'text/plain',
    wait: limits.sendWait + size / limits.bytesPerMs,
    async open() {
      const raw = withPrefix(head, spansOf(await mime.open(), plan.kept))
      return streamed('', base64Of(raw, 'base64'), '', Math.ceil(size / 3) * 4, { complete: false })
    },
  }
  return client.call(Message, { path: 'messages', method: 'POST', content })
}

async function* withPrefix(prefix: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (prefix.length > 0) yield prefix
  yield* rest
}

function tooLargeText(): ProviderError {
  return new ProviderError(
    'too_large',
    'graph_send_too_large',
    'The text of the mail is larger than Microsoft takes.',
    {
      hint: 'Send a part of the text as a file.',
    },
  )
}

/** With the Message-ID go In-Reply-To and References. */
function keptHeaders(draft: Message, { messageId }: OutboundMime): boolean {
  return draft.internetMessageId === undefined || draft.internetMessageId === `<${messageId}>`
}

/** The message that is answered, as it lies in the mailbox: by its Message-ID, else the newest of the conversation. */
async function repliedTo({ client }: DraftDeps, mime: OutboundMime, inReplyTo: string | null): Promise<string | null> {
  const filters = [
    ...(inReplyTo === null ? [] : [`internetMessageId eq ${quoted(`<${inReplyTo}>`)}`]),
    ...(inReplyTo === null || mime.thread === null ? [] : [`conversationId eq ${quoted(mime.thread)}`]),
  ]
  for (const $filter of filters) {
    const query = { $filter, $select: 'id,isDraft', $top: '50' }
    const { value } = await client.call(MessageList, { path: 'messages', query })
    const last = value.filter(({ isDraft }) => isDraft !== true).at(-1)
    if (last) return last.id
  }
  return null
}

/** A string of an OData filter. */
export const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

/** Microsoft's own reply with our text, recipients and files in it. */
async function replyDraft(
  deps: DraftDeps,
  mime: OutboundMime,
  answered: string,
  index: MimeIndex,
  source: RawSource,
): Promise<Message> {
  const { client } = deps
  const mail = await parseMail(index, source)
  const draft = await client.call(Message, { path: `${pathOf(answered)}/createReply`, method: 'POST', json: {} })
  const named = new Set([...mail.to, ...mail.cc].map(({ email }) => email.toLowerCase()))
  const hidden = mime.envelope.to.filter((email) => !named.has(email.toLowerCase()))
  return orDiscard(deps, draft.id, async () => {
    await client.command({
      path: pathOf(draft.id),
      method: 'PATCH',
      json: {
        subject: mail.subject,
        body:
          mail.html === null
            ? { contentType: 'text', content: mail.fullText }
            : { contentType: 'html', content: mail.html },
        toRecipients: mail.to.map(recipientOf),
        ccRecipients: mail.cc.map(recipientOf),
        bccRecipients: hidden.map((email) => recipientOf({ name: '', email })),
        ...(mail.replyTo.length > 0 && { replyTo: mail.replyTo.map(recipientOf) }),
      },
    })
    for (const { filename, part: _part, decision: _decision, ...rest } of mail.attachments) {
      const file: DraftFile = { ...rest, name: filename, size: exactSize(index, rest.start) ?? rest.size }
      await attach(deps, pathOf(draft.id), source, file)
    }
    return draft
  })
}

const recipientOf = ({ name, email }: Address) => ({ emailAddress: { address: email, ...(name !== '' && { name }) } })

const exactSize = (index: MimeIndex, start: number) => index.parts.find((part) => part.start === start)?.decodedSize
