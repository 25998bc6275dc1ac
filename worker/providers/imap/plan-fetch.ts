// Pure: which messages are fetched together, and what an answer to a partial fetch means. No server's size or offset is trusted.
import type { ImapLimits } from '../limits'
import type { MessageRef } from '../provider'
import { ProviderError } from '../provider'
import { parseIdentity } from './cursor'

export type Wanted = { ref: MessageRef; uid: number }
export type FetchPlan = {
  /** whole messages, fetched several in one command */
  batches: Wanted[][]
  /** fetched in windows, one after the other */
  large: Wanted[]
  /** not messages of this mailbox as it is now */
  strangers: { ref: MessageRef; error: ProviderError }[]
}

/** Sorts refs into commands. `sizes` are the server's claims; a ref without one counts as large. */
export function planFetch(
  refs: readonly MessageRef[],
  uidvalidity: string,
  limits: Pick<ImapLimits, 'whole' | 'batchMessages' | 'batchBytes'>,
): FetchPlan {
  const plan: FetchPlan = { batches: [], large: [], strangers: [] }
  let batch: Wanted[] = []
  let bytes = 0
  const seen = new Set<number>()
  for (const ref of refs) {
    const id = parseIdentity(ref.identity)
    if (!id || id.uidvalidity !== uidvalidity) {
      plan.strangers.push({ ref, error: strangerError(id, uidvalidity) })
      continue
    }
    // Named twice is fetched once: two results for one message could contradict each other.
    if (seen.has(id.uid)) continue
    seen.add(id.uid)
    if (ref.size === undefined || ref.size > limits.whole) {
      plan.large.push({ ref, uid: id.uid })
      continue
    }
    if (batch.length >= limits.batchMessages || (batch.length > 0 && bytes + ref.size > limits.batchBytes)) {
      plan.batches.push(batch)
      batch = []
      bytes = 0
    }
    batch.push({ ref, uid: id.uid })
    bytes += ref.size
  }
  if (batch.length > 0) plan.batches.push(batch)
  return plan
}

function strangerError(id: { uidvalidity: string } | null, uidvalidity: string): ProviderError {
  if (id && id.uidvalidity !== uidvalidity) {
    return new ProviderError(
      'not_found',
      'imap_uidvalidity_changed',
      'The mailbox was rebuilt; the message comes again under a new number.',
    )
  }
  return new ProviderError('not_found', 'imap_identity', 'This is not a message of this mailbox.')
}

/** One answer to `BODY.PEEK[]<asked.window>`. `origin` is the offset the server put on it, null for none. */
export type PartialAnswer = { asked: number; window: number; origin: number | null; bytes: Uint8Array | null }
export type PartialVerdict = { take: Uint8Array; ended: boolean } | { error: ProviderError }

/**
 * What to take of an answer. The end of a message is an answer of no bytes (RFC 9051 6.4.5), or one shorter than asked that reaches the
 * claimed size; a short answer before that only means asking again. `claimed` is RFC822.SIZE, which some servers estimate.
 */
export function judgePartial(answer: PartialAnswer, claimed: number | undefined): PartialVerdict {
  const { asked, window, origin } = answer
  const bytes = answer.bytes ?? new Uint8Array(0)
  if (bytes.length === 0) {
    if (asked === 0 && claimed !== 0) {
      return {
        error: new ProviderError(
          'protocol',
          'imap_body_missing',
          'The mail server sent a message without its content.',
        ),
      }
    }
    return { take: bytes, ended: true }
  }
  if (origin === null && (asked > 0 || bytes.length > window)) {
    // The server ignored the partial fetch and sent the message from its first byte to its last.
    if (bytes.length < asked) return { error: mismatch() }
    return { take: bytes.subarray(asked), ended: true }
  }
  if (origin !== null && origin !== asked) return { error: mismatch() }
  if (bytes.length > window) return { error: mismatch() }
  return { take: bytes, ended: bytes.length < window && claimed !== undefined && asked + bytes.length >= claimed }
}

function mismatch(): ProviderError {
  return new ProviderError(
    'protocol',
    'imap_partial_mismatch',
    'The mail server sent another part of the message than it was asked for.',
  )
}
