// Attachment jobs: the encoded part is read from the stored original, decoded as a stream and stored as a file. No provider is asked again,
// so a retry is free, and a failure is written to the attachment's row and nowhere else.
import type { AttachmentJob } from '../contract/jobs'
import { decodeStream } from '../mail/decode'
import { BlobMissingError, blobSource, storeStream } from '../platform/blob-stream'
import { attachmentKey } from '../platform/blobs'
import type { TenantDb } from '../platform/db'
import { log } from '../platform/log'
import { backoff } from '../platform/retry'
import type { IngestDeps } from './ingest-job'

/** Wall time after which a job sends itself another one instead of claiming more, ms. */
const JOB_TIME = 20_000
/** How long a claim holds a row, ms: the largest attachment has to be stored in it. */
const LEASE = 5 * 60_000
const MAX_ATTEMPTS = 5
/** Files claimed together: small ones that have not failed often. All others come alone. */
const TOGETHER = { rows: 16, size: 4 * 1024 * 1024, attempts: 3 }
const RETRY = { base: 30_000, max: 30 * 60_000 }

type Deps = Pick<IngestDeps, 'db' | 'blobs' | 'jobs' | 'clock' | 'random'>
type Row = { id: string; size: number; rawKey: string; start: number; end: number; encoding: string; attempts: number }
type Outcome = {
  id: string
  state: 'stored' | 'pending' | 'failed'
  size: number
  sha256: string | null
  blobKey: string | null
  reason: string | null
  dueAt: number | null
}

/** Stores the pending attachments that the job names and nobody else works on. */
export async function runAttachments(deps: Deps, job: AttachmentJob): Promise<void> {
  const db = deps.db(job.tenantId)
  const deadline = deps.clock() + JOB_TIME
  while (deps.clock() < deadline) {
    const rows = await claim(db, job.attachmentIds, deps.clock())
    if (rows.length === 0) return
    const outcomes: Outcome[] = []
    for (const row of rows) outcomes.push(await store(deps, job.tenantId, row))
    await record(db, outcomes)
  }
  await deps.jobs.send(job)
}

async function store(deps: Deps, tenantId: string, row: Row): Promise<Outcome> {
  const failed = (reason: string, final: boolean): Outcome => ({
    ...{ id: row.id, size: row.size, sha256: null, blobKey: null, reason },
    state: final ? 'failed' : 'pending',
    dueAt: final ? null : deps.clock() + backoff(row.attempts, RETRY.base, RETRY.max, deps.random()),
  })
  if (row.attempts > MAX_ATTEMPTS) return failed('Storing it stopped the worker each time.', true)
  try {
    const key = attachmentKey(tenantId, row.id)
    const encoded = await blobSource(deps.blobs, row.rawKey, row.end).range(row.start, row.end)
    const file = await storeStream(deps.blobs, key, encoded.pipeThrough(decodeStream(row.encoding)), row.size)
    return { id: row.id, state: 'stored', ...file, blobKey: key, reason: null, dueAt: null }
  } catch (error) {
    log.error('attachment.failed', { attachmentId: row.id, attempts: row.attempts, error })
    const reason =
      error instanceof BlobMissingError
        ? 'The stored original of this mail is missing.'
        : 'The file could not be written to storage.'
    return failed(reason, row.attempts >= MAX_ATTEMPTS)
  }
}

async function claim(db: TenantDb, ids: string[], now: number): Promise<Row[]> {
  const take = async (which: string, limit: number) => {
    const { results } = await db
      .prepare(
        `UPDATE attachments SET attempts = attempts + 1, due_at = ?4
         WHERE tenant_id = ?1 AND id IN (
           SELECT id FROM attachments WHERE tenant_id = ?1 AND id IN (SELECT value FROM json_each(?2))
             AND state = 'pending' AND due_at <= ?3 AND raw_key IS NOT NULL AND ${which} ORDER BY id LIMIT ${limit})
         RETURNING id, size, raw_key AS rawKey, raw_start AS start, raw_end AS "end", encoding, attempts`,
        JSON.stringify(ids),
        now,
        now + LEASE,
      )
      .all<Row>()
    return results
  }
  const small = await take(`attempts < ${TOGETHER.attempts} AND size <= ${TOGETHER.size}`, TOGETHER.rows)
  return small.length > 0 ? small : take('true', 1)
}

async function record(db: TenantDb, outcomes: Outcome[]): Promise<void> {
  await db
    .prepare(
      `UPDATE attachments SET state = j.value ->> 'state', size = j.value ->> 'size', sha256 = j.value ->> 'sha256',
         blob_key = j.value ->> 'blobKey', reason = j.value ->> 'reason', due_at = j.value ->> 'dueAt'
       FROM json_each(?2) j
       WHERE attachments.tenant_id = ?1 AND attachments.id = j.value ->> 'id' AND attachments.state = 'pending'`,
      JSON.stringify(outcomes),
    )
    .run()
}
