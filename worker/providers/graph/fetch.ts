// Raw messages by id, a few requests at once, byte for byte as Graph hands them out: small ones whole, large ones as streams.
import type { Clock } from '../../platform/clock'
import { type Fetched, fetchEach, type Wanted } from '../fetch-each'
import { bodyChunks, type HttpAnswer } from '../http'
import type { FetchedMessage, MessageRef } from '../provider'
import { ProviderError } from '../provider'
import { Arrival, Folder } from './answers'
import type { GraphClient } from './client'
import { messageIdOf } from './cursor'
import { isMailboxWide } from './errors'
import type { GraphLimits } from './limits'
import { cloudLinks } from './links'

export type FetchDeps = { client: GraphClient; clock: Clock; limits: GraphLimits }

/** Raw messages for refs, as fetchEach promises. Nothing is marked as read. */
export function fetchMessages(
  deps: FetchDeps,
  refs: readonly MessageRef[],
  atOnce: number,
): AsyncGenerator<FetchedMessage> {
  return fetchEach(refs, {
    parallel: atOnce,
    idOf: ({ identity }) => messageIdOf(identity),
    fetchOne: (item, signal) => fetchOne(deps, item, signal),
    isMailboxWide,
    trouble: () => mailboxTrouble(deps.client),
  })
}

/** What stands between us and the mailbox just now; null where it answers. */
export async function mailboxTrouble(client: GraphClient): Promise<ProviderError | null> {
  try {
    await client.call(Folder, { path: 'mailFolders/inbox', query: { $select: 'id' } })
    return null
  } catch (error) {
    if (error instanceof ProviderError) return error
    throw error
  }
}

async function fetchOne(deps: FetchDeps, item: Wanted, signal: AbortSignal): Promise<Fetched> {
  const path = `messages/${encodeURIComponent(item.id)}`
  const { role, linksOptional = false } = item.ref
  let answer: HttpAnswer | null = null
  try {
    const { receivedAt, attached } = await listedOf(deps, item.ref, path, signal)
    // Before the MIME, which may stay open for as long as it is read: Graph counts what is under way at once.
    const links = attached ? await cloudLinks(deps, { path, optional: linksOptional, signal }) : []
    // Paid for by the caller of fetchRaw.
    answer = await deps.client.open({ path: `${path}/$value`, signal, paid: true })
    assertMime(answer)
    if (Number(answer.headers.get('content-length') ?? 0) > deps.limits.message) throw tooLarge(deps.limits)
    const content = await contentOf(deps, answer)
    const known = { start: 0, receivedAt, ...(role && { role }), ...(links.length > 0 && { links }) }
    return { ref: item.ref, ...content, ...known }
  } catch (error) {
    answer?.close()
    if (!(error instanceof ProviderError)) throw error
    return { ref: item.ref, error: error.kind === 'not_found' ? gone() : error }
  }
}

const gone = () =>
  new ProviderError('not_found', 'graph_gone', 'The message was deleted from the mailbox before it was fetched.')

type Listed = { receivedAt: number | null; attached: boolean }

/** What the listing told, or would have: it may leave out what has not changed. */
async function listedOf(
  { client }: FetchDeps,
  { receivedAt, attached = false }: MessageRef,
  path: string,
  signal: AbortSignal,
): Promise<Listed> {
  if (receivedAt !== undefined) return { receivedAt, attached }
  const arrival = await client.call(Arrival, { path, query: { $select: 'receivedDateTime,hasAttachments' }, signal })
  return { receivedAt: arrival.receivedDateTime ?? null, attached: attached || arrival.hasAttachments === true }
}

/** A page for people or an object is no mail, whatever its status. */
function assertMime({ headers }: HttpAnswer): void {
  const type = headers.get('content-type') ?? ''
  if (!/html|json|xml/i.test(type)) return
  throw new ProviderError('protocol', 'graph_not_mime', 'Something that is not a mail came in its place.')
}

async function contentOf(
  deps: FetchDeps,
  answer: HttpAnswer,
): Promise<{ raw: ReadableStream<Uint8Array>; underWay?: true }> {
  const chunks = bodyChunks(deps, answer)
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await chunks.next()
    if (done) break
    parts.push(value.slice())
    size += value.length
    if (size > deps.limits.held) return { raw: largeStream(deps, answer, parts, chunks), underWay: true }
  }
  answer.close()
  return { raw: streamOf(Buffer.concat(parts, size)) }
}

function largeStream(
  { limits }: FetchDeps,
  answer: HttpAnswer,
  head: Uint8Array[],
  chunks: AsyncGenerator<Uint8Array>,
): ReadableStream<Uint8Array> {
  let size = 0
  const next = async (): Promise<Uint8Array | null> => {
    const held = head.shift()
    if (held) return held
    const { done, value } = await chunks.next()
    return done ? null : value.slice()
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await next()
        if (bytes) {
          size += bytes.length
          if (size > limits.message) {
            answer.close()
            throw tooLarge(limits)
          }
          return controller.enqueue(bytes)
        }
        answer.close()
        controller.close()
      },
      cancel: () => answer.close(),
    },
    { highWaterMark: 0 },
  )
}

function tooLarge(limits: GraphLimits): ProviderError {
  const mb = Math.round(limits.message / 1_048_576)
  return new ProviderError('too_large', 'graph_message_too_large', `The message is larger than ${mb} MB.`)
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}
