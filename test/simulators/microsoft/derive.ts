// What Graph's JSON says about a stored mail, all of it derived from the raw bytes and the store's record. Pure apart from a cache.
// Shares nothing with the product's parser.

import { decodeText, decodeWords, field, readHead, structured } from '../shell/mime.ts'
import { content, leaves, type Part, readableText, tree } from '../shell/mime-tree.ts'
import type { Mailbox, Store, StoredMessage } from './store.ts'

type Recipient = { emailAddress: { name: string; address: string } }
export type Attachment = { id: string } & (
  | { kind: 'file' | 'item'; name: string; contentType: string; contentId: string | null; inline: boolean; part: Part }
  | { kind: 'reference'; name: string; size: number }
)

/** Which ids an answer carries. */
export type IdType = 'rest' | 'immutable'

type Source = { store: Store; box: Mailbox; message: StoredMessage; ids: IdType }

const PREVIEW_LENGTH = 255

export const idOf = (message: { id: string; immutableId: string }, ids: IdType): string =>
  ids === 'immutable' ? message.immutableId : message.id

/** A time as Graph writes those of mails: seconds, UTC. */
export const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** The properties of a message in the order Graph answers them; each is made only when it is asked for. */
const PROPERTIES: Record<string, (source: Source) => unknown> = {
  createdDateTime: ({ message }) => seconds(message.receivedAt),
  lastModifiedDateTime: ({ message }) => seconds(message.modifiedAt),
  changeKey: ({ message }) => changeKey(message),
  categories: ({ message }) => message.categories,
  receivedDateTime: ({ message }) => seconds(message.receivedAt),
  sentDateTime: ({ message }) => seconds(message.sentAt),
  hasAttachments: ({ store, message }) =>
    attachmentsOf(store, message).some((one) => one.kind !== 'file' || !one.inline),
  internetMessageId: ({ message }) => message.messageId,
  subject: (source) => header(source, 'subject'),
  bodyPreview: ({ store, message }) => parsed(store, message).preview,
  importance: ({ message }) => message.importance,
  parentFolderId: ({ message }) => message.folder,
  conversationId: ({ message }) => message.conversationId,
  conversationIndex: ({ message }) => Buffer.from(message.conversationId).subarray(-22).toString('base64'),
  isDeliveryReceiptRequested: () => false,
  isReadReceiptRequested: () => false,
  isRead: ({ message }) => message.isRead,
  isDraft: ({ message }) => message.isDraft,
  webLink: ({ message }) =>
    `https://outlook.office365.com/owa/?ItemID=${encodeURIComponent(message.id)}&exvsurl=1&viewmodel=ReadMessageItem`,
  inferenceClassification: () => 'focused',
  internetMessageHeaders: ({ store, message }) => store.headOf(message).map(({ name, value }) => ({ name, value })),
  body: ({ store, message }) => parsed(store, message).body,
  uniqueBody: ({ store, message }) => parsed(store, message).body,
  sender: (source) => recipients(source, 'sender')[0] ?? recipients(source, 'from')[0] ?? null,
  from: (source) => recipients(source, 'from')[0] ?? null,
  toRecipients: (source) => recipients(source, 'to'),
  ccRecipients: (source) => recipients(source, 'cc'),
  bccRecipients: (source) => recipients(source, 'bcc'),
  replyTo: (source) => recipients(source, 'reply-to'),
  flag: ({ message }) => ({ flagStatus: message.flag }),
}

/** Given only to those who name them. */
const ON_REQUEST = new Set(['internetMessageHeaders', 'uniqueBody'])

/** The name of a message property as Graph spells it, whatever the case asked for; null where there is none. */
export function propertyName(name: string): string | null {
  const wanted = name.toLowerCase()
  if (wanted === 'id') return 'id'
  return Object.keys(PROPERTIES).find((known) => known.toLowerCase() === wanted) ?? null
}

/** The message as JSON. `select` holds names of propertyName; null for what Graph gives unasked. */
export function messageJson(source: Source, select: readonly string[] | null): Record<string, unknown> {
  const json: Record<string, unknown> = {
    '@odata.etag': `W/"${changeKey(source.message)}"`,
    id: idOf(source.message, source.ids),
  }
  for (const [name, make] of Object.entries(PROPERTIES)) {
    if (select ? select.includes(name) : !ON_REQUEST.has(name)) json[name] = make(source)
  }
  return json
}

const changeKey = (message: StoredMessage): string =>
  Buffer.from(`CQAAABYAAAD${message.changed.toString(36).padStart(8, '0')}`).toString('base64')

const header = ({ store, message }: Source, name: string): string =>
  decodeWords(field(store.headOf(message), name) ?? '')

function recipients({ store, message }: Source, name: string): Recipient[] {
  const values = store.headOf(message).filter((one) => one.name.toLowerCase() === name)
  return values.flatMap(({ value }) => mailboxes(value))
}

/** `"B, A" <a@x>, c@y` as names and addresses. */
export function mailboxes(value: string): Recipient[] {
  const found = value.matchAll(/(?:("(?:[^"\\]|\\.)*"|[^<>,;"]*)\s*<([^<>]+)>|([^\s<>,;:"]+@[^\s<>,;"]+))/g)
  return [...found].map(([, name = '', bracketed, bare]) => {
    const address = (bracketed ?? bare ?? '').trim()
    const shown = decodeWords(name.trim().replace(/^"|"$/g, '').replace(/\\(.)/g, '$1'))
    return { emailAddress: { name: shown || address, address } }
  })
}

type Parsed = { blob: string; preview: string; body: { contentType: 'text' | 'html'; content: string } }
const known = new WeakMap<StoredMessage, Parsed>()

/** The body Outlook would show: HTML before text. */
function parsed(store: Store, message: StoredMessage): Parsed {
  const before = known.get(message)
  if (before?.blob === message.blob) return before
  const raw = store.rawOf(message)
  const texts = leaves(tree(raw)).filter((part) => part.filename === '' && part.mimeType.startsWith('text/'))
  const best = texts.find(({ mimeType }) => mimeType === 'text/html') ?? texts[0]
  const bytes = best ? content(raw, best) : Buffer.alloc(0)
  const text = decodeText(bytes, best?.charset ?? 'utf-8') ?? bytes.toString('latin1')
  const made: Parsed = {
    blob: message.blob,
    preview: readableText(raw).trim().slice(0, PREVIEW_LENGTH).toWellFormed(),
    body: { contentType: best?.mimeType === 'text/html' ? 'html' : 'text', content: text.toWellFormed() },
  }
  known.set(message, made)
  return made
}

/** What is attached: files, mails (message/rfc822) and links to clouds. Parts of an attached mail are its own. */
export function attachmentsOf(store: Store, message: StoredMessage): Attachment[] {
  const raw = store.rawOf(message)
  const parts = leaves(tree(raw)).filter(
    (part) => part.filename !== '' || part.mimeType === 'message/rfc822' || !/^(text|multipart)\//.test(part.mimeType),
  )
  const attached = parts.map((part): Attachment => {
    const mail = part.mimeType === 'message/rfc822'
    const contentId = field(part.fields, 'content-id')?.replace(/^<|>$/g, '') ?? null
    const inline = structured(field(part.fields, 'content-disposition')).token === 'inline'
    return {
      id: attachmentId(message, part.partId),
      kind: mail ? 'item' : 'file',
      name: part.filename || (mail ? subjectOf(content(raw, part)) : 'attachment'),
      contentType: part.mimeType,
      contentId,
      inline,
      part,
    }
  })
  const links = message.links.map(
    ({ id, name, size }): Attachment => ({
      id: attachmentId(message, `link-${id}`),
      kind: 'reference',
      name,
      size,
    }),
  )
  return [...attached, ...links]
}

const attachmentId = (message: StoredMessage, part: string): string =>
  `${message.immutableId.replace(/=$/, '')}BEgAQ${Buffer.from(part).toString('base64url')}=`

const subjectOf = (mail: Buffer): string => decodeWords(field(readHead(mail).fields, 'subject') ?? '')

/** An attachment as JSON. Bytes of files come along; the mail of an item only with `$expand=microsoft.graph.itemAttachment/item`. */
export function attachmentJson(
  { store, message }: Source,
  attachment: Attachment,
  select: readonly string[] | null = null,
): Record<string, unknown> {
  const modified = { lastModifiedDateTime: seconds(message.modifiedAt) }
  const head = { '@odata.type': `#microsoft.graph.${attachment.kind}Attachment`, id: attachment.id, ...modified }
  if (attachment.kind === 'reference') {
    const { name, size } = attachment
    return only({ ...head, name, contentType: null, size, isInline: false }, select)
  }
  const bytes = content(store.rawOf(message), attachment.part)
  const { name, contentType, contentId, inline } = attachment
  const common = { ...head, name, contentType, size: bytes.length, isInline: inline }
  if (attachment.kind === 'item') return only({ ...common, contentType: null }, select)
  const file = { ...common, contentId, contentLocation: null }
  return only(
    select && !select.includes('contentBytes') ? file : { ...file, contentBytes: bytes.toString('base64') },
    select,
  )
}

/** The properties that were selected; type and id always come along. */
function only(json: Record<string, unknown>, select: readonly string[] | null): Record<string, unknown> {
  if (!select) return json
  return Object.fromEntries(
    Object.entries(json).filter(([name]) => name === '@odata.type' || name === 'id' || select.includes(name)),
  )
}

/** The bytes of an attachment as `$value` gives them; null for links, which have none. */
export function attachmentBytes(store: Store, message: StoredMessage, attachment: Attachment): Buffer | null {
  return attachment.kind === 'reference' ? null : content(store.rawOf(message), attachment.part)
}
