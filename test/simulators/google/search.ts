// Gmail's search box as far as mail clients use it: words, quotes, minus, OR, brackets, and the operators below. Pure.

/** What a query may look at; the expensive parts are functions, called only by queries that need them. */
export type Searchable = {
  labelIds: readonly string[]
  /** ms */
  internalDate: number
  size: number
  header(name: string): string
  text(): string
  hasAttachment(): boolean
}

export type Predicate = (message: Searchable) => boolean

/** `everywhere`: the query names a place itself, so spam and trash are not left out. */
export type Query = { matches: Predicate; everywhere: boolean }

type Token = { negated: boolean; operator: string | null; value: string }

/** Dates without a time are midnight in this zone, as the API guide says. */
const PACIFIC_OFFSET = 8 * 3_600_000
const DAY = 86_400_000

const LABEL_OF_PLACE: Record<string, string> = {
  inbox: 'INBOX',
  sent: 'SENT',
  trash: 'TRASH',
  spam: 'SPAM',
  draft: 'DRAFT',
  drafts: 'DRAFT',
  chat: 'CHAT',
  chats: 'CHAT',
  unread: 'UNREAD',
  starred: 'STARRED',
  important: 'IMPORTANT',
}

/** Reads a query. `labelId` turns the name of a user's label into its id; `now` in ms is for newer_than and older_than. */
export function parseQuery(text: string, now: number, labelId: (name: string) => string): Query {
  const tokens = tokenize(text)
  const everywhere = tokens.some(
    ({ negated, operator, value }) =>
      !negated && (operator === 'in' || operator === 'label') && ['anywhere', 'spam', 'trash'].includes(value),
  )
  let at = 0
  const sequence = (closing: string | null): Predicate => {
    const terms: Predicate[] = []
    while (at < tokens.length) {
      const token = tokens[at++]
      if (!token) break
      if (token.operator === null && token.value === closing) break
      if (token.operator === null && token.value === 'OR' && terms.length > 0 && at < tokens.length) {
        const left = terms.pop() as Predicate
        const right = single(tokens[at++] as Token)
        terms.push((message) => left(message) || right(message))
      } else terms.push(single(token))
    }
    return closing === '}'
      ? (message) => terms.some((term) => term(message))
      : (message) => terms.every((term) => term(message))
  }
  const single = (token: Token): Predicate => {
    const bracket = token.operator === null && { '(': ')', '{': '}' }[token.value]
    const term = bracket ? sequence(bracket) : termOf(token, now, labelId)
    return token.negated ? (message) => !term(message) : term
  }
  return { matches: sequence(null), everywhere }
}

function tokenize(text: string): Token[] {
  const pattern = /(-?)(?:([(){}])|(?:([a-z_0-9]+):)?(?:"([^"]*)"|([^\s(){}"]+)))/gi
  return [...text.matchAll(pattern)].map((match) => {
    const [, minus, bracket, operator, quoted, word] = match
    const literal = quoted !== undefined
    if (operator)
      return { negated: minus === '-', operator: operator.toLowerCase(), value: (quoted ?? word ?? '').toLowerCase() }
    return { negated: minus === '-', operator: literal ? 'text' : null, value: bracket ?? quoted ?? word ?? '' }
  })
}

function termOf({ operator, value }: Token, now: number, labelId: (name: string) => string): Predicate {
  const has =
    (label: string): Predicate =>
    (message) =>
      message.labelIds.includes(label)
  switch (operator) {
    case 'in':
    case 'is':
    case 'label': {
      if (value === 'anywhere') return () => true
      if (value === 'read') return (message) => !message.labelIds.includes('UNREAD')
      return has(LABEL_OF_PLACE[value] ?? labelId(value))
    }
    case 'category':
      return has(`CATEGORY_${value === 'primary' ? 'PERSONAL' : value.toUpperCase()}`)
    case 'from':
    case 'to':
    case 'cc':
    case 'bcc':
    case 'subject':
      return (message) => message.header(operator).toLowerCase().includes(value)
    case 'rfc822msgid':
      return (message) =>
        message.header('message-id').toLowerCase().replace(/^<|>$/g, '') === value.replace(/^<|>$/g, '')
    case 'has':
      return (message) => value === 'attachment' && message.hasAttachment()
    case 'larger':
    case 'size':
      return (message) => message.size >= bytesOf(value)
    case 'smaller':
      return (message) => message.size < bytesOf(value)
    // Whether Gmail counts the second itself is not documented: here neither side does, so that a client must overlap its windows.
    case 'after':
    case 'newer':
      return (message) => Math.floor(message.internalDate / 1000) > secondsOf(value)
    case 'before':
    case 'older':
      return (message) => Math.floor(message.internalDate / 1000) < secondsOf(value)
    case 'newer_than':
      return (message) => message.internalDate > now - spanOf(value)
    case 'older_than':
      return (message) => message.internalDate < now - spanOf(value)
    default: {
      const words = (operator === null || operator === 'text' ? value : `${operator}:${value}`).toLowerCase()
      return (message) =>
        ['subject', 'from', 'to', 'cc'].some((name) => message.header(name).toLowerCase().includes(words)) ||
        message.text().toLowerCase().includes(words)
    }
  }
}

/** Seconds since 1970 of `1388552400`, `2004/04/16` or `2004-04-16`; what is neither matches nothing. */
function secondsOf(value: string): number {
  const date = /^(\d{4})[/-](\d{1,2})[/-](\d{1,2})$/.exec(value)
  if (date) return (Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3])) + PACIFIC_OFFSET) / 1000
  return /^\d+$/.test(value) ? Number(value) : Number.NaN
}

function spanOf(value: string): number {
  const [, count, unit] = /^(\d+)([dmy])$/.exec(value) ?? []
  return Number(count ?? Number.NaN) * DAY * (unit === 'y' ? 365 : unit === 'm' ? 30 : 1)
}

function bytesOf(value: string): number {
  const [, count, unit] = /^(\d+)([km]?)b?$/.exec(value) ?? []
  return Number(count ?? Number.NaN) * (unit === 'm' ? 1_048_576 : unit === 'k' ? 1024 : 1)
}
