// Trouble in Google's words, and base64 that is none.
import { jsonHeaders, SPOILING, spoil as spoilAnswer } from '../shell/faults.ts'
import { encodeBody, type SimResponse } from '../shell/http.ts'
import type { Fault } from '../shell/world.ts'
import { googleError } from './google-error.ts'

export const FAULT_KINDS = ['401', '403_quota', '403_scope', '429', '500', '503', 'redirect', 'bad_base64', ...SPOILING]

/** The answer of a fault that keeps the request from being handled; null for those that spoil the answer. */
export function refusal(fault: Fault): SimResponse | null {
  const headers = fault.retryAfter === undefined ? undefined : { 'retry-after': String(fault.retryAfter) }
  switch (fault.kind) {
    case '401':
      return googleError(401, 'Request had invalid authentication credentials.', {
        reason: 'authError',
        status: 'UNAUTHENTICATED',
        headers: { 'www-authenticate': 'Bearer realm="https://accounts.google.com/", error="invalid_token"' },
      })
    case '403_quota':
      return googleError(403, 'User-rate limit exceeded.', {
        reason: 'userRateLimitExceeded',
        status: 'PERMISSION_DENIED',
        headers,
      })
    case '403_scope':
      return insufficientScope()
    case '429':
      return googleError(429, 'Too many concurrent requests for user.', {
        reason: 'rateLimitExceeded',
        status: 'RESOURCE_EXHAUSTED',
        headers,
      })
    case '500':
      return googleError(500, 'Internal error encountered.', { reason: 'backendError', status: 'INTERNAL', headers })
    case '503':
      return googleError(503, 'The service is currently unavailable.', {
        reason: 'backendError',
        status: 'UNAVAILABLE',
        headers,
      })
    case 'redirect':
      return { status: 302, headers: { location: fault.location ?? 'http://127.0.0.1:9/elsewhere' }, body: '' }
    default:
      return null
  }
}

/** Google's 403 for a token without a scope the method takes. */
export function insufficientScope(): SimResponse {
  return googleError(403, 'Request had insufficient authentication scopes.', {
    reason: 'insufficientPermissions',
    status: 'PERMISSION_DENIED',
    headers: { 'www-authenticate': 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"' },
    details: [
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
        domain: 'googleapis.com',
        metadata: { service: 'gmail.googleapis.com' },
      },
    ],
  })
}

/** What arrives instead of the answer. */
export async function spoil(fault: Fault, response: SimResponse): Promise<SimResponse> {
  if (fault.kind !== 'bad_base64') return spoilAnswer(fault, response)
  const { bytes, type } = encodeBody(response)
  return { ...response, ...jsonHeaders(response, type), body: withBadBase64(bytes ?? Buffer.alloc(0)) }
}

/** Puts characters that are no base64 into the middle of `raw`. */
function withBadBase64(json: Buffer): Buffer {
  const start = json.indexOf('"raw": "')
  if (start < 0) return json
  const from = start + '"raw": "'.length
  const middle = from + Math.floor((json.indexOf('"', from) - from) / 2)
  return Buffer.concat([json.subarray(0, middle), Buffer.from('*%*'), json.subarray(middle)])
}
