// What a person may do with a ledger row: release a suppressed or quarantined mail as a ticket, or run the pipeline again. Both can be repeated.
import type { LedgerItem } from '../contract/inboxes'
import { iso } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import { type IngestDeps, ingestStored } from './ingest-job'
import { RELEASED } from './ledger-rows'

type Row = Omit<LedgerItem, 'receivedAt'> & { inboxId: string; rawKey: string | null; receivedAt: number | null }

/** Makes a ticket (or the reply it matches) of a mail that was suppressed or quarantined. Answers the row as it then is. */
export async function releaseMail(deps: IngestDeps, db: TenantDb, id: string): Promise<LedgerItem> {
  const row = await readRow(db, id)
  const held = row.disposition === 'suppressed' || row.disposition === 'quarantined'
  if (row.state === 'done' && !held) return answerOf(row)
  if (row.rawKey === null) {
    throw new AppError('conflict', {
      detail:
        row.reason === 'own_message'
          ? 'Postroom sent this message itself; it is in its ticket already.'
          : 'This mail was never fetched, so there is nothing to release. Replay it to fetch it again.',
    })
  }
  await reopenRow(db, row, 'stored', RELEASED, deps.clock())
  await ingestStored(deps, db.tenantId, row.inboxId, [{ ledgerId: id, bytes: null }])
  return answerOf(await readRow(db, id))
}

/**
 * Runs the pipeline again: from the stored original, or from the mailbox where it was never stored. A row that has ended otherwise
 * than in quarantine is answered as it is. A fetch goes on after the answer.
 */
export async function replayMail(deps: IngestDeps, db: TenantDb, id: string): Promise<LedgerItem> {
  const row = await readRow(db, id)
  if (row.state === 'done' && row.disposition !== 'quarantined') return answerOf(row)
  if (row.rawKey === null) {
    await reopenRow(db, row, 'discovered', null, deps.clock())
    await deps.jobs.send({ kind: 'fetch', tenantId: db.tenantId, inboxId: row.inboxId })
  } else {
    await reopenRow(db, row, 'stored', row.state === 'stored' ? row.reason : null, deps.clock())
    await ingestStored(deps, db.tenantId, row.inboxId, [{ ledgerId: id, bytes: null }])
  }
  return answerOf(await readRow(db, id))
}

/** Takes the outcome off a row, unless it has changed since it was read. */
async function reopenRow(
  db: TenantDb,
  row: Row,
  state: 'discovered' | 'stored',
  reason: string | null,
  now: number,
): Promise<void> {
  await db
    .prepare(
      `UPDATE ledger SET state = ?3, disposition = NULL, reason = ?4, error = NULL, attempts = 0, due_at = ?5, updated_at = ?5
       WHERE tenant_id = ?1 AND id = ?2 AND state = ?6 AND disposition IS ?7`,
      row.id,
      state,
      reason,
      now,
      row.state,
      row.disposition,
    )
    .run()
}

async function readRow(db: TenantDb, id: string): Promise<Row> {
  const row = await db
    .prepare(
      `SELECT id, inbox_id AS inboxId, raw_key AS rawKey, identity, message_id AS messageId, from_address AS "from", subject,
         received_at AS receivedAt, state, disposition, reason, role, ticket_id AS ticketId, attempts, error
       FROM ledger WHERE tenant_id = ?1 AND id = ?2`,
      id,
    )
    .first<Row>()
  if (!row) throw new AppError('not_found')
  return row
}

function answerOf({ inboxId: _inboxId, rawKey: _rawKey, receivedAt, ...row }: Row): LedgerItem {
  return { ...row, receivedAt: iso(receivedAt) }
}
