// Authorised calls to the Gmail API: the token, one new token after a refusal, the bill, and Google's refusals as errors.
import type { z } from 'zod'
import type { Clock } from '../../platform/clock'
import { exchange, type HttpAnswer, isJson, readJson, retryAfterOf } from '../http'
import { ProviderError, type TokenSource } from '../provider'
import { tokenCache } from '../token-cache'
import { judgeRefusal } from './errors'
import type { GmailLimits } from './limits'

export type ClientConfig = { apiUrl: string; trustedHosts: readonly string[] }
export type ClientDeps = {
  fetch: typeof fetch
  clock: Clock
  token: TokenSource
  /** told the quota units of each call */
  spent: (units: number) => void
  limits: GmailLimits
}
/** `path` below the mailbox, `messages/send`. `units`: the price of the call; 0 where somebody else has paid. */
export type Call = {
  path: string
  query?: Record<string, string>
  method?: 'GET' | 'POST'
  units: number
  /** ends the call and the reading of its answer */
  signal?: AbortSignal
  /** sent as JSON */
  json?: unknown
  /** made anew for each try; `wait` ms for its answer */
  content?: { type: string; upload: boolean; wait: number; open(): Promise<BodyInit> }
}

export type GmailClient = {
  /** A call whose answer is read. Throws a ProviderError. */
  call<T>(schema: z.ZodType<T>, call: Call): Promise<T>
  /** A call whose answer has no content. */
  command(call: Call): Promise<void>
  /** A call whose successful answer is read by the caller, who closes it. */
  open(call: Call): Promise<HttpAnswer>
  /** Reads the answer of `open`. */
  read<T>(schema: z.ZodType<T>, answer: HttpAnswer): Promise<T>
  /** The token, to see whether there is one. */
  token(): Promise<void>
  /** Ends what is under way; later calls are refused. Safe to call twice. */
  close(): void
}

/** Makes a client for the mailbox whose tokens `deps.token` hands out. Touches no network. */
export function createClient(deps: ClientDeps, config: ClientConfig): GmailClient {
  const { limits, clock } = deps
  const http = { fetch: deps.fetch, clock, limits, origin: { base: config.apiUrl, trustedHosts: config.trustedHosts } }
  const running = new Set<HttpAnswer>()
  const tokens = tokenCache(deps.token)
  let closed = false

  const ask = async (call: Call, token: string): Promise<HttpAnswer> => {
    if (closed) throw new ProviderError('transient', 'gmail_closed', 'The connection was closed.')
    deps.spent(call.units)
    const { json, content } = call
    const body = content ? await content.open() : json === undefined ? undefined : JSON.stringify(json)
    const type = content?.type ?? 'application/json'
    const answer = await exchange(http, {
      method: call.method ?? 'GET',
      url: urlOf(config.apiUrl, call),
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': type }),
      },
      ...(body !== undefined && { body }),
      ...(content && { wait: content.wait }),
      ...(call.signal && { signal: call.signal }),
    })
    running.add(answer)
    return {
      ...answer,
      close() {
        running.delete(answer)
        answer.close()
      },
    }
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
    const retryAfter = retryAfterOf(answer.headers, clock())
    throw judgeRefusal({ status: answer.status, retryAfter, body }, clock(), token)
  }

  const read = async <T>(schema: z.ZodType<T>, answer: HttpAnswer): Promise<T> => {
    try {
      const result = schema.safeParse(await readJson(http, answer))
      if (result.success) return result.data
      throw new ProviderError('protocol', 'gmail_unexpected', 'Gmail answered something that was not asked for.')
    } finally {
      answer.close()
    }
  }

  return {
    open,
    read,
    async call(schema, call) {
      return read(schema, await open(call))
    },
    async command(call) {
      const answer = await open(call)
      answer.close()
    },
    async token() {
      await tokens.get()
    },
    close() {
      closed = true
      for (const answer of running) answer.close()
      running.clear()
    },
  }
}

function urlOf(apiUrl: string, { path, query, content }: Call): string {
  const url = new URL(`${apiUrl}${content?.upload ? '/upload' : ''}/gmail/v1/users/me/${path}`)
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
  return url.href
}
