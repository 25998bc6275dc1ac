// Where a header section ends and which of its lines are fields, for sections that lack their empty line, their folds' indent or
// any field at all. Pure; what it holds is bounded by LIMITS.
import { FIELD_START, parseHeaderLines } from './headers'
import { LIMITS } from './limits'
import type { HeaderField } from './types'

/** A complete line, one char per byte. `gap`: length of the line break before it, `next`: offset after its own. */
export type Line = { text: string; start: number; next: number; gap: number }
/** The body starts at `bodyStart`; `rest` are lines already read that belong to it. */
type SectionEnd = { bodyStart: number; rest: Line[] }

/** Odd lines in a row that may still be folds. */
const MAX_SUSPECTS = 10
const KNOWN_FIELD =
  /^(?:from|to|cc|subject|date|received|message-id|reply-to|mime-version|content-[\w-]+|x-[\w-]+)[ \t]*:/i

/** One header section, line by line. `budget` is shared by all sections of a message. */
export class HeaderSection {
  private readonly lines: string[] = []
  private bytes = 0
  /** Lines that start no field: what follows decides whether they are a broken fold or the body. */
  private suspects: Line[] = []

  constructor(
    private readonly isRoot: boolean,
    private readonly budget: { bytes: number },
    private readonly warn: (text: string) => void,
  ) {}

  /** Takes the next line; null while the section goes on. `isDelimiter`: the line delimits a multipart around this part. */
  take(line: Line, isDelimiter: boolean): SectionEnd | null {
    const isFirst = this.lines.length === 0
    const text = isFirst ? line.text.replace(/^\xef\xbb\xbf/, '') : line.text
    const isField = FIELD_START.test(isFirst ? text.trimStart() : text)
    const isFold = /^[ \t]/.test(text) && !isFirst
    // A delimiter line, of this part or of one around it, ends a section that has no empty line.
    if (isDelimiter || (text.startsWith('--') && !isField && !isFirst)) return this.endWithoutEmptyLine(line)
    if (text === '') {
      // Empty lines before the first field of a message are skipped.
      const isSkipped = this.isRoot && isFirst && this.suspects.length === 0
      return isSkipped ? null : this.endAtEmptyLine(line)
    }
    if ((isField || isFold) && this.goesOnWith(text)) {
      this.acceptSuspects()
      this.add(isFirst ? text.trimStart() : text)
      return null
    }
    // An mbox separator is no header and no body.
    if (isFirst && this.isRoot && /^>?From /.test(text)) return null
    if ((isFirst && !this.isRoot) || this.suspects.length >= MAX_SUSPECTS || isField)
      return this.endWithoutEmptyLine(line)
    this.suspects.push(line)
    return null
  }

  /** The message ends here: where the body starts. */
  finish(offset: number): number {
    const [first] = this.suspects
    if (first && !this.isBrokenFold()) return first.start
    this.acceptSuspects()
    return offset
  }

  fields(): HeaderField[] {
    return parseHeaderLines(this.lines)
  }

  /** One odd line before a field is a broken fold; several are, where a field follows that only headers have. */
  private goesOnWith(text: string): boolean {
    return this.suspects.length < 2 || KNOWN_FIELD.test(text)
  }

  private endAtEmptyLine(line: Line): SectionEnd {
    if (this.suspects.length > 0 && !this.isBrokenFold()) return this.endWithoutEmptyLine(line)
    this.acceptSuspects()
    return { bodyStart: line.next, rest: [] }
  }

  /** The body starts at `line`, or at the suspect lines before it. */
  private endWithoutEmptyLine(line: Line): SectionEnd {
    if (this.lines.length > 0) this.warn('a part has no empty line between header and body')
    const rest = [...this.suspects, line]
    return { bodyStart: (this.suspects[0] ?? line).start, rest }
  }

  /** "Content-Type: image/png;" + "name=a.png": a fold whose indent was lost, at the end of the section. */
  private isBrokenFold(): boolean {
    const text = this.suspects[0]?.text.slice(0, 200) ?? ''
    const isOpen = /[;,]\s*$/.test(this.lines.at(-1)?.slice(-200) ?? '')
    return this.suspects.length === 1 && (isOpen || /^[\w-]+\*?\d*\*?\s*=/.test(text))
  }

  private acceptSuspects(): void {
    for (const { text } of this.suspects) {
      const isBefore = this.lines.length === 0
      this.warn(
        isBefore ? 'text before the first header field was ignored' : 'a header field was folded without indent',
      )
      if (!isBefore) this.add(text)
    }
    this.suspects = []
  }

  private add(text: string): void {
    this.bytes += text.length
    this.budget.bytes -= text.length
    const isFull = this.bytes > LIMITS.headers || this.budget.bytes < 0 || this.lines.length >= LIMITS.headerLines
    if (isFull) this.warn('a header section is too large; its end was ignored')
    else this.lines.push(text)
  }
}
