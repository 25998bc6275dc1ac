// What a part's header section says about it (RFC 2045, RFC 2183), with defaults where it says nothing usable. Pure.
import { Buffer } from 'node:buffer'
import { cleanLine, decodeWords, firstHeader, parseParameters } from './headers'
import { LIMITS } from './limits'
import type { HeaderField, IndexedPart } from './types'

const MEDIA_TYPE = /^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+$/

/** The described part, with its body still to be measured, and what starts a delimiter line of its children. */
export type DescribedPart = {
  part: IndexedPart
  /** "--boundary", one char per byte; null where the part is a leaf or names no boundary */
  delimiter: string | null
}

/** Reads the fields that matter for structure. `defaultType` is 'message/rfc822' inside multipart/digest (RFC 2046 section 5.1.5). */
export function describePart(headers: HeaderField[], path: string, defaultType: string): DescribedPart {
  const type = parseParameters(firstHeader(headers, 'content-type') ?? '')
  const disposition = parseParameters(firstHeader(headers, 'content-disposition') ?? '')
  const contentType = mediaType(type.value, defaultType)
  const filename = disposition.parameters.get('filename') || type.parameters.get('name') || ''
  const boundary = (type.parameters.get('boundary') ?? '').trimEnd()
  const isContainer = contentType.startsWith('multipart/') && boundary !== '' && boundary.length <= LIMITS.boundary
  return {
    part: {
      path,
      headers,
      contentType,
      charset: type.parameters.get('charset')?.toLowerCase() || null,
      encoding: /^[^\s;(]+/.exec(firstHeader(headers, 'content-transfer-encoding') ?? '')?.[0].toLowerCase() ?? '7bit',
      disposition: readDisposition(disposition.value),
      filename: cleanLine(decodeWords(filename)) || null,
      contentId:
        cleanLine(firstHeader(headers, 'content-id') ?? '')
          .replace(/^<|>$/g, '')
          .trim() || null,
      start: 0,
      end: 0,
      decodedSize: null,
      multipart: false,
    },
    delimiter: isContainer ? `--${Buffer.from(boundary, 'utf-8').toString('latin1')}` : null,
  }
}

/** RFC 2045 section 5.2 reads an unreadable type as text; one that begins as another kind ("application", "image") is a file. */
function mediaType(value: string, defaultType: string): string {
  if (MEDIA_TYPE.test(value)) return value
  if (value === '') return defaultType
  return /^(?:application|audio|image|video|model|font)\b/.test(value) ? 'application/octet-stream' : 'text/plain'
}

/** RFC 2183 section 2.8: an unknown disposition is an attachment. */
function readDisposition(value: string): IndexedPart['disposition'] {
  if (value === '') return null
  return value === 'inline' ? 'inline' : 'attachment'
}
