// Content-Transfer-Encodings as streams (RFC 2045 section 6, and uuencode). Chunk boundaries may fall anywhere; nothing throws:
// what is no code is skipped, as readers do.
import { latin1 } from './charset'

/** Bytes in, decoded bytes out. `end` gives what was held back. */
export type Decoder = { push(chunk: Uint8Array): Uint8Array; end(): Uint8Array }

const EMPTY = new Uint8Array(0)
const SKIP = 255
const PAD = 254
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** Value of each byte as base64: 0–63, PAD or SKIP. */
const BASE64 = new Uint8Array(256).fill(SKIP)
for (let i = 0; i < 64; i++) BASE64[ALPHABET.charCodeAt(i)] = i
BASE64['='.charCodeAt(0)] = PAD

/**
 * Line breaks, white space and foreign characters are skipped; missing padding is fine. Padding ends a group, not the data:
 * encoders that pad every block exist, and stopping there would lose the rest.
 */
class Base64Decoder implements Decoder {
  private bits = 0
  private count = 0

  push(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return EMPTY
    // 3 bytes per group of 4, plus the group that was begun before.
    const out = new Uint8Array(Math.ceil(((chunk.length + this.count) * 3) / 4) + 3)
    const length = chunk.length
    let bits = this.bits
    let count = this.count
    let at = 0
    let i = 0
    while (i < length) {
      if (count === 0) {
        // Whole groups without anything to skip: nearly all of a real attachment.
        while (i + 4 <= length) {
          const a = BASE64[chunk[i] as number] as number
          const b = BASE64[chunk[i + 1] as number] as number
          const c = BASE64[chunk[i + 2] as number] as number
          const d = BASE64[chunk[i + 3] as number] as number
          if ((a | b | c | d) > 63) break
          out[at] = (a << 2) | (b >> 4)
          out[at + 1] = (b << 4) | (c >> 2)
          out[at + 2] = (c << 6) | d
          at += 3
          i += 4
        }
        if (i >= length) break
      }
      const value = BASE64[chunk[i] as number] as number
      i++
      if (value < 64) {
        bits = (bits << 6) | value
        count++
        if (count === 4) {
          out[at] = bits >> 16
          out[at + 1] = bits >> 8
          out[at + 2] = bits
          at += 3
          bits = 0
          count = 0
        }
      } else if (value === PAD && count > 0) {
        at = partialGroup(out, at, bits, count)
        bits = 0
        count = 0
      }
    }
    this.bits = bits
    this.count = count
    return out.subarray(0, at)
  }

  end(): Uint8Array {
    const out = new Uint8Array(2)
    const at = partialGroup(out, 0, this.bits, this.count)
    this.count = 0
    return out.subarray(0, at)
  }
}

/**
 * The whole groups of well-formed base64, by the runtime's own decoder, which is ten times faster. Null where it finds anything foreign
 * or data after padding, and in a runtime without it.
 */
function plainGroups(chunk: Uint8Array): { bytes: Uint8Array; read: number } | null {
  const out = new Uint8Array(Math.ceil((chunk.length * 3) / 4))
  if (!out.setFromBase64) return null
  try {
    const { read, written } = out.setFromBase64(latin1(chunk), { lastChunkHandling: 'stop-before-partial' })
    return { bytes: out.subarray(0, written), read }
  } catch {
    return null
  }
}

/** Two characters hold one byte, three hold two; a single one holds none. Returns the new write position. */
function partialGroup(out: Uint8Array, at: number, bits: number, count: number): number {
  if (count === 2) out[at++] = bits >> 4
  if (count === 3) {
    out[at++] = bits >> 10
    out[at++] = bits >> 2
  }
  return at
}

/** Decoded length of base64 without decoding it, fed in chunks; agrees with Base64Decoder to the byte. */
export class Base64Length {
  private groups = 0
  private bytes = 0

  push(chunk: Uint8Array, start: number, end: number): void {
    let groups = this.groups
    for (let i = start; i < end; i++) {
      const value = BASE64[chunk[i] as number] as number
      if (value < 64) groups++
      else if (value === PAD) {
        this.bytes += Math.floor((groups * 3) / 4)
        groups = 0
      }
    }
    this.groups = groups
  }

  total(): number {
    return this.bytes + Math.floor((this.groups * 3) / 4)
  }
}

const CR = 13
const LF = 10
const SPACE = 32
const TAB = 9
const EQUALS = 61
/** White space held back at a chunk's end; longer runs are no line end padding worth waiting for. */
const HELD = 1000

const hexValue = (byte: number | undefined) => {
  if (byte === undefined) return -1
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte & 0xdf
  return letter >= 65 && letter <= 70 ? letter - 55 : -1
}

/** RFC 2045 section 6.7. White space before a line end is transport padding; "=" that starts no code stays. */
class QuotedPrintableDecoder implements Decoder {
  private held: Uint8Array = EMPTY

  push(chunk: Uint8Array): Uint8Array {
    return this.decode(chunk, false)
  }

  end(): Uint8Array {
    return this.decode(EMPTY, true)
  }

  private decode(chunk: Uint8Array, last: boolean): Uint8Array {
    const bytes = concat(this.held, chunk)
    this.held = EMPTY
    const out = new Uint8Array(bytes.length)
    const length = bytes.length
    let at = 0
    let i = 0
    while (i < length) {
      const byte = bytes[i] as number
      if (byte !== EQUALS && byte !== SPACE && byte !== TAB) {
        out[at++] = byte
        i++
        continue
      }
      if (byte === EQUALS) {
        const high = hexValue(bytes[i + 1])
        const low = hexValue(bytes[i + 2])
        if (high >= 0 && low >= 0) {
          out[at++] = (high << 4) | low
          i += 3
          continue
        }
      }
      // White space, or "=" and white space, up to a line end?
      let next = i + 1
      while (next < length && (bytes[next] === SPACE || bytes[next] === TAB)) next++
      const undecided =
        next >= length || (bytes[next] === CR && next + 1 >= length) || (byte === EQUALS && i + 2 >= length)
      if (undecided && !last && length - i <= HELD) {
        this.held = bytes.slice(i)
        break
      }
      const atEnd = next >= length ? last : bytes[next] === LF || bytes[next] === CR
      if (atEnd && byte === EQUALS) {
        i = next >= length ? length : next + (bytes[next] === CR && bytes[next + 1] === LF ? 2 : 1)
      } else if (atEnd) {
        i = next
      } else {
        // "=" alone, or white space within a line: as it is.
        const stop = byte === EQUALS ? i + 1 : next
        while (i < stop) out[at++] = bytes[i++] as number
      }
    }
    return out.subarray(0, at)
  }
}

/** "begin 644 name", lines whose first character counts their bytes, "end". Text around it is skipped. */
class UuDecoder implements Decoder {
  private line: number[] = []
  private state: 'before' | 'data' | 'after' = 'before'

  push(chunk: Uint8Array): Uint8Array {
    const out: number[] = []
    for (const byte of chunk) {
      if (byte === LF || byte === CR) this.take(out)
      else if (this.line.length < HELD) this.line.push(byte)
    }
    return Uint8Array.from(out)
  }

  end(): Uint8Array {
    const out: number[] = []
    this.take(out)
    return Uint8Array.from(out)
  }

  private take(out: number[]): void {
    const line = this.line
    this.line = []
    const first = line[0]
    if (first === undefined) return
    if (this.state !== 'data') {
      if (this.state === 'before' && /^begin [0-7]{3,4} /.test(String.fromCharCode(...line.slice(0, 12))))
        this.state = 'data'
      return
    }
    if (line.length <= 5 && String.fromCharCode(...line).trimEnd() === 'end') {
      this.state = 'after'
      return
    }
    const value = (i: number) => ((line[i] ?? SPACE) - SPACE) & 63
    const bytes = (first - SPACE) & 63
    for (let i = 0; i < bytes; i++) {
      const group = 1 + Math.floor(i / 3) * 4
      if (i % 3 === 0) out.push(((value(group) << 2) | (value(group + 1) >> 4)) & 255)
      else if (i % 3 === 1) out.push(((value(group + 1) << 4) | (value(group + 2) >> 2)) & 255)
      else out.push(((value(group + 2) << 6) | value(group + 3)) & 255)
    }
  }
}

const IDENTITY: Decoder = { push: (chunk) => chunk, end: () => EMPTY }

export type Encoding = 'base64' | 'quoted-printable' | 'x-uuencode' | 'identity'

/** The family a Content-Transfer-Encoding belongs to; unknown ones are read as they are. */
export function encodingFamily(encoding: string): Encoding {
  const name = encoding.toLowerCase().replace(/[^a-z0-9]/g, '')
  if (name === 'base64' || name === 'b') return 'base64'
  if (name === 'quotedprintable' || name === 'q') return 'quoted-printable'
  return /^x?(?:uu|uue|uuencoded?)$/.test(name) ? 'x-uuencode' : 'identity'
}

function decoderFor(encoding: string): Decoder {
  switch (encodingFamily(encoding)) {
    case 'base64':
      return new Base64Decoder()
    case 'quoted-printable':
      return new QuotedPrintableDecoder()
    case 'x-uuencode':
      return new UuDecoder()
    case 'identity':
      return IDENTITY
  }
}

/** A stream that decodes a Content-Transfer-Encoding; memory is bounded by the chunk size. */
export function decodeStream(encoding: string): TransformStream<Uint8Array, Uint8Array> {
  const decoder = decoderFor(encoding)
  const emit = (bytes: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>) => {
    if (bytes.length > 0) controller.enqueue(bytes)
  }
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => emit(decoder.push(chunk), controller),
    flush: (controller) => emit(decoder.end(), controller),
  })
}

/** Decodes a whole body at once; the same code as decodeStream. */
export function decodeBytes(encoding: string, bytes: Uint8Array): Uint8Array {
  const decoder = decoderFor(encoding)
  // Only here: the strings it takes would fill the heap when a large file is streamed.
  const plain = encodingFamily(encoding) === 'base64' ? plainGroups(bytes) : null
  const rest = plain ? bytes.subarray(plain.read) : bytes
  return concat(plain?.bytes ?? EMPTY, concat(decoder.push(rest), decoder.end()))
}

/** Both as one array; no copy where one is empty. */
function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
