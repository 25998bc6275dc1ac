// Making, changing, archiving and restoring inboxes. The plan's limit is a condition of the writing statement, so no race gets past it.
import { and, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import type { CreateInboxBody, MarkProcessedBody, StatusDetail, UpdateInboxBody } from '../../contract/inboxes'
import { inboxes } from '../../db/inboxes'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { newId } from '../../platform/ids'
import type { InboxRow } from '../../platform/inbox-answer'
import { markProblemOf } from '../../platform/mark-problem'
import { findInbox } from './queries'

type Deps = { db: TenantDb; now: number }

/** What an inbox says of itself before anything has been proven. */
const UNPROVEN: Record<InboxRow['connectionType'], StatusDetail> = {
  imap: {
    code: 'never_connected',
    message: 'Enter the server settings to connect this inbox.',
    action: 'edit_connection',
  },
  google: {
    code: 'never_connected',
    message: 'Connect the Google account of this inbox.',
    action: 'reconnect',
  },
  microsoft: {
    code: 'never_connected',
    message: 'Connect the Microsoft mailbox of this inbox.',
    action: 'reconnect',
  },
  forward: { code: 'awaiting_first_mail', message: 'Waiting for the first mail.', action: 'none' },
}

/** True while one more active inbox fits; `?N` is the limit, null for none. */
const fits = (parameter: string) =>
  `(${parameter} IS NULL OR (SELECT count(*) FROM inboxes WHERE tenant_id = ?1 AND archived_at IS NULL) < ${parameter})`

const limitReached = () => new AppError('inbox_limit_reached', { detail: 'Upgrade to add more inboxes' })

/**
 * Makes an inbox that is not connected yet. AppError('inbox_limit_reached') over `limit` active inboxes (null = none),
 * 'conflict' where the address is taken.
 */
export async function createInbox(
  { db, now }: Deps,
  input: z.output<typeof CreateInboxBody>,
  limit: number | null,
): Promise<InboxRow> {
  const { connectionType } = input
  const id = newId('inb', now)
  const { meta } = await db
    .prepare(
      `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, status_detail, created_at, updated_at)
       SELECT ?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?8 WHERE ${fits('?9')}
       ON CONFLICT DO NOTHING`,
      id,
      input.name,
      input.displayName ?? input.name,
      input.emailAddress,
      connectionType,
      JSON.stringify(UNPROVEN[connectionType]),
      now,
      limit,
    )
    .run()
  if (meta.changes !== 1) throw await whyNotCreated(db, input.emailAddress, limit)
  return findInbox(db, id)
}

async function whyNotCreated(db: TenantDb, emailAddress: string, limit: number | null): Promise<AppError> {
  const [taken] = await db.orm
    .select({ name: inboxes.name, archivedAt: inboxes.archivedAt })
    .from(inboxes)
    .where(and(eq(inboxes.tenantId, db.tenantId), eq(inboxes.emailAddress, emailAddress)))
  if (taken) {
    const detail =
      taken.archivedAt === null
        ? `The inbox "${taken.name}" already has this address.`
        : `The archived inbox "${taken.name}" already has this address. Restore it instead.`
    return new AppError('conflict', { detail })
  }
  const active = await db.orm.$count(inboxes, and(eq(inboxes.tenantId, db.tenantId), isNull(inboxes.archivedAt)))
  if (limit !== null && active >= limit) return limitReached()
  // A forwarding address is one inbox among all tenants; whose it is, is nobody's business.
  return new AppError('conflict', { detail: 'This address is already in use.' })
}

/** Changes what is given and nothing else. AppError('conflict') where mail of this inbox cannot be marked. */
export async function updateInbox(
  { db, now }: Deps,
  id: string,
  change: z.output<typeof UpdateInboxBody>,
): Promise<InboxRow> {
  const { autoResponse, markProcessed, ...plain } = change
  const [row] = await db.orm
    .update(inboxes)
    .set({
      ...plain,
      ...(autoResponse ? { autoResponse: JSON.stringify(autoResponse) } : {}),
      ...(markProcessed ? markColumns(markProcessed, await findInbox(db, id)) : {}),
      updatedAt: now,
    })
    .where(and(eq(inboxes.tenantId, db.tenantId), eq(inboxes.id, id)))
    .returning()
  if (!row) throw new AppError('not_found')
  if (markProcessed?.action === 'none') await markNothing(db, id)
  return row
}

/** The option, and at once what is known to keep it from working. */
function markColumns(wanted: MarkProcessedBody, row: InboxRow) {
  if (row.connectionType !== 'microsoft')
    throw new AppError('conflict', { detail: 'Only mail of a Microsoft inbox can be marked in its mailbox.' })
  const problem = wanted.action === 'none' ? null : markProblemOf(row)
  return {
    markProcessed: wanted.action,
    markFolder: wanted.action === 'move' ? wanted.folder : null,
    markProblem: problem && JSON.stringify(problem),
  }
}

/** Mail that waits to be marked no longer does; once the option is back, it is for what is filed from then on. */
async function markNothing(db: TenantDb, inboxId: string): Promise<void> {
  await db
    .prepare(
      `UPDATE ledger SET mark_due_at = NULL, mark_attempts = 0
       WHERE tenant_id = ?1 AND inbox_id = ?2 AND mark_due_at IS NOT NULL
         AND EXISTS (SELECT 1 FROM inboxes i WHERE i.tenant_id = ?1 AND i.id = ?2 AND i.mark_processed = 'none')`,
      inboxId,
    )
    .run()
}

/** Puts an inbox aside: nothing is fetched, its tickets stay, its credentials stay for a restore. */
export async function archiveInbox({ db, now }: Deps, id: string): Promise<InboxRow> {
  await db
    .prepare(
      `UPDATE inboxes SET archived_at = ?3, next_poll_at = NULL, updated_at = ?3
       WHERE tenant_id = ?1 AND id = ?2 AND archived_at IS NULL`,
      id,
      now,
    )
    .run()
  return findInbox(db, id)
}

/** Takes an archived inbox back into use and has it checked at once. AppError('inbox_limit_reached') where the plan has no room. */
export async function restoreInbox({ db, now }: Deps, id: string, limit: number | null): Promise<InboxRow> {
  await db
    .prepare(
      `UPDATE inboxes SET archived_at = NULL, updated_at = ?3,
         next_poll_at = CASE WHEN connection_type <> 'forward' AND credentials IS NOT NULL AND paused_at IS NULL THEN ?3 END
       WHERE tenant_id = ?1 AND id = ?2 AND archived_at IS NOT NULL AND ${fits('?4')}`,
      id,
      now,
      limit,
    )
    .run()
  const row = await findInbox(db, id)
  if (row.archivedAt !== null) throw limitReached()
  return row
}
