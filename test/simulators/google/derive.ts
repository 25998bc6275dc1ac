// What the Gmail API answers about a stored mail: snippet, part tree, full, metadata, minimal and raw formats, all derived from the raw bytes.
// Pure apart from a cache of snippets. Shares nothing with the product's parser.
import { randomBytes } from 'node:crypto'
import { decodeText, decodeWords, type Field, field, readHead, structured } from '../shell/mime.ts'
import { content, leaves, type Part, readableText, tree } from '../shell/mime-tree.ts'
import type { StoredMessage } from './store.ts'

export type Format = 'full' | 'metadata' | 'minimal' | 'raw'

type PartJson = {
  partId: string
  mimeType: string
  filename: string
  headers: { name: string; value: string }[]
  body: { attachmentId?: string; size: number; data?: string }
  parts?: PartJson[]
}

/** Raw mails above this are answered as a stream. */
const STREAM_FROM = 1024 * 1024
/** Bytes turned to base64 at once; a multiple of three. */
const CHUNK = 3 * 64 * 1024
const SNIPPET_LENGTH = 200

/**
 * The message in a format, its keys in the order the real service answers. A raw format over 1 MiB is JSON as a stream of bytes.
 * `names` limits the headers of the metadata format.
 */
export function formatMessage(
  message: StoredMessage,
  raw: Buffer,
  format: Format,
  names: readonly string[] = [],
): object | AsyncIterable<Buffer> {
  const head = {
    id: message.id,
    threadId: message.threadId,
    ...(message.labelIds.length > 0 && { labelIds: message.labelIds }),
    snippet: snippetOf(message, raw),
  }
  const tail = { historyId: message.historyId, internalDate: String(message.internalDate) }
  const sizeEstimate = message.size
  if (format === 'minimal') return { ...head, sizeEstimate, ...tail }
  if (format === 'raw') {
    if (raw.length > STREAM_FROM) return streamed({ ...head, sizeEstimate }, raw, tail)
    return { ...head, sizeEstimate, raw: base64url(raw), ...tail }
  }
  const payload = format === 'full' ? partJson(raw, tree(raw), message.id) : metadataPayload(raw, names)
  return { ...head, payload, sizeEstimate, ...tail }
}

/** Base64 with the URL alphabet and its padding, as Google writes bytes. */
export function base64url(bytes: Buffer): string {
  const text = bytes.toString('base64url')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

async function* streamed(head: object, raw: Buffer, tail: object): AsyncIterable<Buffer> {
  const key = '"raw": "'
  const json = JSON.stringify({ ...head, raw: '', ...tail }, null, 2)
  const at = json.indexOf(`${key}"`) + key.length
  yield Buffer.from(json.slice(0, at))
  for (let from = 0; from < raw.length; from += CHUNK) yield Buffer.from(base64url(raw.subarray(from, from + CHUNK)))
  yield Buffer.from(`${json.slice(at)}\n`)
}

function metadataPayload(raw: Buffer, names: readonly string[]) {
  const { fields } = readHead(raw)
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  const headers = headersJson(fields).filter(({ name }) => wanted.size === 0 || wanted.has(name.toLowerCase()))
  return { mimeType: structured(field(fields, 'content-type')).token || 'text/plain', headers }
}

const headersJson = (fields: Field[]) => fields.map(({ name, value }) => ({ name, value: decodeWords(value) }))

function partJson(raw: Buffer, part: Part, messageId: string): PartJson {
  const json: PartJson = {
    partId: part.partId,
    mimeType: part.mimeType,
    filename: part.filename,
    headers: headersJson(part.fields),
    body: { size: 0 },
  }
  if (part.parts.length > 0) {
    json.parts = part.parts.map((child) => partJson(raw, child, messageId))
    return json
  }
  const bytes = content(raw, part)
  if (part.filename === '' && part.mimeType.startsWith('text/')) {
    const utf8 = Buffer.from(decodeText(bytes, part.charset) ?? bytes.toString('latin1'))
    json.body = { size: utf8.length, data: base64url(utf8) }
  } else json.body = { attachmentId: attachmentId(messageId, part.partId), size: bytes.length }
  return json
}

/** Attachment ids change with every answer, as Gmail's do. */
function attachmentId(messageId: string, partId: string): string {
  const inner = JSON.stringify([messageId, partId, randomBytes(6).toString('hex')])
  return `ANGjdJ${Buffer.from(inner).toString('base64url')}`
}

/** The decoded bytes of the attachment with that id, or null where it names no part of this message. */
export function attachmentBytes(message: StoredMessage, raw: Buffer, id: string): Buffer | null {
  let named: unknown
  try {
    named = JSON.parse(Buffer.from(id.replace(/^ANGjdJ/, ''), 'base64url').toString())
  } catch {
    return null
  }
  if (!Array.isArray(named) || named[0] !== message.id) return null
  const part = leaves(tree(raw)).find(({ partId }) => partId === named[1])
  return part ? content(raw, part) : null
}

/** Whether the mail carries something with a file name, for `has:attachment`. */
export const hasAttachment = (raw: Buffer): boolean => leaves(tree(raw)).some(({ filename }) => filename !== '')

const snippets = new WeakMap<StoredMessage, string>()

/** The first words of the text, escaped for HTML as Gmail's are. */
export function snippetOf(message: StoredMessage, raw: Buffer): string {
  const known = snippets.get(message)
  if (known !== undefined) return known
  const words = readableText(raw).slice(0, 4000).replace(/\s+/g, ' ').trim().slice(0, SNIPPET_LENGTH)
  const snippet = words
    .toWellFormed()
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
  snippets.set(message, snippet)
  return snippet
}
