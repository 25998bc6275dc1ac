// What was added to the mailbox after a history id. All pages are read from one start id, and the next start is named by the answer.
import type { ChangePage } from '../provider'
import { ProviderError } from '../provider'
import { History } from './answers'
import { entryOf, type HistoryCursor, historyFrom, later, refOf } from './cursor'
import { UNITS } from './limits'
import type { ChangesDeps } from './list'

type Answer = ReturnType<typeof History.parse>

/** One page of changes, oldest first. Throws 'cursor_expired' once Google no longer keeps what happened since the start id. */
export async function historyPage(deps: ChangesDeps, cursor: HistoryCursor, limit: number): Promise<ChangePage> {
  const state = cursor.pending.length > 0 ? cursor : await readOn(deps, cursor)
  const pending = state.pending.slice(limit)
  const refs = state.pending.slice(0, limit).map(refOf)
  if (pending.length > 0 || state.pageToken !== null) return { refs, next: { ...state, pending }, more: true }
  return { refs, next: historyFrom(state.until ?? state.startId, null), more: false }
}

async function readOn(deps: ChangesDeps, cursor: HistoryCursor): Promise<HistoryCursor> {
  try {
    return judgePage(cursor, await ask(deps, cursor))
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    return restartAfter(deps, cursor, error)
  }
}

function ask({ client, limits }: ChangesDeps, { startId, pageToken }: HistoryCursor): Promise<Answer> {
  const query: Record<string, string> = {
    startHistoryId: startId,
    historyTypes: 'messageAdded',
    maxResults: String(limits.page),
  }
  if (pageToken !== null) query.pageToken = pageToken
  return client.call(History, { path: 'history', query, units: UNITS.history })
}

/** What a page says. The first page's id is the next start: what came in while the others were read is listed again rather than never. */
function judgePage(cursor: HistoryCursor, answer: Answer): HistoryCursor {
  const added = answer.history.flatMap((record) => record.messagesAdded.map(({ message }) => message))
  return {
    ...cursor,
    until: cursor.until ?? later(cursor.startId, answer.historyId),
    pageToken: answer.nextPageToken,
    pending: [...new Set(added.filter(isMail).map(entryOf))],
    listedAt: null,
  }
}

/** A draft is mail only once it is sent, and then it is added anew; a chat never is. */
function isMail({ labelIds }: { labelIds: string[] }): boolean {
  return !labelIds.includes('DRAFT') && !labelIds.includes('CHAT')
}

/** A page token that is refused costs a second reading from the start id, once; a start id that is refused has expired. */
async function restartAfter(deps: ChangesDeps, cursor: HistoryCursor, error: ProviderError): Promise<HistoryCursor> {
  if (error.kind !== 'not_found' && error.code !== 'gmail_refused') throw error
  if (cursor.pageToken !== null) {
    if (cursor.restarted) throw new ProviderError('transient', 'gmail_page_refused', PAGE_REFUSED, { cause: error })
    return readOn(deps, { ...cursor, pageToken: null, restarted: true })
  }
  // An id that was fetched a moment ago is not too old: listing everything again would only end here again.
  if (cursor.listedAt !== null && deps.clock() - cursor.listedAt < deps.limits.recent)
    throw new ProviderError('transient', 'gmail_history_refused', HISTORY_REFUSED, { cause: error })
  throw new ProviderError('cursor_expired', 'gmail_history_expired', HISTORY_EXPIRED, { cause: error })
}

const PAGE_REFUSED = 'Gmail lists changes and refuses to list the rest of them.'
const HISTORY_REFUSED = 'Gmail refuses to list changes since a moment that it has just named itself.'
const HISTORY_EXPIRED = 'Gmail no longer keeps a list of the changes since the last check.'
