// Whether an inbox is told of new mail: the provider's standing order for push, and whether pushes really come. Pure; no clock.
// A standing order alone proves nothing; only a push does, or a provider that called us back while giving it (decisions/0011, 0015).
import { createHash } from 'node:crypto'
import { backoff } from '../platform/retry'
import type { Lease } from '../providers/provider'

/** Times are ms since the epoch. */
export type PushState = {
  /** when the standing order ends; null: there is none */
  expiresAt: number | null
  /** when it was asked for anew: only a push after this proves it */
  subscribedAt: number | null
  lastPushAt: number | null
  /** since when pushes are known to be missing */
  suspectAt: number | null
  /** why the last attempt at a standing order failed, in words */
  problem: string | null
  /** failed attempts in a row */
  failures: number
  /** the provider wants no further attempt before this */
  retryAt: number | null
  /** when the last check that read to the end began: mail found after it is newer than this */
  readAt: number | null
  /** what names the standing order in announcements and proves them; outlives it, so that it can be ended */
  subscription: Subscription | null
  /** the provider has called us back while giving it: it needs no push to prove it */
  handshake: boolean
  /** with a handshake, from when on announcements are recognised; null: not yet */
  heardFrom: number | null
}
type Subscription = NonNullable<Lease['subscription']>
export const NO_PUSH: PushState = {
  expiresAt: null,
  subscribedAt: null,
  lastPushAt: null,
  suspectAt: null,
  problem: null,
  failures: 0,
  retryAt: null,
  readAt: null,
  subscription: null,
  handshake: false,
  heardFrom: null,
}

const DAY = 86_400_000
/**
 * Looks behind the last push, ms after it. Providers announce at most once in a while and drop the surplus, which the first one finds; and
 * their lists may be later than their announcements.
 */
const AFTERMATH = [2_000, 20_000]
/** New mail found so soon after a push may be what it stood for, ms. */
const SURPLUS = 30_000
/** The first push comes right after the standing order; without it for this long something is not set up, ms. */
const PATIENCE = 120_000
/** Between two attempts at a standing order, ms. */
const RETRY = { base: 60_000, max: 3_600_000 }
/** Least time between two renewals, however short the standing orders are, ms. */
const LEAST_LIFE = 60_000
/** Longest time between two renewals, ms. A subscription may vanish without a word, and only renewing it tells. */
const PACE = { watch: DAY, subscription: DAY / 2 }
/** Push that went silent is asked for anew this often, ms. */
const PROBE = DAY

/** Connected (again): the standing order is to be asked for anew. What is shown of the past stays, unless it was another mailbox. */
export function unproven(push: PushState, newMailbox: boolean): PushState {
  return newMailbox ? NO_PUSH : { ...NO_PUSH, lastPushAt: push.lastPushAt, subscription: push.subscription }
}

/** A standing order was given anew. `askedAt`: before the provider was asked, for its first push may come before its answer. */
export function subscribed(push: PushState, lease: Lease, askedAt: number): PushState {
  return {
    ...push,
    expiresAt: lease.expiresAt,
    subscribedAt: askedAt,
    suspectAt: null,
    problem: null,
    failures: 0,
    retryAt: null,
    subscription: lease.subscription ?? null,
    handshake: lease.proven === true,
    heardFrom: null,
  }
}

/** The row knows how to recognise announcements: one that was proven by a handshake is believed from now on. */
export function recognisable(push: PushState, now: number): PushState {
  return push.handshake && push.heardFrom === null ? { ...push, heardFrom: now } : push
}

/** The provider has ended the standing order. */
export function removed(push: PushState): PushState {
  return { ...push, expiresAt: null, subscribedAt: null, handshake: false, heardFrom: null }
}

/** The standing order as its provider knows it; null where there is none. */
export function leaseOf({ expiresAt, subscription }: PushState): Lease | null {
  if (subscription) return { expiresAt: expiresAt ?? 0, subscription }
  return expiresAt === null ? null : { expiresAt }
}

/** The standing order was prolonged; what it has proven stays. One that the provider has ended meanwhile is not revived by that. */
export function renewed(push: PushState, lease: Lease): PushState {
  const expiresAt = push.subscribedAt === null ? null : lease.expiresAt
  return { ...push, expiresAt, problem: null, failures: 0, retryAt: null }
}

/** The provider gave none. One that still stands goes on. `retryAt`: it asked for patience until then, ms. */
export function refused(push: PushState, problem: string, retryAt: number | null = null): PushState {
  return { ...push, problem, failures: push.failures + 1, retryAt }
}

/** Whether the standing order has to be asked for anew instead of being prolonged: none stands, or it has been silent for long. */
export function wantsAnew(push: PushState, now: number): boolean {
  if (push.subscribedAt === null || push.expiresAt === null || push.expiresAt <= now) return true
  return probeAt(push) <= now
}

/** When silent push is asked for anew, ms; only a handshake makes that worth anything. */
function probeAt({ suspectAt, handshake }: PushState): number {
  return suspectAt !== null && handshake ? suspectAt + PROBE : Number.POSITIVE_INFINITY
}

/**
 * When to renew after an attempt, ms from now: daily, a subscription twice a day, or at half of a shorter life; after a failure with
 * backoff, at least hourly unless the provider wants to be left alone for longer.
 */
export function renewalDelay(push: PushState, now: number, random: number): number {
  const patience = (push.retryAt ?? now) - now
  if (push.failures > 0)
    return Math.max(patience, Math.min(RETRY.max, backoff(push.failures, RETRY.base, RETRY.max, random)))
  const pace = push.subscription ? PACE.subscription : PACE.watch
  const half = ((push.expiresAt ?? now) - now) / 2
  return Math.max(LEAST_LIFE, Math.min(pace, half, probeAt(push) - now))
}

/** A push has come. */
export function announced(push: PushState, now: number): PushState {
  return { ...push, lastPushAt: now, suspectAt: null }
}

/**
 * A check has succeeded. `queued`: new mail of the kind that pushes announce. What came after the last complete check, and no push has
 * announced since, makes push suspect: the inbox polls until one comes.
 */
export function afterCheck(push: PushState, check: { begunAt: number; queued: number; more: boolean }): PushState {
  const { readAt, lastPushAt, heardFrom } = push
  const last = Math.max(lastPushAt ?? Number.NEGATIVE_INFINITY, heardFrom ?? Number.NEGATIVE_INFINITY)
  const unannounced =
    check.queued > 0 && readAt !== null && last < readAt && check.begunAt - last > SURPLUS && listens(push)
  return {
    ...push,
    suspectAt: unannounced ? (push.suspectAt ?? check.begunAt) : push.suspectAt,
    readAt: check.more ? readAt : check.begunAt,
  }
}

/** Whether there is a standing order whose announcements would be recognised. */
function listens({ subscribedAt, handshake, heardFrom }: PushState): boolean {
  return subscribedAt !== null && (!handshake || heardFrom !== null)
}

/** When a check that began at `begunAt` has to be followed by another, so that nothing announced by the last push is missed; else null. */
export function checkAgainAt({ lastPushAt }: PushState, begunAt: number): number | null {
  if (lastPushAt === null) return null
  return AFTERMATH.map((after) => lastPushAt + after).find((look) => begunAt < look) ?? null
}

/** How new mail is noticed, as proven. */
export function modeOf(push: PushState, now: number): 'push' | 'poll' {
  const stands = push.expiresAt !== null && push.expiresAt > now
  const { subscribedAt, lastPushAt, heardFrom } = push
  const proven = heardFrom !== null || (subscribedAt !== null && lastPushAt !== null && lastPushAt >= subscribedAt)
  return stands && proven && push.suspectAt === null ? 'push' : 'poll'
}

/** Why new mail is not announced though it could be, in words; null where it is, or where nobody wants it. */
export function problemOf(push: PushState, now: number): string | null {
  const { subscribedAt, lastPushAt } = push
  if (push.problem !== null) return push.problem
  if (subscribedAt === null || push.expiresAt === null) return null
  if (push.expiresAt <= now) return 'Push has run out and is being renewed.'
  if (!push.handshake && (lastPushAt === null || lastPushAt < subscribedAt))
    return now - subscribedAt < PATIENCE
      ? null
      : "Push was set up, but no announcement has arrived. Check the push subscription's address, audience and service account."
  return push.suspectAt === null
    ? null
    : 'New mail came without an announcement, so push is not trusted until the next one arrives.'
}

/** What the inbox row shows of it. `subscription`: as its announcements are recognised, `proof` the SHA-256 (hex) of what proves them. */
export type PushColumns = {
  mode: 'push' | 'poll'
  lastPushAt: number | null
  problem: string | null
  expiresAt: number | null
  subscription?: { id: string; proof: string }
}
export function pushColumns(push: PushState, now: number): PushColumns {
  const { lastPushAt, expiresAt, subscription } = push
  return {
    mode: modeOf(push, now),
    lastPushAt,
    problem: problemOf(push, now),
    expiresAt,
    ...(subscription && { subscription: { id: subscription.id, proof: proofOf(subscription.clientState) } }),
  }
}

/** What is stored of a clientState: enough to recognise it, not to forge it. */
export function proofOf(clientState: string): string {
  return createHash('sha256').update(clientState).digest('hex')
}
