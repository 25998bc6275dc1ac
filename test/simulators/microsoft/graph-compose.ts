// MIME out of Graph's JSON: the mail that a message resource describes, and changes to drafts. Pure, apart from the Message-IDs it makes up.
import { randomBytes, randomUUID } from 'node:crypto'
import { type Field, field, readHead, structured, withHead } from '../shell/mime.ts'

export type Mail = {
  from?: Address | null
  sender?: Address | null
  to?: readonly Address[]
  cc?: readonly Address[]
  bcc?: readonly Address[]
  replyTo?: readonly Address[]
  subject?: string
  body?: { html: boolean; content: string }
  /** other header fields, as they are to stand there */
  fields?: readonly (readonly [string, string])[]
  messageId?: string
  /** ms */
  date: number
  attachments?: readonly File[]
}
export type Address = { name: string; address: string }
export type File = { name: string; type: string; bytes: Buffer; contentId?: string | null; inline?: boolean }

/** The mail as bytes, with CRLF. */
export function mimeOf(mail: Mail): Buffer {
  const body = bodyPart(mail.body ?? { html: false, content: '' })
  const head = [
    mail.from ? line('From', shown(mail.from)) : null,
    mail.sender ? line('Sender', shown(mail.sender)) : null,
    listLine('To', mail.to),
    listLine('Cc', mail.cc),
    listLine('Bcc', mail.bcc),
    listLine('Reply-To', mail.replyTo),
    line('Subject', encodedWords(mail.subject ?? '')),
    line('Date', rfc2822(mail.date)),
    line('Message-ID', mail.messageId ?? exchangeMessageId()),
    ...(mail.fields ?? []).map(([name, value]) => line(name, value)),
    line('MIME-Version', '1.0'),
  ].filter((part) => part !== null)
  const plain = Buffer.concat([...head, body])
  return (mail.attachments ?? []).reduce(withAttachment, plain)
}

/** A mail with one more attachment: what it said before becomes the first part, unless it holds attachments already. */
export function withAttachment(raw: Buffer, file: File): Buffer {
  const { fields, bodyStart } = readHead(raw)
  const type = structured(field(fields, 'content-type'))
  const part = filePart(file)
  const { boundary } = type.params
  if (type.token === 'multipart/mixed' && boundary) {
    const end = raw.lastIndexOf(`--${boundary}--`)
    if (end > 0)
      return Buffer.concat([raw.subarray(0, end), part, Buffer.from(`--${boundary}--\r\n`)].map(delimited(boundary)))
  }
  const made = `_004_${randomUUID()}_`
  const [about, rest] = [fields.filter(isContent), fields.filter((one) => !isContent(one))]
  return Buffer.concat([
    ...rest.map(({ raw: bytes }) => bytes),
    line('Content-Type', `multipart/mixed; boundary="${made}"`),
    Buffer.from(`\r\n--${made}\r\n`),
    ...about.map(({ raw: bytes }) => bytes),
    Buffer.from('\r\n'),
    raw.subarray(bodyStart),
    Buffer.from(`\r\n--${made}\r\n`),
    part,
    Buffer.from(`--${made}--\r\n`),
  ])
}

/** Puts the delimiter before the new part, which stands second of three. */
const delimited = (boundary: string) => (bytes: Buffer, index: number) =>
  index === 1 ? Buffer.concat([Buffer.from(`--${boundary}\r\n`), bytes]) : bytes

const isContent = ({ name }: { name: string }): boolean => /^content-/i.test(name)

/** A mail with another body; attachments of a multipart/mixed stay. */
export function withBody(raw: Buffer, body: { html: boolean; content: string }): Buffer {
  const { fields, bodyStart } = readHead(raw)
  const type = structured(field(fields, 'content-type'))
  const { boundary } = type.params
  if (type.token === 'multipart/mixed' && boundary) {
    const first = raw.indexOf(`--${boundary}`, bodyStart)
    const second = raw.indexOf(`\r\n--${boundary}`, first + 2)
    if (first > 0 && second > 0) {
      const start = raw.subarray(0, first + boundary.length + 4)
      return Buffer.concat([start, bodyPart(body), raw.subarray(second)])
    }
  }
  return Buffer.concat([...fields.filter((one) => !isContent(one)).map(({ raw: bytes }) => bytes), bodyPart(body)])
}

/** A mail whose fields of these names are replaced; null removes one. */
export function withFields(raw: Buffer, changes: Record<string, string | null>): Buffer {
  const names = new Set(Object.keys(changes).map((name) => name.toLowerCase()))
  const added = Object.entries(changes).flatMap(([name, value]) => (value === null ? [] : [line(name, value)]))
  return withHead(raw, (fields: Field[]) => [
    ...added,
    ...fields.filter(({ name }) => !names.has(name.toLowerCase())).map(({ raw: bytes }) => endedLine(bytes)),
  ])
}

/** Content headers, an empty line and the text in base64. */
function bodyPart({ html, content }: { html: boolean; content: string }): Buffer {
  return Buffer.from(
    `Content-Type: text/${html ? 'html' : 'plain'}; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n${wrapped(Buffer.from(content))}`,
  )
}

function filePart({ name, type, bytes, contentId, inline }: File): Buffer {
  const fields = [
    line('Content-Type', /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : 'application/octet-stream'),
    line('Content-Disposition', `${inline ? 'inline' : 'attachment'}; filename*=UTF-8''${encodeURIComponent(name)}`),
    contentId ? line('Content-ID', `<${contentId}>`) : Buffer.alloc(0),
    line('Content-Transfer-Encoding', 'base64'),
  ]
  return Buffer.concat([...fields, Buffer.from(`\r\n${wrapped(bytes)}`)])
}

const wrapped = (bytes: Buffer): string => `${(bytes.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n')}\r\n`

/** A header line; nothing in the value makes a line of its own. */
export const line = (name: string, value: string): Buffer =>
  Buffer.from(`${name}: ${value.replace(/\r?\n(?![ \t])|\r/g, ' ')}\r\n`)

/** A head that ends without a line end (a mail without a body) gets one. */
export const endedLine = (raw: Buffer): Buffer => (raw.at(-1) === 10 ? raw : Buffer.concat([raw, Buffer.from('\r\n')]))

const listLine = (name: string, list: readonly Address[] = []): Buffer | null =>
  list.length > 0 ? line(name, list.map(shown).join(', ')) : null

/** An address with its name as headers carry it. */
export function shown({ name, address }: Address): string {
  if (name === '' || name === address) return address
  return /^[\w .-]*$/.test(name) ? `${name} <${address}>` : `${quotedName(name)} <${address}>`
}

const quotedName = (name: string): string =>
  /^[\x20-\x7e]*$/.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : encodedWords(name)

/** RFC 2047 words of whole characters, each at most 75 long. */
export function encodedWords(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  const words: string[] = []
  let word = ''
  for (const character of text) {
    if (Buffer.byteLength(word + character) > 42) {
      words.push(word)
      word = ''
    }
    word += character
  }
  return [...words, word].map((part) => `=?utf-8?B?${Buffer.from(part).toString('base64')}?=`).join('\r\n ')
}

/** A Message-ID as Exchange makes them. */
export const exchangeMessageId = (): string =>
  `<${randomBytes(16).toString('hex').toUpperCase()}@AM0PR01MB0001.eurprd01.prod.exchangelabs.example>`

/** A date as mail headers carry it, in UTC. */
export const rfc2822 = (ms: number): string => new Date(ms).toUTCString().replace('GMT', '+0000')
