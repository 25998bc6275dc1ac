// Ingest: stored mails become tickets and replies. Reads, plans and applies in batches; a batch that fails is done one mail at a time, and a mail
// that goes on failing is quarantined with its cause while the others flow on.
import type { IngestJob } from '../contract/jobs'
import type { StoredMail } from '../contract/pipeline'
import { BlobMissingError } from '../platform/blob-stream'
import type { Clock } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import type { NewId } from '../platform/ids'
import type { JobSender } from '../platform/jobs'
import { log } from '../platform/log'
import { backoff } from '../platform/retry'
import { applyPlans } from './apply'
import type { Applicable } from './apply-rows'
import { gatherFacts } from './facts'
import {
  BATCH,
  BATCH_BYTES,
  claimDue,
  claimRows,
  type FailedRow,
  MAX_ATTEMPTS,
  postpone,
  recordFailures,
  type StoredRow,
} from './ledger-rows'
import { mustWait, type Planned, planBatch } from './plan-batch'
import { prepare } from './prepare'
import { type ReadMail, readMail } from './read-mail'

export type IngestDeps = {
  db: (tenantId: string) => TenantDb
  blobs: R2Bucket
  jobs: JobSender
  clock: Clock
  newId: NewId
  /** signs reply tokens */
  authSecret: string
  /** [0, 1) */
  random: () => number
}

/** Wall time after which a job sends itself another one instead of claiming more, ms. */
const JOB_TIME = 20_000
/** Tries of one set of mails whose assumptions were overtaken by another worker. */
const ROUNDS = 5
const RETRY = { base: 60_000, max: 60 * 60_000 }
const ATTACHMENTS_PER_JOB = 50
/** Mails whose files are written to R2 side by side; an invocation has six connections and a fetch holds some. */
const PREPARED_AT_ONCE = 10
/** Until a mail in Sent is looked at again while one of ours is on its way, ms. The end of that sending usually settles it before. */
const SENDING_WAIT = 5_000

/** The continuation of a fetch (OnStored): ingests these mails now. Throws only when D1 fails; the rows are then taken up by the sweeper. */
export async function ingestStored(
  deps: IngestDeps,
  tenantId: string,
  inboxId: string,
  mails: StoredMail[],
): Promise<void> {
  const db = deps.db(tenantId)
  const bytes = new Map(mails.map((mail) => [mail.ledgerId, mail.bytes]))
  const rows = await claimRows(db, inboxId, [...bytes.keys()], deps.clock())
  for (const group of groups(rows)) await ingestRows(deps, db, inboxId, group, bytes)
}

/** The retry path: ingests whatever is due in one inbox. */
export async function runIngest(deps: IngestDeps, job: IngestJob): Promise<void> {
  const db = deps.db(job.tenantId)
  const deadline = deps.clock() + JOB_TIME
  while (deps.clock() < deadline) {
    const rows = await claimDue(db, job.inboxId, deps.clock())
    if (rows.length === 0) return
    await ingestRows(deps, db, job.inboxId, rows, new Map())
  }
  await deps.jobs.send(job)
}

/** Batches that fit in memory, in the given order. */
function groups(rows: StoredRow[]): StoredRow[][] {
  const result: StoredRow[][] = []
  let size = 0
  for (const row of rows) {
    const last = result.at(-1)
    if (last && last.length < BATCH && size + row.size <= BATCH_BYTES) {
      last.push(row)
      size += row.size
    } else {
      result.push([row])
      size = row.size
    }
  }
  return result
}

async function ingestRows(
  deps: IngestDeps,
  db: TenantDb,
  inboxId: string,
  rows: StoredRow[],
  bytes: Map<string, Uint8Array | null>,
): Promise<void> {
  const read: ReadMail[] = []
  const failed: FailedRow[] = []
  const fail = (row: StoredRow, error: unknown) => failed.push(failureOf(deps, row, error))
  for (const row of rows) {
    if (row.attempts > MAX_ATTEMPTS) {
      failed.push({ id: row.id, error: 'Reading it stopped the worker each time.', dueAt: null })
      continue
    }
    try {
      read.push(await readMail(deps, db.tenantId, row, bytes.get(row.id) ?? null))
    } catch (error) {
      fail(row, error)
    }
  }
  const alone = read.length > 1 ? await settleTogether(deps, db, inboxId, read) : read
  const rowOf = new Map(rows.map((row) => [row.id, row]))
  for (const mail of alone) {
    const row = rowOf.get(mail.item.ledgerId)
    try {
      const [overtaken] = await settle(deps, db, inboxId, [mail])
      if (overtaken && row) fail(row, new Error('its thread kept changing'))
    } catch (error) {
      if (row) fail(row, error)
    }
  }
  await recordFailures(db, failed, deps.clock())
}

/** Returns the mails that have to be tried one by one: those that were overtaken every time, or all when the batch failed. */
async function settleTogether(deps: IngestDeps, db: TenantDb, inboxId: string, mails: ReadMail[]): Promise<ReadMail[]> {
  try {
    return await settle(deps, db, inboxId, mails)
  } catch (error) {
    log.warn('ingest.batch_failed', { inboxId, mails: mails.length, error })
    return mails
  }
}

/** Plans and applies until every mail has its disposition. Returns the mails that were overtaken in every round. */
async function settle(deps: IngestDeps, db: TenantDb, inboxId: string, mails: ReadMail[]): Promise<ReadMail[]> {
  let left = mails
  for (let round = 0; round < ROUNDS && left.length > 0; round++) {
    const facts = await gatherFacts(
      db,
      inboxId,
      left.map((mail) => mail.item),
    )
    left = left.filter((mail) => facts.open.has(mail.item.ledgerId))
    const now = deps.clock()
    const waiting = new Set(left.filter((mail) => mustWait(mail.item, facts, now)))
    await postpone(db, idsOf(waiting), now + SENDING_WAIT, now)
    left = left.filter((mail) => !waiting.has(mail))
    if (left.length === 0) break
    const items = left.map((mail) => mail.item)
    const ready = await prepareAll(deps, db.tenantId, planBatch(items, facts, inboxId, now), left)
    const ended = await applyPlans({ db, newId: deps.newId }, ready, now)
    await sendAttachmentJobs(
      deps,
      db.tenantId,
      ready.filter((mail) => ended.has(mail.item.ledgerId)),
    )
    left = left.filter((mail) => !ended.has(mail.item.ledgerId))
  }
  return left
}

const idsOf = (mails: Iterable<ReadMail>) => Array.from(mails, (mail) => mail.item.ledgerId)

async function prepareAll(
  deps: IngestDeps,
  tenantId: string,
  plans: Planned[],
  mails: ReadMail[],
): Promise<Applicable[]> {
  const readOf = new Map(mails.map((mail) => [mail.item.ledgerId, mail]))
  const ready: Applicable[] = []
  for (let at = 0; at < plans.length; at += PREPARED_AT_ONCE) {
    const some = plans.slice(at, at + PREPARED_AT_ONCE).flatMap((planned) => {
      const read = readOf.get(planned.item.ledgerId)
      return read ? [prepare(deps, tenantId, planned, read)] : []
    })
    ready.push(...(await Promise.all(some)))
  }
  return ready
}

/** A lost job is no loss: the sweeper finds pending rows. */
async function sendAttachmentJobs(deps: IngestDeps, tenantId: string, mails: Applicable[]): Promise<void> {
  const ids = mails.flatMap((mail) => mail.attachments.filter((row) => row.state === 'pending').map((row) => row.id))
  for (let at = 0; at < ids.length; at += ATTACHMENTS_PER_JOB) {
    try {
      const attachmentIds = ids.slice(at, at + ATTACHMENTS_PER_JOB)
      await deps.jobs.send({ kind: 'attachment', tenantId, attachmentIds })
    } catch (error) {
      log.warn('ingest.attachment_job_not_sent', { error })
    }
  }
}

function failureOf(deps: IngestDeps, row: StoredRow, error: unknown): FailedRow {
  log.error('ingest.mail_failed', { ledgerId: row.id, attempts: row.attempts, error })
  const cause = error instanceof Error ? error.message.slice(0, 300) : 'unknown'
  const message =
    error instanceof BlobMissingError ? 'The stored original is missing.' : `It could not be filed: ${cause}.`
  const dueAt =
    row.attempts >= MAX_ATTEMPTS ? null : deps.clock() + backoff(row.attempts, RETRY.base, RETRY.max, deps.random())
  return { id: row.id, error: message, dueAt }
}
