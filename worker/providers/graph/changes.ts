// What is new in a mailbox: the inbox and the sent items, each listed by date and then read by delta, the inbox first.
// The delta begins before the listing, so nothing falls between them; what is in both the ledger knows.
import type { Clock } from '../../platform/clock'
import type { ChangePage } from '../provider'
import { ProviderError } from '../provider'
import { MessagePage } from './answers'
import type { Call, GraphClient } from './client'
import {
  type Begin,
  type Closed,
  type Delta,
  type Entry,
  type FolderCursor,
  type FolderName,
  type GraphCursor,
  type Listing,
  refOf,
} from './cursor'
import type { GraphLimits } from './limits'

export type ChangesDeps = { client: GraphClient; clock: Clock; limits: GraphLimits }

/** The next messages after a cursor. Throws 'cursor_expired' once Graph no longer keeps what happened since. */
export async function nextPage(deps: ChangesDeps, cursor: GraphCursor, limit: number): Promise<ChangePage> {
  let state = cursor
  let repeats = 0
  for (let asked = 0; asked < deps.limits.steps; asked++) {
    const { turn } = state
    if (pendingOf(state[turn]).length > 0) return handOut(state, limit)
    const folder = await advance(deps, turn, state[turn], state.since)
    if (isSameLink(folder, state[turn]) && ++repeats === deps.limits.repeats) throw noProgress()
    state = { ...state, [turn]: folder }
    if (pendingOf(folder).length > 0) return handOut(state, limit)
    if (isAtRest(folder) && turn === 'sentitems') return { refs: [], next: { ...state, turn: 'inbox' }, more: false }
    state = { ...state, turn: turnAfter(turn, folder) }
  }
  return { refs: [], next: state, more: true }
}

function pendingOf(folder: FolderCursor): Entry[] {
  return folder.mode === 'list' || folder.mode === 'delta' ? folder.pending : []
}

/** Graph says that more waits, behind the very link that was asked. */
function isSameLink(folder: FolderCursor, before: FolderCursor): boolean {
  if (folder.mode === 'closed' || before.mode === 'closed' || isAtRest(folder)) return false
  return folder.link !== null && folder.link === before.link
}

/** Nothing is known to wait. */
function isAtRest(folder: FolderCursor): boolean {
  return folder.mode === 'closed' || (folder.mode === 'delta' && folder.rest && folder.pending.length === 0)
}

/** The inbox until it is at rest; the sent items never keep it waiting for more than a page. */
function turnAfter(turn: FolderName, folder: FolderCursor): FolderName {
  return turn === 'inbox' && isAtRest(folder) ? 'sentitems' : 'inbox'
}

function handOut(state: GraphCursor, limit: number): ChangePage {
  const { turn } = state
  const pending = pendingOf(state[turn])
  const rest = pending.slice(limit)
  const folder = emptied(state[turn], rest)
  return {
    refs: pending.slice(0, limit).map((entry) => refOf(entry, turn)),
    next: { ...state, [turn]: folder, turn: turnAfter(turn, folder) },
    more: !(turn === 'sentitems' && isAtRest(folder)),
  }
}

/** A folder with what is left of it; after the last page of a listing its delta is due. */
function emptied(folder: FolderCursor, pending: Entry[]): FolderCursor {
  if (folder.mode === 'list' && folder.last && pending.length === 0) {
    const { delta: link, takenAt } = folder
    return { mode: 'delta', link, rest: false, pending, seen: 0, takenAt }
  }
  return folder.mode === 'list' || folder.mode === 'delta' ? { ...folder, pending } : folder
}

/** One request. */
async function advance(
  deps: ChangesDeps,
  name: FolderName,
  folder: FolderCursor,
  since: number | null,
): Promise<FolderCursor> {
  switch (folder.mode) {
    case 'begin':
      return begin(deps, name, folder, since)
    case 'list':
      return emptied(...(await list(deps, name, folder)))
    case 'delta':
      return delta(deps, folder)
    case 'closed':
      return isDue(deps, folder) ? begin(deps, name, reopened(deps), since) : folder
  }
}

const SELECT = 'id,conversationId,receivedDateTime,isDraft,hasAttachments'
const sinceFilter = (from: number) => `receivedDateTime ge ${new Date(from).toISOString().slice(0, 19)}Z`

/**
 * Walks to the first delta link. Graph answers at most some thousand messages to a delta with a filter, so a busy mailbox is begun anew
 * at a later time: the listing has what is older.
 */
async function begin(deps: ChangesDeps, name: FolderName, folder: Begin, since: number | null): Promise<FolderCursor> {
  const { limits, clock } = deps
  // Else a mail from before the connect that somebody marks as read would count as new.
  const query = { $select: SELECT, $filter: sinceFilter(folder.from), changeType: 'created' }
  const first: Call = { path: `mailFolders/${name}/messages/delta`, query }
  let page: MessagePage
  try {
    page = await ask(deps, folder.link === null ? first : { link: folder.link })
  } catch (error) {
    if (name === 'sentitems' && error instanceof ProviderError && isClosed(error))
      return { mode: 'closed', at: clock() }
    throw error
  }
  const passed = folder.passed + page.value.length
  const { next, end } = linksOf(deps, page)
  const width = clock() - folder.from
  if (passed > limits.round && width > NARROWEST)
    return { mode: 'begin', from: clock() - Math.floor(width / 4), link: null, passed: 0 }
  if (next !== null) return { ...folder, link: next, passed }
  const takenAt = clock()
  if (since === null) return { mode: 'delta', link: end, rest: true, pending: [], seen: 0, takenAt }
  return { mode: 'list', from: since, link: null, delta: end, takenAt, pending: [], last: false }
}

const NARROWEST = 10 * 60_000

/** People are given the right to a folder later, and one bad answer is no reason to leave it shut. */
const isDue = ({ clock }: ChangesDeps, { at }: Closed) => clock() - at >= DAY
const DAY = 86_400_000

function reopened({ clock, limits }: ChangesDeps): Begin {
  return { mode: 'begin', from: clock() - limits.overlap, link: null, passed: 0 }
}

/** Who may read an inbox need not be able to read what was sent from it. */
function isClosed(error: ProviderError): boolean {
  return error.code === 'graph_access_denied' || error.kind === 'not_found'
}

/**
 * One page by date. The next one begins at the second of its last mail, not where Graph would go on: counted pages slip when mail is
 * deleted. Only a page of a single second is followed by Graph's own link.
 */
async function list(deps: ChangesDeps, name: FolderName, folder: Listing): Promise<[Listing, Entry[]]> {
  const query = {
    $select: SELECT,
    $filter: sinceFilter(folder.from),
    $orderby: 'receivedDateTime',
    $top: String(deps.limits.page),
  }
  const page = await deps.client.call(
    MessagePage,
    folder.link === null ? { path: `mailFolders/${name}/messages`, query } : { link: folder.link },
  )
  const pending = entriesOf(page)
  const link = page['@odata.nextLink']
  if (link === undefined) return [{ ...folder, link: null, last: true }, pending]
  if (link === folder.link) throw noProgress()
  const newest = Math.max(folder.from, ...page.value.map(({ receivedDateTime }) => receivedDateTime ?? 0))
  const from = newest - (newest % 1_000)
  const moved = from > folder.from
  return [{ ...folder, from: moved ? from : folder.from, link: moved ? null : deps.client.trusted(link) }, pending]
}

async function delta(deps: ChangesDeps, folder: Delta): Promise<Delta> {
  const page = await asKept(deps, folder)
  const { next, end } = linksOf(deps, page)
  const seen = folder.seen + page.value.length
  // More may have happened than a filtered delta tells.
  if (seen > deps.limits.round)
    throw new ProviderError('cursor_expired', 'graph_delta_full', 'More has changed than Microsoft lists at once.')
  // The same page for ever: what else there is, a listing by date finds.
  if (next === folder.link && page.value.length > 0)
    throw unlessRecent(deps, folder, new ProviderError('cursor_expired', 'graph_delta_stuck', DELTA_STUCK))
  const pending = entriesOf(page)
  if (next !== null) return { mode: 'delta', link: next, rest: false, pending, seen, takenAt: folder.takenAt }
  return { mode: 'delta', link: end, rest: true, pending, seen: 0, takenAt: null }
}

async function asKept(deps: ChangesDeps, folder: Delta): Promise<MessagePage> {
  try {
    return await ask(deps, { link: folder.link })
  } catch (error) {
    throw error instanceof ProviderError && error.kind === 'cursor_expired' ? unlessRecent(deps, folder, error) : error
  }
}

/** A position that was taken a moment ago is not too old: listing everything again would only end here again. */
function unlessRecent({ clock, limits }: ChangesDeps, { takenAt }: Delta, expired: ProviderError): ProviderError {
  if (takenAt === null || clock() - takenAt >= limits.recent) return expired
  return new ProviderError('transient', 'graph_delta_refused', DELTA_REFUSED, { cause: expired })
}

const DELTA_STUCK = 'Microsoft lists the same changes over and over.'
const DELTA_REFUSED = 'Microsoft refuses to list changes since a moment that it has just named itself.'

/** A link that Graph itself has made and now calls wrong is void, whatever it calls that. */
async function ask({ client, limits }: ChangesDeps, call: Call): Promise<MessagePage> {
  try {
    return await client.call(MessagePage, { ...call, prefer: `odata.maxpagesize=${limits.page}` })
  } catch (error) {
    if (!('link' in call) || !(error instanceof ProviderError) || error.code !== 'graph_refused') throw error
    throw new ProviderError('cursor_expired', 'graph_delta_void', error.message, { cause: error.cause })
  }
}

type Links = { next: string; end: string } | { next: null; end: string }

/** Where a delta goes on: the next page, or the end of this reading. The host of either is known before it is kept. */
function linksOf({ client }: ChangesDeps, page: MessagePage): Links {
  const next = page['@odata.nextLink']
  const end = page['@odata.deltaLink']
  if (next !== undefined) return { next: client.trusted(next), end: '' }
  if (end === undefined) throw new ProviderError('protocol', 'graph_no_link', 'Microsoft did not say how to go on.')
  return { next: null, end: client.trusted(end) }
}

const noProgress = () =>
  new ProviderError('protocol', 'graph_no_progress', 'Microsoft announces more messages and lists none.')

/** The mails of a page, oldest first: not what was removed, and no drafts. */
function entriesOf(page: MessagePage): Entry[] {
  return page.value
    .filter((message) => message['@removed'] === undefined && message.isDraft !== true)
    .map(entryOf)
    .sort((a, b) => (a[2] ?? Number.POSITIVE_INFINITY) - (b[2] ?? Number.POSITIVE_INFINITY) || 0)
}

function entryOf({ id, conversationId, receivedDateTime, hasAttachments }: MessagePage['value'][number]): Entry {
  const entry: Entry = [id, conversationId ?? null, receivedDateTime ?? null]
  if (hasAttachments) entry.push(true)
  return entry
}
