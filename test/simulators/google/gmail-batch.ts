// The batch endpoint: up to a hundred calls as one multipart request, each answered on its own and in its place.
import type { IncomingHttpHeaders } from 'node:http'
import { type Dispatch, encodeBody, type Route, type SimRequest, type SimResponse } from '../shell/http.ts'
import { structured } from '../shell/mime.ts'
import { invalid } from './gmail-access.ts'
import { multipartOf } from './gmail-upload.ts'

const MAX_CALLS = 100

export const batchRoutes: Route[] = ['/batch', '/batch/gmail/v1'].map((path) => ({
  method: 'POST',
  path,
  handle: batch,
}))

async function batch(request: SimRequest, dispatch: Dispatch): Promise<SimResponse> {
  const type = structured(request.headers['content-type'] ?? null)
  const calls = type.token === 'multipart/mixed' ? multipartOf(request.body, type.params.boundary ?? '') : []
  if (calls.length === 0) return invalid('Failed to parse batch request, error: no parts.')
  if (calls.length > MAX_CALLS) return invalid(`The batch request exceeds the limit of ${MAX_CALLS} calls.`)
  const boundary = `batch_${request.headers['x-request-id'] ?? calls.length}_postroom`
  const parts = await Promise.all(
    calls.map(async ({ fields, body }) => {
      const contentId = fields.find(({ name }) => name.toLowerCase() === 'content-id')?.value
      const inner = innerRequest(body, request)
      const answer = inner ? await dispatch(inner) : invalid('Failed to parse a part of the batch.')
      const headers = ['Content-Type: application/http']
      if (contentId) headers.push(`Content-ID: <response-${contentId.replace(/^<|>$/g, '')}>`)
      return Buffer.concat([
        Buffer.from(`--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n`),
        await wire(answer),
        Buffer.from('\r\n'),
      ])
    }),
  )
  return {
    status: 200,
    headers: { 'content-type': `multipart/mixed; boundary=${boundary}` },
    body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
  }
}

/** A part is an HTTP request as text; headers it lacks (the token above all) are those of the batch. */
function innerRequest(part: Buffer, outer: SimRequest): Omit<SimRequest, 'params'> | null {
  const end = part.indexOf('\r\n\r\n')
  const [first = '', ...lines] = part
    .subarray(0, end < 0 ? part.length : end)
    .toString('utf8')
    .split('\r\n')
  const [, method, target] = /^([A-Z]+) (\S+)(?: HTTP\/[\d.]+)?\s*$/.exec(first) ?? []
  if (!method || !target) return null
  const headers: IncomingHttpHeaders = { authorization: outer.headers.authorization }
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const body = end < 0 ? Buffer.alloc(0) : part.subarray(end + 4)
  return { method, url: new URL(target, outer.url), headers, body }
}

async function wire(response: SimResponse): Promise<Buffer> {
  const { type, bytes, stream } = encodeBody(response)
  const chunks = bytes ? [bytes] : []
  if (stream) for await (const chunk of stream) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const headers = { ...(type && { 'content-type': type }), ...response.headers, 'content-length': String(body.length) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${response.status} \r\n${lines.join('')}\r\n`), body])
}
