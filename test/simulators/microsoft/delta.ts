// messages/delta: which messages of a folder a sync token selects, and the tokens of the next page or round. Pure.
import type { Change, ChangeKind, Mailbox, StoredMessage } from './store.ts'

/** What the first call of a round asked for; tokens carry it along. */
export type DeltaQuery = {
  folder: string
  select: string[] | null
  /** ms; receivedDateTime ge, or gt where `exclusive` */
  since: { at: number; exclusive: boolean } | null
  changeType: ChangeKind | null
}

/** `list`: through what is in the folder, `at` messages given so far, until `until`. `changes`: after the change `after`, up to `until`. */
export type DeltaToken = DeltaQuery & { epoch: number } & (
    | { phase: 'list'; before: { receivedAt: number; arrived: number } | null; given: number; until: number }
    | { phase: 'changes'; after: number; until: number | null }
  )

export type Removed = { change: Change }
export type DeltaPage = { items: (StoredMessage | Removed)[]; next: DeltaToken | null; delta: DeltaToken | null }

/** With $filter Graph tracks no more than this many messages. */
const MAX_FILTERED = 5_000

/** Where a round without a token begins; `latest` skips what is there. */
export function startToken(box: Mailbox, query: DeltaQuery, latest: boolean): DeltaToken {
  const { epoch } = box
  return latest
    ? { ...query, epoch, phase: 'changes', after: box.seq, until: null }
    : { ...query, epoch, phase: 'list', before: null, given: 0, until: box.seq }
}

/** One page. `list` are the folder's messages, newest first. Either `next` or `delta` is there, never both. */
export function deltaPage(box: Mailbox, list: readonly StoredMessage[], token: DeltaToken, size: number): DeltaPage {
  return token.phase === 'list' ? listPage(list, token, size) : changesPage(box, token, size)
}

function listPage(list: readonly StoredMessage[], token: DeltaToken & { phase: 'list' }, size: number): DeltaPage {
  const { before, given, until, ...query } = token
  const room = token.since ? Math.min(size, MAX_FILTERED - given) : size
  const from = before ? list.findIndex((message) => isAfter(message, before)) : 0
  const rest = from < 0 ? [] : list.slice(from, from + room + 1).filter((message) => isSelected(message, token))
  const items = rest.slice(0, room)
  const last = items.at(-1)
  const total = given + items.length
  if (last && rest.length > room && !(token.since && total >= MAX_FILTERED)) {
    const place = { receivedAt: last.receivedAt, arrived: last.arrived }
    return { items, next: { ...token, before: place, given: total }, delta: null }
  }
  return { items, next: null, delta: { ...query, phase: 'changes', after: until, until: null } }
}

/** Whether a message comes later in the order of the list: newest first, then the last to arrive. */
const isAfter = (message: StoredMessage, { receivedAt, arrived }: { receivedAt: number; arrived: number }): boolean =>
  message.receivedAt < receivedAt || (message.receivedAt === receivedAt && message.arrived < arrived)

function changesPage(box: Mailbox, token: DeltaToken & { phase: 'changes' }, size: number): DeltaPage {
  const until = token.until ?? box.seq
  const items: (StoredMessage | Removed)[] = []
  const window = changesBetween(box.changes, token.after, until).filter(({ folder }) => folder === token.folder)
  const lastOf = new Map(window.map((change) => [change.immutableId, change.seq]))
  let through = token.after
  for (const change of window) {
    // A later change of the same message tells all there is to tell.
    const item = lastOf.get(change.immutableId) === change.seq ? itemOf(box, change, token) : null
    if (item && items.length === size) return { items, next: { ...token, after: through, until }, delta: null }
    if (item) items.push(item)
    through = change.seq
  }
  return { items, next: null, delta: { ...token, after: until, until: null } }
}

/** What a message's last change in the folder looks like now; null where the round does not ask for it. */
function itemOf(
  box: Mailbox,
  change: Change,
  token: DeltaToken & { phase: 'changes' },
): StoredMessage | Removed | null {
  const message = box.messages[change.immutableId]
  if (!message || message.folder !== token.folder) {
    return token.changeType === null || token.changeType === 'deleted' ? { change } : null
  }
  const kind: ChangeKind = message.arrived > token.after ? 'created' : 'updated'
  return (token.changeType === null || token.changeType === kind) && isSelected(message, token) ? message : null
}

function isSelected({ receivedAt }: StoredMessage, { since }: DeltaQuery): boolean {
  const at = receivedAt - (receivedAt % 1000) // Graph compares the seconds that it answers
  return !since || at > since.at || (at === since.at && !since.exclusive)
}

/** Changes are in order of `seq`: binary search, for mailboxes with long histories. */
function changesBetween(changes: readonly Change[], after: number, until: number): Change[] {
  let low = 0
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((changes[middle]?.seq ?? 0) <= after) low = middle + 1
    else high = middle
  }
  let end = low
  while (end < changes.length && (changes[end]?.seq ?? 0) <= until) end++
  return changes.slice(low, end)
}

/** A token as links carry it. */
export const encodeToken = (token: DeltaToken): string => Buffer.from(JSON.stringify(token)).toString('base64url')

/** The token, or `invalid` where it is none of this folder, or `expired`. */
export function decodeToken(box: Mailbox, folder: string, text: string): DeltaToken | 'invalid' | 'expired' {
  let token: DeltaToken
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return 'invalid'
  }
  if (token?.folder !== folder || !['list', 'changes'].includes(token.phase)) return 'invalid'
  return token.epoch === box.epoch ? token : 'expired'
}
