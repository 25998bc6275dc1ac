// Address fields (From, To, Cc, …) to names and addresses. Pure; never throws; reads what real mailers write, not only RFC 5322.
import { cleanLine, decodeWords } from './headers'
import { LIMITS } from './limits'
import type { Address } from './types'

/** What has been read of one mailbox so far. `phrase` is without quotes, `raw` with them: a local part may be quoted. */
type Draft = { phrase: string; raw: string; comment: string; angle: string | null }

const ENCODED_WORD = /=\?[^?\s]{1,80}\?[bBqQ]\?[^?]*\?=/y
/** A mailbox without brackets is looked at up to here. */
const MAX_BARE = 2000
const emptyDraft = (): Draft => ({ phrase: '', raw: '', comment: '', angle: null })

/** Index of the parenthesis that closes the one at `open`; -1 where none does. */
function commentEnd(value: string, open: number): number {
  let depth = 0
  for (let i = open; i < value.length; i++) {
    if (value[i] === '\\') i++
    else if (value[i] === '(') depth++
    else if (value[i] === ')' && --depth === 0) return i
  }
  return -1
}

/** Index of the quote that closes the one at `open`; -1 where none does. */
function quoteEnd(value: string, open: number): number {
  for (let i = open + 1; i < value.length; i++) {
    if (value[i] === '\\') i++
    else if (value[i] === '"') return i
  }
  return -1
}

const unquoted = (text: string) => text.replace(/\\(.)/g, '$1')

/** Splits a field into its mailboxes: quotes, comments, encoded words, groups, routes, brackets left open. */
function* drafts(value: string): Generator<Draft> {
  let draft = emptyDraft()
  // One that never closes makes all later ones plain characters, which keeps hostile fields linear.
  let commentsClose = true
  let quotesClose = true
  let inAngle = false
  /** The first character within the brackets: "@" begins a source route. */
  let angleFirst = ''
  let hasAt = false
  let i = 0
  const reset = () => {
    draft = emptyDraft()
    inAngle = false
    hasAt = false
  }
  while (i < value.length) {
    const char = value[i] ?? ''
    if (char === '"' && quotesClose) {
      const end = quoteEnd(value, i)
      quotesClose = end >= 0
      if (end < 0) continue
      if (inAngle) draft.angle += value.slice(i, end + 1)
      else {
        draft.phrase += unquoted(value.slice(i + 1, end))
        draft.raw += value.slice(i, end + 1)
      }
      i = end + 1
      continue
    }
    if (char === '(' && commentsClose) {
      const end = commentEnd(value, i)
      commentsClose = end >= 0
      if (end < 0) continue
      draft.comment += ` ${unquoted(value.slice(i + 1, end))}`
      if (!inAngle) draft.phrase += ' '
      i = end + 1
      continue
    }
    if (char === '=' && !inAngle) {
      ENCODED_WORD.lastIndex = i
      const word = ENCODED_WORD.exec(value)?.[0]
      if (word) {
        draft.phrase += word
        draft.raw += word
        i += word.length
        continue
      }
    }
    i++
    if (char === '<') {
      // "<Name <a@b>>": what stood in the outer bracket was a name.
      if (inAngle) draft.phrase += ` ${draft.angle}`
      draft.angle = ''
      inAngle = true
      angleFirst = ''
    } else if (char === '>' && draft.angle !== null) {
      inAngle = false
    } else if (inAngle && (char !== ',' || angleFirst === '@')) {
      // A comma inside brackets is a source route (RFC 5322 section 4.4), else the bracket was left open.
      draft.angle += char
      angleFirst ||= char.trim()
    } else if (char === ',' || char === ';') {
      yield draft
      reset()
    } else if (char === ':' && draft.angle === null && !hasAt) {
      // The name of a group, or "mailto:".
      reset()
    } else {
      draft.phrase += char
      draft.raw += char
      hasAt ||= char === '@'
    }
  }
  yield draft
}

/** The address inside brackets or a bare word, lower case; null where it is none. */
function cleanEmail(text: string): string | null {
  const plain = text
    .slice(0, 1000)
    .replace(/^[\s<'[]+|[\s>',.;]+$/g, '')
    .replace(/^([^[]*)\]+$/, '$1')
    .replace(/^mailto:([^?]*).*$/is, '$1')
    .replace(/^@[^:]*:/, '')
    .replace(/^(["'])([\w.+-]+)\1@/, '$2@')
    .replace(/\s*([@.])\s*/g, '$1')
  const [, local = '', domain = ''] = /^(".*"|[^@]+)@([^@]+)$/s.exec(plain) ?? []
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters make no address
  const badLocal = local === '' || (local.startsWith('"') ? /[\x00-\x1f]/ : /[\x00-\x20<>()[\]:;,"\\]/).test(local)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters make no address
  const badDomain = domain === '' || /[\x00-\x20<>()[\]\\:;,"'/?=&#%]/.test(domain.replace(/^\[[\w.:]+\]$/, 'literal'))
  if (badLocal || badDomain || plain.length > 320) return null
  return `${local}@${domain}`.toLowerCase()
}

function cleanName(text: string, email: string): string {
  const name = cleanLine(decodeWords(text.slice(0, MAX_BARE)))
    .replace(/\s+/g, ' ')
    .replace(/^'(.*)'$/, '$1')
    .replace(/^"(.*)"$/, '$1')
    .trim()
  return name.toLowerCase() === email ? '' : name.slice(0, LIMITS.subjectChars)
}

/** The mailboxes of a draft: one, or several where commas were forgotten between bare addresses. */
function toAddresses(draft: Draft): Address[] {
  const inBrackets = draft.angle === null ? null : cleanEmail(draft.angle)
  if (inBrackets !== null)
    return [{ email: inBrackets, name: cleanName(draft.phrase.trim() || draft.comment, inBrackets) }]
  // No brackets, or nothing in them: the address is the whole phrase ("a @ b . c") or words of it ("Name a@b.c").
  const bare = draft.raw.slice(0, MAX_BARE)
  const whole = cleanEmail(bare)
  if (whole !== null) return [{ email: whole, name: cleanName(draft.comment, whole) }]
  const words = bare.split(/\s+/)
  const emails = words.flatMap((word) => (word.includes('@') ? (cleanEmail(word) ?? []) : []))
  const rest = words.filter((word) => cleanEmail(word) === null).join(' ')
  return emails.map((email) => ({
    email,
    name: emails.length > 1 ? '' : cleanName(rest.replaceAll('"', '') || draft.comment, email),
  }))
}

/**
 * Mailboxes of an address field in order, groups flattened, at most LIMITS.addresses. Addresses are lower case and hold one
 * "@"; what holds no address is left out. Names are decoded (RFC 2047) after the field was split, so that an encoded comma
 * or bracket cannot add an address; only a mailbox without any address is read again in decoded form.
 */
export function parseAddressList(value: string | null): Address[] {
  const found: Address[] = []
  for (const draft of drafts(value ?? '')) {
    if (draft.raw === '' && draft.angle === null) continue
    const addresses = toAddresses(draft)
    found.push(...(addresses.length > 0 ? addresses : fromEncoded(draft)))
    if (found.length >= LIMITS.addresses) break
  }
  return found.slice(0, LIMITS.addresses)
}

/** Some mailers encode the whole mailbox, "Name <a@b>" or "a@b", as one word. */
function fromEncoded(draft: Draft): Address[] {
  if (!draft.phrase.includes('=?')) return []
  for (const inner of drafts(cleanLine(decodeWords(draft.phrase.slice(0, MAX_BARE))))) {
    const addresses = toAddresses(inner)
    if (addresses.length > 0) return addresses.slice(0, 1)
  }
  return []
}
