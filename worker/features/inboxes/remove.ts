// Deleting an inbox: its credentials go, its history stays. Tickets, messages and originals keep the id of the inbox they came by.
import type { DeleteInboxBody } from '../../contract/inboxes'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { findInbox } from './queries'

const OPEN = `status IN ('open', 'in_progress', 'waiting')`
/** True once the first statement of the batch has removed the inbox ?2. */
const GONE = 'NOT EXISTS (SELECT 1 FROM inboxes WHERE tenant_id = ?1 AND id = ?2)'

/**
 * Deletes an inbox in one transaction and moves or closes its open tickets. AppError('conflict') with openTicketCount where there are
 * open tickets and no choice, 'invalid_body' where the inbox to transfer to cannot take them.
 */
export async function deleteInbox(
  { db, now }: { db: TenantDb; now: number },
  id: string,
  choice: DeleteInboxBody['openTickets'],
): Promise<void> {
  await findInbox(db, id)
  const target = choice?.action === 'transfer' ? choice.toInboxId : null
  if (target !== null) await requireTarget(db, id, target)
  const [removed] = await db.batch([
    db.prepare(
      `DELETE FROM inboxes WHERE tenant_id = ?1 AND id = ?2
         AND (?3 = 1 OR NOT EXISTS (SELECT 1 FROM tickets WHERE tenant_id = ?1 AND inbox_id = ?2 AND ${OPEN}))
         AND (?4 IS NULL OR EXISTS (SELECT 1 FROM inboxes WHERE tenant_id = ?1 AND id = ?4 AND archived_at IS NULL))`,
      id,
      choice ? 1 : 0,
      target,
    ),
    target === null
      ? db.prepare(
          `UPDATE tickets SET status = 'closed', updated_at = ?3 WHERE tenant_id = ?1 AND inbox_id = ?2 AND ${OPEN} AND ${GONE}`,
          id,
          now,
        )
      : db.prepare(
          `UPDATE tickets SET inbox_id = ?4, updated_at = ?3 WHERE tenant_id = ?1 AND inbox_id = ?2 AND ${OPEN} AND ${GONE}`,
          id,
          now,
          target,
        ),
    // Known mail that was still on its way: accounted for, and never claimed again.
    db.prepare(
      `UPDATE ledger SET state = 'done', disposition = 'gone', reason = 'inbox_deleted', due_at = NULL, upload = NULL, updated_at = ?3
       WHERE tenant_id = ?1 AND inbox_id = ?2 AND state IN ('discovered', 'stored') AND ${GONE}`,
      id,
      now,
    ),
    db.prepare(
      `UPDATE messages SET delivery_state = 'failed', delivery_due_at = NULL,
         delivery_detail = 'The inbox was deleted before this was sent.'
       WHERE tenant_id = ?1 AND inbox_id = ?2 AND delivery_state = 'queued' AND ${GONE}`,
      id,
    ),
  ])
  if (removed?.meta.changes === 1) return
  if (target !== null) await requireTarget(db, id, target)
  throw await openTicketsLeft(db, id)
}

async function requireTarget(db: TenantDb, id: string, target: string): Promise<void> {
  const found = await db
    .prepare('SELECT 1 FROM inboxes WHERE tenant_id = ?1 AND id = ?2 AND id <> ?3 AND archived_at IS NULL', target, id)
    .first()
  if (found) return
  const message = 'Choose another active inbox to take the tickets.'
  throw new AppError('invalid_body', { detail: message, fields: [{ path: 'openTickets.toInboxId', message }] })
}

async function openTicketsLeft(db: TenantDb, id: string): Promise<AppError> {
  const row = await db
    .prepare(`SELECT count(*) AS count FROM tickets WHERE tenant_id = ?1 AND inbox_id = ?2 AND ${OPEN}`, id)
    .first<{ count: number }>()
  const openTicketCount = row?.count ?? 0
  const tickets = openTicketCount === 1 ? '1 open ticket' : `${openTicketCount} open tickets`
  return new AppError('conflict', {
    detail: `This inbox has ${tickets}. Move them to another inbox or close them.`,
    extra: { openTicketCount },
  })
}
