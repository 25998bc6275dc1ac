// What becomes of a claimed message that could not be stored: tried again, quarantined, gone. Pure; no clock.
import { backoff } from '../platform/retry'
import type { ClaimedRow, EndedRow, ReturnedRow } from './claims'
import type { Failure } from './policy'

/** After this many claims without an outcome a message is quarantined. */
export const MAX_ATTEMPTS = 8
/** Between two tries of one message, ms. */
const RETRY = { base: 30_000, max: 15 * 60_000 }
/** Before the next try after a broken connection, and after a refused one, ms. */
const BROKEN_WAIT = 15_000
const REFUSED_WAIT = 60_000

export type RowOutcome = { ended: EndedRow } | { returned: ReturnedRow }
type Times = { now: number; random: number }

/** Whether an error says something about the connection or the account, not about the one message it was reported for. */
export function isConnectionWide(failure: Pick<Failure, 'kind'>): boolean {
  return failure.kind === 'auth_revoked' || failure.kind === 'rate_limited'
}

/** One message failed on its own. `forgetUpload` starts its upload anew. */
export function afterMessageFailure(row: ClaimedRow, failure: Failure, times: Times, forgetUpload = false): RowOutcome {
  if (failure.kind === 'not_found')
    return { ended: { id: row.id, disposition: 'gone', reason: 'expunged', error: failure.message } }
  if (failure.kind === 'too_large') return { ended: tooLarge(row) }
  if (row.attempts >= MAX_ATTEMPTS) return { ended: fetchFailed(row, failure.message) }
  const dueAt = times.now + backoff(row.attempts, RETRY.base, RETRY.max, times.random)
  return { returned: { id: row.id, dueAt, burn: true, error: failure.message, forgetUpload } }
}

/**
 * The connection failed. Only the message that was being read when it broke is blamed: an outage costs the others no attempt,
 * and a message that breaks every connection is soon claimed alone.
 */
export function afterBreak(
  failure: Failure,
  rows: { blamed: ClaimedRow | null; others: ClaimedRow[] },
  times: Times,
): RowOutcome[] {
  const { blamed, others } = rows
  const { retryAfter } = failure
  const least = isConnectionWide(failure) ? REFUSED_WAIT : BROKEN_WAIT
  // A server that names a time means it: its rows are due when its mailbox may be asked again.
  const wait = failure.kind === 'rate_limited' && retryAfter !== null ? retryAfter : Math.max(least, retryAfter ?? 0)
  const back = (row: ClaimedRow): RowOutcome => ({
    returned: { id: row.id, dueAt: times.now + wait, burn: false, error: null, forgetUpload: false },
  })
  if (blamed === null || isConnectionWide(failure)) return [...(blamed ? [blamed] : []), ...others].map(back)
  return [afterMessageFailure(blamed, failure, times), ...others.map(back)]
}

/** A claim that is over before the network is asked: known to be too large, or tried too often. */
export function beforeFetch(row: ClaimedRow, limit: number): EndedRow | null {
  if (row.size !== null && row.size > limit) return tooLarge(row)
  if (row.attempts > MAX_ATTEMPTS) return fetchFailed(row, row.error ?? 'Fetching it was interrupted again and again.')
  return null
}

const tooLarge = (row: ClaimedRow): EndedRow => ({
  id: row.id,
  disposition: 'quarantined',
  reason: 'too_large',
  error: 'The message is larger than Postroom reads.',
})
const fetchFailed = (row: ClaimedRow, error: string): EndedRow => ({
  id: row.id,
  disposition: 'quarantined',
  reason: 'fetch_failed',
  error,
})
