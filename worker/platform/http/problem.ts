// AppError → RFC 9457 problem details: the one place where error codes meet HTTP statuses.
import { HTTPException } from 'hono/http-exception'
import type { Problem } from '../../contract/http'
import { AppError, type AppErrorCode } from '../errors'

const STATUS: Record<AppErrorCode, { status: number; title: string }> = {
  bad_request: { status: 400, title: 'Bad request' },
  invalid_body: { status: 422, title: 'Some fields are not right' },
  unauthenticated: { status: 401, title: 'Sign in first' },
  invalid_credentials: { status: 401, title: 'Wrong email address or password' },
  forbidden: { status: 403, title: 'Not allowed' },
  foreign_origin: { status: 403, title: 'Request from another site' },
  not_found: { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'Conflict' },
  inbox_limit_reached: { status: 403, title: 'Inbox limit reached' },
  feature_not_available: { status: 403, title: 'Not part of this plan' },
  consumer_not_available: { status: 403, title: 'Not part of this edition' },
  profile_in_use: { status: 409, title: 'The profile is in use' },
  body_too_large: { status: 413, title: 'Too large' },
  rate_limited: { status: 429, title: 'Too many attempts' },
  connection_failed: { status: 422, title: 'The mail server did not accept the connection' },
  attachment_not_stored: { status: 409, title: 'The attachment is not stored' },
  not_in_this_edition: { status: 501, title: 'Not part of this edition' },
  unavailable: { status: 503, title: 'Not possible right now' },
  internal: { status: 500, title: 'Something went wrong on our side' },
}

/** The answer to an error; what is neither an AppError nor Hono's word on a bad request is `internal` and says nothing about its cause. */
export function problemResponse(error: unknown): Response {
  const app = asAppError(error)
  const { status, title } = STATUS[app.code]
  const body: Problem & Record<string, unknown> = {
    type: `urn:postroom:problem:${app.code}`,
    title,
    status,
    code: app.code,
    ...(app.detail ? { detail: app.detail } : {}),
    ...(app.fields ? { errors: app.fields } : {}),
    ...app.extra,
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(app.retryAfter ? { 'retry-after': String(app.retryAfter) } : {}),
    },
  })
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (error instanceof HTTPException && error.status < 500) {
    return new AppError('bad_request', { detail: 'The request is not well formed.', cause: error })
  }
  return new AppError('internal', { cause: error })
}
