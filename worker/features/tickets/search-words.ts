// What a ticket is found by: key words of its filters, and the FTS5 expression of a search. Pure; the SQL twin of the key words is in
// search-index.ts, and both are proven equal by test.

/** Shortest last word that also finds longer words: shorter ones match too much to be of use. It is the prefix length the index is built for. */
const SHORTEST_PREFIX = 3
/** Words of one search; more say nothing. */
const MOST_WORDS = 12

/** An address at the end of what was typed; $1 is all but its top-level domain. */
const WHOLE_ADDRESS = /(\S@[^\s@.]+(?:\.[^\s@.]+)*)\.[^\s@.]+\s*$/

export type SearchKeys = {
  tenantId: string
  /** any of these */
  statuses?: readonly string[] | undefined
  inboxId?: string | undefined
  /** null: nobody */
  assigneeId?: string | null | undefined
  tag?: string | undefined
}

/** The FTS5 MATCH expression of filters and typed text; null where the text holds no word at all, so that nothing can match. */
export function matchExpression(keys: SearchKeys, text?: string): string | null {
  const parts = [keyWord('t', keys.tenantId)]
  if (keys.statuses) parts.push(anyOf(keys.statuses.map((status) => keyWord('s', status))))
  if (keys.inboxId !== undefined) parts.push(keyWord('i', keys.inboxId))
  if (keys.assigneeId !== undefined) parts.push(keyWord('a', keys.assigneeId ?? ''))
  if (keys.tag !== undefined) parts.push(keyWord('g', keys.tag))
  if (text) {
    const words = textExpression(text)
    if (words === null) return null
    parts.push(words)
  }
  return parts.join(' AND ')
}

/** `#12` is a ticket's number; `12` its number or a word; anything else all its words, the last one also as a beginning. */
function textExpression(text: string): string | null {
  const number = /^\s*(#?)0*([0-9]{1,15})\s*$/.exec(text)
  if (number?.[2]) {
    const key = keyWord('n', number[2])
    return number[1] ? key : anyOf([key, `"${text.trim()}"`])
  }
  // What unicode61 keeps in a word, accents aside; whatever else is typed only separates words, so nothing reaches FTS5 as syntax.
  const plain = text
    .toLowerCase()
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
  // Of a whole address the top-level domain stands in so many tickets that it costs much and says nothing.
  const address = WHOLE_ADDRESS.test(plain)
  const words = (address ? plain.replace(WHOLE_ADDRESS, '$1') : plain).match(/[\p{L}\p{N}\p{Co}]+/gu)
  if (!words) return null
  return words
    .slice(0, MOST_WORDS)
    .map((word, at) =>
      !address && at === words.length - 1 && word.length >= SHORTEST_PREFIX ? `"${word}"*` : `"${word}"`,
    )
    .join(' AND ')
}

const anyOf = (words: string[]) => `(${words.join(' OR ')})`

/** One word that no tokenizer splits: 'x', the kind, the value as hex of its UTF-8. A person who types one gains nothing: rows are checked again. */
function keyWord(kind: 't' | 's' | 'i' | 'a' | 'g' | 'n', value: string): string {
  const hex = Array.from(new TextEncoder().encode(value), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `"x${kind}${hex}"`
}
