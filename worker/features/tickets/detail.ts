// One ticket with its conversation: rows from D1, bodies from the store, HTML made safe to show.
import { and, asc, eq, sql } from 'drizzle-orm'
import type { MessageAnswer, TicketAnswer, TicketDetailQuery } from '../../contract/tickets'
import { attachments, messages } from '../../db/tickets'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { loadBody } from '../../platform/message-body'
import { tagsOf } from './list'
import { COLUMNS, CONTACT } from './list-query'
import { parseBody, shownHtml } from './message-html'
import { type AttachmentRow, type MessageRow, messageAnswer, type TicketRow, ticketItem } from './ticket-row'

/** Messages of one page of a conversation. */
const PAGE = 50
/** Bodies read at once: each may be a mail of LIMITS.inMemory. */
const AT_ONCE = 4

type Deps = { db: TenantDb; blobs: R2Bucket }

/** A ticket's row. AppError('not_found'). */
export async function readTicket(db: TenantDb, id: string): Promise<TicketRow> {
  const row = await db
    .prepare(`SELECT ${COLUMNS} FROM tickets t ${CONTACT} WHERE t.tenant_id = ?1 AND t.id = ?2`, id)
    .first<TicketRow>()
  if (!row) throw new AppError('not_found')
  return row
}

/** A ticket with the newest page of its messages, or the page before `query.before`. AppError('not_found'). */
export async function ticketDetail(deps: Deps, id: string, query: TicketDetailQuery): Promise<TicketAnswer> {
  const { db } = deps
  const [ticket, newestFirst] = await Promise.all([readTicket(db, id), messagePage(db, id, query.before)])
  const rows = newestFirst.slice(0, PAGE).reverse()
  const [tags, shown] = await Promise.all([tagsOf(db, [ticket]), showMessages(deps, rows, query.images === 'remote')])
  return { ...ticketItem(ticket, tags.get(id) ?? []), messages: shown, hasEarlier: newestFirst.length > PAGE }
}

/** One message as the API shows it. AppError('not_found'). */
export async function messageDetail(deps: Deps, id: string, remote = false): Promise<MessageAnswer> {
  const [shown] = await showMessages(deps, [await readMessage(deps.db, id)], remote)
  if (!shown) throw new AppError('not_found')
  return shown
}

/** A message's row. AppError('not_found'). */
export async function readMessage(db: TenantDb, id: string): Promise<MessageRow> {
  const [row] = await db.orm
    .select()
    .from(messages)
    .where(and(eq(messages.tenantId, db.tenantId), eq(messages.id, id)))
  if (!row) throw new AppError('not_found')
  return row
}

function messagePage(db: TenantDb, ticketId: string, before: string | undefined): Promise<MessageRow[]> {
  const earlier = sql`(${messages.receivedAt}, ${messages.id}) <
    (SELECT received_at, id FROM messages WHERE tenant_id = ${db.tenantId} AND id = ${before ?? ''})`
  return db.orm
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.tenantId, db.tenantId),
        eq(messages.ticketId, ticketId),
        before === undefined ? undefined : earlier,
      ),
    )
    .orderBy(sql`${messages.receivedAt} DESC, ${messages.id} DESC`)
    .limit(PAGE + 1)
}

async function showMessages({ db, blobs }: Deps, rows: MessageRow[], remote: boolean): Promise<MessageAnswer[]> {
  const files = await filesOf(db, rows)
  const shown: MessageAnswer[] = []
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    const some = rows.slice(at, at + AT_ONCE).map(async (row) => {
      const own = files.get(row.id) ?? []
      const { text, fullText, html } = await loadBody({ blobs, parse: parseBody }, row)
      const listed = own.filter((file) => !file.inline)
      return messageAnswer(row, { text, fullText, ...shownHtml(html, own, remote) }, listed)
    })
    shown.push(...(await Promise.all(some)))
  }
  return shown
}

async function filesOf(db: TenantDb, rows: MessageRow[]): Promise<Map<string, AttachmentRow[]>> {
  const ids = JSON.stringify(rows.map((row) => row.id))
  const found = await db.orm
    .select()
    .from(attachments)
    .where(
      and(
        eq(attachments.tenantId, db.tenantId),
        sql`${attachments.messageId} IN (SELECT value FROM json_each(${ids}))`,
      ),
    )
    .orderBy(asc(attachments.createdAt), sql`${attachments}.rowid`)
  return Map.groupBy(found, (file) => file.messageId ?? '')
}
