// The text parts of a message read and put together as a reader would see them, with files found inside the text (uuencode).

import type { BodyFragment } from './body-plan'
import { decodeText, latin1 } from './charset'
import { decodeBytes, encodingFamily } from './decode'
import { unwrapFlowed } from './flowed'
import { firstHeader, parseParameters } from './headers'
import { htmlToText } from './html-text'
import { LIMITS } from './limits'
import { readRange } from './source'
import type { IndexedPart, RawSource } from './types'
import { findUuBlocks } from './uuencode'

/** A file inside a text part; offsets in the raw message. */
export type EmbeddedFile = { part: string; name: string; start: number; end: number; size: number }
/** `partTexts`: what each part that was read says, by path; HTML as text. */
export type BodyText = { text: string; html: string | null; files: EmbeddedFile[]; partTexts: Map<string, string> }

type ReadPart = { text: string; isHtml: boolean; files: EmbeddedFile[] }

/** Reads and joins the planned fragments, within LIMITS.textPart and LIMITS.textTotal. Rejects only where the source does. */
export async function readBody(
  source: RawSource,
  fragments: BodyFragment[],
  warn: (text: string) => void,
): Promise<BodyText> {
  const read = new Map<string, ReadPart>()
  let budget: number = LIMITS.textTotal
  for (const part of fragments.flatMap(({ plain, html }) => [...plain, ...html])) {
    if (read.has(part.path)) continue
    const result = await readPart(source, part, Math.min(LIMITS.textPart, budget), warn)
    budget = Math.max(0, budget - result.text.length)
    read.set(part.path, result)
  }
  const partTexts = new Map<string, string>()
  for (const [path, { text, isHtml }] of read) partTexts.set(path, isHtml ? htmlToText(text) : text)

  const readParts = (parts: IndexedPart[]) => parts.flatMap((part) => read.get(part.path) ?? [])
  const texts = fragments.map(({ plain, html }) => {
    const joined = joinTexts(plain.map((part) => partTexts.get(part.path) ?? ''))
    return joined !== '' ? joined : joinTexts(html.map((part) => partTexts.get(part.path) ?? ''))
  })
  const hasHtml = fragments.some(({ html }) => html.length > 0)
  const renditions = hasHtml ? fragments.flatMap(({ plain, html }) => readParts(html.length > 0 ? html : plain)) : []
  return {
    text: joinTexts(texts),
    html: hasHtml
      ? renditions
          .map(asHtml)
          .filter((html) => html !== '')
          .join('\n')
      : null,
    files: [...read.values()].flatMap((part) => part.files),
    partTexts,
  }
}

const joinTexts = (texts: string[]) => texts.filter((text) => text.trim() !== '').join('\n\n')

function asHtml({ text, isHtml }: ReadPart): string {
  if (isHtml || text === '') return text
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  return `<div>${escaped.replace(/\r\n|\r|\n/g, '<br>\n')}</div>`
}

async function readPart(
  source: RawSource,
  part: IndexedPart,
  limit: number,
  warn: (text: string) => void,
): Promise<ReadPart> {
  const family = encodingFamily(part.encoding)
  // Encoded text is longer than what it says; base64 by a third and line ends, quoted-printable up to three times.
  const room = family === 'identity' ? limit : limit * (family === 'quoted-printable' ? 3 : 1.5)
  const raw = await readRange(source, part.start, part.end, room)
  const isTruncated = part.end - part.start > raw.length
  const decoded = decodeBytes(part.encoding, raw)
  if (isTruncated || decoded.length > limit) warn('a text is too long; its end is only in the original')

  const blocks = family === 'identity' && !isTruncated ? findUuBlocks(latin1(raw)) : []
  const files = blocks.map((block, i) => ({
    part: `${part.path}-uu${i + 1}`,
    name: block.name,
    start: part.start + block.start,
    end: part.start + block.end,
    size: decodeBytes('x-uuencode', raw.subarray(block.start, block.end)).length,
  }))
  const bytes = blocks.length > 0 ? withoutBlocks(raw, blocks) : decoded.subarray(0, limit)
  const isHtml = part.contentType === 'text/html'
  const { text, problem } = decodeText(bytes, part.charset ?? (isHtml ? metaCharset(bytes) : null))
  if (problem !== null) warn(`text: ${problem}`)
  return { text: clean(isHtml ? text : plainText(text, part)), isHtml, files }
}

function withoutBlocks(raw: Uint8Array, blocks: { start: number; end: number }[]): Uint8Array {
  const kept = new Uint8Array(raw.length)
  let length = 0
  let from = 0
  for (const { start, end } of [...blocks, { start: raw.length, end: raw.length }]) {
    kept.set(raw.subarray(from, start), length)
    length += start - from
    from = end
  }
  return kept.subarray(0, length)
}

/** HTML that carries no charset parameter may name it in itself. */
function metaCharset(bytes: Uint8Array): string | null {
  return (
    /<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}["']?([\w:.-]{2,40})/i.exec(latin1(bytes.subarray(0, 4096)))?.[1] ?? null
  )
}

function plainText(text: string, part: IndexedPart): string {
  if (part.contentType === 'text/enriched' || part.contentType === 'text/richtext') return withoutRichTags(text)
  const { parameters } = parseParameters(firstHeader(part.headers, 'content-type') ?? '')
  if (parameters.get('format')?.toLowerCase() !== 'flowed') return text
  return unwrapFlowed(text, parameters.get('delsp')?.toLowerCase() === 'yes')
}

/** RFC 1896: "<<" is a literal bracket, everything else in brackets is markup, <param> holds no text. */
function withoutRichTags(text: string): string {
  return text
    .replace(/<param>[^<]{0,1000}<\/param>/gi, '')
    .replace(/<<|<[^<>]{1,100}>/g, (tag) => (tag === '<<' ? '<' : ''))
    .replace(/\n(\n*)/g, (_, more: string) => more || ' ')
}

/** NUL cannot be stored or shown; half a surrogate pair cannot be encoded. */
const clean = (text: string) => text.replaceAll('\0', '').toWellFormed()
