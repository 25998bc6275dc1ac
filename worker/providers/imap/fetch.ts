// Raw messages by UID over one connection: small ones whole and many to a command, large ones in windows that can be resumed. Nothing is marked as read.
import type { ImapLimits } from '../limits'
import type { FetchedMessage, MessageRef } from '../provider'
import { ProviderError } from '../provider'
import { readAhead } from '../read-ahead'
import { uidSet } from './cursor'
import { judgePartial, planFetch, type Wanted } from './plan-fetch'
import type { ImapSession, Loan } from './session'

export type FetchDeps = { session: ImapSession; limits: ImapLimits }
type Whole =
  | { ref: MessageRef; bytes: Uint8Array; receivedAt: number | null }
  | { ref: MessageRef; error: ProviderError }

/**
 * Raw messages for refs. Throws only when no mailbox could be opened; from then on each ref gets exactly one result, and when the
 * connection breaks the remaining ones get its error.
 */
export async function* fetchMessages(deps: FetchDeps, refs: readonly MessageRef[]): AsyncGenerator<FetchedMessage> {
  if (refs.length === 0) return
  const loan = await deps.session.borrow()
  try {
    const plan = planFetch(refs, loan.inbox.uidvalidity, deps.limits)
    yield* plan.strangers
    const whole = wholeMessages(deps, loan, plan.batches)
    const weigh = (item: Whole) => ('bytes' in item ? item.bytes.length : 0)
    for await (const item of readAhead(whole, weigh, deps.limits.readAhead, loan.drop)) {
      if ('error' in item) yield item
      else yield { ref: item.ref, raw: streamOf(item.bytes), start: 0, receivedAt: item.receivedAt }
    }
    for (const wanted of plan.large) yield* largeMessage(deps, loan, wanted)
  } finally {
    loan.release()
  }
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}

async function* wholeMessages(deps: FetchDeps, loan: Loan, batches: Wanted[][]): AsyncGenerator<Whole> {
  let broken: ProviderError | null = null
  for (const batch of batches) {
    const missing = new Map(batch.map((wanted) => [wanted.uid, wanted]))
    try {
      if (!broken) yield* batchRows(deps, loan, missing)
      if (!broken && missing.size > 0) yield* unanswered(deps, loan, missing)
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error
      broken = error
    }
    if (broken) for (const { ref } of missing.values()) yield { ref, error: broken }
    // A refused command breaks only its own batch.
    if (broken && loan.usable()) broken = null
  }
}

/** Yields what the server sends of a batch and strikes it off `missing`. */
async function* batchRows(deps: FetchDeps, loan: Loan, missing: Map<number, Wanted>): AsyncGenerator<Whole> {
  const rows = loan.client.fetch(
    uidSet([...missing.keys()]),
    { uid: true, internalDate: true, source: true },
    { uid: true },
  )
  for (;;) {
    const { done, value: row } = await loan.step(
      'Waiting for a message',
      waitFor(deps.limits, deps.limits.whole),
      rows.next(),
    )
    if (done || !row) return
    const wanted = missing.get(row.uid)
    if (!wanted) continue
    // A row without a body may be an unasked flag update; whether the message is there is settled afterwards.
    if (!row.source || (row.source.length === 0 && wanted.ref.size !== 0)) continue
    missing.delete(row.uid)
    yield { ref: wanted.ref, bytes: row.source, receivedAt: dateOf(row.internalDate) }
  }
}

/** Messages the server passed over: gone, or still there and not to be had. Only the first is final. */
async function* unanswered(deps: FetchDeps, loan: Loan, missing: Map<number, Wanted>): AsyncGenerator<Whole> {
  const search = loan.client.search({ uid: uidSet([...missing.keys()]) }, { uid: true })
  const found = await loan.step('Searching', deps.limits.command, search)
  const there = new Set(Array.isArray(found) ? found : [...missing.keys()])
  for (const { ref, uid } of missing.values()) {
    missing.delete(uid)
    yield { ref, error: there.has(uid) ? bodyMissing() : gone() }
  }
}

const bodyMissing = () =>
  new ProviderError(
    'protocol',
    'imap_body_missing',
    'The mail server lists this message and does not hand out its content.',
  )
const gone = () =>
  new ProviderError('not_found', 'imap_expunged', 'The message was deleted from the mailbox before it was fetched.')

/** ms to wait for `bytes` bytes */
function waitFor(limits: ImapLimits, bytes: number): number {
  return limits.command + bytes / limits.bytesPerMs
}

function dateOf(value: unknown): number | null {
  return value instanceof Date ? value.getTime() : null
}

type Window = { take: Uint8Array; ended: boolean; receivedAt: number | null } | { error: ProviderError }

async function fetchWindow(deps: FetchDeps, loan: Loan, wanted: Wanted, asked: number): Promise<Window> {
  const { window } = deps.limits
  // `maxLength` makes it BODY.PEEK[]<asked.window>; the date comes along for free.
  const query = { uid: true, internalDate: true, source: { start: asked, maxLength: window } }
  try {
    const work = loan.client.fetchOne(String(wanted.uid), query, { uid: true })
    const row = await loan.step('Waiting for a message', waitFor(deps.limits, window), work)
    if (!row) return { error: asked === 0 ? gone() : new ProviderError('not_found', 'imap_expunged', gone().message) }
    // Where the server says its answer starts; imapflow keeps it on the row and out of its types.
    const origin = (row as { partialOrigins?: ReadonlyMap<string, number> }).partialOrigins?.get('') ?? null
    const verdict = judgePartial({ asked, window, origin, bytes: row.source ?? null }, wanted.ref.size)
    return 'error' in verdict ? verdict : { ...verdict, receivedAt: dateOf(row.internalDate) }
  } catch (error) {
    if (error instanceof ProviderError) return { error }
    throw error
  }
}

/** One large message. The next window is asked for while the reader takes the one before: two are held at most. */
async function* largeMessage(deps: FetchDeps, loan: Loan, wanted: Wanted): AsyncGenerator<FetchedMessage> {
  const { ref } = wanted
  const start = ref.resumeAt ?? 0
  const first = await fetchWindow(deps, loan, wanted, start)
  if ('error' in first) {
    yield { ref, error: first.error }
    return
  }
  let offset = start
  let short = 0
  let next: Promise<Window> | null = Promise.resolve(first)
  let finished = false

  const raw = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const window = await next
        next = null
        const error = window && 'take' in window ? progress(window.take.length) : window?.error
        if (!window || !('take' in window) || error) {
          finished = true
          controller.error(error)
          return
        }
        if (!window.ended) next = fetchWindow(deps, loan, wanted, offset)
        if (window.take.length > 0) controller.enqueue(window.take)
        if (window.ended) {
          finished = true
          controller.close()
        }
      },
      async cancel() {
        await next
        finished = true
      },
    },
    { highWaterMark: 0 },
  )
  const progress = (bytes: number): ProviderError | null => {
    offset += bytes
    if (bytes < deps.limits.window) short++
    return progressError(deps.limits, offset, short)
  }
  try {
    yield { ref, raw, start, receivedAt: first.receivedAt }
  } finally {
    // A reader that went away in the middle leaves an answer on the wire that nobody wants.
    if (!finished) loan.drop()
  }
}

function progressError(limits: ImapLimits, offset: number, short: number): ProviderError | null {
  if (offset > limits.message) {
    const mb = Math.round(limits.message / 1_048_576)
    return new ProviderError('too_large', 'imap_message_too_large', `The message is larger than ${mb} MB.`)
  }
  if (short > limits.shortAnswers) {
    return new ProviderError(
      'protocol',
      'imap_no_progress',
      'The mail server hands out the message in ever smaller pieces.',
    )
  }
  return null
}
