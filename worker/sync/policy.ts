// What a success or a failure means for an inbox: its status, when to try again, when to stop. Pure; no clock, no storage.
import type { StatusDetail } from '../contract/inboxes'
import { backoff } from '../platform/retry'
import { ProviderError, type ProviderErrorKind } from '../providers/provider'

/** This many refused logins in a row pause an inbox: more would lock the account at many providers. */
export const AUTH_FAILURES_BEFORE_PAUSE = 3
/** From this many failures of another kind in a row an inbox is called `error` instead of connected. */
const FAILURES_BEFORE_ERROR = 3
/** Longest wait between two checks, ms. */
const MAX_DELAY = 15 * 60_000

/** A ProviderError as data, to cross the border of the object. `internal` is a fault of ours. */
export type Failure = {
  kind: ProviderErrorKind | 'internal'
  code: string
  message: string
  hint: string | null
  /** ms */
  retryAfter: number | null
}

/** Failures in a row. Refused logins are counted apart: a dropped connection between two of them proves nothing. */
export type Health = { authFailures: number; failures: number; fetchFailures: number; fetchFailure: Failure | null }
export const HEALTHY: Health = { authFailures: 0, failures: 0, fetchFailures: 0, fetchFailure: null }

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

/** A check that reached the mailbox and read it: whatever was wrong with checking is over. */
export function afterSuccess(health: Health, intervalMs: number): Verdict {
  const deaf = health.fetchFailures >= FAILURES_BEFORE_ERROR ? health.fetchFailure : null
  return {
    health: { ...health, authFailures: 0, failures: 0 },
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
    delay: intervalMs,
  }
}

/** A check that failed. Only `auth_revoked` ever pauses, and only the third time in a row. `random` in [0, 1) is the jitter. */
export function afterFailure(health: Health, failure: Failure, intervalMs: number, random: number): Verdict {
  const refused = failure.kind === 'auth_revoked'
  const next: Health = {
    ...health,
    authFailures: health.authFailures + (refused ? 1 : 0),
    failures: health.failures + 1,
  }
  const pause = refused && next.authFailures >= AUTH_FAILURES_BEFORE_PAUSE
  const wait = Math.max(intervalMs, backoff(next.failures, intervalMs, MAX_DELAY, random))
  return {
    health: next,
    reached: false,
    rateLimited: failure.kind === 'rate_limited',
    status: refused || next.failures >= FAILURES_BEFORE_ERROR ? 'error' : null,
    detail: detailOf(failure, next, pause),
    lastError: failure.message,
    pause,
    delay: Math.max(wait, failure.retryAfter ?? 0),
  }
}

/** What a fetch job saw. Any mail received ends a row of fetch failures; the same Health where nothing has changed. */
export function afterFetch(health: Health, outcome: { received: number; failure: Failure | null }): Health {
  if (outcome.received > 0)
    return health.fetchFailures === 0 ? health : { ...health, fetchFailures: 0, fetchFailure: null }
  if (!outcome.failure) return health
  return { ...health, fetchFailures: health.fetchFailures + 1, fetchFailure: outcome.failure }
}

function detailOf(failure: Failure, health: Health, paused: boolean): StatusDetail {
  const hint = failure.hint ? ` ${failure.hint}` : ''
  const said = `${sentence(failure.message)}${hint}`
  switch (failure.kind) {
    case 'auth_revoked':
      return paused
        ? { code: 'auth_failure', message: `${said} Checking is paused until you reconnect.`, action: 'reconnect' }
        : {
            code: failure.code,
            message: `${said} Attempt ${health.authFailures} of ${AUTH_FAILURES_BEFORE_PAUSE} before checking pauses.`,
            action: 'edit_connection',
          }
    case 'rate_limited':
      return { code: failure.code, message: `The mail server asks us to slow down. ${said}`, action: 'wait' }
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
