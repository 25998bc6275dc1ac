// Header sections: fields from bytes, encoded words, parameters, message ids. Pure; never throws.
import { Buffer } from 'node:buffer'
import { decodeText } from './charset'
import { decodeBytes } from './decode'
import { LIMITS } from './limits'
import type { HeaderField } from './types'

const MAX_PARAMETERS = 1000
const MAX_PARAMETER_CHARS = 1000

/** A line that starts a field: printable characters without colon, then a colon (RFC 5322 section 2.2). */
export const FIELD_START = /^[!-9;-~]+[ \t]*:/

/** Every value of a field in order of appearance, undecoded. `name` is lower case. */
export function headerValues(headers: HeaderField[], name: string): string[] {
  return headers.filter((field) => field.name === name).map((field) => field.value)
}

/** The first value of a field, undecoded; null where the field is absent. `name` is lower case. */
export function firstHeader(headers: HeaderField[], name: string): string | null {
  return headers.find((field) => field.name === name)?.value ?? null
}

/**
 * Fields of a header section given as its lines without line breaks, one char per byte. A line that starts no field continues the one before,
 * folded (RFC 5322 section 2.2.3) or broken by a mailer that forgot the indent. Raw 8-bit text (RFC 6532, and older
 * mailers) is read as UTF-8, else by the charset the section declares, else as windows-1252.
 */
export function parseHeaderLines(lines: string[]): HeaderField[] {
  const raw: { name: string; chunks: string[] }[] = []
  for (const text of lines) {
    const last = raw.at(-1)
    if (/^[ \t]/.test(text) && last) {
      last.chunks.push(text)
    } else if (FIELD_START.test(text)) {
      const colon = text.indexOf(':')
      raw.push({ name: text.slice(0, colon).trim().toLowerCase(), chunks: [text.slice(colon + 1)] })
    } else if (last) {
      last.chunks.push(` ${text}`)
    }
  }
  const fields = raw.map(({ name, chunks }) => ({ name, value: chunks.join('').trim() }))
  const declared = /charset\s*=\s*"?([\w.:-]+)/i.exec(firstHeader(fields, 'content-type') ?? '')?.[1] ?? null
  return fields.map(({ name, value }) => ({ name, value: readEightBit(value, declared) }))
}

function readEightBit(value: string, charset: string | null): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII without escapes needs no decoding
  if (/^[\x00-\x1a\x1c-\x7f]*$/.test(value)) return value
  const bytes = Buffer.from(value, 'latin1')
  const guessed = decodeText(bytes, null)
  return guessed.problem !== null && charset !== null ? decodeText(bytes, charset).text : guessed.text
}

const ENCODED_WORD = /=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=/g

type Word = { charset: string; encoding: string; text: string }

function wordBytes({ encoding, text }: Word): Uint8Array {
  if (encoding === 'b') return decodeBytes('base64', Buffer.from(text, 'latin1'))
  return Buffer.from(
    text
      .replace(/_/g, ' ')
      .replace(/=([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

/**
 * RFC 2047 encoded words to text. White space between adjacent words goes away, and adjacent words of one charset are
 * decoded as one, so that a character split over two words survives. Anything else stays as it is.
 */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text
  let out = ''
  let from = 0
  let run: Word[] = []
  const flush = () => {
    const [first] = run
    if (first) out += decodeText(Buffer.concat(run.map(wordBytes)), first.charset).text
    run = []
  }
  // A last word without its "?=" comes from mailers that cut the field by length.
  const whole = /=\?[^?\s]{1,80}\?[bBqQ]\?[^?\s]+\??$/.test(text) ? `${text.replace(/\?$/, '')}?=` : text
  for (const match of whole.matchAll(ENCODED_WORD)) {
    const [all, charset = '', encoding = '', coded = ''] = match
    const between = whole.slice(from, match.index)
    const word = { charset: charset.toLowerCase(), encoding: encoding.toLowerCase(), text: coded }
    const previous = run.at(-1)
    const adjacent = previous !== undefined && between.trim() === ''
    if (!adjacent) {
      flush()
      out += between
    } else if (previous.charset !== word.charset) {
      flush()
    }
    const unpadded = previous?.encoding === 'b' && word.encoding === 'b' && !previous.text.includes('=')
    // Some mailers cut base64 anywhere: joined, the halves of a group of four meet again.
    if (run.length > 0 && previous && unpadded) previous.text += word.text
    else run.push(word)
    from = match.index + all.length
  }
  flush()
  return out + whole.slice(from)
}

/** Text fit for a one-line field: encoded words decoded, control characters and runs of white space as one space. */
export function headerText(value: string | null): string {
  return cleanLine(decodeWords(value ?? ''))
}

/** Control characters and line breaks as spaces, ends trimmed. */
export function cleanLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/[\x00-\x1f\x7f\u2028\u2029]+/g, ' ').trim()
}

/** A structured field: its main value in lower case and its parameters by lower-case name. */
export type ParameterField = { value: string; parameters: Map<string, string> }

/**
 * Content-Type and Content-Disposition style fields (RFC 2045 section 5.1), with RFC 2231 continuations and charsets, and the
 * habits of broken mailers: missing semicolons, spaces, quotes left open or within the value. Encoded words stay encoded.
 */
export function parseParameters(field: string): ParameterField {
  const head = /^\s*([^;\s"=]*(?:\s*\/\s*[^;\s"=]+)?)/.exec(field)
  const value = (head?.[1] ?? '').replace(/\s+/g, '').toLowerCase()
  const pairs = new Map<string, string>()
  const separators = /[;\s]*/y
  const assignment = /([^=;\s"]+)\s*=\s*/y
  // "Content-Disposition: filename=a.txt": no value at all.
  const bare = /^\s*[^;\s"=]+\s*=/.test(field)
  let at = bare ? 0 : (head?.[0].length ?? 0)
  while (at < field.length) {
    separators.lastIndex = at
    separators.exec(field)
    at = separators.lastIndex
    assignment.lastIndex = at
    const match = assignment.exec(field)
    if (match) {
      const read = readParameter(field, assignment.lastIndex)
      const name = (match[1] ?? '').toLowerCase()
      if (!pairs.has(name) && pairs.size < MAX_PARAMETERS) pairs.set(name, read.value)
      at = read.next
    } else {
      // Something that is no parameter: on to the next separator.
      const next = field.slice(at + 1).search(/[;\s]/)
      at = next < 0 ? field.length : at + 1 + next
    }
  }
  return { value: bare ? '' : value, parameters: joinContinuations(pairs) }
}

function readParameter(field: string, start: number): { value: string; next: number } {
  if (field[start] === '"') {
    let value = ''
    for (let i = start + 1; i < field.length; i++) {
      const char = field[i] ?? ''
      const following = field[i + 1]
      if (char === '\\' && (following === '"' || following === '\\')) {
        value += following
        i++
      } else if (char === '"' && /^\s*(?:;|$|[\w-]+\*?\d*\*?=)/.test(field.slice(i + 1, i + 80))) {
        return { value, next: i + 1 }
      } else {
        value += char
      }
    }
    return { value: value.trimEnd(), next: field.length }
  }
  const semicolon = field.indexOf(';', start)
  const end = semicolon < 0 ? field.length : semicolon
  const value = field.slice(start, Math.min(end, start + MAX_PARAMETER_CHARS))
  // "charset=utf-8 format=flowed": the separator was forgotten.
  const forgotten = /\s+[\w-]+\*?\d*\*?=/.exec(value)
  if (forgotten) return { value: value.slice(0, forgotten.index).trim(), next: start + forgotten.index }
  return { value: value.replace(/\s*\([^()]*\)\s*$/, '').trim(), next: end }
}

/** RFC 2231 sections 3 and 4: name*0, name*1*, name*; an extended value wins over a plain one of the same name. */
function joinContinuations(pairs: Map<string, string>): Map<string, string> {
  const plain = new Map<string, string>()
  const extended = new Map<string, { index: number; coded: boolean; value: string }[]>()
  for (const [name, value] of pairs) {
    const star = /^(.+?)\*(\d{0,4})(\*?)$/.exec(name)
    if (!star) {
      plain.set(name, value)
      continue
    }
    const [, base = '', digits = '', coded = ''] = star
    const pieces = extended.get(base) ?? []
    pieces.push({ index: Number(digits || 0), coded: coded === '*' || digits === '', value })
    extended.set(base, pieces)
  }
  for (const [name, pieces] of extended) {
    pieces.sort((a, b) => a.index - b.index)
    const declared = pieces[0]?.coded ? /^([^']*)'[^']*'/.exec(pieces[0].value) : null
    const chunks = pieces.map((piece, i) => {
      const value = i === 0 && declared ? piece.value.slice(declared[0].length) : piece.value
      return piece.coded ? percentBytes(value) : Buffer.from(value, 'utf-8')
    })
    const joined = decodeText(Buffer.concat(chunks), declared?.[1] || 'utf-8').text
    plain.set(name, joined)
  }
  return plain
}

function percentBytes(value: string): Uint8Array {
  const raw = Buffer.from(value, 'utf-8').toString('latin1')
  return Buffer.from(
    raw.replace(/%([0-9a-fA-F]{2})/g, (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

/**
 * Ids of Message-ID, In-Reply-To and References without angle brackets, in order, each once. Where brackets exist only
 * what they hold counts (old In-Reply-To fields are phrases); otherwise words with an "@", or a single word.
 * At most LIMITS.references: the first (the root of the thread) and the newest.
 */
export function parseMessageIds(value: string | null): string[] {
  const text = cleanLine(value ?? '')
  let ids: string[]
  if (text.includes('<')) {
    // A bracket left open ends at the next one or at the end; white space inside comes from folding.
    ids = [...text.matchAll(/<([^<>]*)(?:>|(?=<)|$)/g)].map((match) => (match[1] ?? '').replace(/\s+/g, ''))
  } else {
    const words = text
      .replace(/>/g, ' ')
      .split(/[\s,]+/)
      .filter(Boolean)
    ids = words.length === 1 ? words : words.filter((word) => /.@./.test(word))
  }
  const unique = [...new Set(ids.filter((id) => id !== '').map((id) => id.slice(0, LIMITS.subjectChars)))]
  if (unique.length <= LIMITS.references) return unique
  return [...unique.slice(0, 1), ...unique.slice(1 - LIMITS.references)]
}
