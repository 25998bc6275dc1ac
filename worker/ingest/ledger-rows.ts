// The ledger rows that ingest works on: claimed for a lease, read, and given back or quarantined when they fail. One statement per call.
import { z } from 'zod'
import type { MailRole } from '../contract/inboxes'
import { CloudLink } from '../mail/cloud-link'
import type { TenantDb } from '../platform/db'
import { log } from '../platform/log'

/** How long a claim holds a row, ms. */
const LEASE = 60_000
/** Rows of one claim, and their raw bytes together; a single larger mail comes alone. */
export const BATCH = 50
export const BATCH_BYTES = 8 * 1024 * 1024
/** Rows claimed this often without an outcome are claimed one at a time, so that what kills the isolate takes nothing with it. */
const SUSPECT_ATTEMPTS = 3
/** After this many tries a row is quarantined. */
export const MAX_ATTEMPTS = 5
/** `ledger.reason` of a stored row that a person released: it becomes a ticket whatever the planner thinks. */
export const RELEASED = 'released'

/** A claimed row. `attempts` counts this claim. */
export type StoredRow = {
  id: string
  rawKey: string
  size: number
  digest: string | null
  receivedAt: number | null
  attempts: number
  reason: string | null
  /** the provider's conversation id, from providers that have one */
  providerThread: string | null
  /** where it lies at the provider, null for received mail */
  role: MailRole | null
  /** files that the mail only points at */
  links: CloudLink[]
}

const CLAIM = 'UPDATE ledger SET attempts = attempts + 1, due_at = ?4, updated_at = ?3'
const CLAIMED = `RETURNING rowid AS seq, id, raw_key AS rawKey, size, digest, received_at AS receivedAt, attempts, reason, role, links, ref ->> 'thread' AS providerThread`

type RawRow = Omit<StoredRow, 'links'> & { seq: number; links: string | null }

/** Rows as they are, in the order they were discovered in. */
function inOrder(rows: RawRow[]): StoredRow[] {
  return rows.sort((a, b) => a.seq - b.seq).map((row) => ({ ...row, links: linksOf(row) }))
}

/** `ledger.links`. What cannot be read is left out: no mail, and none of its batch, should fail by it. */
function linksOf({ id, links }: RawRow): CloudLink[] {
  if (links === null) return []
  try {
    return z.array(CloudLink).parse(JSON.parse(links))
  } catch (error) {
    log.warn('ingest.links_unreadable', { ledgerId: id, error })
    return []
  }
}

/** Claims the given rows, whoever else holds them: the guard of the apply decides, the claim only counts the try. */
export async function claimRows(db: TenantDb, inboxId: string, ids: string[], now: number): Promise<StoredRow[]> {
  const { results } = await db
    .prepare(
      `${CLAIM} WHERE tenant_id = ?1 AND inbox_id = ?2 AND state = 'stored' AND id IN (SELECT value FROM json_each(?5)) ${CLAIMED}`,
      inboxId,
      now,
      now + LEASE,
      JSON.stringify(ids),
    )
    .all<RawRow>()
  return inOrder(results)
}

/** Claims the rows of an inbox that are due: a batch of those that behave or, when there are none, one of the suspects. */
export async function claimDue(db: TenantDb, inboxId: string, now: number): Promise<StoredRow[]> {
  const take = async (which: string, limit: number) => {
    const { results } = await db
      .prepare(
        `${CLAIM} WHERE tenant_id = ?1 AND id IN (
           SELECT id FROM (
             SELECT id, row_number() OVER oldest AS nth, sum(coalesce(size, 0)) OVER (oldest ROWS UNBOUNDED PRECEDING) AS total
             FROM (
               SELECT id, size, due_at, rowid AS seq FROM ledger INDEXED BY ledger_claim
               WHERE tenant_id = ?1 AND inbox_id = ?2 AND state = 'stored' AND due_at <= ?3 AND ${which}
               ORDER BY due_at, rowid LIMIT ${limit}
             ) WINDOW oldest AS (ORDER BY due_at, seq)
           ) WHERE nth = 1 OR total <= ${BATCH_BYTES}
         ) ${CLAIMED}`,
        inboxId,
        now,
        now + LEASE,
      )
      .all<RawRow>()
    return inOrder(results)
  }
  const batch = await take(`attempts < ${SUSPECT_ATTEMPTS}`, BATCH)
  return batch.length > 0 ? batch : take(`attempts >= ${SUSPECT_ATTEMPTS}`, 1)
}

/** Puts rows off until `dueAt`; waiting is no failure, so the try does not count. */
export async function postpone(db: TenantDb, ids: string[], dueAt: number, now: number): Promise<void> {
  if (ids.length === 0) return
  await db
    .prepare(
      `UPDATE ledger SET due_at = ?3, attempts = max(attempts - 1, 0), updated_at = ?4
       WHERE tenant_id = ?1 AND state = 'stored' AND id IN (SELECT value FROM json_each(?2))`,
      JSON.stringify(ids),
      dueAt,
      now,
    )
    .run()
}

/** How a row's try failed: it is due again at `dueAt`, or quarantined where that is null. `error` is plain words. */
export type FailedRow = { id: string; error: string; dueAt: number | null }

/** Writes failures to the rows that are still without a disposition. */
export async function recordFailures(db: TenantDb, rows: FailedRow[], now: number): Promise<void> {
  if (rows.length === 0) return
  await db
    .prepare(
      `UPDATE ledger SET error = j.value ->> 'error', due_at = j.value ->> 'dueAt', updated_at = ?3,
         state = iif(j.value ->> 'dueAt' IS NULL, 'done', state),
         disposition = iif(j.value ->> 'dueAt' IS NULL, 'quarantined', disposition),
         reason = iif(j.value ->> 'dueAt' IS NULL, 'ingest_failed', reason)
       FROM json_each(?2) j
       WHERE ledger.tenant_id = ?1 AND ledger.id = j.value ->> 'id' AND ledger.state = 'stored'`,
      JSON.stringify(rows),
      now,
    )
    .run()
}
