// The ledger rows a fetch job works on: claimed for a lease, then stored, given back, retried or ended. One statement per call, for any number of rows.
// A lease is the row's own due_at: whoever can still name it holds the row.
import { z } from 'zod'
import { MAIL_ROLES, type MailRole } from '../contract/inboxes'
import { CloudLink } from '../mail/cloud-link'
import type { TenantDb } from '../platform/db'
import type { UploadProgress } from './raw-store'

/** How long a claim holds a row without a sign of life, ms. */
export const LEASE = 60_000
/** Rows per claim. */
export const BATCH = 50
/** Bytes per claim by the sizes the provider told; a single larger message comes alone. */
const BATCH_BYTES = 8 * 1024 * 1024
/** Rows claimed this often without an outcome are claimed one at a time, so that what kills the isolate takes nothing with it. */
const SUSPECT_ATTEMPTS = 3

/** A claimed row. `attempts` counts this claim. */
export type ClaimedRow = {
  id: string
  identity: string
  /** JSON MessageRef */
  ref: string
  size: number | null
  attempts: number
  /** JSON Progress of an interrupted upload */
  upload: string | null
  error: string | null
}

/** `ledger.upload`: an interrupted upload, and what else is only known while fetching. */
export type Progress = UploadProgress & FetchedFacts
/** What else a fetch finds out about a message. `role` is null for received mail, `links` where there are none. */
export type FetchedFacts = { receivedAt: number | null; role: MailRole | null; links: CloudLink[] | null }
const ProgressShape = z.object({
  uploadId: z.string(),
  parts: z.array(z.object({ partNumber: z.number(), etag: z.string() })),
  offset: z.number(),
  receivedAt: z.number().nullable(),
  role: z.enum(MAIL_ROLES).nullable().default(null),
  links: z.array(CloudLink).nullable().default(null),
})

/** The progress column, null where there is none or it cannot be read: the upload then starts anew. */
export function progressOf(row: Pick<ClaimedRow, 'upload'>): Progress | null {
  if (row.upload === null) return null
  const result = ProgressShape.safeParse(JSON.parse(row.upload))
  return result.success ? result.data : null
}

/**
 * Claims the oldest due rows, `most` of them at most: a batch of those that behave or, when there are none, one of the suspects. Oldest first, so that
 * a conversation arrives in its order. The index ledger_claim has that order, so a claim costs the same in a mailbox of any size.
 */
export async function claim(db: TenantDb, inboxId: string, now: number, most = BATCH): Promise<ClaimedRow[]> {
  const statement = (which: string, limit: number) =>
    db.prepare(
      `UPDATE ledger SET due_at = ?4, attempts = attempts + 1, updated_at = ?3
       WHERE tenant_id = ?1 AND id IN (
         SELECT id FROM (
           SELECT id,
             ROW_NUMBER() OVER oldest AS nth,
             SUM(coalesce(size, 0)) OVER (oldest ROWS UNBOUNDED PRECEDING) AS total
           FROM (
             SELECT id, size, due_at, rowid AS seq FROM ledger INDEXED BY ledger_claim
             WHERE tenant_id = ?1 AND inbox_id = ?2 AND state = 'discovered' AND due_at <= ?3 AND ${which}
             ORDER BY due_at, rowid LIMIT ${limit}
           ) WINDOW oldest AS (ORDER BY due_at, seq)
         ) WHERE nth = 1 OR total <= ${BATCH_BYTES}
       )
       RETURNING rowid AS seq, id, identity, ref, size, attempts, upload, error`,
      inboxId,
      now,
      now + LEASE,
    )
  const take = async (which: string, limit: number) => {
    const { results } = await statement(which, limit).all<ClaimedRow & { seq: number }>()
    return results.sort((a, b) => a.seq - b.seq)
  }
  const batch = await take(`attempts < ${SUSPECT_ATTEMPTS}`, most)
  return batch.length > 0 ? batch : take(`attempts >= ${SUSPECT_ATTEMPTS}`, 1)
}

/** A row whose raw MIME is in R2. */
export type StoredRow = FetchedFacts & { id: string; rawKey: string; size: number; digest: string }

/** discovered → stored. Returns the ids that moved; one that did not was finished by somebody else. */
export async function markStored(db: TenantDb, rows: StoredRow[], now: number): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const { results } = await db
    .prepare(
      `UPDATE ledger SET state = 'stored', raw_key = value ->> 'rawKey', size = value ->> 'size', digest = value ->> 'digest',
         received_at = value ->> 'receivedAt', role = value ->> 'role', links = value ->> 'links', due_at = ?3, attempts = 0, upload = NULL, error = NULL, updated_at = ?2
       FROM json_each(?4)
       WHERE ledger.tenant_id = ?1 AND ledger.id = value ->> 'id' AND ledger.state = 'discovered'
       RETURNING ledger.id AS id`,
      now,
      now + LEASE,
      JSON.stringify(rows),
    )
    .all<{ id: string }>()
  return new Set(results.map((row) => row.id))
}

/** A row that goes back to the queue at `dueAt`. `burn` counts the attempt; `forgetUpload` starts its upload anew. */
export type ReturnedRow = { id: string; dueAt: number; burn: boolean; error: string | null; forgetUpload: boolean }

/** Gives rows back. */
export async function giveBack(db: TenantDb, rows: ReturnedRow[], now: number): Promise<void> {
  if (rows.length === 0) return
  await db
    .prepare(
      `UPDATE ledger SET due_at = value ->> 'dueAt', attempts = attempts - iif(value ->> 'burn', 0, 1),
         error = coalesce(value ->> 'error', error), upload = iif(value ->> 'forgetUpload', NULL, upload), updated_at = ?2
       FROM json_each(?3)
       WHERE ledger.tenant_id = ?1 AND ledger.id = value ->> 'id' AND ledger.state = 'discovered'`,
      now,
      JSON.stringify(rows),
    )
    .run()
}

/** A row that ends without a stored message. `gone`: expunged before it could be fetched. */
export type EndedRow = { id: string; disposition: 'gone' | 'quarantined'; reason: string; error: string | null }

/** Ends rows with their disposition. */
export async function end(db: TenantDb, rows: EndedRow[], now: number): Promise<void> {
  if (rows.length === 0) return
  await db
    .prepare(
      `UPDATE ledger SET state = 'done', disposition = value ->> 'disposition', reason = value ->> 'reason',
         error = coalesce(value ->> 'error', error), due_at = NULL, upload = NULL, updated_at = ?2
       FROM json_each(?3)
       WHERE ledger.tenant_id = ?1 AND ledger.id = value ->> 'id' AND ledger.state = 'discovered'`,
      now,
      JSON.stringify(rows),
    )
    .run()
}

/** Prolongs the lease of rows still being worked on. */
export async function renew(db: TenantDb, ids: string[], now: number): Promise<void> {
  await db
    .prepare(
      `UPDATE ledger SET due_at = ?2 WHERE tenant_id = ?1 AND state = 'discovered' AND id IN (SELECT value FROM json_each(?3))`,
      now + LEASE,
      JSON.stringify(ids),
    )
    .run()
}

/**
 * Saves how far an upload has come and prolongs the lease of its row. Progress is an outcome: attempts start over.
 * False when another worker has gone on with the same upload in the meantime.
 */
export async function saveProgress(db: TenantDb, id: string, progress: Progress, now: number): Promise<boolean> {
  const result = await db
    .prepare(
      `UPDATE ledger SET upload = ?3, due_at = ?4, attempts = 1, updated_at = ?5
       WHERE tenant_id = ?1 AND id = ?2 AND state = 'discovered' AND coalesce(upload ->> 'offset', 0) < ?6`,
      id,
      JSON.stringify(progress),
      now + LEASE,
      now,
      progress.offset,
    )
    .run()
  return result.meta.changes === 1
}
