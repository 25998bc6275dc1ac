// The shape of Google's error answers.
import type { SimResponse } from '../shell/http.ts'

/** Google's error answer: `reason` is the legacy reason (`authError`), `status` the canonical code (`UNAUTHENTICATED`). */
export function googleError(
  code: number,
  message: string,
  { reason, status, details, headers, location }: GoogleErrorParts,
): SimResponse {
  const first = { message, domain: reason === 'rateLimitExceeded' ? 'usageLimits' : 'global', reason, ...location }
  return { status: code, headers, body: { error: { code, message, errors: [first], status, details } } }
}

type GoogleErrorParts = {
  reason: string
  status: string
  details?: Record<string, unknown>[]
  headers?: Record<string, string>
  location?: { location: string; locationType: string }
}
