// Authorised calls to Graph for one mailbox: its base path, immutable ids, one new token after a refusal, and Graph's refusals as errors.
import type { z } from 'zod'
import type { Clock } from '../../platform/clock'
import { exchange, type HttpAnswer, type HttpRequest, isJson, readJson, retryAfterOf } from '../http'
import { trustedUrl } from '../http-origin'
import { ProviderError, type TokenSource } from '../provider'
import { tokenCache } from '../token-cache'
import { judgeRefusal } from './errors'
import type { GraphLimits } from './limits'

/** Whose mailbox: the signed-in person's own, one shared with them, or any by the app's own permission. */
export type GraphMailbox = { kind: 'own' | 'shared' | 'app'; address: string }
export type ClientConfig = { apiUrl: string; mailbox: GraphMailbox; trustedHosts: readonly string[] }
export type ClientDeps = {
  fetch: typeof fetch
  clock: Clock
  token: TokenSource
  /** told each request, but those that somebody else has paid for */
  spent: (units: number) => void
  limits: GraphLimits
}
/** Where a call goes: below the mailbox, below Graph's root, or to an absolute address that Graph itself has named. */
export type Target = { path: string } | { root: string } | { link: string }
export type Call = Target & {
  method?: HttpRequest['method']
  query?: Record<string, string>
  /** besides the one for immutable ids */
  prefer?: string
  /** sent as JSON */
  json?: unknown
  /** made anew for each try; `wait` ms for its answer */
  content?: { type: string; wait: number; open(): Promise<BodyInit> }
  /** ends the call and the reading of its answer */
  signal?: AbortSignal
  /** somebody else counts it */
  paid?: true
}

export type GraphClient = {
  /** A call whose answer is read. Throws a ProviderError. */
  call<T>(schema: z.ZodType<T>, call: Call): Promise<T>
  /** A call whose answer has no content that matters. */
  command(call: Call): Promise<void>
  /** A call whose successful answer is read by the caller, who closes it. */
  open(call: Call): Promise<HttpAnswer>
  /** Reads the answer of `open`. */
  read<T>(schema: z.ZodType<T>, answer: HttpAnswer): Promise<T>
  /** A link of Graph's, once its host has proven to be one of Graph's. Throws a ProviderError for any other. */
  trusted(link: string): string
  /** One range of a file to an address Graph has named, without the token. The answer is closed. */
  upload(url: string, range: { start: number; bytes: Uint8Array<ArrayBuffer>; total: number }): Promise<void>
  token(): Promise<string>
  /** Ends what is under way; later calls are refused. Safe to call twice. */
  close(): void
}

/** The path of a mailbox below Graph's root: every call names it (shared mailboxes are not below /me). */
export function basePathOf({ kind, address }: GraphMailbox): string {
  return kind === 'own' ? 'me' : `users/${encodeURIComponent(address)}`
}

/** Makes a client for the mailbox whose tokens `deps.token` hands out. Touches no network. */
export function createClient(deps: ClientDeps, config: ClientConfig): GraphClient {
  const { limits, clock } = deps
  const origin = { base: config.apiUrl, trustedHosts: config.trustedHosts }
  const http = { fetch: deps.fetch, clock, limits, origin }
  const running = new Set<HttpAnswer>()
  const tokens = tokenCache(deps.token)
  let closed = false

  const trusted = (link: string) => trustedUrl(origin, link, config.apiUrl)

  const urlOf = (call: Call): string => {
    if ('link' in call) return trusted(call.link)
    const path = 'root' in call ? call.root : `${basePathOf(config.mailbox)}/${call.path}`
    const url = new URL(`${config.apiUrl}/${path}`)
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value)
    return url.href
  }

  const request = async (asked: HttpRequest): Promise<HttpAnswer> => {
    if (closed) throw new ProviderError('transient', 'graph_closed', 'The connection was closed.')
    const answer = await exchange(http, asked)
    running.add(answer)
    return {
      ...answer,
      close() {
        running.delete(answer)
        answer.close()
      },
    }
  }

  const ask = async (call: Call, token: string): Promise<HttpAnswer> => {
    const url = urlOf(call)
    if (!call.paid) deps.spent(1)
    const { json, content } = call
    const body = content ? await content.open() : json === undefined ? undefined : JSON.stringify(json)
    return request({
      method: call.method ?? 'GET',
      url,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        prefer: [IMMUTABLE, ...(call.prefer ? [call.prefer] : [])].join(', '),
        ...(body !== undefined && { 'content-type': content?.type ?? 'application/json' }),
      },
      ...(body !== undefined && { body }),
      ...(content && { wait: content.wait }),
      ...(call.signal && { signal: call.signal }),
    })
  }

  const open = async (call: Call): Promise<HttpAnswer> => {
    const token = await tokens.get()
    const answer = await ask(call, token)
    if (answer.status !== 401) return success(answer, token)
    answer.close()
    const fresh = await tokens.renew(token)
    return success(await ask(call, fresh), fresh)
  }

  const success = async (answer: HttpAnswer, token: string): Promise<HttpAnswer> => {
    if (answer.status >= 200 && answer.status < 300) return answer
    const body = isJson(answer) ? await readJson(http, answer).catch(() => null) : null
    answer.close()
    const { status, headers } = answer
    const retryAfter = retryAfterOf(headers, clock())
    throw judgeRefusal({ status, retryAfter, body, requestId: headers.get('request-id') }, token)
  }

  const read = async <T>(schema: z.ZodType<T>, answer: HttpAnswer): Promise<T> => {
    try {
      const result = schema.safeParse(await readJson(http, answer))
      if (result.success) return result.data
      throw new ProviderError('protocol', 'graph_unexpected', 'Microsoft answered something that was not asked for.')
    } finally {
      answer.close()
    }
  }

  return {
    open,
    read,
    trusted,
    async call(schema, call) {
      return read(schema, await open(call))
    },
    async command(call) {
      const answer = await open(call)
      answer.close()
    },
    async upload(url, { start, bytes, total }) {
      deps.spent(1)
      const answer = await request({
        method: 'PUT',
        url: trusted(url),
        headers: {
          'content-type': 'application/octet-stream',
          'content-range': `bytes ${start}-${start + bytes.length - 1}/${total}`,
        },
        body: bytes,
        wait: limits.sendWait,
      })
      const done = await success(answer, '')
      done.close()
    },
    token: () => tokens.get(),
    close() {
      closed = true
      for (const answer of running) answer.close()
      running.clear()
    },
  }
}

/** Ids that survive a move to another folder, and are the same in every answer. */
const IMMUTABLE = 'IdType="ImmutableId"'
