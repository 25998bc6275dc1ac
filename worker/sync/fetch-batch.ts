// One claimed batch: every row of it ends stored, ended or given back, whatever the mailbox does.
import type { StoredMail } from '../contract/pipeline'
import type { Clock } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { log } from '../platform/log'
import { type FetchedMessage, type MailProvider, type MessageRef, ProviderError } from '../providers/provider'
import {
  type ClaimedRow,
  type EndedRow,
  end,
  type FetchedFacts,
  giveBack,
  markStored,
  type Progress,
  progressOf,
  type ReturnedRow,
  renew,
  type StoredRow,
  saveProgress,
} from './claims'
import { type Failure, failureOf } from './policy'
import { pieceReader, putWhole, RawTooLargeError, readBack, receiveRaw, UploadForgottenError } from './raw-store'
import { afterBreak, afterMessageFailure, isConnectionWide, type RowOutcome } from './row-policy'

/** R2 writes under way at once; an invocation has six connections and the mailbox holds one. */
const PUTS = 5
/** Bytes of a batch, and of one mail, that are handed on in memory; beyond them ingest reads from R2. */
const HELD = { batch: 8 * 1024 * 1024, mail: 4 * 1024 * 1024 }
/** From this try of a message on it does not wait for its links any more: it is worth more than they are. */
const LINKS_OPTIONAL_FROM = 4
/** Leases are prolonged this often while bytes arrive, ms. */
const RENEW_EVERY = 20_000

export type BatchDeps = {
  db: TenantDb
  blobs: R2Bucket
  provider: Pick<MailProvider, 'fetchRaw'>
  clock: Clock
  /** [0, 1) */
  random: () => number
  keyOf: (row: ClaimedRow) => Promise<string>
}
/** `stored` goes to ingest; `received` mails came over the wire; `failure` is what ended the connection. */
export type BatchOutcome = { stored: StoredMail[]; received: number; failure: Failure | null }

/** Another worker has gone on with the same upload: the row is no longer ours to judge. */
class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
}

/** Fetches, stores and settles the rows. Throws only what D1 throws. */
export async function fetchBatch(deps: BatchDeps, rows: ClaimedRow[]): Promise<BatchOutcome> {
  const results = resultsOf(deps)
  const keepLease = leaseKeeper(deps, rows)
  const waiting = new Map<string, Asked>()
  for (const row of rows) {
    const progress = progressOf(row)
    if (!(progress && (await finished(deps, row, progress, results))))
      waiting.set(refOf(row).identity, { row, progress })
  }
  const refs = [...waiting.values()].map(({ row, progress }) => ({
    ...refOf(row),
    ...(progress ? { resumeAt: progress.offset } : {}),
    ...(row.attempts >= LINKS_OPTIONAL_FROM ? { linksOptional: true } : {}),
  }))

  const dropped: ClaimedRow[] = []
  let reading: ClaimedRow | null = null
  let received = 0
  let lastError: ProviderError | null = null
  let failure: Failure | null = null
  try {
    for await (const message of refs.length > 0 ? deps.provider.fetchRaw(refs) : []) {
      const asked = waiting.get(message.ref.identity)
      if (!asked) continue
      if ('error' in message) {
        const { error } = message
        if (isConnectionWide(error)) throw error
        waiting.delete(message.ref.identity)
        // Providers give the error of a broken connection to every message left. The first was the one being read.
        if (error === lastError && isBreak(error)) {
          dropped.push(asked.row)
          failure = failureOf(error)
        } else results.failed(asked.row, failureOf(error))
        lastError = error
      } else {
        waiting.delete(message.ref.identity)
        reading = asked.row
        await keepLease()
        await storeMessage(deps, asked, message, keepLease, results)
        reading = null
        received++
      }
    }
    // A server that does not return a message it was asked for has failed for that message alone.
    for (const { row } of waiting.values()) results.failed(row, NOT_RETURNED)
    waiting.clear()
  } catch (error) {
    failure = failureOf(error)
    if (failure.kind === 'internal') log.error('fetch.batch', { error })
  }
  if (failure) {
    const others = [...dropped, ...[...waiting.values()].map(({ row }) => row)]
    const times = { now: deps.clock(), random: deps.random() }
    for (const outcome of afterBreak(failure, { blamed: reading, others }, times)) results.add(outcome)
  }
  return { stored: await results.write(), received, failure }
}

/** A claimed row and how far its upload came before. */
type Asked = { row: ClaimedRow; progress: Progress | null }

const isBreak = (error: ProviderError) => error.kind === 'transient' || error.kind === 'protocol'

const NOT_RETURNED: Failure = failureOf(
  new ProviderError('transient', 'not_returned', 'The mail server did not return the message.'),
)

const refOf = (row: ClaimedRow): MessageRef => JSON.parse(row.ref) as MessageRef

type Content = Extract<FetchedMessage, { raw: unknown }>

/** Reads one message into R2. Throws what ends the connection; the message's own trouble goes to the results. */
async function storeMessage(
  deps: BatchDeps,
  { row, progress }: Asked,
  message: Content,
  keepLease: () => Promise<void>,
  results: Results,
): Promise<void> {
  const { receivedAt, role = null, links = progress?.links ?? null } = message
  const facts: FetchedFacts = { receivedAt, role, links }
  const reader = pieceReader(message.raw, (row.size ?? 0) + 1, keepLease)
  const rawKey = await deps.keyOf(row)
  try {
    if (progress && message.start > progress.offset) throw new UploadForgottenError('the server skipped bytes')
    if (progress) {
      log.info('fetch.resumed', { ledgerId: row.id, offset: message.start })
      await reader.skip(progress.offset - message.start)
    }
    const raw = await receiveRaw(deps.blobs, {
      key: rawKey,
      reader,
      resume: progress,
      onPart: async (part) => {
        if (!(await saveProgress(deps.db, row.id, { ...part, ...facts }, deps.clock()))) throw new LeaseLostError()
        row.attempts = 1 // as saved: getting on is an outcome
      },
    })
    if (raw.stored) results.keep({ id: row.id, rawKey, size: raw.size, digest: raw.digest, ...facts }, null)
    else
      await results.whileReading(row, async () => {
        const digest = await putWhole(deps.blobs, rawKey, raw.bytes)
        results.keep({ id: row.id, rawKey, size: raw.bytes.length, digest, ...facts }, raw.bytes)
      })
  } catch (error) {
    await reader.cancel()
    if (error instanceof LeaseLostError) return
    if (error instanceof RawTooLargeError)
      results.failed(row, failureOf(new ProviderError('too_large', 'too_large', 'The message is too large.')))
    else if (error instanceof UploadForgottenError) results.failed(row, failureOf(error), true)
    else throw error
  }
}

/** A worker that died between the last part and the row's update left a whole object behind: nothing needs fetching. */
async function finished(deps: BatchDeps, row: ClaimedRow, progress: Progress, results: Results): Promise<boolean> {
  const rawKey = await deps.keyOf(row)
  if (!(await deps.blobs.head(rawKey))) return false
  const { receivedAt, role, links } = progress
  results.keep({ id: row.id, rawKey, ...(await readBack(deps.blobs, rawKey)), receivedAt, role, links }, null)
  return true
}

type Results = ReturnType<typeof resultsOf>

/** Collects what becomes of the rows and writes it: one statement for each kind of outcome, however many rows. */
function resultsOf(deps: BatchDeps) {
  const stored: StoredRow[] = []
  const bytesOf = new Map<string, Uint8Array>()
  const ended: EndedRow[] = []
  const returned: ReturnedRow[] = []
  const puts = new Set<Promise<void>>()
  let held = 0
  const add = (outcome: RowOutcome) => {
    if ('ended' in outcome) ended.push(outcome.ended)
    else returned.push(outcome.returned)
  }
  const failed = (row: ClaimedRow, failure: Failure, forgetUpload = false) =>
    add(afterMessageFailure(row, failure, { now: deps.clock(), random: deps.random() }, forgetUpload))
  return {
    add,
    failed,
    keep(row: StoredRow, bytes: Uint8Array | null) {
      stored.push(row)
      if (bytes === null || bytes.length > HELD.mail || held + bytes.length > HELD.batch) return
      held += bytes.length
      bytesOf.set(row.id, bytes)
    },
    /** Runs a write beside the reading of further messages, a few at a time; its failure is its row's. */
    async whileReading(row: ClaimedRow, write: () => Promise<void>) {
      if (puts.size >= PUTS) await Promise.race(puts)
      const put: Promise<void> = write()
        .catch((error) => {
          log.error('fetch.put', { ledgerId: row.id, error })
          failed(row, failureOf(error))
        })
        .finally(() => puts.delete(put))
      puts.add(put)
    },
    async write(): Promise<StoredMail[]> {
      await Promise.all(puts)
      const now = deps.clock()
      const [moved] = await Promise.all([
        markStored(deps.db, stored, now),
        giveBack(deps.db, returned, now),
        end(deps.db, ended, now),
      ])
      return stored
        .filter((row) => moved.has(row.id))
        .map((row) => ({ ledgerId: row.id, bytes: bytesOf.get(row.id) ?? null }))
    },
  }
}

/** Prolongs the leases of a batch now and then, as long as it is called. */
function leaseKeeper(deps: BatchDeps, rows: ClaimedRow[]): () => Promise<void> {
  const ids = rows.map((row) => row.id)
  let last = deps.clock()
  return async () => {
    const now = deps.clock()
    if (now - last < RENEW_EVERY) return
    last = now
    await renew(deps.db, ids, now)
  }
}
