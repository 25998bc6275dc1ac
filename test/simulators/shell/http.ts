// A simulator's HTTP: request, response and route types, the router, and the server on loopback. Knows no vendor.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request, its body held in memory. `params` are the path's `:name` segments, decoded. */
export type SimRequest = {
  method: string
  url: URL
  headers: IncomingHttpHeaders
  params: Record<string, string>
  body: Buffer
}

/** One answer. An object becomes JSON; `cutAfter` ends the connection after that many bytes of the body. */
export type SimResponse = {
  status: number
  headers?: Record<string, string>
  body?: unknown
  cutAfter?: number
}

/** Hands a request through the whole simulator (contracts, faults, routes), as a client's request would go; for batch and pages. */
export type Dispatch = (request: Omit<SimRequest, 'params'>) => Promise<SimResponse>

/** One path. With `operation` (an id of contracts/*.operations.json) requests and answers are checked against the contract. */
export type Route = {
  method: string
  path: string
  operation?: string
  handle(request: SimRequest, dispatch: Dispatch): Promise<SimResponse> | SimResponse
}

/** The largest body read: Gmail's 35 MiB of mail as base64 in JSON, and some. */
const MAX_BODY = 64 * 1024 * 1024

/** Finds the route of a method and path; literal segments win over parameters. */
export function createRouter(routes: readonly Route[]) {
  const compiled = routes.map((route) => ({ route, segments: route.path.split('/') }))
  return (method: string, pathname: string): { route: Route; params: Record<string, string> } | null => {
    const wanted = pathname.split('/')
    let best: { route: Route; params: Record<string, string>; literals: number } | null = null
    for (const { route, segments } of compiled) {
      if (route.method !== method || segments.length !== wanted.length) continue
      const params = paramsOf(segments, wanted)
      if (!params) continue
      const literals = segments.length - Object.keys(params).length
      if (!best || literals > best.literals) best = { route, params, literals }
    }
    return best
  }
}

function paramsOf(segments: string[], wanted: string[]): Record<string, string> | null {
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const given = wanted[index] ?? ''
    if (segment.startsWith(':')) {
      if (given === '') return null
      params[segment.slice(1)] = decodeSegment(given)
    } else if (segment !== given) return null
  }
  return params
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Listens on 127.0.0.1. A port of 0 takes a free one; `tooLarge` answers a body over 64 MiB. `close` ends open connections too. */
export async function listen({
  port,
  dispatch,
  tooLarge,
}: {
  port: number
  dispatch: Dispatch
  tooLarge: SimResponse
}): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (incoming, outgoing) => {
    try {
      const body = await readBody(incoming)
      if (!body) return await write(outgoing, tooLarge)
      const url = new URL(incoming.url ?? '/', `http://${incoming.headers.host ?? '127.0.0.1'}`)
      await write(outgoing, await dispatch({ method: incoming.method ?? 'GET', url, headers: incoming.headers, body }))
    } catch (error) {
      console.error('simulator:', error)
      if (outgoing.headersSent) outgoing.destroy()
      else await write(outgoing, { status: 500, body: String(error) }).catch(() => outgoing.destroy())
    }
  })
  server.keepAliveTimeout = 30_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The body, or null when it is over the limit; the rest is read and thrown away so that the answer arrives. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    size += chunk.length
    if (size <= MAX_BODY) chunks.push(chunk)
  }
  return size <= MAX_BODY ? Buffer.concat(chunks) : null
}

type Encoded = {
  type: string | null
  bytes: Buffer | null
  /** instead of bytes */
  stream: AsyncIterable<Buffer> | null
  /** the value itself, where the body is JSON made of it */
  json?: unknown
}

/** What an answer looks like on the wire: its content type and its bytes, or a stream of them. */
export function encodeBody({ body }: SimResponse): Encoded {
  if (body === undefined || body === null) return { type: null, bytes: Buffer.alloc(0), stream: null }
  if (typeof body === 'string') return { type: 'text/plain; charset=utf-8', bytes: Buffer.from(body), stream: null }
  if (body instanceof Uint8Array) {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    return { type: 'application/octet-stream', bytes, stream: null }
  }
  if (isStream(body)) return { type: 'application/octet-stream', bytes: null, stream: body }
  let json: Buffer | null = null // made once, and only for those who want the bytes
  return {
    type: 'application/json; charset=UTF-8',
    get bytes() {
      json ??= Buffer.from(`${JSON.stringify(body, null, 2)}\n`) // indented, as Google's are
      return json
    },
    stream: null,
    json: body,
  }
}

function isStream(body: unknown): body is AsyncIterable<Buffer> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

async function write(outgoing: ServerResponse, response: SimResponse): Promise<void> {
  const { type, bytes, stream } = encodeBody(response)
  const headers: Record<string, string> = { 'cache-control': 'no-store', ...response.headers }
  if (type && !headers['content-type']) headers['content-type'] = type
  if (bytes && response.status !== 204) headers['content-length'] = String(bytes.length)
  outgoing.writeHead(response.status, headers)
  let left = response.cutAfter ?? Number.POSITIVE_INFINITY
  for await (const chunk of stream ?? [bytes ?? Buffer.alloc(0)]) {
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk
    left -= part.length
    if (part.length > 0 && !outgoing.write(part)) await once(outgoing)
    if (left <= 0 || outgoing.destroyed) break
  }
  if (response.cutAfter === undefined) outgoing.end()
  else setTimeout(() => outgoing.destroy(), 20) // after what was written has left
}

/** Room in the connection again, or its end. */
function once(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
    outgoing.on('drain', done)
    outgoing.on('close', done)
  })
}
