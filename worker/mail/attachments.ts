// What becomes an attachment row and how it is described: name, inline or listed, size, too large or not. Pure but for reading
// the heads of embedded messages and the lengths of small encoded files through the source.
import type { EmbeddedFile } from './body-text'
import { decodeBytes, encodingFamily } from './decode'
import { AttachmentNames, typeOfName } from './filename'
import { firstHeader, headerText } from './headers'
import { LIMITS } from './limits'
import { indexBytes } from './mime-index'
import { readRange } from './source'
import type { IndexedPart, ParsedAttachment, RawSource } from './types'

/** What the HTML shows: Content-IDs named by "cid:" other than in links, and the HTML itself for Content-Location. */
type Shown = { contentIds: Set<string>; html: string }

/** Describes the attachments of a message in order. Bodies are not read, apart from embedded messages' headers and small encoded parts. */
export async function describeAttachments(
  source: RawSource,
  parts: IndexedPart[],
  files: EmbeddedFile[],
  html: string | null,
): Promise<ParsedAttachment[]> {
  const names = new AttachmentNames()
  const shown = { contentIds: contentIdsIn(html ?? ''), html: html ?? '' }
  const described: ParsedAttachment[] = []
  let looks: number = LIMITS.embeddedParts
  for (const part of parts) {
    const isMessage = /^message\/(?:rfc822|global|news)$/.test(part.contentType)
    const subject = isMessage && part.filename === null && looks-- > 0 ? await embeddedSubject(source, part) : null
    const exact =
      exactSize(part) ?? (part.end - part.start <= LIMITS.inMemory && looks-- > 0 ? await measure(source, part) : null)
    const size = exact ?? part.end - part.start
    described.push({
      part: part.path,
      filename: names.name(part.filename, part.contentType, subject),
      contentType: part.contentType,
      contentId: part.contentId,
      inline: isShown(part, shown),
      encoding: part.encoding,
      start: part.start,
      end: part.end,
      size,
      decision: size > LIMITS.attachment ? 'too_large' : 'store',
    })
  }
  for (const { part, name, start, end, size } of files) {
    const filename = names.name(name, typeOfName(name), null)
    const contentType = typeOfName(filename)
    described.push({
      part,
      filename,
      contentType,
      contentId: null,
      inline: false,
      encoding: 'x-uuencode',
      start,
      end,
      size,
      decision: 'store',
    })
  }
  return described
}

/**
 * Ids behind "cid:" (RFC 2392) that the HTML shows. A link to a part does not show it, so the part stays a file to open.
 */
function contentIdsIn(html: string): Set<string> {
  const ids = new Set<string>()
  for (const match of html.matchAll(/(href\s{0,9}=\s{0,9}["']?)?cid:([^\s"'<>)]{1,998})/gi)) {
    if (match[1] === undefined) ids.add(decodeUrl((match[2] ?? '').replace(/&amp;/g, '&')))
  }
  return ids
}

function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function isShown(part: IndexedPart, shown: Shown): boolean {
  if (part.contentId !== null && shown.contentIds.has(part.contentId)) return true
  // RFC 2557: MHTML names its resources by location.
  const location = firstHeader(part.headers, 'content-location')?.replace(/\s+/g, '') ?? ''
  if (location === '') return false
  return [`"${location}"`, `'${location}'`].some(
    (quoted) => shown.html.includes(`src=${quoted}`) || shown.html.includes(`url(${quoted})`),
  )
}

function exactSize(part: IndexedPart): number | null {
  return part.decodedSize ?? (encodingFamily(part.encoding) === 'identity' ? part.end - part.start : null)
}

async function measure(source: RawSource, part: IndexedPart): Promise<number> {
  return decodeBytes(part.encoding, await readRange(source, part.start, part.end, LIMITS.inMemory)).length
}

async function embeddedSubject(source: RawSource, part: IndexedPart): Promise<string | null> {
  const head = decodeBytes(part.encoding, await readRange(source, part.start, part.end, LIMITS.embeddedPart))
  return headerText(firstHeader(indexBytes(head).headers, 'subject')) || null
}
