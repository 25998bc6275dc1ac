// Messages one request each, a few at once, over HTTP: which errors are a message's and which are the mailbox's. Knows no vendor.
import type { FetchedMessage, MessageRef } from './provider'
import { ProviderError } from './provider'

export type Wanted = { ref: MessageRef; id: string }
/** `underWay`: its request ends only with its content. */
export type Fetched = FetchedMessage & { underWay?: true }
export type Fetching = {
  /** requests at once, those whose answer is still being read included */
  parallel: number
  /** the provider's own id; null for what is none of its messages */
  idOf(ref: MessageRef): string | null
  /** One message. Never throws a ProviderError. */
  fetchOne(item: Wanted, signal: AbortSignal): Promise<Fetched>
  /** whether an error speaks of the whole mailbox and not of the one message it was met with */
  isMailboxWide(error: ProviderError): boolean
  /** what stands between us and the mailbox just now; null where it answers */
  trouble(): Promise<ProviderError | null>
}

/**
 * Raw messages for refs, in the order they come. Throws only when the mailbox cannot be reached at all; when that happens later,
 * the remaining refs get the error. Leaving early ends what is under way.
 */
export async function* fetchEach(refs: readonly MessageRef[], how: Fetching): AsyncGenerator<FetchedMessage> {
  const { wanted, strangers } = sorted(refs, how)
  yield* strangers
  const running = new Map<Wanted, Promise<{ item: Wanted; message: Fetched }>>()
  const stop = new AbortController()
  const start = () => {
    const item = wanted.shift()
    if (!item) return
    running.set(
      item,
      how.fetchOne(item, stop.signal).then((message) => ({ item, message })),
    )
  }
  let reached = strangers.length > 0
  try {
    for (let i = 0; i < how.parallel; i++) start()
    while (running.size > 0) {
      const { item, message } = await Promise.race(running.values())
      running.delete(item)
      const error = await mailboxError(how, message)
      if (error && !reached) throw error
      if (error) {
        for (const { ref } of [item, ...running.keys(), ...wanted]) yield { ref, error }
        return
      }
      reached = true
      const { underWay } = message
      if (!underWay) start()
      yield message
      if (underWay) start()
    }
  } finally {
    stop.abort()
    await Promise.all(running.values())
  }
}

/** Each message once; what is none of ours is not found. */
function sorted(refs: readonly MessageRef[], { idOf }: Fetching): { wanted: Wanted[]; strangers: FetchedMessage[] } {
  const wanted = new Map<string, Wanted>()
  const strangers: FetchedMessage[] = []
  for (const ref of refs) {
    const id = idOf(ref)
    if (id === null) strangers.push({ ref, error: stranger() })
    else if (!wanted.has(id)) wanted.set(id, { ref, id })
  }
  return { wanted: [...wanted.values()], strangers }
}

const stranger = () => new ProviderError('not_found', 'foreign_identity', 'This is not a message of this mailbox.')

/** The error of the mailbox behind the error of a message: an outage must not be held against the messages it is met with. */
async function mailboxError(how: Fetching, message: FetchedMessage): Promise<ProviderError | null> {
  if (!('error' in message)) return null
  const { error } = message
  if (how.isMailboxWide(error)) return error
  if (error.kind !== 'transient' && error.kind !== 'protocol') return null
  return how.trouble()
}
