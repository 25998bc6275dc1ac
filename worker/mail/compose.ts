// Builds the one MIME message that every sender sends. Pure: the same input gives the same bytes, so it can be rendered again for a retry.
// Attachments are streamed and encoded on the way; nothing holds a whole one. CRLF line ends throughout.
import { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import MailComposer from 'nodemailer/lib/mail-composer'
import { cleanLine } from './headers'
import type { Address } from './types'

export type OutgoingAttachment = {
  filename: string
  contentType: string
  /** bytes; the stream must be exactly this long */
  size: number
  /** without angle brackets: the HTML shows it as `cid:` */
  contentId?: string
  open(): Promise<ReadableStream<Uint8Array>>
}

/** Ids carry no angle brackets, `date` is ms since the epoch. `bcc` goes into the envelope and never into a header. */
export type OutgoingMail = {
  from: Address
  to: Address[]
  cc: Address[]
  bcc: Address[]
  replyTo?: Address
  subject: string
  text: string
  html: string | null
  messageId: string
  inReplyTo: string | null
  /** oldest first; shortened by composeMail where it is too long */
  references: string[]
  date: number
  /** RFC 3834; set on everything no person wrote */
  autoSubmitted?: 'auto-replied' | 'auto-generated'
  attachments: OutgoingAttachment[]
}

/** A rendered message: `open` streams the same `size` bytes each time, and fails where an attachment is not as long as it said. */
export type ComposedMail = {
  envelope: { from: string; to: string[] }
  messageId: string
  size: number
  open(): Promise<ReadableStream<Uint8Array>>
}

const LIMIT = {
  /** References of a long thread: the first id names the thread, the newest ones are what mail programs look at. */
  references: 50,
  /** RFC 5322 section 2.1.1: an id cannot be folded */
  idChars: 900,
  subjectChars: 900,
  nameChars: 200,
  filenameChars: 200,
}

/** addr-spec without quoting or comments; the domain may be international. */
const ADDRESS = /^[^\s<>()[\]\\,;:@"\p{Cc}]{1,64}@[^\s<>()[\]\\,;:@"\p{Cc}]{1,255}$/u
/** What we give out ourselves is a dot-atom (RFC 5322 section 3.6.4). */
const OWN_ID = /^[\w!#$%&'*+/=?^`{|}~.-]+@[\w.-]+$/
/** Foreign ids break that rule freely and still have to be repeated as they are. */
const FOREIGN_ID = /^[\x21-\x3b\x3d\x3f-\x7e]+$/
const CONTENT_TYPE = /^[a-z0-9!#$&^_.+-]{1,100}\/[a-z0-9!#$&^_.+-]{1,100}(?:\s*;\s*charset="?[a-z0-9_.:-]{1,40}"?)?$/i

/**
 * Composes the mail. Throws a RangeError when an address or the Message-ID could not stand in a header; line breaks and control characters in
 * any other field become spaces, so that no field can start another header.
 */
export async function composeMail(mail: OutgoingMail): Promise<ComposedMail> {
  const options = await headerOptions(mail)
  // Rendered once without attachments: with base64 the rest of the size is arithmetic.
  const frame = await byteLength(render(options, mail, async () => new ReadableStream({ start: (c) => c.close() })))
  const size = mail.attachments.reduce((sum, { size: bytes }) => sum + base64Length(bytes), frame)
  return {
    envelope: { from: mail.from.email, to: unique([...mail.to, ...mail.cc, ...mail.bcc].map(({ email }) => email)) },
    messageId: mail.messageId,
    size,
    open: async () =>
      exactly(
        size,
        render(options, mail, (attachment) => attachment.open()),
      ),
  }
}

/**
 * In-Reply-To and References of an answer to the last of `previous` (oldest first): every id the conversation is known by, so that it threads
 * for each participant whatever they have seen of it (RFC 5322 section 3.6.4).
 */
export function replyHeaders(previous: { messageId: string | null; references: string[] }[]): {
  inReplyTo: string | null
  references: string[]
} {
  const ids = previous.flatMap(({ messageId, references }) => (messageId ? [...references, messageId] : references))
  const inReplyTo = previous.at(-1)?.messageId ?? null
  const earlier = unique(ids).filter((id) => id !== inReplyTo)
  return { inReplyTo, references: inReplyTo === null ? earlier : [...earlier, inReplyTo] }
}

type ComposerOptions = NonNullable<ConstructorParameters<typeof MailComposer>[0]>

async function headerOptions(mail: OutgoingMail): Promise<ComposerOptions> {
  if (!OWN_ID.test(mail.messageId) || mail.messageId.length > 250) throw new RangeError('the Message-ID is not valid')
  // Bcc is checked too, but only the envelope has it.
  mail.bcc.forEach(mailbox)
  const references = shortened(mail.references.filter(isId))
  const inReplyTo = mail.inReplyTo !== null && isId(mail.inReplyTo) ? mail.inReplyTo : null
  return {
    from: mailbox(mail.from),
    to: mail.to.map(mailbox),
    cc: mail.cc.map(mailbox),
    ...(mail.replyTo && { replyTo: [mailbox(mail.replyTo)] }),
    subject: cleanLine(mail.subject).slice(0, LIMIT.subjectChars),
    messageId: `<${mail.messageId}>`,
    ...(inReplyTo !== null && { inReplyTo: `<${inReplyTo}>` }),
    ...(references.length > 0 && { references: references.map((id) => `<${id}>`).join(' ') }),
    date: new Date(mail.date),
    headers: mail.autoSubmitted
      ? [
          { key: 'Auto-Submitted', value: mail.autoSubmitted },
          { key: 'X-Auto-Response-Suppress', value: 'All' },
        ]
      : [],
    // A mail of attachments alone has an empty text part, so that the root is always a container.
    text: withCrlf(mail.text) || (mail.html === null ? '\r\n' : ''),
    ...(mail.html !== null && { html: withCrlf(mail.html) }),
    baseBoundary: (await digest(mail.messageId)).slice(0, 24),
    newline: 'windows',
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

type OpenAttachment = (attachment: OutgoingAttachment) => Promise<ReadableStream<Uint8Array>>

function render(options: ComposerOptions, mail: OutgoingMail, open: OpenAttachment): Readable {
  const attachments = mail.attachments.map((attachment, index) => ({
    filename: safeFilename(attachment.filename, index),
    contentType: safeContentType(attachment.contentType),
    contentTransferEncoding: 'base64' as const,
    ...(attachment.contentId && isId(attachment.contentId) && mail.html !== null
      ? { cid: attachment.contentId, contentDisposition: 'inline' as const }
      : { contentDisposition: 'attachment' as const }),
    content: Readable.from(chunksOf(attachment, open), { objectMode: false }),
  }))
  return new MailComposer({ ...options, attachments }).compile().createReadStream()
}

/** Opens the source only when its turn comes. */
async function* chunksOf(attachment: OutgoingAttachment, open: OpenAttachment): AsyncGenerator<Buffer> {
  const reader = (await open(attachment)).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

async function byteLength(stream: Readable): Promise<number> {
  let length = 0
  for await (const chunk of stream) length += (chunk as Buffer).length
  return length
}

/** A web stream of the message that fails rather than end with another length than was promised. */
function exactly(size: number, source: Readable): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let sent = 0
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (!done) {
        sent += value.length
        if (sent > size) throw new RangeError('an attachment is longer than its size')
        controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
      } else if (sent !== size) {
        throw new RangeError('an attachment is shorter than its size')
      } else {
        controller.close()
      }
    },
    cancel: () => void source.destroy(),
  })
}

/** Base64 in lines of 76 characters with CRLF between them. */
function base64Length(bytes: number): number {
  const characters = Math.ceil(bytes / 3) * 4
  return characters + Math.max(0, Math.ceil(characters / 76) - 1) * 2
}

function mailbox({ name, email }: Address): { name: string; address: string } {
  if (!ADDRESS.test(email)) throw new RangeError(`"${cleanLine(email).slice(0, 100)}" is not a mail address`)
  return { name: cleanLine(name).slice(0, LIMIT.nameChars), address: email }
}

function isId(id: string): boolean {
  return id.length <= LIMIT.idChars && FOREIGN_ID.test(id)
}

/** RFC 5537 section 3.4.4 lets an agent drop ids from the middle, never the first. */
function shortened(ids: string[]): string[] {
  const all = unique(ids)
  return all.length <= LIMIT.references ? all : [...all.slice(0, 1), ...all.slice(1 - LIMIT.references)]
}

function safeFilename(filename: string, index: number): string {
  const name = cleanLine(filename).replace(/[/\\]/g, '_').slice(-LIMIT.filenameChars).trim()
  return name === '' ? `attachment-${index + 1}` : name
}

/** message/* and multipart/* may not be encoded (RFC 2046 section 5.2.1); as plain bytes they arrive unchanged and their name opens them. */
function safeContentType(contentType: string): string {
  return CONTENT_TYPE.test(contentType) && !/^(?:message|multipart)\//i.test(contentType)
    ? contentType
    : 'application/octet-stream'
}

function withCrlf(text: string): string {
  return text.replace(/\r\n|\r|\n/g, '\r\n').replaceAll('\0', '')
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return Buffer.from(bytes).toString('hex')
}

function unique(list: string[]): string[] {
  return [...new Set(list)]
}
