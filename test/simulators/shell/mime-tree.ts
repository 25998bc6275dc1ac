// The parts of a mail and the text a person would read in it. Pure; shares nothing with the product's parser.
import { decodeText, decodeWords, type Field, field, quotedPrintable, readHead, structured } from './mime.ts'

/** One node of the MIME tree; `start` and `end` are the body's offsets in the raw bytes. */
export type Part = {
  partId: string
  fields: Field[]
  mimeType: string
  charset: string
  filename: string
  start: number
  end: number
  parts: Part[]
}

const MAX_DEPTH = 50

/** The text a person would read, for searches and snippets. */
export function readableText(raw: Buffer): string {
  const texts = leaves(tree(raw)).filter((part) => part.filename === '' && part.mimeType.startsWith('text/'))
  const best = texts.find((part) => part.mimeType === 'text/plain') ?? texts[0]
  if (!best) return ''
  const bytes = content(raw, best)
  const text = decodeText(bytes, best.charset) ?? bytes.toString('latin1')
  return best.mimeType === 'text/html' ? withoutTags(text) : text
}

const withoutTags = (html: string) =>
  html
    .replace(/<(style|script|title)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&nbsp;/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')

/** The parts that hold content, in their order. */
export function leaves(part: Part): Part[] {
  return part.parts.length === 0 ? [part] : part.parts.flatMap(leaves)
}

/** A part's bytes, its transfer encoding undone. */
export function content(raw: Buffer, part: Part): Buffer {
  const bytes = raw.subarray(part.start, part.end)
  const encoding = field(part.fields, 'content-transfer-encoding')?.toLowerCase()
  if (encoding === 'base64') return Buffer.from(bytes.toString('latin1'), 'base64')
  if (encoding === 'quoted-printable') return quotedPrintable(bytes)
  return bytes
}

/** The tree of a mail. `partId` counts children from 0: `1.0`. */
export function tree(raw: Buffer, start = 0, end = raw.length, partId = '', depth = 0): Part {
  const { fields, bodyStart } = readHead(raw, start, end)
  const type = structured(field(fields, 'content-type'))
  const disposition = structured(field(fields, 'content-disposition'))
  const part: Part = {
    partId,
    fields,
    mimeType: /^[^/\s]+\/[^/\s]+$/.test(type.token) ? type.token : 'text/plain',
    charset: type.params.charset || 'utf-8',
    filename: decodeWords(disposition.params.filename ?? type.params.name ?? ''),
    start: bodyStart,
    end,
    parts: [],
  }
  if (!part.mimeType.startsWith('multipart/') || !type.params.boundary || depth >= MAX_DEPTH) return part
  const inner = between(raw, bodyStart, end, type.params.boundary)
  part.parts = inner.map(([from, to], index) =>
    tree(raw, from, to, partId === '' ? String(index) : `${partId}.${index}`, depth + 1),
  )
  return part
}

/** The ranges between the delimiter lines of a boundary, without the line end that belongs to the delimiter. */
function between(raw: Buffer, start: number, end: number, boundary: string): [number, number][] {
  const delimiter = Buffer.from(`--${boundary}`)
  const ranges: [number, number][] = []
  let open = -1
  for (let at = raw.indexOf(delimiter, start); at >= 0 && at < end; at = raw.indexOf(delimiter, at + 1)) {
    if (at > start && raw[at - 1] !== 10) continue
    const after = at + delimiter.length
    const closing = raw[after] === 45 && raw[after + 1] === 45
    const newline = raw.indexOf(10, after)
    const lineEnd = newline < 0 ? end : newline
    if (!closing && raw.subarray(after, lineEnd).toString('latin1').trim() !== '') continue
    if (open >= 0) ranges.push([open, Math.max(open, at - (raw[at - 2] === 13 ? 2 : 1))])
    open = closing ? -1 : Math.min(lineEnd + 1, end)
    if (closing) break
  }
  if (open >= 0) ranges.push([open, end])
  return ranges
}
