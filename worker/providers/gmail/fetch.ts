// Raw messages by id, a few requests at once: small ones are handed over whole, large ones as streams. Nothing is marked as read.
import type { Clock } from '../../platform/clock'
import { type Fetched, fetchEach, type Wanted } from '../fetch-each'
import { assertJson, bodyChunks, type HttpAnswer } from '../http'
import type { FetchedMessage, MailRole, MessageRef } from '../provider'
import { ProviderError } from '../provider'
import { Message } from './answers'
import type { GmailClient } from './client'
import { messageIdOf } from './cursor'
import { isMailboxWide } from './errors'
import { type GmailLimits, UNITS } from './limits'
import { joined, RawMessageReader } from './raw-json'
import { mailboxTrouble } from './reachable'

export type FetchDeps = { client: GmailClient; clock: Clock; limits: GmailLimits }

/**
 * Raw messages for refs, in the order they come. Throws only when the mailbox cannot be reached at all; when that happens later,
 * the remaining refs get the error. Leaving early ends what is under way.
 */
export function fetchMessages(deps: FetchDeps, refs: readonly MessageRef[]): AsyncGenerator<FetchedMessage> {
  return fetchEach(refs, {
    parallel: deps.limits.parallel,
    idOf: ({ identity }) => messageIdOf(identity),
    fetchOne: (item, signal) => fetchOne(deps, item, signal),
    isMailboxWide,
    trouble: () => mailboxTrouble(deps.client),
  })
}

const gone = () =>
  new ProviderError('not_found', 'gmail_gone', 'The message was deleted from the mailbox before it was fetched.')

/** One message, to its end where it is small. Never throws a ProviderError. */
async function fetchOne(deps: FetchDeps, item: Wanted, signal: AbortSignal): Promise<Fetched> {
  let answer: HttpAnswer | null = null
  try {
    // Paid for by the caller of fetchRaw.
    answer = await deps.client.open({ path: `messages/${item.id}`, query: { format: 'raw' }, units: 0, signal })
    assertJson(answer)
    return await readMessage(deps, item, answer)
  } catch (error) {
    answer?.close()
    if (!(error instanceof ProviderError)) throw error
    return { ref: item.ref, error: error.kind === 'not_found' ? gone() : error }
  }
}

async function readMessage(deps: FetchDeps, item: Wanted, answer: HttpAnswer): Promise<Fetched> {
  const reader = new RawMessageReader(deps.limits.fields)
  const chunks = bodyChunks(deps, answer)
  const parts: Uint8Array[] = []
  for (;;) {
    const { done, value } = await chunks.next()
    if (done) break
    parts.push(reader.push(value))
    if (reader.size > deps.limits.held) return largeMessage(deps, item, { answer, reader, chunks, head: joined(parts) })
  }
  const fields = checked(reader.end(), item)
  answer.close()
  return { ref: item.ref, raw: streamOf(joined(parts)), start: 0, ...factsOf(fields) }
}

type Rest = {
  answer: HttpAnswer
  reader: RawMessageReader
  chunks: AsyncGenerator<Uint8Array>
  head: Uint8Array
}

/** The facts of a message come after its content, so for one that is not held they are asked for. */
async function largeMessage(deps: FetchDeps, item: Wanted, rest: Rest): Promise<Fetched> {
  const query = { format: 'minimal' }
  const fields = await deps.client.call(Message, { path: `messages/${item.id}`, query, units: UNITS.get })
  const raw = largeStream(deps, item, rest)
  return { ref: item.ref, raw, underWay: true, start: 0, ...factsOf(checked(fields, item)) }
}

/** Ends only once the JSON around the content has proven whole. */
function largeStream(deps: FetchDeps, item: Wanted, rest: Rest): ReadableStream<Uint8Array> {
  const { reader, chunks, answer } = rest
  let head: Uint8Array | null = rest.head
  const next = async (): Promise<Uint8Array | null> => {
    for (;;) {
      const { done, value } = await chunks.next()
      if (done) return null
      const bytes = reader.push(value)
      if (reader.size > deps.limits.message) throw tooLarge(deps.limits)
      if (bytes.length > 0) return bytes
    }
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = head ?? (await next())
        head = null
        if (bytes) return controller.enqueue(bytes)
        checked(reader.end(), item)
        answer.close()
        controller.close()
      },
      cancel: () => answer.close(),
    },
    { highWaterMark: 0 },
  )
}

function tooLarge(limits: GmailLimits): ProviderError {
  const mb = Math.round(limits.message / 1_048_576)
  return new ProviderError('too_large', 'gmail_message_too_large', `The message is larger than ${mb} MB.`)
}

/** Throws where the answer is about another message. */
function checked(fields: Message, item: Wanted): Message {
  if (fields.id === item.id) return fields
  throw new ProviderError('protocol', 'gmail_other_message', 'Gmail handed out another message than the one asked for.')
}

/** Where a message lies and when it came, by its labels. */
export function factsOf({ labelIds = [], internalDate }: Message): { receivedAt: number | null; role?: MailRole } {
  const role = roleOf(new Set(labelIds))
  return { receivedAt: internalDate ?? null, ...(role && { role }) }
}

function roleOf(labels: ReadonlySet<string>): MailRole | null {
  if (labels.has('DRAFT')) return 'draft'
  // Mail to oneself is in both: it was received.
  if (labels.has('SENT') && !labels.has('INBOX')) return 'sent'
  if (labels.has('SPAM')) return 'spam'
  return labels.has('TRASH') ? 'trash' : null
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
}
