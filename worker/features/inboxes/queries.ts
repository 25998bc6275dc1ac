// Reads of the inboxes slice.
import { and, asc, eq, isNotNull, isNull } from 'drizzle-orm'
import type { InboxAnswer } from '../../contract/inboxes'
import { inboxes } from '../../db/inboxes'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { type InboxRow, inboxAnswer } from '../../platform/inbox-answer'

/** Who looks and when: an answer depends on both. */
export type Viewer = { now: number; pollSeconds: number; mayManage: boolean }

/** The inbox, or AppError('not_found') where the tenant has none of that id. */
export async function findInbox(db: TenantDb, id: string): Promise<InboxRow> {
  const [row] = await db.orm
    .select()
    .from(inboxes)
    .where(and(eq(inboxes.tenantId, db.tenantId), eq(inboxes.id, id)))
  if (!row) throw new AppError('not_found')
  return row
}

/** The tenant's inboxes, oldest first; few enough to be one page. */
export async function listInboxes(
  db: TenantDb,
  archived: 'true' | 'false' | 'all',
  viewer: Viewer,
): Promise<InboxAnswer[]> {
  const ofTenant = eq(inboxes.tenantId, db.tenantId)
  const which = {
    true: and(ofTenant, isNotNull(inboxes.archivedAt)),
    false: and(ofTenant, isNull(inboxes.archivedAt)),
    all: ofTenant,
  }
  const rows = await db.orm
    .select()
    .from(inboxes)
    .where(which[archived])
    .orderBy(asc(inboxes.createdAt), asc(inboxes.id))
  const ids = rows.map((row) => row.id)
  const waiting = await unaccounted(db, ids)
  return rows.map((row) => inboxAnswer(row, { ...viewer, unaccounted: waiting.get(row.id) ?? 0 }))
}

/** An inbox row as the API shows it. */
export async function answerOf(db: TenantDb, row: InboxRow, viewer: Viewer): Promise<InboxAnswer> {
  const waiting = await unaccounted(db, [row.id])
  return inboxAnswer(row, { ...viewer, unaccounted: waiting.get(row.id) ?? 0 })
}

/** Ledger rows without a disposition, by inbox: one query, answered by the index that claims them. */
async function unaccounted(db: TenantDb, inboxIds: string[]): Promise<Map<string, number>> {
  if (inboxIds.length === 0) return new Map()
  const { results } = await db
    .prepare(
      `SELECT inbox_id AS inboxId, count(*) AS count FROM ledger
       WHERE tenant_id = ?1 AND inbox_id IN (SELECT value FROM json_each(?2)) AND state IN ('discovered', 'stored')
       GROUP BY inbox_id`,
      JSON.stringify(inboxIds),
    )
    .all<{ inboxId: string; count: number }>()
  return new Map(results.map((row) => [row.inboxId, row.count]))
}
