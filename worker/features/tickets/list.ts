// Lists of tickets: filter, page, tags of the page, and the small counts of the sidebar.
import { z } from 'zod'
import {
  TICKET_STATUS,
  type TicketCounts,
  type TicketItem,
  type TicketListQuery,
  type TicketStatus,
} from '../../contract/tickets'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { base64url } from '../../platform/ids'
import { type ListPosition, listQuery, positionKind, type TicketFilter } from './list-query'
import { drainSearchQueue } from './search-index'
import { type TicketRow, ticketItem } from './ticket-row'

/** Counts stop here: beyond it the sidebar says "1,000+". */
const COUNT_LIMIT = 1_000
/** Queued tickets a search indexes before it looks: all of them, unless an import is running. */
const INDEX_BEFORE_SEARCH = 50

const Position: z.ZodType<ListPosition> = z.discriminatedUnion('by', [
  z.object({ by: z.literal('activity'), at: z.number().int(), id: z.string().max(64) }),
  z.object({ by: z.literal('created'), number: z.number().int() }),
  z.object({ by: z.literal('search'), key: z.string().regex(/^[0-9]{1,19}$/) }),
])

type Row = TicketRow & { searchKey?: string }

/** One page of tickets. AppError('bad_request') for a cursor that is not of this list, 'invalid_body' for an unknown status. */
export async function listTickets(
  db: TenantDb,
  userId: string,
  query: TicketListQuery,
): Promise<{ items: TicketItem[]; nextCursor: string | null }> {
  const filter = filterOf(userId, query)
  const position = query.cursor === undefined ? null : positionOf(query.cursor, positionKind(filter))
  const page = listQuery(db.tenantId, filter, position, query.limit + 1)
  if (!page) return { items: [], nextCursor: null }
  if (filter.q || filter.tag !== undefined) await drainSearchQueue(db, INDEX_BEFORE_SEARCH)
  const rows = await readPage(db, page.sql, page.params)
  const shown = rows.slice(0, query.limit)
  const last = rows.length > query.limit ? shown.at(-1) : undefined
  const tags = await tagsOf(db, shown)
  return {
    items: shown.map((row) => ticketItem(row, tags.get(row.id) ?? [])),
    nextCursor: last ? cursorAt(last, positionKind(filter)) : null,
  }
}

async function readPage(db: TenantDb, sql: string, params: (string | number)[]): Promise<Row[]> {
  try {
    return (await db.prepare(sql, ...params).all<Row>()).results
  } catch (error) {
    // A letter newer than SQLite's Unicode tables splits a word in two, which this index cannot look up: nothing is found by it.
    if (error instanceof Error && error.message.includes('phrase queries are not supported')) return []
    throw error
  }
}

function filterOf(userId: string, query: TicketListQuery): TicketFilter {
  return {
    statuses: query.status ? statusesOf(query.status) : undefined,
    inboxId: query.inboxId,
    assigneeId: query.assigneeId === 'me' ? userId : query.assigneeId === 'none' ? null : query.assigneeId,
    tag: query.tag,
    q: query.q || undefined,
    sort: query.sort,
  }
}

function statusesOf(list: string) {
  const parsed = z.array(z.enum(TICKET_STATUS)).safeParse([...new Set(list.split(',').map((status) => status.trim()))])
  if (parsed.success) return parsed.data
  throw new AppError('invalid_body', {
    fields: [{ path: 'status', message: `one or several of ${TICKET_STATUS.join(', ')}` }],
  })
}

function positionOf(cursor: string, kind: ListPosition['by']): ListPosition {
  try {
    const text = new TextDecoder().decode(
      Uint8Array.from(atob(cursor.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0)),
    )
    const position = Position.parse(JSON.parse(text))
    if (position.by === kind) return position
  } catch {
    // Falls through: whatever it was, it is no cursor of this list.
  }
  throw new AppError('bad_request', { detail: 'This cursor is not of this list. Start again without it.' })
}

function cursorAt(row: Row, kind: ListPosition['by']): string {
  const position: Record<ListPosition['by'], ListPosition> = {
    activity: { by: 'activity', at: row.lastMessageAt, id: row.id },
    created: { by: 'created', number: row.number },
    search: { by: 'search', key: row.searchKey ?? '0' },
  }
  return base64url(new TextEncoder().encode(JSON.stringify(position[kind])))
}

/** Tags of several tickets in one query, each list in alphabetical order. */
export async function tagsOf(db: TenantDb, tickets: { id: string }[]): Promise<Map<string, string[]>> {
  const tags = new Map<string, string[]>()
  if (tickets.length === 0) return tags
  const { results } = await db
    .prepare(
      `SELECT g.ticket_id AS ticketId, g.tag FROM json_each(?2) p
       CROSS JOIN ticket_tags g ON g.tenant_id = ?1 AND g.ticket_id = p.value ORDER BY g.tag`,
      JSON.stringify(tickets.map((ticket) => ticket.id)),
    )
    .all<{ ticketId: string; tag: string }>()
  for (const { ticketId, tag } of results) tags.set(ticketId, [...(tags.get(ticketId) ?? []), tag])
  return tags
}

/** Tickets per status, mine, and nobody's; each count stops at its limit, so the cost does not grow with the tenant. */
export async function countTickets(db: TenantDb, userId: string): Promise<TicketCounts> {
  const upTo = (where: string) =>
    `(SELECT count(*) FROM (SELECT 1 FROM tickets WHERE tenant_id = ?1 AND ${where} LIMIT ${COUNT_LIMIT}))`
  const active = (assignee: string) => upTo(`assignee_id ${assignee} AND status IN ('open', 'in_progress')`)
  const row = await db
    .prepare(
      `SELECT ${TICKET_STATUS.map((status) => `${upTo(`status = '${status}'`)} AS ${status}`).join(', ')},
       ${active('= ?2')} AS mine, ${active('IS NULL')} AS unassigned`,
      userId,
    )
    .first<Record<TicketStatus | 'mine' | 'unassigned', number>>()
  if (!row) throw new AppError('internal')
  const { mine, unassigned, ...byStatus } = row
  return { byStatus, mine, unassigned, limit: COUNT_LIMIT }
}
