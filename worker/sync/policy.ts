// What a success or a failure means for an inbox: its status, when to try again, when to stop. Pure; no clock, no storage.
import type { StatusDetail } from '../contract/inboxes'
import { iso } from '../platform/clock'
import { backoff } from '../platform/retry'
import { ProviderError, type ProviderErrorKind } from '../providers/provider'

/** This many refused logins in a row pause an inbox: more would lock the account at many providers. */
export const AUTH_FAILURES_BEFORE_PAUSE = 3
/** From this many failures of another kind in a row an inbox is called `error` instead of connected. */
const FAILURES_BEFORE_ERROR = 3
/** Longest wait between two checks, ms. */
const MAX_DELAY = 15 * 60_000
/** First wait for a server that asks a fetch job to slow down and names no time, ms. */
const PATIENCE = 60_000
/** Part of a named time that may be added to it, so that mailboxes do not come back together; and its limit, ms. */
const JITTER = 0.1
const MAX_JITTER = 30_000

/** A ProviderError as data, to cross the border of the object. `internal` is a fault of ours. */
export type Failure = {
  kind: ProviderErrorKind | 'internal'
  code: string
  message: string
  hint: string | null
  /** ms */
  retryAfter: number | null
}

/**
 * Failures in a row. Refused logins are counted apart: a dropped connection between two of them proves nothing. `throttles`: how many of the
 * failures were none but the wish to be asked less often.
 */
export type Health = {
  authFailures: number
  failures: number
  throttles: number
  fetchFailures: number
  fetchFailure: Failure | null
}
export const HEALTHY: Health = { authFailures: 0, failures: 0, throttles: 0, fetchFailures: 0, fetchFailure: null }

/** What follows from one check. `status` null leaves the status as it was; `delay` is ms until the next check. */
export type Verdict = {
  health: Health
  /** the mailbox was reached and read */
  reached: boolean
  /** the server asked for patience: pokes wait as well */
  rateLimited: boolean
  status: 'connected' | 'error' | null
  detail: StatusDetail | null
  lastError: string | null
  pause: boolean
  delay: number
}

/** Any thrown value as a Failure. What is not a ProviderError is our own fault and says nothing about the mailbox. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ProviderError)
    return {
      kind: error.kind,
      code: error.code,
      message: error.message,
      hint: error.hint ?? null,
      retryAfter: error.retryAfter ?? null,
    }
  return {
    kind: 'internal',
    code: 'internal',
    message: 'Something went wrong on our side.',
    hint: null,
    retryAfter: null,
  }
}

/** A check that reached the mailbox and read it: whatever was wrong with checking is over. `delay`: ms until the next. */
export function afterSuccess(health: Health, delay: number): Verdict {
  const { fetchFailure, fetchFailures } = health
  // One that asks for patience will be fetched from.
  const deaf = fetchFailures >= FAILURES_BEFORE_ERROR && fetchFailure?.kind !== 'rate_limited' ? fetchFailure : null
  return {
    health: { ...health, authFailures: 0, failures: 0, throttles: 0 },
    reached: true,
    rateLimited: false,
    status: deaf ? 'error' : 'connected',
    detail: deaf
      ? {
          code: 'fetch_failing',
          message: sentence(`New mail is seen but cannot be fetched: ${deaf.message}`),
          action: 'wait',
        }
      : null,
    lastError: deaf?.message ?? null,
    pause: false,
    delay,
  }
}

/** A check that failed. `interval` in ms; `random` in [0, 1) is the jitter. Only `auth_revoked` ever pauses: see `endsAtOnce`. */
export function afterFailure(
  health: Health,
  failure: Failure,
  context: { interval: number; now: number; random: number },
): Verdict {
  const { interval, now, random } = context
  const refused = failure.kind === 'auth_revoked'
  const rateLimited = failure.kind === 'rate_limited'
  const next: Health = {
    ...health,
    authFailures: health.authFailures + (refused ? 1 : 0),
    failures: health.failures + 1,
    throttles: health.throttles + (rateLimited ? 1 : 0),
  }
  const pause = refused && (endsAtOnce(failure) || next.authFailures >= AUTH_FAILURES_BEFORE_PAUSE)
  const wait = Math.max(interval, backoff(next.failures, interval, MAX_DELAY, random))
  const delay = Math.max(wait, patience(failure, random))
  return {
    health: next,
    reached: false,
    rateLimited,
    // A mailbox that is asked too often is a mailbox that answers.
    status: refused || (!rateLimited && next.failures - next.throttles >= FAILURES_BEFORE_ERROR) ? 'error' : null,
    detail: detailOf(failure, next, { paused: pause, until: now + delay }),
    lastError: failure.message,
    pause,
    delay,
  }
}

/** A grant that is gone does not come back, while a password server may have had a bad minute. */
const endsAtOnce = ({ code }: Failure) => code === 'oauth_refresh_failed' || code === 'oauth_client_changed'

/** How long the server wants to be left alone, ms, never less than it says. */
function patience({ retryAfter }: Failure, random: number): number {
  return retryAfter === null ? 0 : Math.round(retryAfter + random * Math.min(MAX_JITTER, retryAfter * JITTER))
}

/** A fetch job was asked to slow down: until when the mailbox is left alone, ms, and what people are told. */
export function afterThrottle(
  health: Health,
  failure: Failure,
  context: { now: number; random: number },
): { until: number; detail: StatusDetail } {
  const { now, random } = context
  // "Now" is no time to wait for.
  const wait =
    patience(failure, random) || Math.max(PATIENCE, backoff(health.fetchFailures, PATIENCE, MAX_DELAY, random))
  return { until: now + wait, detail: throttleDetail(failure, now + wait) }
}

function throttleDetail(failure: Failure, until: number): StatusDetail {
  const time = iso(until)
  return {
    code: failure.code,
    message: `${sentence(failure.message)} Throttled until ${time.slice(11, 16)} UTC; checking goes on by itself.`,
    action: 'wait',
    until: time,
  }
}

/** What a fetch job saw. Any mail received ends a row of fetch failures; the same Health where nothing has changed. */
export function afterFetch(health: Health, outcome: { received: number; failure: Failure | null }): Health {
  if (outcome.received > 0)
    return health.fetchFailures === 0 ? health : { ...health, fetchFailures: 0, fetchFailure: null }
  if (!outcome.failure) return health
  return { ...health, fetchFailures: health.fetchFailures + 1, fetchFailure: outcome.failure }
}

function detailOf(failure: Failure, health: Health, context: { paused: boolean; until: number }): StatusDetail {
  const hint = failure.hint ? ` ${failure.hint}` : ''
  const said = `${sentence(failure.message)}${hint}`
  switch (failure.kind) {
    case 'auth_revoked':
      if (endsAtOnce(failure))
        return { code: failure.code, message: `${said} Checking is paused until you reconnect.`, action: 'reconnect' }
      return context.paused
        ? { code: 'auth_failure', message: `${said} Checking is paused until you reconnect.`, action: 'reconnect' }
        : {
            code: failure.code,
            message: `${said} Attempt ${health.authFailures} of ${AUTH_FAILURES_BEFORE_PAUSE} before checking pauses.`,
            action: 'edit_connection',
          }
    case 'rate_limited':
      return throttleDetail(failure, context.until)
    case 'protocol':
    case 'rejected':
      return { code: failure.code, message: said, action: failure.hint ? 'edit_connection' : 'wait' }
    case 'transient':
    case 'cursor_expired':
    case 'not_found':
    case 'too_large':
      return { code: failure.code, message: `${said} We keep trying.`, action: 'wait' }
    case 'internal':
      return { code: failure.code, message: `${said} We keep trying.`, action: 'wait' }
    default:
      return failure.kind satisfies never
  }
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`)
