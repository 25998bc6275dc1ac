// The status columns of an inbox row. Written from evidence only: after a check that reached the network, or by a person's own action.

import { and, eq } from 'drizzle-orm'
import type { StatusDetail } from '../contract/inboxes'
import { inboxes } from '../db/inboxes'
import type { TenantDb } from '../platform/db'
import type { Verdict } from './policy'
import type { PushColumns } from './push-state'

/** The condition of every mirror: it does nothing to an inbox that was disconnected, paused or archived while the object was at work. */
const READING = 'tenant_id = ?1 AND id = ?2 AND credentials IS NOT NULL AND archived_at IS NULL AND paused_at IS NULL'

/** Mirrors what one check has shown, in one statement. `detail` overrides the verdict's where that has none. Times in ms. */
export async function mirrorVerdict(
  db: TenantDb,
  inboxId: string,
  verdict: Verdict,
  shown: { now: number; nextPollAt: number | null; throttle: StatusDetail | null; push: PushColumns },
): Promise<void> {
  const { now, nextPollAt, throttle, push } = shown
  const detail = verdict.detail ?? throttle
  await db
    .prepare(
      `UPDATE inboxes SET status = coalesce(?3, status), status_detail = ?4, last_error = ?5,
         last_sync_at = iif(?6, ?7, last_sync_at), next_poll_at = ?8,
         paused_at = iif(?9, ?7, NULL), pause_reason = iif(?9, 'auth_failure', NULL),
         ${pushAt(10)}
       WHERE ${READING}`,
      inboxId,
      verdict.status,
      detail ? JSON.stringify(detail) : null,
      verdict.lastError,
      verdict.reached ? 1 : 0,
      now,
      nextPollAt,
      verdict.pause ? 1 : 0,
      ...pushValues(push),
    )
    .run()
}

/** What is known of push, in the parameters from `?first` on. A standing order with a subscription is Graph's, one without is Gmail's. */
const pushAt = (first: number) =>
  [
    'delivery_mode',
    'last_push_at',
    'push_problem',
    'gmail_watch_expires_at',
    'graph_subscription_id',
    'graph_subscription_expires_at',
    'graph_client_state',
  ]
    .map((column, n) => `${column} = ?${first + n}`)
    .join(', ')

function pushValues({ mode, lastPushAt, problem, expiresAt, subscription }: PushColumns) {
  return [
    mode,
    lastPushAt,
    problem,
    subscription ? null : expiresAt,
    subscription?.id ?? null,
    subscription ? expiresAt : null,
    subscription?.proof ?? null,
  ]
}

/** Mirrors what became of an attempt at push. */
export async function mirrorPush(db: TenantDb, inboxId: string, push: PushColumns): Promise<void> {
  await db.prepare(`UPDATE inboxes SET ${pushAt(3)} WHERE ${READING}`, inboxId, ...pushValues(push)).run()
}

/** Mirrors that a fetch job was asked to slow down. */
export async function mirrorThrottle(
  db: TenantDb,
  inboxId: string,
  shown: { detail: StatusDetail; lastError: string; nextPollAt: number | null },
): Promise<void> {
  await db
    .prepare(
      `UPDATE inboxes SET status_detail = ?3, last_error = ?4, next_poll_at = ?5 WHERE ${READING}`,
      inboxId,
      JSON.stringify(shown.detail),
      shown.lastError,
      shown.nextPollAt,
    )
    .run()
}

type StatusColumns = Partial<
  Pick<
    typeof inboxes.$inferInsert,
    | 'status'
    | 'config'
    | 'credentials'
    | 'connectedAt'
    | 'lastError'
    | 'nextPollAt'
    | 'pausedAt'
    | 'pauseReason'
    | 'googleAddress'
    | 'gmailWatchExpiresAt'
    | 'graphSubscriptionId'
    | 'graphSubscriptionExpiresAt'
    | 'graphClientState'
    | 'deliveryMode'
    | 'pushProblem'
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
