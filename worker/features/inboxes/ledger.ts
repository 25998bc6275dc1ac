// The ledger of one inbox as people see it: every message ever known, what became of it, and the sum that must come out even.
import type { LedgerAnswer, LedgerItem, LedgerQuery } from '../../contract/inboxes'
import { iso } from '../../platform/clock'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { findInbox } from './queries'

type Row = Omit<LedgerItem, 'receivedAt'> & { receivedAt: number | null; createdAt: number; position: number }

/** One page, newest first, and the summary over all of the inbox. The cursor is `<created_at>.<rowid>` of the last row. */
export async function inboxLedger(db: TenantDb, inboxId: string, page: LedgerQuery): Promise<LedgerAnswer> {
  await findInbox(db, inboxId)
  const [rows, summary] = await Promise.all([ledgerRows(db, inboxId, page), ledgerSummary(db, inboxId)])
  const shown = rows.slice(0, page.limit)
  const last = shown.at(-1)
  return {
    items: shown.map(({ createdAt: _createdAt, position: _position, receivedAt, ...row }) => ({
      ...row,
      receivedAt: iso(receivedAt),
    })),
    nextCursor: rows.length > page.limit && last ? `${last.createdAt}.${last.position}` : null,
    summary,
  }
}

async function ledgerRows(db: TenantDb, inboxId: string, page: LedgerQuery): Promise<Row[]> {
  const { sql, params } = ledgerStatement(inboxId, page)
  return (await db.prepare(sql, ...params).all<Row>()).results
}

/** The list's statement; exported so that a test can hold its query plan. */
export function ledgerStatement(
  inboxId: string,
  page: LedgerQuery,
): { sql: string; params: (string | number | null)[] } {
  const params: (string | number | null)[] = [inboxId, page.limit + 1]
  const bind = (value: string | number) => `?${params.push(value) + 1}`
  const conditions = ['tenant_id = ?1', 'inbox_id = ?2']
  if (page.disposition) {
    conditions.push(page.disposition === 'none' ? 'disposition IS NULL' : `disposition = ${bind(page.disposition)}`)
  }
  if (page.state) conditions.push(`state = ${bind(page.state)}`)
  if (page.cursor) {
    const [createdAt, position] = parseCursor(page.cursor)
    conditions.push(`(created_at, rowid) < (${bind(createdAt)}, ${bind(position)})`)
  }
  return {
    sql: `SELECT id, identity, message_id AS messageId, from_address AS "from", subject, received_at AS receivedAt, state, disposition,
            reason, role, ticket_id AS ticketId, attempts, error, created_at AS createdAt, rowid AS position
          FROM ledger WHERE ${conditions.join(' AND ')} ORDER BY created_at DESC, rowid DESC LIMIT ?3`,
    params,
  }
}

function parseCursor(cursor: string): [number, number] {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(cursor)
  if (!match) throw new AppError('bad_request', { detail: 'This cursor is not one of ours.' })
  return [Number(match[1]), Number(match[2])]
}

export const SUMMARY_SQL =
  'SELECT disposition, count(*) AS count FROM ledger WHERE tenant_id = ?1 AND inbox_id = ?2 GROUP BY disposition'

async function ledgerSummary(db: TenantDb, inboxId: string): Promise<LedgerAnswer['summary']> {
  const { results } = await db.prepare(SUMMARY_SQL, inboxId).all<{ disposition: string | null; count: number }>()
  const byDisposition: Record<string, number> = {}
  let total = 0
  let unaccounted = 0
  for (const { disposition, count } of results) {
    total += count
    if (disposition === null) unaccounted = count
    else byDisposition[disposition] = count
  }
  return { total, unaccounted, byDisposition }
}
