// Bytes of any declared charset to text. Pure; never throws. What could not be read as declared is said in `problem`, never hidden.
import { Buffer } from 'node:buffer'

export type DecodedText = { text: string; problem: string | null }

/** Labels seen in mail that the WHATWG encoding standard does not list. */
const ALIASES: Record<string, string> = {
  cp932: 'shift_jis',
  ms932: 'shift_jis',
  'windows-932': 'shift_jis',
  cp936: 'gbk',
  ms936: 'gbk',
  'windows-936': 'gbk',
  cp949: 'euc-kr',
  ms949: 'euc-kr',
  uhc: 'euc-kr',
  cp950: 'big5',
  ms950: 'big5',
  'windows-950': 'big5',
  cp1361: 'euc-kr',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-3': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  cp50220: 'iso-2022-jp',
  cp50221: 'iso-2022-jp',
  'euc-jis-2004': 'euc-jp',
  'euc-tw': 'big5',
  tis620: 'windows-874',
  'macintosh-roman': 'macintosh',
  macroman: 'macintosh',
  'mac-roman': 'macintosh',
  'cp-850': 'ibm850',
  utf8mb4: 'utf-8',
  'utf-8-mac': 'utf-8',
  utf_8: 'utf-8',
  win1250: 'windows-1250',
  win1251: 'windows-1251',
  win1252: 'windows-1252',
  'utf-16-le': 'utf-16le',
  utf16: 'utf-16',
}

/** Labels that say "I do not know": judged by the bytes alone. */
const UNDECLARED = new Set([
  '',
  'us-ascii',
  'ascii',
  'ansi_x3.4-1968',
  'unknown',
  'unknown-8bit',
  'x-unknown',
  '7bit',
  '8bit',
  'default',
  'x-user-defined',
  'binary',
  'none',
])

/** Bytes as Latin-1, one char per byte; the fastest way to look at bytes as text. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** True where every byte is below 0x80. */
function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is meant
  return /^[\x00-\x7f]*$/.test(text)
}

function strict(label: string, bytes: Uint8Array): string | null {
  try {
    return new TextDecoder(label, { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch {
    return null
  }
}

function lenient(label: string, bytes: Uint8Array): string | null {
  try {
    return new TextDecoder(label).decode(bytes)
  } catch {
    return null
  }
}

/** Escapes that designate nothing, between two encoded words for example, are an error to TextDecoder and harmless to readers. */
function iso2022jp(bytes: Uint8Array): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of RFC 1468 and RFC 2237
  const raw = latin1(bytes).replace(/\x1b(?:\([A-Z]|\$[@B]|\$\([A-Z])(?=\x1b)/g, '')
  return lenient('iso-2022-jp', Buffer.from(raw, 'latin1'))
}

/** Without a usable label: UTF-8 where it is valid, ISO-2022-JP by its escapes, else windows-1252. */
function guess(bytes: Uint8Array): { text: string; as: string } {
  const raw = latin1(bytes)
  if (isAscii(raw)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of RFC 1468
    const japanese = /\x1b(?:\$[@B]|\([JI])/.test(raw) ? iso2022jp(bytes) : null
    return japanese === null || japanese.includes('\ufffd')
      ? { text: raw, as: 'ascii' }
      : { text: japanese, as: 'iso-2022-jp' }
  }
  const utf8 = strict('utf-8', bytes)
  if (utf8 !== null) return { text: utf8, as: 'utf-8' }
  return { text: lenient('windows-1252', bytes) ?? raw, as: 'windows-1252' }
}

/** RFC 2152, section 2: '+' base64 of UTF-16BE '-'; "+-" is a plus sign. */
function utf7(bytes: Uint8Array): string {
  return latin1(bytes).replace(/\+([A-Za-z0-9+/]*)-?/g, (_, coded: string) => {
    if (coded === '') return '+'
    const packed = Buffer.from(coded, 'base64')
    return lenient('utf-16be', packed.subarray(0, packed.length - (packed.length % 2))) ?? ''
  })
}

/** RFC 1843: "~{" … "~}" holds GB2312 with the high bits off. */
function hz(bytes: Uint8Array): string {
  const raw = latin1(bytes).replace(/~\r?\n/g, '')
  return raw.replace(/~\{([\s\S]*?)(?:~\}|$)|~~/g, (whole, coded: string | undefined) =>
    coded === undefined ? whole.slice(1) : (lenient('gbk', highBits(coded)) ?? coded),
  )
}

/** RFC 1557: SO (0x0e) … SI (0x0f) holds KS C 5601 with the high bits off. */
function iso2022kr(bytes: Uint8Array): string {
  return (
    latin1(bytes)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: designator and shifts of the encoding
      .replace(/\x1b\$\)C/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: designator and shifts of the encoding
      .replace(/\x0e([^\x0f]*)\x0f?/g, (_, coded: string) => lenient('euc-kr', highBits(coded)) ?? coded)
  )
}

const highBits = (text: string) =>
  Uint8Array.from(text, (char) => (char > ' ' ? char.charCodeAt(0) | 0x80 : char.charCodeAt(0)))

/** Declared UTF-8 that is not: where nothing of it is valid it was Latin text, else the bad bytes show as U+FFFD. */
function brokenUtf8(bytes: Uint8Array): DecodedText {
  const text = lenient('utf-8', bytes) ?? latin1(bytes)
  const otherwise = isAscii(text.replaceAll('\ufffd', '')) ? lenient('windows-1252', bytes) : null
  if (otherwise !== null) return { text: otherwise, problem: 'declared utf-8 but is not; read as windows-1252' }
  return { text, problem: 'invalid utf-8 bytes are shown as \ufffd' }
}

/**
 * Decodes by any WHATWG label, the aliases above, UTF-7, HZ and ISO-2022-KR.
 * A missing, unknown or wrong label falls back to what the bytes look like.
 */
export function decodeText(bytes: Uint8Array, label: string | null): DecodedText {
  // RFC 2231 section 5 lets a language follow the charset of an encoded word: "us-ascii*en".
  const given = (label ?? '')
    .trim()
    .toLowerCase()
    .replace(/\*.*$/, '')
    .replace(/^["']|["']$/g, '')
  const name = ALIASES[given] ?? given
  if (UNDECLARED.has(name)) {
    const { text, as } = guess(bytes)
    const problem = as === 'windows-1252' ? 'no charset declared for 8-bit text; read as windows-1252' : null
    return { text, problem }
  }
  if (name === 'utf-7' || name === 'unicode-1-1-utf-7') return { text: utf7(bytes), problem: null }
  if (name === 'hz-gb-2312') return { text: hz(bytes), problem: null }
  if (name === 'iso-2022-kr') return { text: iso2022kr(bytes), problem: null }
  if (name === 'utf-8' || name === 'utf8') {
    const text = strict('utf-8', bytes)
    return text === null ? brokenUtf8(bytes) : { text, problem: null }
  }
  const bigEndian = name === 'utf-16' && bytes[0] === 0xfe && bytes[1] === 0xff
  const text = name === 'iso-2022-jp' ? iso2022jp(bytes) : lenient(bigEndian ? 'utf-16be' : name, bytes)
  if (text === null) {
    const { text: guessed, as } = guess(bytes)
    return { text: guessed, problem: as === 'ascii' ? null : `unknown charset "${given.slice(0, 40)}"; read as ${as}` }
  }
  return { text, problem: text.includes('\ufffd') ? `some bytes are not ${name}; shown as \ufffd` : null }
}
