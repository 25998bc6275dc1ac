// Pure: a message's bytes out of messages.get?format=raw, fed in chunks that may end anywhere. The content is decoded as it passes and
// never held; everything else of the JSON is kept and judged at the end, so nothing half, garbled or doubled passes for a message.
import { ProviderError } from '../provider'
import { type Message, Message as MessageSchema } from './answers'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const EQUALS = 0x3d
const FOREIGN = 255
const EMPTY = new Uint8Array(0)

/** Value of each byte as base64 in either alphabet (RFC 4648 sections 4 and 5). */
const VALUES = new Uint8Array(256).fill(FOREIGN)
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
for (let i = 0; i < LETTERS.length; i++) VALUES[LETTERS.charCodeAt(i)] = i
for (const char of '+-') VALUES[char.charCodeAt(0)] = 62
for (const char of '/_') VALUES[char.charCodeAt(0)] = 63

const garbled = () =>
  new ProviderError('protocol', 'gmail_bad_base64', 'Gmail handed out the message in a form that cannot be read.')
const notWhole = () => new ProviderError('transient', 'gmail_truncated', 'Gmail handed out a part of the message only.')

/** Base64 without anything foreign: a mail with a byte missing is worse than none. */
class StrictBase64 {
  private bits = 0
  private count = 0
  private padding = 0

  push(chunk: Uint8Array): Uint8Array {
    const { length } = chunk
    const out = new Uint8Array(Math.ceil(((length + this.count) * 3) / 4))
    let { bits, count } = this
    let at = 0
    let i = 0
    while (i < length) {
      if (count === 0 && this.padding === 0) {
        while (i + 4 <= length) {
          const a = VALUES[chunk[i] as number] as number
          const b = VALUES[chunk[i + 1] as number] as number
          const c = VALUES[chunk[i + 2] as number] as number
          const d = VALUES[chunk[i + 3] as number] as number
          if ((a | b | c | d) > 63) break
          out[at] = (a << 2) | (b >> 4)
          out[at + 1] = (b << 4) | (c >> 2)
          out[at + 2] = (c << 6) | d
          at += 3
          i += 4
        }
        if (i >= length) break
      }
      const byte = chunk[i++] as number
      if (byte === EQUALS) {
        this.padding++
        continue
      }
      const value = VALUES[byte] as number
      if (value === FOREIGN || this.padding > 0) throw garbled()
      bits = ((bits << 6) | value) & 0xffffff
      if (++count === 4) {
        out[at++] = bits >> 16
        out[at++] = bits >> 8
        out[at++] = bits
        bits = 0
        count = 0
      }
    }
    this.bits = bits
    this.count = count
    return out.subarray(0, at)
  }

  /** The bytes of the last, incomplete group. */
  end(): Uint8Array {
    const { bits, count, padding } = this
    if (count === 1 || (padding > 0 && (count === 0 || count + padding !== 4))) throw garbled()
    const spare = count === 2 ? bits & 0xf : count === 3 ? bits & 0x3 : 0
    if (spare !== 0) throw garbled()
    if (count === 2) return Uint8Array.of(bits >> 4)
    return count === 3 ? Uint8Array.of(bits >> 10, bits >> 2) : EMPTY
  }
}

/** Where the reader stands: between tokens, in a string that is kept, in the content. */
type Place = 'between' | 'string' | 'content'

/** Takes the JSON apart. Both methods throw a ProviderError. */
export class RawMessageReader {
  /** bytes of content so far */
  size = 0
  private readonly base64 = new StrictBase64()
  /** the JSON without the content */
  private kept = new Uint8Array(4 * 1024)
  private keptLength = 0
  private place: Place = 'between'
  private depth = 0
  /** an escape that is not whole yet, from its backslash */
  private escape: number[] = []
  /** where the last string of the outer object begins in `kept` */
  private stringStart = 0
  private lastString = ''
  private afterColon = false
  private found = false

  /** `fieldBytes`: how much may be kept. */
  constructor(private readonly fieldBytes: number) {}

  /** The bytes of the message in this chunk; never the chunk's own memory. */
  push(chunk: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = []
    for (let i = 0; i < chunk.length; ) {
      i = this.place === 'content' ? this.content(chunk, i, parts) : this.other(chunk[i] as number, i)
    }
    const bytes = joined(parts)
    this.size += bytes.length
    return bytes
  }

  /** What the JSON says besides the content. Call once, after the last chunk. */
  end(): Message {
    let json: unknown
    try {
      if (this.place !== 'between') throw notWhole()
      json = JSON.parse(new TextDecoder().decode(this.kept.subarray(0, this.keptLength)))
    } catch {
      throw notWhole()
    }
    const message = MessageSchema.safeParse(json)
    if (message.success && this.size > 0) return message.data
    throw new ProviderError('protocol', 'gmail_no_content', 'Gmail handed out the message without its content.')
  }

  /** One byte outside the content. */
  private other(byte: number, i: number): number {
    this.keep(byte)
    if (this.place === 'string') this.inString(byte)
    else this.between(byte)
    return i + 1
  }

  private inString(byte: number): void {
    if (this.escape.length > 0) this.escape = []
    else if (byte === BACKSLASH) this.escape = [byte]
    else if (byte === QUOTE) {
      this.place = 'between'
      if (this.depth === 1) this.lastString = this.stringAt(this.stringStart)
    }
  }

  private between(byte: number): void {
    switch (byte) {
      case 0x7b: // {
      case 0x5b: // [
        this.depth++
        this.afterColon = false
        return
      case 0x7d: // }
      case 0x5d: // ]
        this.depth--
        this.afterColon = false
        return
      case 0x3a: // :
        this.afterColon = this.depth === 1
        return
      case 0x2c: // ,
        this.afterColon = false
        return
      case QUOTE:
        this.stringStart = this.keptLength - 1
        this.place = this.afterColon && this.lastString === 'raw' ? 'content' : 'string'
        if (this.place === 'string') return
        // The same name twice: one of them would be a lie.
        if (this.found) throw garbled()
        this.found = true
        return
      default:
    }
  }

  /** As much of the content as the chunk has from `i`. Returns where it stopped. */
  private content(chunk: Uint8Array, i: number, parts: Uint8Array[]): number {
    if (this.escape.length > 0) return this.escaped(chunk[i] as number, i, parts)
    const end = positionOf(chunk, QUOTE, i)
    const rest = chunk.subarray(i, end)
    const backslash = rest.indexOf(BACKSLASH)
    const plain = backslash < 0 ? rest : rest.subarray(0, backslash)
    parts.push(this.base64.push(plain))
    if (backslash >= 0) {
      this.escape = [BACKSLASH]
      return i + backslash + 1
    }
    if (end < chunk.length) {
      parts.push(this.base64.end())
      this.keep(QUOTE)
      this.place = 'between'
      this.afterColon = false
      return end + 1
    }
    return end
  }

  /** One more byte of an escape in the content: \u003d is "=", \/ is "/". */
  private escaped(byte: number, i: number, parts: Uint8Array[]): number {
    this.escape.push(byte)
    const [, kind] = this.escape
    if (kind === 0x75 && this.escape.length < 6) return i + 1
    const [char = ''] = parseString(String.fromCharCode(QUOTE, ...this.escape, QUOTE)) ?? ''
    this.escape = []
    const code = char.charCodeAt(0)
    if (!(code < 128)) throw garbled()
    parts.push(this.base64.push(Uint8Array.of(code)))
    return i + 1
  }

  private keep(byte: number): void {
    if (this.keptLength === this.fieldBytes)
      throw new ProviderError('protocol', 'http_too_large', 'The mail service sent more than it was asked for.')
    if (this.keptLength === this.kept.length) {
      const larger = new Uint8Array(this.kept.length * 2)
      larger.set(this.kept)
      this.kept = larger
    }
    this.kept[this.keptLength++] = byte
  }

  private stringAt(start: number): string {
    const { kept, keptLength } = this
    // A name this long is not the one that is looked for.
    if (keptLength - start > 64) return ''
    return parseString(new TextDecoder().decode(kept.subarray(start, keptLength))) ?? ''
  }
}

function positionOf(chunk: Uint8Array, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from)
  return at < 0 ? chunk.length : at
}

function parseString(json: string): string | null {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'string' ? value : null
  } catch {
    return null
  }
}

/** The parts as one array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (only && parts.length === 1) return only
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
