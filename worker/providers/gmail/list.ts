// A listing by date, oldest first: Gmail lists newest first, so a window of time is listed whole and kept in the cursor back to front.
import type { Clock } from '../../platform/clock'
import type { ChangePage } from '../provider'
import { ProviderError } from '../provider'
import { MessageList, Profile } from './answers'
import type { GmailClient } from './client'
import { entryOf, historyFrom, type ListCursor, refOf } from './cursor'
import { type GmailLimits, UNITS } from './limits'

export type ChangesDeps = { client: GmailClient; clock: Clock; limits: GmailLimits }

/** What is listed: everything but what was thrown away, is being written, or is no mail. Never by label: filters move mail out of INBOX. */
const WANTED = '-in:trash -in:draft -in:chats'

/** One page of the listing. Its last page leads over to the history. */
export async function listPage(deps: ChangesDeps, cursor: ListCursor, limit: number): Promise<ChangePage> {
  let state = cursor
  for (let asked = 0; state.pending.length === 0 && state.historyId === null; asked++) {
    if (asked === deps.limits.windows) return { refs: [], next: state, more: true }
    state = await nextWindow(deps, state)
  }
  const pending = state.pending.slice(limit)
  const done = pending.length === 0 ? state.historyId : null
  return {
    refs: state.pending.slice(0, limit).map(refOf),
    next: done === null ? { ...state, pending } : historyFrom(done, deps.clock()),
    more: true,
  }
}

/** Lists one window, or finds that it has to be narrower. */
async function nextWindow(deps: ChangesDeps, state: ListCursor): Promise<ListCursor> {
  const { limits, client } = deps
  const now = Math.floor(deps.clock() / 1000)
  const end = state.span === null || state.from + state.span > now ? null : state.from + state.span
  // Read before the last window: what arrives while it is listed is in both, and the ledger knows it.
  const profile = end === null ? await client.call(Profile, { path: 'profile', units: UNITS.profile }) : null
  const width = (end ?? Math.max(now, state.from) + 1) - state.from
  const narrowest = width <= 2
  const entries = await listWindow(deps, queryOf(state.from, end), narrowest ? limits.fullWindow : limits.window)
  if (entries === null && narrowest)
    throw new ProviderError('protocol', 'gmail_window_full', 'More mails carry the same date than can be listed.')
  if (entries === null) return { ...state, span: Math.floor(width / 2) }
  return {
    ...state,
    from: end ?? state.from,
    span: width * growthAfter(entries.length, limits.window),
    pending: entries.reverse(),
    historyId: profile?.historyId ?? null,
  }
}

/** Windows grow again where mail is sparse. */
function growthAfter(found: number, cap: number): number {
  if (found < cap / 16) return 8
  return found < cap / 4 ? 2 : 1
}

/** Seconds. Whether Gmail counts the bounds in is not promised, so windows overlap by a second and the ledger removes doubles. */
function queryOf(from: number, end: number | null): string {
  const bounds = [from > 1 ? `after:${from - 1}` : '', end === null ? '' : `before:${end + 1}`]
  return [...bounds, WANTED].filter((part) => part !== '').join(' ')
}

/** Every message of a window, newest first; null where there are more than `cap`. */
async function listWindow({ client, limits }: ChangesDeps, q: string, cap: number): Promise<string[] | null> {
  const entries: string[] = []
  let pageToken: string | null = null
  do {
    const query: Record<string, string> = { q, includeSpamTrash: 'true', maxResults: String(limits.page) }
    if (pageToken !== null) query.pageToken = pageToken
    const answer = await client.call(MessageList, { path: 'messages', query, units: UNITS.list })
    for (const message of answer.messages) entries.push(entryOf(message))
    if (entries.length > cap || (answer.nextPageToken !== null && entries.length === cap)) return null
    if (answer.nextPageToken !== null && answer.nextPageToken === pageToken) throw noProgress()
    pageToken = answer.nextPageToken
  } while (pageToken !== null)
  return entries
}

const noProgress = () =>
  new ProviderError('protocol', 'gmail_no_progress', 'Gmail announces more messages and lists none.')
