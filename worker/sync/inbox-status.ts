// The status columns of an inbox row. Written from evidence only: after a check that reached the network, or by a person's own action.

import { and, eq } from 'drizzle-orm'
import type { StatusDetail } from '../contract/inboxes'
import { inboxes } from '../db/inboxes'
import type { TenantDb } from '../platform/db'
import type { Verdict } from './policy'

/**
 * Mirrors what one check has shown. Does nothing to an inbox that was disconnected, paused or archived while the check ran.
 * `nextPollAt` in ms.
 */
export async function mirrorVerdict(
  db: TenantDb,
  inboxId: string,
  verdict: Verdict,
  times: { now: number; nextPollAt: number | null },
): Promise<void> {
  const { now } = times
  await db
    .prepare(
      `UPDATE inboxes SET status = coalesce(?3, status), status_detail = ?4, last_error = ?5,
         last_sync_at = iif(?6, ?7, last_sync_at), next_poll_at = ?8,
         paused_at = iif(?9, ?7, NULL), pause_reason = iif(?9, 'auth_failure', NULL)
       WHERE tenant_id = ?1 AND id = ?2 AND credentials IS NOT NULL AND archived_at IS NULL AND paused_at IS NULL`,
      inboxId,
      verdict.status,
      verdict.detail ? JSON.stringify(verdict.detail) : null,
      verdict.lastError,
      verdict.reached ? 1 : 0,
      now,
      times.nextPollAt,
      verdict.pause ? 1 : 0,
    )
    .run()
}

type StatusColumns = Partial<
  Pick<
    typeof inboxes.$inferInsert,
    'status' | 'config' | 'credentials' | 'connectedAt' | 'lastError' | 'nextPollAt' | 'pausedAt' | 'pauseReason'
  >
> & { detail?: StatusDetail | null }

/** Writes what a person's action means for the row; what is not named stays. */
export async function writeStatus(db: TenantDb, inboxId: string, columns: StatusColumns, now: number): Promise<void> {
  const { detail, ...rest } = columns
  await db.orm
    .update(inboxes)
    .set({
      ...rest,
      ...(detail === undefined ? {} : { statusDetail: detail && JSON.stringify(detail) }),
      updatedAt: now,
    })
    .where(and(eq(inboxes.tenantId, db.tenantId), eq(inboxes.id, inboxId)))
}

/** Ledger rows of the inbox without a disposition. */
export async function countUnaccounted(db: TenantDb, inboxId: string): Promise<number> {
  const row = await db
    .prepare(
      `SELECT count(*) AS count FROM ledger WHERE tenant_id = ?1 AND inbox_id = ?2 AND state IN ('discovered', 'stored')`,
      inboxId,
    )
    .first<{ count: number }>()
  return row?.count ?? 0
}
