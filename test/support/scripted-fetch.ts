// A fetch that answers from a script and remembers what it was asked. Shared by the tests of providers that speak HTTP.
import type { TokenSource } from '../../worker/providers/provider'

export type Asked = { method: string; url: URL; headers: Headers; body: string }
type Answer = Response | Error | Promise<Response>
export type Script = (asked: Asked, count: number) => Answer

/** `asked` is in order of arrival. An Error is what the network does. */
export function scriptedFetch(script: Script): { fetch: typeof fetch; asked: Asked[] } {
  const asked: Asked[] = []
  const scripted = async (input: unknown, init?: RequestInit) => {
    const body = init?.body ? await new Response(init.body).text() : ''
    const one = {
      method: init?.method ?? 'GET',
      url: new URL(String(input)),
      headers: new Headers(init?.headers),
      body,
    }
    asked.push(one)
    const answer = await script(one, asked.length)
    if (answer instanceof Error) throw answer
    return answer
  }
  return { fetch: scripted as typeof fetch, asked }
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })
}

/** Google's error body. */
export function refusal(status: number, reason = '', message = '', headers: Record<string, string> = {}): Response {
  const errors = reason === '' ? [] : [{ domain: 'global', reason, message }]
  return json({ error: { code: status, message, errors } }, status, headers)
}

/** Graph's error body. */
export function graphRefusal(
  status: number,
  code: string,
  message = '',
  headers: Record<string, string> = {},
): Response {
  const innerError = { date: '2026-11-20T12:00:00', 'request-id': 'req-1', 'client-request-id': 'req-1' }
  return json({ error: { code, message, innerError } }, status, headers)
}

export const html = (status = 200) =>
  new Response('<html><body>Sign in to hotel-wifi</body></html>', { status, headers: { 'content-type': 'text/html' } })

/** Hands out token-1, token-2, … and notes which ones were refused. */
export function countingTokens(): { token: TokenSource; refused: (string | undefined)[] } {
  const refused: (string | undefined)[] = []
  return {
    refused,
    token: async (old) => {
      refused.push(old)
      return `token-${refused.length}`
    },
  }
}

/** The base64url of a message as Gmail puts it into JSON. */
export const rawOf = (mail: string | Uint8Array) => Buffer.from(mail).toString('base64url')
