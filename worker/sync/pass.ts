// One pass over a mailbox: what is new gets a ledger row, then a fetch job, and only then the cursor moves.
import type { Clock } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { newId } from '../platform/ids'
import type { JobSender } from '../platform/jobs'
import { type Cursor, type MailProvider, type MessageRef, ProviderError } from '../providers/provider'

/** Messages per page: one page is one D1 statement and one fetch job. */
const PAGE = 500
/** Wall time of a pass, ms; what remains is the next pass. */
const PASS_TIME = 20_000
/** Mail that has just arrived is due this much earlier, ms, so that it is claimed before what is left of an import. */
const AHEAD = 30 * 86_400_000

export type PassDeps = { db: TenantDb; jobs: JobSender; provider: Pick<MailProvider, 'changes'>; clock: Clock }
export type PassInput = {
  inboxId: string
  cursor: Cursor | null
  /** Which mailbox of this inbox's life it is, from 1: identities of different mailboxes never collide. */
  mailbox: number
  /** The mailbox was read to its end before: what is new has just arrived. */
  live: boolean
}
/**
 * `found`: messages the provider listed; `queued`: those that were not known yet; `more`: time was up before the end. `elsewhere`: how many
 * of those queued are no received mail, so that no push announces them; absent where none is.
 */
export type PassResult = { found: number; queued: number; more: boolean; elsewhere?: number }

/**
 * Pages through the changes after the cursor. `commit` stores a cursor; it is called after the page's rows are in D1 and its job is
 * sent, so that a crash anywhere lists messages again and never skips one. Throws what the provider or D1 throws.
 */
export async function runPass(
  deps: PassDeps,
  input: PassInput,
  commit: (cursor: Cursor) => Promise<void>,
): Promise<PassResult> {
  const deadline = deps.clock() + PASS_TIME
  let cursor = input.cursor
  let found = 0
  let queued = 0
  let elsewhere = 0
  const result = (more: boolean): PassResult => ({ found, queued, more, ...(elsewhere > 0 && { elsewhere }) })
  for (;;) {
    const page = await changesOrAnew(deps.provider, cursor)
    if (page.refs.length > 0) {
      const fresh = await discover(deps, input, page.refs)
      queued += fresh.length
      elsewhere += fresh.filter(({ role }) => role !== null).length
      found += page.refs.length
      await deps.jobs.send({ kind: 'fetch', tenantId: deps.db.tenantId, inboxId: input.inboxId })
    }
    await commit(page.next)
    if (!page.more) return result(false)
    if (page.refs.length === 0 && JSON.stringify(page.next) === JSON.stringify(cursor))
      throw new ProviderError('protocol', 'no_progress', 'The mail server announces more messages and lists none.')
    if (deps.clock() >= deadline) return result(true)
    cursor = page.next
  }
}

/** An expired cursor starts anew; the ledger knows what was seen before. */
async function changesOrAnew(provider: Pick<MailProvider, 'changes'>, cursor: Cursor | null) {
  try {
    return await provider.changes(cursor, PAGE)
  } catch (error) {
    if (cursor !== null && error instanceof ProviderError && error.kind === 'cursor_expired')
      return provider.changes(null, PAGE)
    throw error
  }
}

/** One ledger row per message not seen before, in one statement. Returns those that were new, with where they lie. */
async function discover(deps: PassDeps, input: PassInput, refs: MessageRef[]): Promise<{ role: string | null }[]> {
  const now = deps.clock()
  const rows = refs.map((ref) => ({
    id: newId('led', now),
    identity: ledgerIdentity(ref.identity, input.mailbox),
    ref: JSON.stringify(ref),
    size: ref.size ?? null,
  }))
  const { results } = await deps.db
    .prepare(
      `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, size, due_at, created_at, updated_at)
       SELECT value ->> 'id', ?1, ?2, value ->> 'identity', value ->> 'ref', 'discovered', value ->> 'size', ?5, ?3, ?3
       FROM json_each(?4) WHERE true
       ON CONFLICT (tenant_id, inbox_id, identity) DO NOTHING
       RETURNING ref ->> 'role' AS role`,
      input.inboxId,
      now,
      JSON.stringify(rows),
      input.live ? now - AHEAD : now,
    )
    .all<{ role: string | null }>()
  return results
}

/** UIDVALIDITY is only unique within one account (some servers always say 1), so a second mailbox of an inbox gets a mark. */
function ledgerIdentity(identity: string, mailbox: number): string {
  return mailbox === 1 ? identity : `${identity}@${mailbox}`
}
