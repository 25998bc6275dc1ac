// Talking to an API: where requests may go, what counts as an answer, and that nothing waits for ever.
import { describe, expect, it } from 'vitest'
import { exchange, type HttpDeps, readJson, retryAfterOf } from '../../../worker/providers/http'
import { ProviderError } from '../../../worker/providers/provider'
import { html, json, type Script, scriptedFetch } from '../../support/scripted-fetch'

const LIMITS = { headers: 50, idle: 50, total: 200, json: 1_000, redirects: 3 }

function setUp(script: Script, trustedHosts: string[] = []) {
  const { fetch, asked } = scriptedFetch(script)
  const deps: HttpDeps = {
    fetch,
    clock: Date.now,
    origin: { base: 'https://api.example.com', trustedHosts },
    limits: LIMITS,
  }
  const ask = (method: 'GET' | 'POST' = 'GET') =>
    exchange(deps, {
      method,
      url: 'https://api.example.com/v1/me',
      headers: { authorization: 'Bearer secret' },
      ...(method === 'POST' && { body: '{}' }),
    })
  const read = async () => readJson(deps, await ask())
  return { ask, read, asked }
}
async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}
const redirect = (location: string, status = 302) => new Response(null, { status, headers: { location } })

describe('a redirect', () => {
  it.each([
    ['to the same host', '/v2/me'],
    ['to a trusted host', 'https://other.example.net:8443/me'],
  ])('%s is followed', async (_, location) => {
    const { read, asked } = setUp(
      (_, count) => (count === 1 ? redirect(location) : json({ ok: true })),
      ['other.example.net:8443'],
    )
    expect(await read()).toEqual({ ok: true })
    expect(asked[1]?.url.href).toBe(new URL(location, 'https://api.example.com').href)
  })

  it.each([
    ['to another host', 'https://evil.example.org/collect'],
    ['to a host that only begins like ours', 'https://api.example.com.evil.example.org/'],
    ['to another port of our host', 'https://api.example.com:8443/'],
    ['to a subdomain', 'https://sub.api.example.com/'],
    ['to our host in clear text', 'http://api.example.com/v1/me'],
    ['with credentials in it', 'https://user:pass@api.example.com/v1/me'],
    ['to another scheme', 'file:///etc/passwd'],
    ['without a scheme, to another host', '//evil.example.org/x'],
    ['to a host whose letters only look like ours', 'https://%D0%B0pi.example.com/v1/me'],
    ['to our host with a dot behind it', 'https://api.example.com./v1/me'],
    ['to our host as the name of a user', 'https://api.example.com@evil.example.org/'],
    ['to our host with a name before it and no word', 'https://user@api.example.com/v1/me'],
    ['with a backslash', 'https:\\\\evil.example.org\\@api.example.com'],
  ])('%s is refused and the token stays here', async (_, location) => {
    const { ask, asked } = setUp(() => redirect(location))
    expect(await failing(ask())).toMatchObject({ kind: 'protocol', code: 'untrusted_host' })
    expect(asked).toHaveLength(1)
  })

  it('to nowhere is refused', async () => {
    expect((await failing(setUp(() => redirect('https://')).ask())).code).toBe('http_bad_link')
  })

  it('of a POST is refused, also to the same host', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const { ask, asked } = setUp(() => redirect('/v2', status))
      expect((await failing(ask('POST'))).code).toBe('http_redirect')
      expect(asked).toHaveLength(1)
    }
  })

  it('that never ends is refused', async () => {
    const { ask, asked } = setUp(() => redirect('/again'))
    expect((await failing(ask())).code).toBe('http_redirect')
    expect(asked).toHaveLength(LIMITS.redirects + 1)
  })
})

describe('an answer', () => {
  it('that is HTML is refused, and nothing of it is repeated', async () => {
    const error = await failing(setUp(() => html()).read())
    expect(error).toMatchObject({ kind: 'protocol', code: 'http_not_json' })
    expect(`${error.message} ${error.hint}`).not.toMatch(/hotel|sign/i)
  })

  it('that is truncated JSON is refused, and nothing of it is repeated', async () => {
    const answer = new Response('{"secret":"abc', { headers: { 'content-type': 'application/json; charset=UTF-8' } })
    const error = await failing(setUp(() => answer).read())
    expect(error).toMatchObject({ kind: 'transient', code: 'http_bad_json' })
    expect(`${error.message} ${error.cause}`).not.toContain('secret')
  })

  it('that is too large is refused before it is held', async () => {
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent++
        controller.enqueue(new Uint8Array(400).fill(32))
      },
    })
    const answer = new Response(body, { headers: { 'content-type': 'application/json' } })
    expect((await failing(setUp(() => answer).read())).code).toBe('http_too_large')
    expect(sent).toBeLessThan(10)
  })

  const partly = (then: (controller: ReadableStreamDefaultController<Uint8Array>) => unknown) =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode('{"a":')),
        pull: then as (controller: ReadableStreamDefaultController<Uint8Array>) => Promise<void>,
      }),
      { headers: { 'content-type': 'application/json' } },
    )

  it('that is cut off is transient', async () => {
    const answer = partly((controller) => controller.error(new Error('reset')))
    expect(await failing(setUp(() => answer).read())).toMatchObject({ kind: 'transient', code: 'http_cut' })
  })

  it('that falls silent is given up', async () => {
    const answer = partly(() => new Promise(() => {}))
    expect(await failing(setUp(() => answer).read())).toMatchObject({ kind: 'transient', code: 'http_slow' })
  })

  it('that drips is given up', async () => {
    const drip = partly(async (controller) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      controller.enqueue(Uint8Array.of(32))
    })
    expect((await failing(setUp(() => drip).read())).code).toBe('http_slow')
  })

  it('that never comes is given up', async () => {
    const error = await failing(setUp(() => new Promise<Response>(() => {})).ask())
    expect(error).toMatchObject({ kind: 'transient', code: 'http_timeout' })
  })

  it('that cannot come names the host and not the way', async () => {
    const error = await failing(setUp(() => new Error('connect ECONNREFUSED')).ask())
    expect(error).toMatchObject({ kind: 'transient', code: 'http_unreachable' })
    expect(error.message).toBe('api.example.com could not be reached.')
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-11-20T12:00:00Z')
  it.each([
    ['30', 30_000],
    ['0', 0],
    ['Fri, 20 Nov 2026 12:01:00 GMT', 60_000],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
    ['999999999', 86_400_000],
    ['soon', undefined],
    ['', undefined],
    ['-5', undefined],
  ])('%j is %j ms', (value, expected) => {
    const headers = new Headers(value === '' ? {} : { 'retry-after': value })
    expect(retryAfterOf(headers, now)).toBe(expected)
  })
})
