// The fetch job of an inbox: claims discovered rows, brings their raw MIME to R2 over one connection, hands them to ingest, and goes on. While
// there is nothing to fetch it marks mail that is on a ticket, where the inbox asks for that (ADR 0016).
import type { FetchJob } from '../contract/jobs'
import type { OnStored, StoredMail } from '../contract/pipeline'
import { LIMITS } from '../mail/limits'
import { rawKey } from '../platform/blobs'
import type { Clock } from '../platform/clock'
import type { JobSender } from '../platform/jobs'
import { log } from '../platform/log'
import type { MailProvider, Quota } from '../providers/provider'
import { BATCH, type ClaimedRow, claim, end } from './claims'
import { fetchBatch } from './fetch-batch'
import { type MailboxDeps, type OpenedMailbox, openMailbox } from './mailbox'
import { MARK_BATCH, markBatch } from './mark-batch'
import { markWanted } from './mark-rows'
import { type Failure, failureOf } from './policy'
import type { RequestGate } from './request-gate'
import { beforeFetch } from './row-policy'

/** Wall time after which a job sends itself another one instead of claiming more, ms. */
const JOB_TIME = 20_000

/** How a fetch job fared, for the policy of its inbox. */
export type FetchOutcome = { received: number; failure: Failure | null }

/** The InboxObject as a fetch job sees it: it bounds how many jobs work on one inbox and what they spend, and hears how they fared. */
export type FetchSlots = Pick<RequestGate, 'acquireRequests'> & {
  /** Null when enough jobs are at work; one of them will be told that another was wanted. */
  acquireFetchSlot(): Promise<string | null>
  /** How many of `wanted` messages may be asked for now, before their rows are claimed. None: another job is sent when some may. */
  reserveFetch(slot: string, quota: Quota, wanted: number): Promise<number>
  /**
   * Ends a reservation: when messages were asked for (ms), and the quota units that anything else has cost. The rest is given back, and of
   * the requests that may be under way all but one, which is the slot's.
   */
  settleFetch(slot: string, spent: { messages: number[]; units: number }): Promise<void>
  /** `wanted`: a job was turned away meanwhile, so there may be rows that nobody has looked for. */
  releaseFetchSlot(slot: string, outcome: FetchOutcome): Promise<{ wanted: boolean }>
}
export type FetchDeps = Omit<MailboxDeps, 'spent'> & {
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
    more = await drain(deps, job, slot, outcome)
  } finally {
    const { wanted } = await deps.slots.releaseFetchSlot(slot, outcome)
    if (more || wanted) await deps.jobs.send(job)
  }
}

/** Batch after batch until nothing is due, new mail before marks; true when time was up before. */
async function drain(deps: FetchDeps, job: FetchJob, slot: string, outcome: FetchOutcome): Promise<boolean> {
  const deadline = deps.clock() + JOB_TIME
  let units = 0
  const spent = (more: number) => {
    units += more
  }
  const mailbox = await mailboxOf({ ...deps, spent }, job.inboxId, outcome)
  if (!mailbox) return false
  const { provider } = mailbox
  const budget = budgetOf(deps, slot, provider, () => {
    const more = units
    units = 0
    return more
  })
  const batchDeps = {
    db: deps.db,
    blobs: deps.blobs,
    provider: budget.provider,
    clock: deps.clock,
    random: deps.random,
    keyOf: (row: ClaimedRow) => rawKey(job.tenantId, job.inboxId, row.identity),
  }
  // One batch is ingested while the next one comes over the network.
  let ingesting = Promise.resolve()
  try {
    for (;;) {
      const batch = await budget.spend(async (most) => {
        const rows = await nextRows(deps, job.inboxId, most)
        return rows.length === 0 ? null : fetchBatch(batchDeps, rows)
      })
      await ingesting
      if (batch) {
        outcome.received += batch.received
        outcome.failure = batch.failure
        ingesting = ingest(deps, job, batch.stored)
        if (batch.failure) return false
      } else if (!(await markSome(deps, mailbox, budget, outcome))) return false
      if (deps.clock() >= deadline) return true
    }
  } finally {
    await Promise.all([ingesting, provider.close()])
  }
}

/** Marks what is due, as far as one batch goes; false when nothing is, or when the mailbox does not let us. */
async function markSome(
  deps: FetchDeps,
  { provider: { marks }, row }: Mailbox,
  budget: ReturnType<typeof budgetOf>,
  outcome: FetchOutcome,
): Promise<boolean> {
  const how = markWanted(row)
  if (!marks || !how) return false
  const marked = await budget.spend(
    (units, atOnce) =>
      markBatch({ ...deps, marks }, { id: row.id, how }, { most: Math.ceil(units / marks.units), atOnce }),
    MARK_BATCH * marks.units,
  )
  // What else is wrong with marking is no trouble of the inbox.
  if (marked?.failure?.kind === 'rate_limited') outcome.failure = marked.failure
  return marked !== null && marked.failure === null
}

type Fetcher = Pick<MailProvider, 'fetchRaw'>
/** `most`: messages, or units, that may be asked for; `atOnce`: requests that may be under way, where that is limited. */
type Spender<T> = (most: number, atOnce: number | undefined) => Promise<T>

/** What a job may ask of its mailbox: as much as it likes or, under a quota, what the object grants batch by batch. */
function budgetOf(deps: FetchDeps, slot: string, provider: MailProvider, takeUnits: () => number) {
  const { quota } = provider
  if (!quota) return { provider, spend: <T>(work: Spender<T>, wanted = BATCH) => work(wanted, undefined) }
  let asked = 0
  let messages: number[] = []
  let atOnce: number | undefined
  const metered: Fetcher = {
    async *fetchRaw(refs) {
      asked += refs.length
      for await (const message of provider.fetchRaw(refs, atOnce)) {
        messages.push(deps.clock())
        yield message
      }
    },
  }
  return {
    provider: metered,
    /** Null when nothing may be asked for now. */
    async spend<T>(work: Spender<T>, wanted = BATCH): Promise<T | null> {
      const most = await deps.slots.reserveFetch(slot, quota, wanted)
      if (most === 0) return null
      try {
        atOnce = await requestsOf(deps, slot, quota)
        return await work(most, atOnce)
      } finally {
        // Adapters read ahead, so what was asked for and has not come counts as well, at the latest time it can have been asked for.
        const missing = Array.from({ length: Math.max(0, asked - messages.length) }, () => deps.clock())
        await deps.slots.settleFetch(slot, { messages: [...messages, ...missing], units: takeUnits() })
        asked = 0
        messages = []
      }
    },
  }
}

/** How many messages may be on the way at once, where the provider limits that: one request is left to a pass. */
async function requestsOf({ slots }: FetchDeps, slot: string, { atOnce }: Quota): Promise<number | undefined> {
  if (atOnce === undefined) return undefined
  return slots.acquireRequests(slot, { limit: atOnce, most: Math.max(1, atOnce - 1), first: false })
}

/** The next claimed rows that are worth asking the server for, `most` at most; those that are not end here. */
async function nextRows(deps: FetchDeps, inboxId: string, most: number): Promise<ClaimedRow[]> {
  for (;;) {
    const now = deps.clock()
    const rows = await claim(deps.db, inboxId, now, most)
    const over = rows.flatMap((row) => beforeFetch(row, LIMITS.rawMessage) ?? [])
    if (over.length === 0) return rows
    await end(deps.db, over, now)
    const ended = new Set(over.map((row) => row.id))
    const left = rows.filter((row) => !ended.has(row.id))
    if (left.length > 0) return left
  }
}

type Mailbox = Extract<OpenedMailbox, { open: true }>

/** The mailbox, or null where it may not be read now: the rows then stay as they are. */
async function mailboxOf(deps: MailboxDeps, inboxId: string, outcome: FetchOutcome): Promise<Mailbox | null> {
  try {
    const mailbox = await openMailbox(deps, inboxId, () => 0)
    if (mailbox.open) return mailbox
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
