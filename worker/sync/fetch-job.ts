// The fetch job of an inbox: claims discovered rows, brings their raw MIME to R2 over one connection, hands them to ingest, and goes on.
import type { FetchJob } from '../contract/jobs'
import type { OnStored, StoredMail } from '../contract/pipeline'
import { LIMITS } from '../mail/limits'
import { rawKey } from '../platform/blobs'
import type { Clock } from '../platform/clock'
import type { JobSender } from '../platform/jobs'
import { log } from '../platform/log'
import type { MailProvider } from '../providers/provider'
import { type ClaimedRow, claim, end } from './claims'
import { fetchBatch } from './fetch-batch'
import { type MailboxDeps, openMailbox } from './mailbox'
import { type Failure, failureOf } from './policy'
import { beforeFetch } from './row-policy'

/** Wall time after which a job sends itself another one instead of claiming more, ms. */
const JOB_TIME = 20_000

/** How a fetch job fared, for the policy of its inbox. */
export type FetchOutcome = { received: number; failure: Failure | null }

/** The InboxObject as a fetch job sees it: it bounds how many jobs work on one inbox, and hears how they fared. */
export type FetchSlots = {
  /** Null when enough jobs are at work; one of them will be told that another was wanted. */
  acquireFetchSlot(): Promise<string | null>
  /** `wanted`: a job was turned away meanwhile, so there may be rows that nobody has looked for. */
  releaseFetchSlot(slot: string, outcome: FetchOutcome): Promise<{ wanted: boolean }>
}
export type FetchDeps = MailboxDeps & {
  blobs: R2Bucket
  clock: Clock
  jobs: JobSender
  onStored: OnStored
  slots: FetchSlots
  /** [0, 1) */
  random: () => number
}

/** Runs one fetch job to its end. Throws only when D1 does: the mailbox's troubles end in rows and in the inbox's policy. */
export async function runFetch(deps: FetchDeps, job: FetchJob): Promise<void> {
  const slot = await deps.slots.acquireFetchSlot()
  if (slot === null) return
  const outcome: FetchOutcome = { received: 0, failure: null }
  let more = false
  try {
    more = await drain(deps, job, outcome)
  } finally {
    const { wanted } = await deps.slots.releaseFetchSlot(slot, outcome)
    if (more || wanted) await deps.jobs.send(job)
  }
}

/** Batch after batch until nothing is due; true when time was up before. */
async function drain(deps: FetchDeps, job: FetchJob, outcome: FetchOutcome): Promise<boolean> {
  const deadline = deps.clock() + JOB_TIME
  const provider = await providerOf(deps, job.inboxId, outcome)
  if (!provider) return false
  const batchDeps = {
    db: deps.db,
    blobs: deps.blobs,
    provider,
    clock: deps.clock,
    random: deps.random,
    keyOf: (row: ClaimedRow) => rawKey(job.tenantId, job.inboxId, row.identity),
  }
  // One batch is ingested while the next one comes over the network.
  let ingesting = Promise.resolve()
  try {
    for (;;) {
      const rows = await nextRows(deps, job.inboxId)
      if (rows.length === 0) return false
      const batch = await fetchBatch(batchDeps, rows)
      outcome.received += batch.received
      outcome.failure = batch.failure
      await ingesting
      ingesting = ingest(deps, job, batch.stored)
      if (batch.failure) return false
      if (deps.clock() >= deadline) return true
    }
  } finally {
    await Promise.all([ingesting, provider.close()])
  }
}

/** The next claimed rows that are worth asking the server for; those that are not end here. */
async function nextRows(deps: FetchDeps, inboxId: string): Promise<ClaimedRow[]> {
  for (;;) {
    const now = deps.clock()
    const rows = await claim(deps.db, inboxId, now)
    const over = rows.flatMap((row) => beforeFetch(row, LIMITS.rawMessage) ?? [])
    if (over.length === 0) return rows
    await end(deps.db, over, now)
    const ended = new Set(over.map((row) => row.id))
    const left = rows.filter((row) => !ended.has(row.id))
    if (left.length > 0) return left
  }
}

/** The mailbox's provider, or null where it may not be read now: the rows then stay as they are. */
async function providerOf(deps: FetchDeps, inboxId: string, outcome: FetchOutcome): Promise<MailProvider | null> {
  try {
    const mailbox = await openMailbox(deps, inboxId, () => 0)
    if (mailbox.open) return mailbox.provider
    log.info('fetch.closed', { inboxId, reason: mailbox.reason })
  } catch (error) {
    log.error('fetch.open', { inboxId, error })
    outcome.failure = failureOf(error)
  }
  return null
}

/** Ingest has its own retry path in the rows, so its failure never stops the fetching. */
async function ingest(deps: FetchDeps, job: FetchJob, mails: StoredMail[]): Promise<void> {
  if (mails.length === 0) return
  try {
    await deps.onStored(job.tenantId, job.inboxId, mails)
  } catch (error) {
    log.error('fetch.ingest', { inboxId: job.inboxId, mails: mails.length, error })
  }
}
