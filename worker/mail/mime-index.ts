// Walks a raw message once, as a stream, and says where each MIME part lies (RFC 2046). Memory is bounded by LIMITS, not by the
// message; chunk boundaries may fall anywhere and change nothing; no input throws. Bodies are searched for "--" natively and
// never looked at line by line.
import { Buffer } from 'node:buffer'
import { latin1 } from './charset'
import { Base64Length, encodingFamily } from './decode'
import { HeaderSection, type Line } from './header-section'
import { LIMITS } from './limits'
import { LineBuffer } from './line-buffer'
import { describePart } from './mime-part'
import type { HeaderField, IndexedPart, MimeIndex } from './types'

const CR = 13
const LF = 10
const DASH = 45
const DASHES = Buffer.from('--')
/** A delimiter line may carry white space at its end (RFC 2046 section 5.1.1). */
const MAX_DELIMITER_LINE = 2 * LIMITS.boundary

/** A multipart whose delimiter lines are looked for. Closed ones stay until their parent ends: some mailers go on after closing. */
type Container = { part: IndexedPart; delimiter: string; children: number; closed: boolean }
/** Feed it a message in chunks, then ask for the index. */
export class MimeIndexer {
  private readonly parts: IndexedPart[] = []
  private readonly warnings = new Set<string>()
  private readonly containers: Container[] = []
  private rootHeaders: HeaderField[] = []
  private headerEnd = 0

  /** 'header' and 'candidate' collect a line, 'body' searches. */
  private state: 'header' | 'candidate' | 'body' = 'header'
  /** A first line break that is a bare CR makes CR a line break throughout; else a stray CR is text. */
  private bareCr: boolean | null = null
  private offset = 0
  private previous = 0
  private beforePrevious = 0

  private lineStart = 0
  private lineGap = 0
  private lineEndsAtCr = false
  private lineTooLong = false
  private readonly line = new LineBuffer()

  /** The header section being read. */
  private path = ''
  private defaultType = 'text/plain'
  private readonly headerBudget = { bytes: LIMITS.headersTotal }
  private section = this.newSection(true)

  /** The part whose body is being read; null in preambles, epilogues and beyond the limits. */
  private leaf: IndexedPart | null = null
  private base64: Base64Length | null = null

  /** Takes the next bytes of the message; they are not kept. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    while (at < bytes.length) at = this.state === 'body' ? this.search(bytes, at) : this.collect(bytes, at)
    const last = bytes.length - 1
    if (last >= 0) {
      this.beforePrevious = last > 0 ? (bytes[last - 1] as number) : this.previous
      this.previous = bytes[last] as number
    }
    this.offset += bytes.length
  }

  /** The index of everything pushed. */
  end(): MimeIndex {
    if (this.line.length > 0 || this.lineEndsAtCr)
      this.finishLine(this.line.take(), this.offset, this.lineEndsAtCr ? 1 : 0)
    if (this.state === 'header') this.endHeader(this.section.finish(this.offset))
    this.endLeaf(this.offset)
    this.leaveContainers(0, this.offset)
    return {
      headers: this.rootHeaders,
      headerEnd: this.headerEnd,
      parts: this.parts,
      size: this.offset,
      warnings: [...this.warnings].slice(0, LIMITS.warnings),
    }
  }

  /** Looks for a line that begins with "--"; returns where collecting goes on, or the chunk's end. */
  private search(bytes: Buffer, from: number): number {
    const length = bytes.length
    if (this.containers.length > 0) {
      let at = bytes.indexOf(DASHES, from)
      while (at >= 0) {
        if (this.mayBeDelimiter(bytes, at)) return this.beginCandidate(bytes, from, at)
        at += 2
        while (at < length && bytes[at] === DASH) at++
        at = bytes.indexOf(DASHES, at)
      }
      // The first dash of a delimiter may be the last byte here.
      if (bytes[length - 1] === DASH && this.mayBeDelimiter(bytes, length - 1))
        return this.beginCandidate(bytes, from, length - 1)
    }
    this.base64?.push(bytes, from, length)
    return length
  }

  private beginCandidate(bytes: Buffer, from: number, at: number): number {
    this.base64?.push(bytes, from, at)
    const before = this.byteBefore(bytes, at, 1)
    this.lineGap = before === LF && this.byteBefore(bytes, at, 2) === CR ? 2 : 1
    this.lineStart = this.offset + at
    this.state = 'candidate'
    return at
  }

  /** A line start, followed by as much of some delimiter as this chunk still holds. */
  private mayBeDelimiter(bytes: Buffer, at: number): boolean {
    const before = this.byteBefore(bytes, at, 1)
    if (before !== LF && !(before === CR && this.bareCr === true)) return false
    return this.containers.some(({ delimiter }) => {
      const known = Math.min(delimiter.length, bytes.length - at)
      for (let i = 1; i < known; i++) if (bytes[at + i] !== delimiter.charCodeAt(i)) return false
      return true
    })
  }

  private byteBefore(bytes: Buffer, at: number, distance: 1 | 2): number {
    const index = at - distance
    if (index >= 0) return bytes[index] as number
    return index === -1 ? this.previous : this.beforePrevious
  }

  /** Collects up to the end of the line; returns where reading goes on. */
  private collect(bytes: Buffer, from: number): number {
    if (this.lineEndsAtCr) {
      // After a bare CR: is it the first half of a CRLF?
      const isCrlf = bytes[from] === LF
      this.bareCr ??= !isCrlf
      const next = isCrlf ? from + 1 : from
      this.finishLine(this.line.take(), this.offset + next, isCrlf ? 2 : 1)
      return next
    }
    const end = this.bareCr === false ? bytes.indexOf(LF, from) : firstBreak(bytes, from)
    if (end < 0) {
      this.keep(bytes.subarray(from))
      return bytes.length
    }
    if (bytes[end] === CR) {
      this.keep(bytes.subarray(from, end))
      this.lineEndsAtCr = true
      return end + 1
    }
    this.bareCr ??= false
    const rest = bytes.subarray(from, end)
    const isWhole = this.line.length === 0 && rest.length < MAX_DELIMITER_LINE
    if (!isWhole) this.keep(rest)
    const raw = isWhole ? rest : this.line.take()
    const isCrlf = raw.at(-1) === CR
    this.finishLine(isCrlf ? raw.subarray(0, -1) : raw, this.offset + end + 1, isCrlf ? 2 : 1)
    return end + 1
  }

  private keep(bytes: Uint8Array): void {
    const isCandidate = this.state === 'candidate'
    const dropped = this.line.append(bytes, isCandidate ? MAX_DELIMITER_LINE : LIMITS.headers)
    if (dropped.length === 0) return
    this.lineTooLong = true
    if (isCandidate) this.base64?.push(dropped, 0, dropped.length)
    else this.warn('a header line is too long; its end was ignored')
  }

  /** A whole line has been collected; `next` is the offset after its line break, which is `breakLength` long. */
  private finishLine(raw: Uint8Array, next: number, breakLength: number): void {
    const line = { text: latin1(raw), start: this.lineStart, next, gap: this.lineGap }
    const mayDelimit = !this.lineTooLong
    this.lineEndsAtCr = false
    this.lineTooLong = false
    this.lineStart = next
    this.lineGap = breakLength
    if (this.state === 'header') this.headerLine(line)
    else this.bodyLine(line, mayDelimit)
  }

  private headerLine(line: Line): void {
    const ended = this.section.take(line, this.findDelimiter(line.text) !== null)
    if (!ended) return
    this.endHeader(ended.bodyStart)
    for (const one of ended.rest) this.bodyLine(one, true)
  }

  /** Header read: the part is known and its body starts at `bodyStart`. */
  private endHeader(bodyStart: number): void {
    const isRoot = this.path === ''
    const headers = this.section.fields()
    this.state = 'body'
    const { part, delimiter } = describePart(headers, this.path, this.defaultType)
    part.start = bodyStart
    part.end = bodyStart
    if (isRoot) {
      this.rootHeaders = headers
      this.headerEnd = bodyStart
    }
    if (this.parts.length >= LIMITS.parts) {
      this.warn(`more than ${LIMITS.parts} parts; the rest was ignored`)
      return
    }
    this.parts.push(part)
    const tooDeep = this.containers.length >= LIMITS.nesting
    if (delimiter !== null && !tooDeep) {
      part.multipart = true
      this.containers.push({ part, delimiter, children: 0, closed: false })
      return
    }
    if (delimiter !== null) this.warn(`parts nested deeper than ${LIMITS.nesting} are read as text`)
    else if (part.contentType.startsWith('multipart/')) this.warn('a multipart names no boundary and is read as text')
    if (isRoot) part.path = '1'
    this.leaf = part
    this.base64 = encodingFamily(part.encoding) === 'base64' ? new Base64Length() : null
  }

  /** A line of a body that may be a delimiter. */
  private bodyLine(line: Line, mayDelimit: boolean): void {
    this.state = 'body'
    const found = mayDelimit ? this.findDelimiter(line.text) : null
    if (!found) {
      const bytes = Buffer.from(line.text, 'latin1')
      this.base64?.push(bytes, 0, bytes.length)
      return
    }
    const { container, depth, closes } = found
    this.endLeaf(line.start - line.gap)
    this.leaveContainers(depth + 1, line.start - line.gap)
    if (closes) {
      container.closed = true
      return
    }
    if (container.closed) this.warn('a multipart goes on after its end')
    container.closed = false
    container.children++
    this.path = container.part.path === '' ? `${container.children}` : `${container.part.path}.${container.children}`
    this.defaultType = container.part.contentType === 'multipart/digest' ? 'message/rfc822' : 'text/plain'
    this.section = this.newSection(false)
    this.state = 'header'
  }

  private newSection(isRoot: boolean): HeaderSection {
    return new HeaderSection(isRoot, this.headerBudget, (text) => this.warn(text))
  }

  /** Innermost first, open ones before closed ones, so that two multiparts may share a boundary. */
  private findDelimiter(text: string): { container: Container; depth: number; closes: boolean } | null {
    if (!text.startsWith('--')) return null
    const trimmed = text.trimEnd()
    for (const closed of [false, true]) {
      for (let depth = this.containers.length - 1; depth >= 0; depth--) {
        const container = this.containers[depth]
        if (!container || container.closed !== closed) continue
        if (trimmed === container.delimiter) return { container, depth, closes: false }
        if (trimmed === `${container.delimiter}--`) return { container, depth, closes: true }
      }
    }
    return null
  }

  private endLeaf(end: number): void {
    if (!this.leaf) return
    this.leaf.end = Math.max(this.leaf.start, end)
    this.leaf.decodedSize = this.base64?.total() ?? null
    this.leaf = null
    this.base64 = null
  }

  /** Leaves every container from `depth` inwards; their bodies end at `end`. */
  private leaveContainers(depth: number, end: number): void {
    for (const { part, children, closed } of this.containers.splice(depth)) {
      part.end = Math.max(part.start, end)
      if (children === 0) {
        // Its delimiter never came: what is there is shown as text rather than lost.
        part.multipart = false
        part.path ||= '1'
        this.warn('a multipart holds no part and is read as text')
      } else if (!closed) {
        this.warn('a multipart is not closed')
      }
    }
  }

  private warn(text: string): void {
    this.warnings.add(text)
  }
}

/** Index of the next CR or LF; -1 where there is none. */
function firstBreak(bytes: Uint8Array, from: number): number {
  for (let i = from; i < bytes.length; i++) if (bytes[i] === LF || bytes[i] === CR) return i
  return -1
}

/** Indexes a message that arrives as a stream; rejects only where the stream itself fails. */
export async function indexStream(stream: ReadableStream<Uint8Array>): Promise<MimeIndex> {
  const indexer = new MimeIndexer()
  for await (const chunk of stream) indexer.push(chunk)
  return indexer.end()
}

/** Indexes a message held in memory. */
export function indexBytes(bytes: Uint8Array): MimeIndex {
  const indexer = new MimeIndexer()
  indexer.push(bytes)
  return indexer.end()
}
