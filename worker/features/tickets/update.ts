// Changes an agent makes to a ticket itself: subject, status, priority, assignee, tags.
import { and, eq, isNull } from 'drizzle-orm'
import type { TicketItem, UpdateTicketBody } from '../../contract/tickets'
import { users } from '../../db/auth'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { readTicket } from './detail'
import { tagsOf } from './list'
import { indexQueued } from './search-index'
import { ticketItem } from './ticket-row'

/** Applies the given fields, leaves the others. AppError('not_found'), or 'invalid_body' for an assignee who cannot work on tickets. */
export async function updateTicket(
  db: TenantDb,
  id: string,
  change: UpdateTicketBody,
  now: number,
): Promise<TicketItem> {
  if (change.assigneeId) await requireActiveUser(db, change.assigneeId)
  const own = 'EXISTS (SELECT 1 FROM tickets WHERE tenant_id = ?1 AND id = ?2)'
  const tags = change.tags && JSON.stringify(change.tags)
  await db.batch([
    db.prepare(
      `UPDATE tickets SET subject = coalesce(?3, subject), status = coalesce(?4, status), priority = coalesce(?5, priority),
         assignee_id = iif(?6 = 1, ?7, assignee_id), updated_at = ?8
       WHERE tenant_id = ?1 AND id = ?2`,
      id,
      change.subject ?? null,
      change.status ?? null,
      change.priority ?? null,
      change.assigneeId === undefined ? 0 : 1,
      change.assigneeId ?? null,
      now,
    ),
    ...(tags === undefined
      ? []
      : [
          db.prepare(
            `DELETE FROM ticket_tags WHERE tenant_id = ?1 AND ticket_id = ?2 AND tag NOT IN (SELECT value FROM json_each(?3))`,
            id,
            tags,
          ),
          db.prepare(
            `INSERT OR IGNORE INTO ticket_tags (tenant_id, ticket_id, tag) SELECT ?1, ?2, value FROM json_each(?3) WHERE ${own}`,
            id,
            tags,
          ),
        ]),
    ...indexQueued(db, 10),
  ])
  const ticket = await readTicket(db, id)
  return ticketItem(ticket, (await tagsOf(db, [ticket])).get(id) ?? [])
}

async function requireActiveUser(db: TenantDb, id: string): Promise<void> {
  const [user] = await db.orm
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.tenantId, db.tenantId), eq(users.id, id), isNull(users.disabledAt)))
  if (!user) {
    throw new AppError('invalid_body', {
      fields: [{ path: 'assigneeId', message: 'Choose somebody of your team whose access is not switched off.' }],
    })
  }
}
