// Typed application errors. Services throw AppError; platform/http/problem.ts alone turns it into an HTTP answer.

/** What went wrong, in the caller's terms. Each code has one HTTP status in `problem.ts`. */
export type AppErrorCode =
  | 'bad_request'
  | 'invalid_body'
  | 'unauthenticated'
  | 'invalid_credentials'
  | 'forbidden'
  | 'foreign_origin'
  | 'not_found'
  | 'conflict'
  | 'inbox_limit_reached'
  | 'feature_not_available'
  | 'consumer_not_available'
  | 'profile_in_use'
  | 'body_too_large'
  | 'rate_limited'
  | 'connection_failed'
  | 'attachment_not_stored'
  | 'not_in_this_edition'
  | 'unavailable'
  | 'internal'

/** `detail` is shown to people: plain words, no secret. `fields` are per-field messages of a form. */
export class AppError extends Error {
  readonly code: AppErrorCode
  readonly detail: string | undefined
  readonly fields: { path: string; message: string }[] | undefined
  /** seconds; becomes Retry-After */
  readonly retryAfter: number | undefined
  /** further members of the problem document */
  readonly extra: Record<string, unknown> | undefined

  constructor(
    code: AppErrorCode,
    options: {
      detail?: string
      cause?: unknown
      fields?: { path: string; message: string }[]
      retryAfter?: number
      extra?: Record<string, unknown>
    } = {},
  ) {
    super(options.detail ?? code, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = options.detail
    this.fields = options.fields
    this.retryAfter = options.retryAfter
    this.extra = options.extra
  }
}
