// Where requests to one mailbox wait for each other, where its provider limits how many may be under way: in the object, and as seen from outside.
import type { Clock } from '../platform/clock'
import { newToken } from '../platform/ids'
import { log } from '../platform/log'
import type { Quota } from '../providers/provider'
import { dropPermits, keepOne, noPermits, type PermitAsk, takeAnyway, takePermits } from './request-permits'

/** Waiting for a permit ends after this, ms: the request is made all the same, and a provider that minds says when to come again. */
const PERMIT_WAIT = 10_000
/** Time between two looks whether one has become free, ms. */
const LOOK_AGAIN = 50

/** The InboxObject as whoever makes requests to its mailbox sees it. */
export type RequestGate = {
  /** How many requests `id` may have under way at once from now on, at least one; waits a while for it. */
  acquireRequests(id: string, ask: PermitAsk): Promise<number>
  /** None is under way any more. */
  releaseRequests(id: string): Promise<void>
}

/** The permits of one inbox, in its object's memory. */
export function requestGate(clock: Clock, pause: (ms: number) => Promise<void>) {
  const permits = noPermits()
  const acquire = async (id: string, ask: PermitAsk): Promise<number> => {
    const deadline = clock() + PERMIT_WAIT
    for (;;) {
      const now = clock()
      const granted = takePermits(permits, id, ask, now)
      if (granted > 0) return granted
      if (now >= deadline) {
        log.warn('permits.overdue', { ask })
        return takeAnyway(permits, id, now)
      }
      await pause(LOOK_AGAIN)
    }
  }
  return {
    acquire,
    /** One request of work that nobody waits for. */
    async enter(id: string, quota: Quota | undefined): Promise<void> {
      if (quota?.atOnce !== undefined) await acquire(id, { limit: quota.atOnce, most: 1, first: false })
    },
    keepOne: (id: string): void => keepOne(permits, id, clock()),
    release: (id: string): void => dropPermits(permits, id),
  }
}

/** Does work that somebody waits for and that makes one request after another, with a permit where the provider limits them. */
export async function throughGate<T>(gate: RequestGate, quota: Quota | undefined, work: () => Promise<T>): Promise<T> {
  const limit = quota?.atOnce
  if (limit === undefined) return work()
  const id = newToken(8)
  await unlessLost(() => gate.acquireRequests(id, { limit, most: 1, first: true }))
  try {
    return await work()
  } finally {
    await unlessLost(() => gate.releaseRequests(id))
  }
}

/** Permits only keep order, so that an object which does not answer changes nothing about the work. */
async function unlessLost(call: () => Promise<unknown>): Promise<void> {
  try {
    await call()
  } catch (error) {
    log.warn('permits.lost', { error })
  }
}
