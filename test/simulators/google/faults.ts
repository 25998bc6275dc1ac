// Injected trouble: which request meets it, and what it makes of the answer.
import { encodeBody, googleError, type SimRequest, type SimResponse } from './http.ts'
import type { Fault, World } from './world.ts'

/** The fault this request meets, counted down; null for most. */
export function takeFault(world: World, request: SimRequest): Fault | null {
  const target = request.url.pathname + request.url.search
  const index = world.faults.findIndex(
    (fault) =>
      fault.times > 0 && (!fault.method || fault.method === request.method) && new RegExp(fault.path).test(target),
  )
  const fault = world.faults[index]
  if (!fault) return null
  fault.times -= 1
  if (fault.times === 0) world.faults.splice(index, 1)
  return fault
}

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

/** What arrives instead of the answer. The request has been handled: a send that meets this was sent. */
export async function spoil(fault: Fault, response: SimResponse): Promise<SimResponse> {
  const { bytes, type } = encodeBody(response)
  const whole = bytes ?? Buffer.alloc(0)
  switch (fault.kind) {
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 5_000))
      return response
    case 'cut':
      return { ...response, cutAfter: Math.floor(whole.length / 2) }
    case 'html':
      return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: SORRY }
    case 'truncated_json':
      return {
        ...response,
        ...jsonHeaders(response, type),
        body: whole.subarray(0, Math.floor(whole.length / 2)),
      }
    case 'bad_base64':
      return { ...response, ...jsonHeaders(response, type), body: withBadBase64(whole) }
    default:
      return response
  }
}

const SORRY =
  '<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>We are sorry</h1><p>Unusual traffic.</p></body></html>'

/** The headers an answer had before its body was replaced by bytes. */
function jsonHeaders(response: SimResponse, type: string | null): { headers: Record<string, string> } {
  return { headers: { ...(type ? { 'content-type': type } : {}), ...response.headers } }
}

/** Puts characters that are no base64 into the middle of `raw`. */
function withBadBase64(json: Buffer): Buffer {
  const start = json.indexOf('"raw": "')
  if (start < 0) return json
  const from = start + '"raw": "'.length
  const middle = from + Math.floor((json.indexOf('"', from) - from) / 2)
  return Buffer.concat([json.subarray(0, middle), Buffer.from('*%*'), json.subarray(middle)])
}
