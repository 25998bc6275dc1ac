// Injected trouble: which request meets it, and what it makes of the answer. Answers in a vendor's own words are the vendor's.
import { encodeBody, type SimRequest, type SimResponse } from './http.ts'
import type { Fault, World } from './world.ts'

/** The kinds that spoil an answer; every vendor has them. */
export const SPOILING = ['slow', 'cut', 'html', 'truncated_json']

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

/** What arrives instead of the answer. The request has been handled: a send that meets this was sent. */
export async function spoil(fault: Fault, response: SimResponse): Promise<SimResponse> {
  if (fault.kind === 'slow') {
    await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 5_000))
    return response
  }
  const { bytes, stream, type } = encodeBody(response)
  const chunks = bytes ? [bytes] : []
  for await (const chunk of stream ?? []) chunks.push(chunk)
  const whole = Buffer.concat(chunks)
  switch (fault.kind) {
    case 'cut':
      return { ...response, ...(stream && { body: streamed(whole) }), cutAfter: Math.floor(whole.length / 2) }
    case 'html':
      return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: SORRY }
    case 'truncated_json':
      return {
        ...response,
        ...jsonHeaders(response, type),
        body: whole.subarray(0, Math.floor(whole.length / 2)),
      }
    default:
      return response
  }
}

/** Without a length, as before it was held to be cut. */
async function* streamed(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes
}

const SORRY =
  '<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>We are sorry</h1><p>Unusual traffic.</p></body></html>'

/** The headers an answer had before its body was replaced by bytes. */
export function jsonHeaders(response: SimResponse, type: string | null): { headers: Record<string, string> } {
  return { headers: { ...(type ? { 'content-type': type } : {}), ...response.headers } }
}
