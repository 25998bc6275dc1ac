// HTTP with a provider's API: time and size limits, redirects only to trusted hosts, JSON and nothing else. Knows no vendor and no token.
import type { Clock } from '../platform/clock'
import { type Origin, trustedUrl } from './http-origin'
import { ProviderError } from './provider'
import { within } from './server'

/** ms, bytes, number of redirects */
export type HttpLimits = {
  /** until the headers of an answer */
  headers: number
  /** silence in the middle of a body */
  idle: number
  /** a body from its first to its last byte */
  total: number
  json: number
  redirects: number
}
export type HttpDeps = { fetch: typeof fetch; clock: Clock; origin: Origin; limits: HttpLimits }
type BodyDeps = Pick<HttpDeps, 'clock' | 'limits'>
export type HttpRequest = {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  url: string
  headers: Record<string, string>
  body?: BodyInit
  /** ms until the headers, where sending the body takes time */
  wait?: number
  /** ends the request and the reading of its answer */
  signal?: AbortSignal
}
/** `body` is unread. `close` ends the connection, also in the middle of the body; safe to call at any time. */
export type HttpAnswer = {
  status: number
  headers: Headers
  body: ReadableStream<Uint8Array> | null
  close(): void
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** Bytes of one read: the runtime's plain reader hands out far less at a time. */
const READ = 64 * 1024

/**
 * One request. Redirects of a GET are followed to trusted hosts; every other one is refused, so that headers and body never reach a
 * stranger. Throws a ProviderError where no answer comes; any status is an answer.
 */
export async function exchange(deps: HttpDeps, request: HttpRequest): Promise<HttpAnswer> {
  let url = request.url
  for (let hops = 0; ; hops++) {
    const answer = await ask(deps, { ...request, url })
    const location = REDIRECTS.has(answer.status) ? answer.headers.get('location') : null
    if (location === null) return answer
    answer.close()
    if (request.method !== 'GET' || hops >= deps.limits.redirects) throw unexpectedRedirect()
    url = trustedUrl(deps.origin, location, url)
  }
}

async function ask({ fetch, limits }: HttpDeps, request: HttpRequest): Promise<HttpAnswer> {
  const controller = new AbortController()
  const { method, url, headers, body, wait = limits.headers } = request
  const { host } = new URL(url)
  const signal = request.signal ? AbortSignal.any([controller.signal, request.signal]) : controller.signal
  const sent = fetch(url, { method, headers, redirect: 'manual', signal, ...(body && { body }) })
  try {
    const response = await within(wait, sent, () => {
      controller.abort()
      return new ProviderError('transient', 'http_timeout', `${host} did not answer in time.`)
    })
    return {
      status: response.status,
      headers: response.headers,
      body: response.body,
      close: () => controller.abort(),
    }
  } catch (cause) {
    if (cause instanceof ProviderError) throw cause
    throw new ProviderError('transient', 'http_unreachable', `${host} could not be reached.`, { cause })
  }
}

const unexpectedRedirect = () =>
  new ProviderError('protocol', 'http_redirect', 'The mail service answered with a redirect where none may be.')

/**
 * The body in pieces, each valid until the next is asked for. Throws a ProviderError when it is cut off, slow or silent; leaving early
 * ends the connection.
 */
export async function* bodyChunks({ clock, limits }: BodyDeps, answer: HttpAnswer): AsyncGenerator<Uint8Array> {
  if (!answer.body) return
  const read = readerOf(answer.body)
  const ends = clock() + limits.total
  let ended = false
  try {
    for (;;) {
      const left = Math.min(limits.idle, ends - clock())
      const { done, value } = await within(Math.max(0, left), read(), slow).catch((cause) => {
        if (cause instanceof ProviderError) throw cause
        throw new ProviderError('transient', 'http_cut', 'The connection broke in the middle of an answer.', { cause })
      })
      if (done || !value) {
        ended = true
        return
      }
      yield value
    }
  } finally {
    if (!ended) answer.close()
  }
}

const slow = () => new ProviderError('transient', 'http_slow', 'The mail service stopped in the middle of an answer.')

type Read = () => Promise<{ done: boolean; value?: Uint8Array }>

function readerOf(body: ReadableStream<Uint8Array>): Read {
  let byob: ReadableStreamBYOBReader
  try {
    byob = body.getReader({ mode: 'byob' })
  } catch {
    const plain = body.getReader()
    return () => plain.read()
  }
  let buffer: ArrayBufferLike = new ArrayBuffer(READ)
  return async () => {
    const { done, value } = await byob.read(new Uint8Array(buffer))
    if (value) buffer = value.buffer
    return done ? { done } : { done, value }
  }
}

/** The JSON of an answer. Throws a ProviderError that repeats nothing of a body that is not JSON, not whole or too large. */
export async function readJson(deps: BodyDeps, answer: HttpAnswer): Promise<unknown> {
  assertJson(answer)
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const chunk of bodyChunks(deps, answer)) {
    size += chunk.length
    if (size > deps.limits.json)
      throw new ProviderError('protocol', 'http_too_large', 'The mail service sent more than it was asked for.')
    pieces.push(chunk.slice())
  }
  try {
    return JSON.parse(Buffer.concat(pieces, size).toString('utf8'))
  } catch {
    throw new ProviderError('transient', 'http_bad_json', 'The mail service sent an answer that is not whole.')
  }
}

/** Throws unless the answer says it is JSON; a page for people never is. */
export function assertJson(answer: HttpAnswer): void {
  if (isJson(answer)) return
  answer.close()
  throw new ProviderError('protocol', 'http_not_json', 'Something that is not the mail service answered in its place.')
}

export function isJson(answer: Pick<HttpAnswer, 'headers'>): boolean {
  return /^application\/(?:[\w.+-]*\+)?json\b/i.test(answer.headers.get('content-type') ?? '')
}

/** Retry-After as ms from `now`: seconds or an HTTP date (RFC 9110 10.2.3), at most a day. */
export function retryAfterOf(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  const date = /^[A-Za-z]{3}/.test(value) ? Date.parse(value) : Number.NaN
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : date - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), DAY)
}

const DAY = 86_400_000
