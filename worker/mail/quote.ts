// Separates the new part of a reply from the mail it quotes. Pure; linear in the length of the text; when in doubt nothing is cut.
// A quote is: what follows an attribution line ("On …, X wrote:"), an "Original Message" line or an Outlook header block, and a
// trailing run of '>' lines. Answers between quoted lines, forwarded mail and header-like lines of the writer's own text stay.
import {
  ANSWERS_BELOW,
  ATTRIBUTION_STARTS,
  ATTRIBUTION_VERBS,
  ATTRIBUTION_VERBS_UNSPACED,
  FORWARDED_MESSAGE,
  HEADER_LABELS,
  type HeaderLabel,
  ORIGINAL_MESSAGE,
} from './quote-openers'

/** An attribution is wrapped over at most this many lines and has at most this many characters. */
const ATTRIBUTION = { lines: 6, chars: 500 }
/** A header block ends within this many lines; long To and Cc lists wrap. */
const BLOCK_LINES = 40

const literally = (word: string) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const alternatives = (words: string[]) => words.map(literally).join('|')
const VERB = new RegExp(
  `(?:^|[\\s>"'」])(?:${alternatives(ATTRIBUTION_VERBS)})(?=[\\s:：,]|$)|${alternatives(ATTRIBUTION_VERBS_UNSPACED)}`,
  'u',
)
const VERB_AT_END = new RegExp(`(?:^|\\s)(?:${alternatives(ATTRIBUTION_VERBS)})$`, 'u')
const START = new RegExp(`^(?:${alternatives(ATTRIBUTION_STARTS)})(?=[\\s\\d,])`, 'u')
const MAILBOX = /[^\s<>@]@[^\s<>@]/
const TIME = /(?<!\d)[012]?\d[:.h][0-5]\d(?!\d)|\d\s?[ap]\.?m\.?(?!\w)|[上下]午|오[전후]/
const YEAR = /(?<!\d)(?:19|20)\d\d(?!\d)/
const DATE = /(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?!\d)/
const QUOTED = /^\s{0,3}[>＞]/
const RULE_LINE = /^\s*(?:_{5,}|-{5,}|={5,}|\*{5,})\s*$/
const SIGNATURE = /^\s*(?:--|__+|—)\s*$/

/** Fields of a raw header section that no mail program shows above a quote. */
const RAW_FIELD =
  /^(?:message-id|received|return-path|mime-version|content-[a-z-]+|x-[a-z-]+|dkim-signature|in-reply-to|references|delivered-to|arc-[a-z-]+)$/
/** Somebody tells what was written; mail programs name the writer. */
const PRONOUN = new RegExp(
  `(?:^|\\s)(?:i|you|we|he|she|they|it|who|ich|sie|du|wir|er|man|je|j'ai|vous|nous|il|elle|on m'a|yo|usted|ella|eu|você|ele|ela|ik|u|je|jij|wij|hij|ze)\\s+(?:${alternatives(ATTRIBUTION_VERBS)})|(?:schrieb|schrieben|schreef)\\s+(?:ich|sie|du|wir|er|man|ik|u|wij|hij)(?=[\\s:])`,
  'u',
)

/** A region of lines [start, end) that is quote and not new. */
type Region = { start: number; end: number }

/**
 * Separates the new part of a mail from the quoted rest. `quoted` says whether something was cut; without it `text` is the text as given.
 * Signatures stay. The new part of a mail with words in it is never empty.
 */
export function newPart(text: string): { text: string; quoted: boolean } {
  const lines = text.split(/\r\n|\r|\n/)
  const region = findQuote(lines)
  if (region === null) return { text, quoted: false }
  const rest = [...trimmed(lines.slice(0, region.start)), ...afterwards(lines.slice(region.end))]
  const fresh = trimmed(rest).join('\n')
  return fresh.trim() === '' ? { text, quoted: false } : { text: fresh, quoted: true }
}

function trimmed(lines: string[]): string[] {
  const first = lines.findIndex((line) => line.trim() !== '')
  const last = lines.findLastIndex((line) => line.trim() !== '')
  return first < 0 ? [] : lines.slice(first, last + 1)
}

/** What stands below the quote (a signature, a list footer), set off by one empty line. */
function afterwards(lines: string[]): string[] {
  const kept = trimmed(lines)
  return kept.length === 0 ? [] : ['', ...kept]
}

/** The first mark of a quote decides; a mark that is doubtful ends the search, because what follows it is not the writer's alone. */
function findQuote(lines: string[]): Region | null {
  // The next line that may end an attribution; each is looked for and judged once, which keeps the whole linear.
  let end = -1
  let judged = -1
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (line.trim() === '' || QUOTED.test(line)) continue
    const mark = betweenDashes(line)
    if (mark === 'forwarded') return null
    if (mark === 'original') return answersBelow(lines, at) ? null : toEnd(lines, at)
    if (isHeaderBlock(lines, at)) return answersBelow(lines, at) || announced(lines, at) ? null : toEnd(lines, at)
    if (end < at) {
      end = at
      while (end < lines.length && !endsAttribution(lines[end] ?? '')) end++
    }
    if (end === judged || !isOneParagraph(lines, at, end)) continue
    judged = end
    const found = attribution(lines, at, end)
    if (found) return afterAttribution(lines, found)
  }
  return trailingQuote(lines)
}

/** Everything from `at`, and the rule and empty lines right above it. */
function toEnd(lines: string[], at: number): Region {
  let start = at
  while (start > 0 && isEmptyOrRule(lines[start - 1] ?? '')) start--
  return { start, end: lines.length }
}

function isEmptyOrRule(line: string): boolean {
  return line.trim() === '' || RULE_LINE.test(line)
}

function answersBelow(lines: string[], at: number): boolean {
  return ANSWERS_BELOW.test(lines.slice(0, at).join(' ').slice(-2_000).toLowerCase())
}

/** The writer's last line ends in a colon: what follows is shown on purpose. */
function announced(lines: string[], at: number): boolean {
  const above = lines.slice(Math.max(0, at - 20), at).findLast((line) => !isEmptyOrRule(line))
  return above !== undefined && /[:：]\s*$/.test(above)
}

/** "-----Original Message-----" and its forwarded sibling, also with stars, in any of the languages. */
function betweenDashes(line: string): 'original' | 'forwarded' | null {
  if (line.length > 150) return null
  const trimmedLine = line.trim()
  const core = trimmedLine.replace(/^[-_=*~\s]+/, '').replace(/[-_=*~\s:：]+$/, '')
  const words = core.toLowerCase()
  const framed = /^\*?[-_=~]{2}/.test(trimmedLine)
  if (framed && ORIGINAL_MESSAGE.has(words)) return 'original'
  if ((framed || /[:：]$/.test(trimmedLine)) && FORWARDED_MESSAGE.has(words)) return 'forwarded'
  return framed && words.startsWith('forwarded by ') ? 'forwarded' : null
}

/**
 * From, a date with digits in it and Subject, one below the other: no writer types all that by chance.
 * Fields that mail programs do not show (Message-ID, Received) mean that somebody pasted raw headers.
 */
function isHeaderBlock(lines: string[], at: number): boolean {
  if (labelOf(lines[at] ?? '')?.kind !== 'from') return false
  const seen = new Map<HeaderLabel, string>()
  let current: HeaderLabel = 'from'
  for (const [offset, line] of lines.slice(at, at + BLOCK_LINES).entries()) {
    const field = labelOf(line)
    if (field?.kind === 'raw' || (field?.kind === 'from' && offset > 0)) return false
    if (field) {
      current = field.kind
      if (!seen.has(current)) seen.set(current, field.value)
    } else if (line.trim() === '') {
      // Converters of HTML leave one empty line between the fields.
      if (!labelOf(lines[at + offset + 1] ?? '')) break
    } else {
      seen.set(current, `${seen.get(current) ?? ''} ${line}`.slice(0, 1_000))
    }
  }
  const complete = seen.has('subject') && /\d/.test(seen.get('date') ?? '') && (seen.get('from') ?? '').trim() !== ''
  const setOff = at === 0 || isEmptyOrRule(lines[at - 1] ?? '')
  // Right below the writer's words only the full set with an address will do.
  return complete && (setOff || (seen.has('to') && MAILBOX.test(seen.get('from') ?? '')))
}

function labelOf(line: string): { kind: HeaderLabel | 'raw'; value: string } | null {
  const match = /^[\s*_]{0,8}([^:：*]{1,30}?)[\s*_]{0,4}[:：]([\s\S]*)$/.exec(line.slice(0, 1_000))
  if (!match) return null
  const name = (match[1] ?? '').trim().toLowerCase()
  const value = (match[2] ?? '').replace(/^[\s*_]+/, '')
  const kind = HEADER_LABELS.get(name)
  if (kind) return { kind, value }
  return RAW_FIELD.test(name) ? { kind: 'raw', value } : null
}

/** Whether the lines [at, end] can be one wrapped attribution. */
function isOneParagraph(lines: string[], at: number, end: number): boolean {
  if (end >= lines.length || end - at >= ATTRIBUTION.lines) return false
  return !lines.slice(at + 1, end + 1).some((line) => line.trim() === '' || QUOTED.test(line))
}

/** The attribution that ends at line `end` and begins at `at` or below; lines [start, end). */
function attribution(lines: string[], at: number, end: number): (Region & { text: string }) | null {
  let fallback: (Region & { text: string }) | null = null
  let length = 0
  for (let start = end; start >= at; start--) {
    length += lines[start]?.length ?? 0
    if (length > ATTRIBUTION.chars) break
    const text = joined(lines.slice(start, end + 1))
    const begins = START.test(text) && /\d/.test(lines[start] ?? '')
    if (!isAttribution(text, begins)) continue
    const found = { start, end: end + 1, text }
    // "On Nov 21, 2014,\nat 10:18,\nX wrote:": a line that ends in a comma goes on in the next.
    if (begins && !/,\s*$/.test(lines[start - 1] ?? '')) return found
    if (begins || fallback === null) fallback = found
  }
  return fallback
}

function joined(lines: string[]): string {
  const text = lines.join(' ').toLowerCase().replace(/\s+/g, ' ')
  return text.replace(/^[ *_-]+/, '').replace(/[ *_-]+$/, '')
}

function endsAttribution(line: string): boolean {
  const end = line.slice(-60).replace(/[\s*_-]+$/, '')
  return /[:：]$/.test(end) || VERB_AT_END.test(end.toLowerCase())
}

function isAttribution(text: string, begins: boolean): boolean {
  const mailbox = MAILBOX.test(text)
  if (!VERB.test(text)) return /<[^<>\s]+@[^<>\s]+> ?[:：]$/.test(text) && YEAR.test(text) && TIME.test(text)
  if (PRONOUN.test(text) && !mailbox) return false
  if (begins) return mailbox || DATE.test(text) || TIME.test(text)
  return mailbox ? DATE.test(text) || TIME.test(text) : DATE.test(text) && TIME.test(text)
}

function afterAttribution(lines: string[], found: Region & { text: string }): Region | null {
  const above = trimmed(lines.slice(0, found.start))
  const next = lines.findIndex((line, index) => index >= found.end && line.trim() !== '')
  if (next < 0 || !QUOTED.test(lines[next] ?? '')) {
    const certain = MAILBOX.test(found.text) || TIME.test(found.text)
    return certain && !answersBelow(lines, found.start) && !announced(lines, found.start)
      ? toEnd(lines, found.start)
      : null
  }
  const end = endOfRun(lines, next)
  const below = trimmed(lines.slice(end))
  if (below.length === 0 || SIGNATURE.test(below[0] ?? '')) return { start: found.start, end }
  // Answered below a single quote; with words above it, or more quotes, it is a conversation that has to stay together.
  return above.length === 0 && !below.some((line) => QUOTED.test(line)) ? { start: 0, end } : null
}

/** A single run of '>' lines at the end, without an attribution of its own. */
function trailingQuote(lines: string[]): Region | null {
  const start = lines.findIndex((line) => QUOTED.test(line))
  if (start < 0) return null
  const end = endOfRun(lines, start)
  const below = trimmed(lines.slice(end))
  if (below.length > 0 && !SIGNATURE.test(below[0] ?? '')) return null
  return announced(lines, start) ? null : { start, end }
}

/** One past the last '>' line of the run that begins at `start`; empty lines do not end it. */
function endOfRun(lines: string[], start: number): number {
  let end = start
  for (let at = start; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (QUOTED.test(line)) end = at + 1
    else if (line.trim() !== '') break
  }
  return end
}
