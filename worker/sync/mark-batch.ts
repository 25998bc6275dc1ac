// One claimed batch of mail to be marked: every row of it ends marked, given up or given back, whatever the mailbox does.
import type { Clock } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { log } from '../platform/log'
import { backoff } from '../platform/retry'
import { MARK_REFUSED, type Mark, type MarkCapable, type ProviderError } from '../providers/provider'
import { claimMarks, type MarkRow, type SettledMark, settleMarks, showMarkProblem } from './mark-rows'
import { type Failure, failureOf } from './policy'

/** Rows per claim: new mail that comes meanwhile waits for no more than this. */
export const MARK_BATCH = 12
/** Wall time after which a batch begins no further message, ms. */
const BATCH_TIME = 10_000
/** Tries of one mail. */
const MAX_ATTEMPTS = 5
/** Between two tries of one mail, ms. */
const RETRY = { base: 60_000, max: 60 * 60_000 }
/** Until a mailbox that could not be reached is tried again, where it names no time, ms. */
const WAIT = 60_000

export type MarkDeps = {
  db: TenantDb
  marks: MarkCapable
  clock: Clock
  /** [0, 1) */
  random: () => number
}

/**
 * Claims and marks one batch, `most` mails at most, with `atOnce` requests under way where that is limited. Null: nothing is due. `failure`: what stood between us and the mailbox, so that no
 * further batch is worth a try now. Throws only what D1 throws.
 */
export async function markBatch(
  deps: MarkDeps,
  inbox: { id: string; how: Mark },
  { most, atOnce }: { most: number; atOnce: number | undefined },
): Promise<{ failure: Failure | null } | null> {
  const deadline = deps.clock() + BATCH_TIME
  const rows = await claimMarks(deps.db, inbox, deps.clock(), most)
  if (rows.length === 0) return null
  const waiting = new Map(rows.map((row) => [row.ref.identity, row]))
  const settled: SettledMark[] = []
  let givenUp: ProviderError | null = null
  let failure: Failure | null = null
  try {
    const refs = rows.map(({ ref }) => ref)
    for await (const { ref, error } of deps.marks.mark(refs, inbox.how, atOnce)) {
      const row = waiting.get(ref.identity)
      if (row) settled.push(outcomeOf(deps, row, error))
      if (row && error && row.attempts >= MAX_ATTEMPTS) givenUp = error
      waiting.delete(ref.identity)
      if (deps.clock() >= deadline) break
    }
  } catch (error) {
    failure = failureOf(error)
    const level = failure.kind === 'internal' ? log.error : log.warn
    level('mark.failed', { inboxId: inbox.id, error })
  }
  // What was not reached costs no attempt; behind a refusal it waits for a person, and then no longer.
  const refused = failure?.code === MARK_REFUSED
  const dueAt = deps.clock() + (failure && !refused ? (failure.retryAfter ?? WAIT) : 0)
  const back = Array.from(waiting.values(), ({ id }) => ({ id, dueAt, burn: false }))
  await settleMarks(deps.db, [...settled, ...back])
  if (failure && refused) await showMarkProblem(deps.db, inbox, { message: wordsOf(failure), stops: true })
  else if (givenUp)
    await showMarkProblem(deps.db, inbox, {
      message: `A mail could not be marked in the mailbox after ${MAX_ATTEMPTS} tries and was left as it is. ${givenUp.message}`,
      stops: false,
    })
  return { failure }
}

function outcomeOf({ clock, random }: MarkDeps, { id, attempts }: MarkRow, error: ProviderError | null): SettledMark {
  if (error === null || attempts >= MAX_ATTEMPTS) return { id, dueAt: null, burn: true }
  return { id, dueAt: clock() + backoff(attempts, RETRY.base, RETRY.max, random()), burn: true }
}

const wordsOf = ({ message, hint }: Failure) => (hint === null ? message : `${message} ${hint}`)
