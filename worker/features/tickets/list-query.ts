// The SQL of one page of tickets: pure, so that a test can ask for the plan of every combination. Two ways, both bounded by the page:
// filters by status, inbox and assignee walk one index per status; words and tags walk ticket_search, whose order is activity.
import { TICKET_STATUS, type TicketStatus } from '../../contract/tickets'
import { matchExpression } from './search-words'

export type TicketFilter = {
  statuses?: readonly TicketStatus[] | undefined
  inboxId?: string | undefined
  /** null: nobody */
  assigneeId?: string | null | undefined
  tag?: string | undefined
  q?: string | undefined
  sort: 'activity' | 'created'
}
/** The position after which a page starts; which one depends on the way (see `positionOf`). */
export type ListPosition =
  | { by: 'activity'; at: number; id: string }
  | { by: 'created'; number: number }
  | { by: 'search'; key: string }
/** `?1` is the tenant; `params` bind from `?2` on. Rows come in order, with `search_key` for the cursor of a search. */
export type ListQuery = { sql: string; params: (string | number)[] }

export const COLUMNS = `t.id, t.number, t.subject, t.status, t.priority, t.inbox_id AS inboxId, t.assignee_id AS assigneeId,
  t.contact_id AS contactId, c.name AS contactName, c.email AS contactEmail, t.created_at AS createdAt, t.updated_at AS updatedAt,
  t.last_message_at AS lastMessageAt, t.message_count AS messageCount`
export const CONTACT = 'LEFT JOIN contacts c ON c.tenant_id = ?1 AND c.id = t.contact_id'

/** How a filter is walked: what its cursor must be made of. */
export function positionKind(filter: TicketFilter): ListPosition['by'] {
  if (filter.sort === 'created') return 'created'
  return searched(filter) ? 'search' : 'activity'
}

/** One page of at most `limit` rows after `position`; null where nothing can match. */
export function listQuery(
  tenantId: string,
  filter: TicketFilter,
  position: ListPosition | null,
  limit: number,
): ListQuery | null {
  const params: (string | number)[] = []
  const bind = (value: string | number) => `?${params.push(value) + 1}`
  if (filter.statuses?.length === 0) return null
  if (searched(filter)) return searchQuery(tenantId, filter, position, limit, params, bind)
  return filter.sort === 'created'
    ? { sql: createdSql(filter, position, bind(limit), bind), params }
    : { sql: activitySql(filter, position, bind(limit), bind), params }
}

type Bind = (value: string | number) => string
const searched = (filter: TicketFilter) => Boolean(filter.q) || filter.tag !== undefined

/** Newest activity first: a short run per status, each read in order from its index, then merged. */
function activitySql(filter: TicketFilter, position: ListPosition | null, limit: string, bind: Bind): string {
  const after =
    position?.by === 'activity' ? ` AND (last_message_at, id) < (${bind(position.at)}, ${bind(position.id)})` : ''
  const run = (where: string, index: string) =>
    `SELECT id, last_message_at FROM tickets INDEXED BY ${index} WHERE tenant_id = ?1${where}${after}
     ORDER BY last_message_at DESC, id DESC LIMIT ${limit}`
  const fixed =
    (filter.inboxId === undefined ? '' : ` AND inbox_id = ${bind(filter.inboxId)}`) +
    assigneeCondition(filter, '', bind)
  const unfiltered = fixed === '' && filter.statuses === undefined
  const runs = unfiltered
    ? run('', 'tickets_activity')
    : (filter.statuses ?? TICKET_STATUS)
        .map((status) => `SELECT * FROM (${run(`${fixed} AND status = ${bind(status)}`, indexOf(filter))})`)
        .join(' UNION ALL ')
  return `SELECT ${COLUMNS} FROM (SELECT id, last_message_at FROM (${runs}) ORDER BY last_message_at DESC, id DESC LIMIT ${limit}) page
    CROSS JOIN tickets t ON t.tenant_id = ?1 AND t.id = page.id ${CONTACT}
    ORDER BY page.last_message_at DESC, page.id DESC`
}

function indexOf(filter: TicketFilter): string {
  if (filter.inboxId !== undefined && filter.assigneeId !== undefined) return 'tickets_inbox_assignee'
  if (filter.inboxId !== undefined) return 'tickets_inbox'
  if (filter.assigneeId !== undefined) return 'tickets_assignee'
  return 'tickets_status'
}

/** Newest ticket first: backwards over the numbers; the filters are columns of the same index, so only hits touch a row. */
function createdSql(filter: TicketFilter, position: ListPosition | null, limit: string, bind: Bind): string {
  return `SELECT ${COLUMNS} FROM tickets t INDEXED BY tickets_created ${CONTACT}
    WHERE t.tenant_id = ?1${createdAfter(position, bind)}${conditions(filter, bind)} ORDER BY t.number DESC LIMIT ${limit}`
}

/** By words or tag: backwards over the search index. Every hit is checked against its row, which alone decides. */
function searchQuery(
  tenantId: string,
  filter: TicketFilter,
  position: ListPosition | null,
  limit: number,
  params: (string | number)[],
  bind: Bind,
): ListQuery | null {
  const expression = matchExpression({ ...filter, tenantId }, filter.q)
  if (expression === null) return null
  const match = bind(expression)
  const after = position?.by === 'search' ? ` AND s.rowid < CAST(${bind(position.key)} AS INTEGER)` : ''
  const tag =
    filter.tag === undefined
      ? ''
      : ` AND EXISTS (SELECT 1 FROM ticket_tags g WHERE g.tenant_id = ?1 AND g.ticket_id = t.id AND g.tag = ${bind(filter.tag)})`
  const order = filter.sort === 'created' ? 't.number' : 's.rowid'
  const sql = `SELECT ${COLUMNS}, CAST(s.rowid AS TEXT) AS searchKey
    FROM ticket_search s
    CROSS JOIN ticket_search_rows r ON r.key = s.rowid AND r.tenant_id = ?1
    CROSS JOIN tickets t ON t.tenant_id = ?1 AND t.id = r.ticket_id ${CONTACT}
    WHERE ticket_search MATCH ${match}${after}${createdAfter(position, bind)}${conditions(filter, bind)}${tag}
    ORDER BY ${order} DESC LIMIT ${bind(limit)}`
  return { sql, params }
}

function conditions(filter: TicketFilter, bind: Bind): string {
  const statuses = filter.statuses ? ` AND t.status IN (${filter.statuses.map(bind).join(', ')})` : ''
  const inbox = filter.inboxId === undefined ? '' : ` AND t.inbox_id = ${bind(filter.inboxId)}`
  return statuses + inbox + assigneeCondition(filter, 't.', bind)
}

function assigneeCondition(filter: TicketFilter, table: string, bind: Bind): string {
  if (filter.assigneeId === undefined) return ''
  return filter.assigneeId === null
    ? ` AND ${table}assignee_id IS NULL`
    : ` AND ${table}assignee_id = ${bind(filter.assigneeId)}`
}

const createdAfter = (position: ListPosition | null, bind: Bind) =>
  position?.by === 'created' ? ` AND t.number < ${bind(position.number)}` : ''
