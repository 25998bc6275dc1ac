// Raw messages out of Gmail: a few at once, each judged for itself, and an outage held against none of them.
import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../worker/providers/gmail/fetch'
import type { GmailLimits } from '../../../worker/providers/gmail/limits'
import { openGmail } from '../../../worker/providers/gmail/provider'
import { type FetchedMessage, type MessageRef, ProviderError } from '../../../worker/providers/provider'
import { countingTokens, html, json, rawOf, refusal, type Script, scriptedFetch } from '../../support/scripted-fetch'

const ref = (id: string): MessageRef => ({ identity: `gmail:${id}`, thread: id })
const refs = (...ids: string[]) => ids.map(ref)
const mailOf = (id: string) => `Subject: ${id}\r\n\r\nbody of ${id}\r\n`
const message = (id: string, rest: Record<string, unknown> = {}) =>
  json({ id, threadId: id, labelIds: ['INBOX'], raw: rawOf(mailOf(id)), internalDate: '1700000000000', ...rest })
const idOf = (url: URL) => url.pathname.split('/').at(-1) ?? ''
const isProfile = (url: URL) => url.pathname.endsWith('/profile')
const profile = () => json({ emailAddress: 'a@example.org', historyId: '1' })

function open(script: Script, limits: Partial<GmailLimits> = {}) {
  const { fetch, asked } = scriptedFetch(script)
  const spent: number[] = []
  const provider = openGmail(
    { apiUrl: 'https://gmail.test', since: 0, topic: null, trustedHosts: [], unitsPerMinute: 6_000 },
    { fetch, clock: Date.now, token: countingTokens().token, spent: (units) => spent.push(units), limits },
  )
  return { provider, asked, spent }
}
type Outcome = string | ProviderError
async function outcome(fetched: FetchedMessage): Promise<Outcome> {
  if ('error' in fetched) return fetched.error
  return new Response(fetched.raw).text().catch((error: unknown) => {
    if (error instanceof ProviderError) return error
    throw error
  })
}
async function fetchAll(script: Script, wanted: MessageRef[], limits: Partial<GmailLimits> = {}) {
  const { provider, asked, spent } = open(script, limits)
  const results = new Map<string, Outcome>()
  for await (const fetched of provider.fetchRaw(wanted)) {
    expect(results.has(fetched.ref.identity)).toBe(false)
    results.set(fetched.ref.identity, await outcome(fetched))
  }
  return { results, asked, spent, of: (id: string) => results.get(`gmail:${id}`) }
}

describe('fetching', () => {
  it('gives each ref one result, in as many requests, at most a few at once', async () => {
    let running = 0
    let most = 0
    const ids = Array.from({ length: 20 }, (_, i) => `m${i}`)
    const { results, asked, spent } = await fetchAll(
      async ({ url }) => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 2))
        running--
        return message(idOf(url))
      },
      refs(...ids, 'm3'),
    )
    expect([...results.keys()].sort()).toEqual(
      refs(...ids)
        .map(({ identity }) => identity)
        .sort(),
    )
    expect(results.get('gmail:m7')).toBe(mailOf('m7'))
    expect(asked).toHaveLength(20)
    expect(most).toBe(4)
    // Whoever asks for messages has paid for them.
    expect(spent.every((units) => units === 0)).toBe(true)
  })

  it('ends what is under way when the reader leaves', async () => {
    const { provider, asked } = open(({ url }) => message(idOf(url)))
    for await (const fetched of provider.fetchRaw(refs(...'abcdefghij'))) {
      expect('raw' in fetched).toBe(true)
      break
    }
    expect(asked.length).toBeLessThanOrEqual(5)
  })

  it('asks for nothing that is not its own', async () => {
    const { results, asked } = await fetchAll(
      () => profile(),
      [{ identity: 'imap:INBOX:1:1' }, { identity: 'gmail:../x' }],
    )
    expect([...results.values()].map((error) => (error as ProviderError).kind)).toEqual(['not_found', 'not_found'])
    expect(asked).toHaveLength(0)
  })
})

describe('one message’s own trouble', () => {
  const bad: [string, () => Response, string][] = [
    ['malformed base64', () => json({ id: 'bad', raw: 'AAA*' }), 'gmail_bad_base64'],
    ['truncated JSON', () => cutShort(`{"id":"bad","raw":"${rawOf('Subject: x\r\n\r\n')}`), 'gmail_truncated'],
    ['HTML', () => html(), 'http_not_json'],
    ['HTML that says it is JSON', () => cutShort('<html>'), 'gmail_truncated'],
    ['a cut-off body', () => cutOff('{"id":"bad","raw":"AAAA'), 'http_cut'],
    ['another message', () => message('other'), 'gmail_other_message'],
    ['a message without content', () => json({ id: 'bad' }), 'gmail_no_content'],
    ['an error of the server', () => refusal(500, 'backendError'), 'gmail_unavailable'],
    ['a redirect to another host', () => moved('https://evil.test/x'), 'untrusted_host'],
    ['a refusal', () => refusal(400, 'invalidArgument'), 'gmail_refused'],
    ['404 of a proxy, which deletes nothing', () => html(404), 'http_not_json'],
  ]
  it.each(bad)('%s is its error alone; the others arrive', async (_, answer, code) => {
    const { of, results } = await fetchAll(
      ({ url }) => {
        if (isProfile(url)) return profile()
        return idOf(url) === 'bad' ? answer() : message(idOf(url))
      },
      refs('a', 'bad', 'b', 'c', 'd', 'e'),
    )
    expect(of('bad')).toMatchObject({ code })
    expect(['a', 'b', 'c', 'd', 'e'].map(of)).toEqual(['a', 'b', 'c', 'd', 'e'].map(mailOf))
    expect(results.size).toBe(6)
  })

  it('a message that is gone is not found, and nobody asks whether the mailbox is there', async () => {
    const { of, asked } = await fetchAll(
      ({ url }) => (idOf(url) === 'gone' ? refusal(404, 'notFound') : message(idOf(url))),
      refs('gone', 'a'),
    )
    expect(of('gone')).toMatchObject({ kind: 'not_found', code: 'gmail_gone' })
    expect(of('a')).toBe(mailOf('a'))
    expect(asked).toHaveLength(2)
  })
})

describe('trouble of the whole mailbox', () => {
  const thrown = async (script: Script, ...ids: string[]) => {
    const { provider, asked } = open(script)
    const seen: FetchedMessage[] = []
    try {
      for await (const fetched of provider.fetchRaw(refs(...ids))) seen.push(fetched)
    } catch (error) {
      if (error instanceof ProviderError) return { error, seen, asked }
      throw error
    }
    throw new Error('did not fail')
  }

  it.each([
    ['an outage', () => refusal(503, 'backendError'), 'gmail_busy'],
    ['no network', () => new Error('connect ECONNREFUSED'), 'http_unreachable'],
    ['a hotel’s sign-in page', () => html(), 'http_not_json'],
    ['a missing right', () => refusal(403, 'insufficientPermissions'), 'google_scope_missing'],
    ['the API switched off', () => refusal(403, 'accessNotConfigured'), 'google_api_disabled'],
    ['a quota that is used up', () => refusal(429, 'rateLimitExceeded'), 'gmail_rate_limited'],
    ['a token that is refused', () => refusal(401, 'authError'), 'google_token_refused'],
  ] as [string, Script, string][])('%s is thrown before any message is blamed', async (_, script, code) => {
    const { error, seen, asked } = await thrown(script, ...'abcdefghij')
    expect(error.code).toBe(code)
    expect(seen).toEqual([])
    expect(asked.length).toBeLessThan(12)
  })

  it('a grant that is gone is thrown as it is', async () => {
    const gone = new ProviderError('auth_revoked', 'oauth_refresh_failed', 'Google ended the access.')
    const { fetch } = scriptedFetch(() => profile())
    const provider = openGmail(
      { apiUrl: 'https://gmail.test', since: 0, topic: null, trustedHosts: [], unitsPerMinute: 6_000 },
      { fetch, clock: Date.now, token: () => Promise.reject(gone) },
    )
    await expect(provider.fetchRaw(refs('a', 'b'))[Symbol.asyncIterator]().next()).rejects.toBe(gone)
  })

  it('that begins later is one error for all that are left, with no further requests', async () => {
    const { results, asked } = await fetchAll(
      ({ url }) => (idOf(url) === 'a' ? message('a') : refusal(503)),
      refs(...'abcdefghij'),
    )
    const errors = [...results.values()].filter((result) => result instanceof ProviderError)
    expect(results.size).toBe(10)
    expect(errors).toHaveLength(9)
    expect(new Set(errors).size).toBe(1)
    expect(asked.length).toBeLessThan(8)
  })
})

describe('a large message', () => {
  const large = `Subject: large\r\n\r\n${'0123456789abcdef'.repeat(20_000)}`
  const LIMITS = { held: 100_000 }
  const whole = JSON.stringify({ id: 'large', raw: rawOf(large), internalDate: '5' })
  const asJson = (body: BodyInit) => new Response(body, { headers: { 'content-type': 'application/json' } })
  const minimal = { id: 'large', threadId: 't', labelIds: ['SENT'], internalDate: '1700000000000' }
  const script =
    (raw: () => Response): Script =>
    ({ url }) => {
      if (isProfile(url)) return profile()
      return url.searchParams.get('format') === 'minimal' ? json(minimal) : raw()
    }

  it('comes as a stream, with the facts that one more call tells', async () => {
    const { provider, asked, spent } = open(
      script(() => asJson(whole)),
      LIMITS,
    )
    for await (const fetched of provider.fetchRaw(refs('large'))) {
      expect(fetched).toMatchObject({ start: 0, receivedAt: 1_700_000_000_000, role: 'sent' })
      expect(await outcome(fetched)).toBe(large)
    }
    expect(asked.map(({ url }) => url.searchParams.get('format'))).toEqual(['raw', 'minimal'])
    expect(spent).toEqual([0, 20])
  })

  it.each([
    ['is cut off', () => cutOff(whole.slice(0, -1_000)), 'http_cut'],
    ['ends in the middle of its content', () => asJson(whole.slice(0, -1_000)), 'gmail_truncated'],
    ['ends before its JSON does', () => asJson(whole.slice(0, -1)), 'gmail_truncated'],
    [
      'is garbled near its end',
      () => asJson(whole.replace(/.{10}"(,"internalDate)/, '!!!!!!!!!!"$1')),
      'gmail_bad_base64',
    ],
    ['turns out to be another message', () => asJson(whole.replace('"large"', '"other"')), 'gmail_other_message'],
  ])('that %s ends in an error, not in an end', async (_, raw, code) => {
    const { of } = await fetchAll(script(raw), refs('large'), LIMITS)
    expect(of('large')).toMatchObject({ code })
  })

  it('over the limit of all mail is too large', async () => {
    const limits = { held: 100_000, message: 200_000 }
    const { of } = await fetchAll(
      script(() => asJson(whole)),
      refs('large'),
      limits,
    )
    expect(of('large')).toMatchObject({ kind: 'too_large' })
  })
})

describe('where a message lies', () => {
  it.each([
    [['INBOX', 'UNREAD'], undefined],
    [[], undefined],
    [['Label_7', 'CATEGORY_UPDATES'], undefined],
    [['SENT'], 'sent'],
    [['SENT', 'INBOX'], undefined],
    [['SPAM', 'UNREAD'], 'spam'],
    [['TRASH'], 'trash'],
    [['DRAFT'], 'draft'],
    [['SENT', 'DRAFT'], 'draft'],
  ] as const)('%j is %s', (labelIds, role) => {
    expect(factsOf({ id: 'a', labelIds: [...labelIds] }).role).toBe(role)
  })

  it('is unknown where Gmail does not say when it came', () => {
    expect(factsOf({ id: 'a' })).toEqual({ receivedAt: null })
  })
})

const jsonHeaders = { headers: { 'content-type': 'application/json' } }
const cutShort = (text: string) => new Response(text, jsonHeaders)
const moved = (location: string) => new Response(null, { status: 302, headers: { location } })
function cutOff(text: string): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    pull: (controller) => controller.error(new Error('connection reset')),
  })
  return new Response(body, jsonHeaders)
}
