// HTML to the text a reader would see. Pure. Works on htmlparser2's tokenizer, not its parser: the parser searches its stack of
// open elements at each closing tag, so that a 2 MB mail of unclosed tags takes half a minute; tokens are linear.
import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2'
import { LIMITS } from './limits'

/** Elements that start and end on a line of their own. */
const LINE = new Set(
  'address article aside caption center dd details div dl dt fieldset figure figcaption footer form header hr legend li main nav option section summary tbody tfoot thead tr'.split(
    ' ',
  ),
)
/** Elements set off by an empty line. */
const PARAGRAPH = new Set('blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul'.split(' '))
/** Elements whose content no reader sees. */
const UNSEEN = new Set(
  'audio canvas datalist head iframe noframes object script select style svg template textarea title video'.split(' '),
)
const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '))
const HIDDEN_STYLE = /display\s*:\s*none|mso-hide\s*:\s*all/i
/** Newsletters pad their preview line with these. */
const FILLER_LINE = /^[\s\p{Default_Ignorable_Code_Point}]+$/u
const MAX_QUOTE_DEPTH = 10

/** An alternative text that is only a file name or an address tells a reader nothing. */
const wordsOf = (alt: string) => (/^\s*(?:\S+\.\w{2,5}|\w{2,9}:\/\/\S*)?\s*$/.test(alt.slice(0, 500)) ? '' : alt)

/** Lines with collapsed white space. */
class TextWriter {
  private readonly lines: string[] = []
  private line = ''
  private size = 0
  quoteDepth = 0
  verbatimDepth = 0

  get full(): boolean {
    return this.size > LIMITS.textPart
  }

  text(text: string): void {
    if (this.full) return
    this.size += text.length
    if (this.verbatimDepth > 0) {
      const [first = '', ...rest] = text.split(/\r\n|\r|\n/)
      this.line += first
      for (const line of rest) {
        this.push()
        this.line = line
      }
      return
    }
    const collapsed = text.replace(/[ \t\r\n\f]+/g, ' ')
    this.line += this.line === '' || this.line.endsWith(' ') ? collapsed.replace(/^ /, '') : collapsed
  }

  /** Ends the line where something is on it. */
  breakLine(): void {
    if (this.line.trim() !== '') this.push()
    else this.line = ''
  }

  /** Ends the line and leaves an empty one. */
  breakParagraph(): void {
    this.breakLine()
    if (this.lines.length > 0 && this.lines.at(-1) !== this.prefix()) this.push()
  }

  /** Ends the line even where it is empty: a `<br>`. */
  push(): void {
    const seen = FILLER_LINE.test(this.line) ? '' : this.line.replaceAll('\u00a0', ' ').trimEnd()
    this.lines.push(`${this.prefix()}${seen}`.trimEnd())
    this.line = ''
    this.size++
  }

  gap(): void {
    if (this.line !== '' && !/\s$/.test(this.line)) this.line += ' '
  }

  finish(): string {
    this.breakLine()
    return this.lines
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim()
  }

  private prefix(): string {
    return this.quoteDepth === 0 ? '' : `${'>'.repeat(Math.min(this.quoteDepth, MAX_QUOTE_DEPTH))} `
  }
}

/** Turns tags and text into lines. `showHidden` keeps what a style hides. */
class Renderer implements TokenizerCallbacks {
  readonly out = new TextWriter()
  private tag = ''
  private attribute = ''
  private value = ''
  private style = ''
  private alt = ''
  /** Within content nobody sees: the element that began it, and how many of its name are open. */
  private skipped: { name: string; open: number } | null = null
  /** Counters of open lists; null is an unordered one. */
  private readonly lists: (number | null)[] = []

  constructor(
    private readonly html: string,
    private readonly showHidden: boolean,
  ) {}

  /** True where an element was hidden to the very end: its closing tag is missing. */
  get endsHidden(): boolean {
    return this.skipped !== null
  }

  onopentagname(start: number, end: number): void {
    this.tag = this.html.slice(start, end).toLowerCase()
    this.style = ''
    this.alt = ''
  }
  onattribname(start: number, end: number): void {
    this.attribute = this.html.slice(start, end).toLowerCase()
    this.value = ''
  }
  onattribdata(start: number, end: number): void {
    this.value += this.html.slice(start, end)
  }
  onattribentity(codepoint: number): void {
    this.value += String.fromCodePoint(codepoint)
  }
  onattribend(): void {
    if (this.attribute === 'style') this.style = this.value
    if (this.attribute === 'alt') this.alt = this.value
  }
  onselfclosingtag(): void {
    this.onopentagend()
  }

  onopentagend(): void {
    const { tag, out } = this
    if (this.skipped) {
      if (tag === 'body' && this.skipped.name === 'head') this.skipped = null
      else if (tag === this.skipped.name) this.skipped.open++
      return
    }
    const hidden = UNSEEN.has(tag) || (!this.showHidden && !VOID.has(tag) && HIDDEN_STYLE.test(this.style))
    if (hidden) {
      this.skipped = { name: tag, open: 1 }
      return
    }
    if (tag === 'br') out.push()
    else if (tag === 'td' || tag === 'th') out.gap()
    else if (tag === 'img') out.text(wordsOf(this.alt))
    else if (PARAGRAPH.has(tag)) this.openParagraph(tag)
    else if (LINE.has(tag)) out.breakLine()
    if (tag === 'li') out.text(this.bullet())
  }

  onclosetag(start: number, end: number): void {
    const tag = this.html.slice(start, end).toLowerCase()
    const { out } = this
    if (this.skipped) {
      if (tag === this.skipped.name && --this.skipped.open === 0) this.skipped = null
      return
    }
    if (PARAGRAPH.has(tag)) {
      out.breakLine()
      if (tag === 'ul' || tag === 'ol') this.lists.pop()
      if (tag === 'blockquote') out.quoteDepth = Math.max(0, out.quoteDepth - 1)
      if (tag === 'pre') out.verbatimDepth = Math.max(0, out.verbatimDepth - 1)
      if (this.lists.length === 0) out.breakParagraph()
    } else if (LINE.has(tag)) {
      out.breakLine()
    }
  }

  ontext(start: number, end: number): void {
    if (!this.skipped) this.out.text(this.html.slice(start, end))
  }
  ontextentity(codepoint: number): void {
    if (!this.skipped) this.out.text(String.fromCodePoint(codepoint))
  }

  oncdata(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onprocessinginstruction(): void {}
  onend(): void {}

  private openParagraph(tag: string): void {
    if (this.lists.length === 0) this.out.breakParagraph()
    else this.out.breakLine()
    if (tag === 'ul') this.lists.push(null)
    if (tag === 'ol') this.lists.push(0)
    if (tag === 'blockquote') this.out.quoteDepth++
    if (tag === 'pre') this.out.verbatimDepth++
  }

  private bullet(): string {
    const counter = this.lists.at(-1)
    if (counter === undefined || counter === null) return '- '
    this.lists[this.lists.length - 1] = counter + 1
    return `${counter + 1}. `
  }
}

function render(html: string, showHidden: boolean): { text: string; endsHidden: boolean } {
  const renderer = new Renderer(html, showHidden)
  const tokenizer = new Tokenizer({ decodeEntities: true }, renderer)
  tokenizer.write(html)
  tokenizer.end()
  return { text: renderer.out.finish(), endsHidden: renderer.endsHidden }
}

/**
 * The text of an HTML body: blocks and table rows as lines, quotes with "> ", images as their alternative text; no links, styles,
 * scripts or hidden elements. Where hiding would leave nothing, hidden elements count as seen. Linear in the input, at most
 * about LIMITS.textPart characters.
 */
export function htmlToText(html: string): string {
  const seen = render(html, false)
  return seen.text === '' || seen.endsHidden ? render(html, true).text : seen.text
}
