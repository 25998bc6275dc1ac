// Trouble in Microsoft's words: Graph's for Graph's paths, Entra's for sign-in.
import { SPOILING } from '../shell/faults.ts'
import type { SimRequest, SimResponse } from '../shell/http.ts'
import type { Fault } from '../shell/world.ts'
import { EntraRefusal, KNOWN_CODES, refusalAnswer } from './entra-error.ts'
import { accessDenied, graphError, itemNotFound } from './graph-error.ts'

const AADSTS = /^AADSTS(\d+)$/

/** `AADSTS…` are for Entra's token endpoint alone. */
export const FAULT_KINDS = [
  ...['401', '403', '404', '410', '429', '429_concurrency', '500', '502', '503', '504', 'redirect'],
  ...KNOWN_CODES.map((code) => `AADSTS${code}`),
  ...SPOILING,
]

/** The answer of a fault that keeps the request from being handled; null for those that spoil the answer. `now` in ms. */
export function refusal(fault: Fault, request: SimRequest, now: number): SimResponse | null {
  const headers: Record<string, string> =
    fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }
  const [, code] = AADSTS.exec(fault.kind) ?? []
  if (code) return refusalAnswer(new EntraRefusal(Number(code)), request, now)
  if (request.url.pathname.includes('/oauth2/') && /^(429|5\d\d)$/.test(fault.kind)) {
    const answer = refusalAnswer(new EntraRefusal(90033), request, now)
    return { ...answer, status: Number(fault.kind), headers: { ...answer.headers, ...headers } }
  }
  switch (fault.kind) {
    case '401':
      return graphError(401, 'InvalidAuthenticationToken', 'Lifetime validation failed, the token is expired.')
    case '403':
      return accessDenied()
    case '404':
      return itemNotFound()
    case '410':
      return graphError(410, 'syncStateNotFound', 'The sync state generation is not found; a full resync is required.')
    case '429':
      return graphError(429, 'TooManyRequests', 'Too many requests have been sent.', headers)
    case '429_concurrency':
      return graphError(429, 'ApplicationThrottled', 'Application is over its MailboxConcurrency limit.', headers)
    case '500':
      return graphError(500, 'InternalServerError', 'An internal server error occurred.', headers)
    case '502':
      return graphError(502, 'BadGateway', 'The upstream service did not answer.', headers)
    case '503':
      return graphError(503, 'ServiceUnavailable', 'The service is temporarily unavailable.', headers)
    case '504':
      return graphError(504, 'UnknownError', 'The gateway timed out.', headers)
    case 'redirect':
      return { status: 302, headers: { location: fault.location ?? 'http://127.0.0.1:9/elsewhere' }, body: '' }
    default:
      return null
  }
}
