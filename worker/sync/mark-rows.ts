// The ledger rows whose mail is to be marked in its mailbox: claimed for a lease, then settled. One statement per call, for any number of rows.
// A lease is the row's own mark_due_at; null is the end. The index ledger_mark has that order.
import type { MarkProblem } from '../contract/inboxes'
import type { TenantDb } from '../platform/db'
import type { InboxRow } from '../platform/inbox-answer'
import type { Mark, MessageRef } from '../providers/provider'

/** How long a claim holds a row, ms. */
const LEASE = 60_000

/** A claimed row. `attempts` counts this claim. */
export type MarkRow = { id: string; ref: MessageRef; attempts: number }

/** What the inbox wants done to its mail; null where nothing is, or where that is known not to work. */
export function markWanted({
  markProcessed,
  markFolder,
  markProblem,
}: Pick<InboxRow, 'markProcessed' | 'markFolder' | 'markProblem'>): Mark | null {
  if (markProblem !== null && (JSON.parse(markProblem) as MarkProblem).stops) return null
  switch (markProcessed) {
    case 'none':
      return null
    case 'category':
    case 'read':
      return { action: markProcessed }
    case 'move':
      return markFolder === null ? null : { action: 'move', folder: markFolder }
  }
}

/** The inbox ?2 still wants what it wanted when it was read, and nothing has stopped it since. */
const AS_WANTED = `EXISTS (SELECT 1 FROM inboxes i WHERE i.tenant_id = ?1 AND i.id = ?2 AND i.mark_processed = ?3 AND i.mark_folder IS ?4
  AND coalesce(i.mark_problem ->> 'stops', 0) = 0)`
const wanted = (how: Mark) => [how.action, how.action === 'move' ? how.folder : null]

/** Claims the rows that are due first, `most` of them at most; none once the inbox wants something else. */
export async function claimMarks(
  db: TenantDb,
  inbox: { id: string; how: Mark },
  now: number,
  most: number,
): Promise<MarkRow[]> {
  const { results } = await db
    .prepare(
      `UPDATE ledger SET mark_due_at = ?6, mark_attempts = mark_attempts + 1
       WHERE tenant_id = ?1 AND ${AS_WANTED} AND id IN (
         SELECT id FROM ledger INDEXED BY ledger_mark
         WHERE tenant_id = ?1 AND inbox_id = ?2 AND mark_due_at <= ?5 ORDER BY mark_due_at LIMIT ?7)
       RETURNING id, ref, mark_attempts AS attempts`,
      inbox.id,
      ...wanted(inbox.how),
      now,
      now + LEASE,
      most,
    )
    .all<{ id: string; ref: string; attempts: number }>()
  return results.map(({ ref, ...row }) => ({ ...row, ref: JSON.parse(ref) as MessageRef }))
}

/** What becomes of a claimed row: due again at `dueAt`, or done with (null). `burn` counts the attempt. */
export type SettledMark = { id: string; dueAt: number | null; burn: boolean }

/** Settles claimed rows. One that somebody has taken off the list meanwhile stays off it. */
export async function settleMarks(db: TenantDb, rows: SettledMark[]): Promise<void> {
  if (rows.length === 0) return
  await db
    .prepare(
      `UPDATE ledger SET mark_due_at = value ->> 'dueAt', mark_attempts = mark_attempts - iif(value ->> 'burn', 0, 1)
       FROM json_each(?2)
       WHERE ledger.tenant_id = ?1 AND ledger.id = value ->> 'id' AND ledger.mark_due_at IS NOT NULL`,
      JSON.stringify(rows),
    )
    .run()
}

/** Shows why mail is not marked, unless the inbox wants something else by now or shows something worse. */
export async function showMarkProblem(
  db: TenantDb,
  inbox: { id: string; how: Mark },
  problem: MarkProblem,
): Promise<void> {
  await db
    .prepare(
      `UPDATE inboxes SET mark_problem = ?5 WHERE tenant_id = ?1 AND id = ?2 AND ${AS_WANTED}`,
      inbox.id,
      ...wanted(inbox.how),
      JSON.stringify(problem),
    )
    .run()
}
