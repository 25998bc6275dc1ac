// Pure: how a message that is too large for one request goes up in pieces: its largest files apart, the rest as MIME with every header.
import type { IndexedPart, MimeIndex } from '../../mail/types'

/** A file of the message: where it lies in the raw bytes, and its decoded size, exact. */
export type DraftFile = {
  name: string
  contentType: string
  /** without angle brackets; the HTML shows it */
  contentId: string | null
  inline: boolean
  encoding: string
  start: number
  end: number
  size: number
}
/** Bytes [start, end) of the raw message. */
export type Span = { start: number; end: number }
/** `kept`: what goes up as MIME, in order; together `size` bytes. */
export type DraftPlan = { kept: Span[]; size: number; files: DraftFile[] }

/** Takes out the largest files until the rest has at most `limit` bytes; null where it cannot get that small. */
export function planDraft(index: MimeIndex, limit: number): DraftPlan | null {
  const byPath = new Map(index.parts.map((part) => [part.path, part]))
  const removable = index.parts
    .flatMap((part) => removalOf(part, byPath) ?? [])
    .sort((a, b) => length(b.span) - length(a.span))
  const removed: typeof removable = []
  let size = index.size
  for (const one of removable) {
    if (size <= limit) break
    removed.push(one)
    size -= length(one.span)
  }
  if (size > limit) return null
  const spans = removed.map(({ span }) => span).sort((a, b) => a.start - b.start)
  return { kept: between(spans, index.size), size, files: removed.map(({ file }) => file) }
}

const length = ({ start, end }: Span) => end - start

/**
 * A base64 file can be taken out together with the delimiter line before it, which begins where the part before it ends. A first part has
 * none before it; it is the text.
 */
function removalOf(part: IndexedPart, byPath: Map<string, IndexedPart>): { span: Span; file: DraftFile } | null {
  const before = byPath.get(elderOf(part.path))
  if (part.multipart || part.decodedSize === null || !before) return null
  return { span: { start: before.end, end: part.end }, file: fileOf(part, part.decodedSize) }
}

/** The path of the part before: '2.3' → '2.2'. */
function elderOf(path: string): string {
  const [, parent = '', last = ''] = /^(.*?)(\d+)$/.exec(path) ?? []
  return `${parent}${Number(last) - 1}`
}

function fileOf(part: IndexedPart, size: number): DraftFile {
  return {
    name: part.filename ?? 'attachment',
    contentType: part.contentType,
    contentId: part.contentId,
    inline: part.disposition === 'inline' && part.contentId !== null,
    encoding: part.encoding,
    start: part.start,
    end: part.end,
    size,
  }
}

/** What is left of [0, size) without the spans, which are in order. */
function between(spans: readonly Span[], size: number): Span[] {
  const edges = [0, ...spans.flatMap(({ start, end }) => [start, end]), size]
  const kept: Span[] = []
  for (let i = 0; i < edges.length; i += 2) {
    const [start = 0, end = 0] = edges.slice(i, i + 2)
    if (end > start) kept.push({ start, end })
  }
  return kept
}
