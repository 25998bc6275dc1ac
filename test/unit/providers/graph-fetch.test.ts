// Raw messages out of Graph, byte for byte, three at once; what is an error of a message and what is one of the mailbox.
import { describe, expect, it } from 'vitest'
import { type GraphDeps, openGraph } from '../../../worker/providers/graph/provider'
import type { MessageRef } from '../../../worker/providers/provider'
import { ProviderError } from '../../../worker/providers/provider'
import { countingTokens, graphRefusal, html, json, type Script, scriptedFetch } from '../../support/scripted-fetch'

function open(script: Script, kind: 'own' | 'shared' = 'own', limits: GraphDeps['limits'] = {}) {
  const { fetch, asked } = scriptedFetch(script)
  let spent = 0
  const provider = openGraph(
    {
      apiUrl: 'https://graph.test/v1.0',
      mailbox: { kind, address: 'info@contoso.example' },
      since: 0,
      notificationUrl: '',
      lifecycleUrl: '',
      push: false,
      trustedHosts: [],
    },
    { fetch, clock: Date.now, token: countingTokens().token, spent: (units) => (spent += units), limits },
  )
  return { provider, asked, spent: () => spent }
}
const mime = (text: string | Uint8Array, headers: Record<string, string> = {}) =>
  new Response(text as BodyInit, { headers: { 'content-type': 'text/plain', ...headers } })
const ref = (id: string, rest: Partial<MessageRef> = {}): MessageRef => ({
  identity: `graph:${id}`,
  receivedAt: 1,
  ...rest,
})
async function fetchAll(provider: ReturnType<typeof open>['provider'], refs: MessageRef[]) {
  const results = new Map<string, string>()
  for await (const message of provider.fetchRaw(refs)) {
    const text =
      'error' in message ? message.error.code : await new Response(message.raw).text().catch((error) => error.code)
    results.set(message.ref.identity.replace('graph:', ''), text)
  }
  return Object.fromEntries(results)
}

describe('a message', () => {
  it('with LF alone, or with CRLF, or with neither, arrives as it is', async () => {
    for (const text of ['a: b\n\nx\n', 'a: b\r\n\r\nx\r\n', 'a: b', 'mixed\r\nends\n']) {
      expect(await fetchAll(open(() => mime(text)).provider, [ref('m')])).toEqual({ m: text })
    }
  })

  it('of a shared mailbox is asked for in that mailbox, its files included', async () => {
    const { provider, asked } = open(() => mime('x'), 'shared')
    await fetchAll(provider, [ref('AAMk+/=')])
    expect(asked.map(({ url }) => url.pathname)).toEqual([
      '/v1.0/users/info%40contoso.example/messages/AAMk%2B%2F%3D/$value',
    ])
  })

  it('costs one request, which its quota pays; one whose time is unknown costs a second', async () => {
    const { provider, asked, spent } = open(({ url }) =>
      url.pathname.endsWith('/$value') ? mime('x') : json({ receivedDateTime: '2026-11-20T12:00:00Z' }),
    )
    await fetchAll(provider, [ref('m1')])
    expect([asked.length, spent()]).toEqual([1, 0])
    for await (const message of provider.fetchRaw([{ identity: 'graph:m2' }])) {
      if ('error' in message) throw message.error
      expect(message.receivedAt).toBe(Date.parse('2026-11-20T12:00:00Z'))
    }
    expect([asked.length, spent()]).toEqual([3, 1])
  })

  it('keeps the place that its listing told', async () => {
    for await (const message of open(() => mime('x')).provider.fetchRaw([ref('m', { role: 'sent' })]))
      expect(message).toMatchObject({ role: 'sent', receivedAt: 1, start: 0 })
  })

  it('that is large comes as a stream, whole', async () => {
    const large = 'line\n'.repeat(5_000)
    expect(await fetchAll(open(() => mime(large), 'own', { held: 1_000 }).provider, [ref('m')])).toEqual({ m: large })
  })

  it('over the limit is refused, whether its length is told or not', async () => {
    const limits = { message: 2_000, held: 1_000 }
    for (const headers of [{ 'content-length': '5000' }, {}] as Record<string, string>[])
      expect(await fetchAll(open(() => mime('x'.repeat(5_000), headers), 'own', limits).provider, [ref('m')])).toEqual({
        m: 'graph_message_too_large',
      })
  })

  it.each([
    ['a page for people', () => html(200)],
    ['JSON', () => json({ id: 'm' })],
  ] as [string, () => Response][])('is never %s', async (_, answer) => {
    const script: Script = ({ url }) =>
      url.pathname.endsWith('/bad/$value') ? answer() : url.pathname.endsWith('/$value') ? mime('x') : json({ id: 'f' })
    expect(await fetchAll(open(script).provider, [ref('good'), ref('bad')])).toEqual({
      good: 'x',
      bad: 'graph_not_mime',
    })
  })

  it('that is gone is not found, and one of another provider too', async () => {
    const { provider } = open(({ url }) =>
      url.pathname.includes('gone') ? graphRefusal(404, 'ErrorItemNotFound') : mime('x'),
    )
    const results: string[] = []
    for await (const message of provider.fetchRaw([ref('here'), ref('gone'), { identity: 'gmail:abc' }]))
      results.push('error' in message ? message.error.kind : 'mail')
    expect(results.sort()).toEqual(['mail', 'not_found', 'not_found'])
  })
})

describe('a fetch', () => {
  it('has at most three requests under way', async () => {
    let running = 0
    let most = 0
    const { provider } = open(async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return mime('x')
    })
    await fetchAll(
      provider,
      Array.from({ length: 12 }, (_, i) => ref(`m${i}`)),
    )
    expect(most).toBe(3)
  })

  it.each([1, 2, 3])('has at most %i requests under way, also while a large message is read', async (atOnce) => {
    let running = 0
    let most = 0
    const { provider } = open(
      () => {
        most = Math.max(most, ++running)
        let left = 8
        const body = new ReadableStream<Uint8Array>({
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 1))
            if (left-- > 0) return controller.enqueue(new Uint8Array(1_000))
            running--
            controller.close()
          },
        })
        return new Response(body, { headers: { 'content-type': 'text/plain' } })
      },
      'own',
      { held: 2_500 },
    )
    const refs = Array.from({ length: 9 }, (_, i) => ref(`m${i}`))
    const sizes: number[] = []
    for await (const message of provider.fetchRaw(refs, atOnce))
      if ('raw' in message) sizes.push((await new Response(message.raw).arrayBuffer()).byteLength)
    expect(sizes).toEqual(Array(9).fill(8_000))
    expect(most).toBe(atOnce)
  })

  it('that meets throttling blames no message', async () => {
    const { provider } = open(() => graphRefusal(429, 'ApplicationThrottled', '', { 'retry-after': '3' }))
    const error = await fetchAll(provider, [ref('a'), ref('b')]).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ProviderError)
    expect(error).toMatchObject({ kind: 'rate_limited', retryAfter: 3_000 })
  })

  it('of a mailbox that may not be opened any more ends with that for every message', async () => {
    let asked = 0
    const { provider } = open(() => (++asked === 1 ? mime('x') : graphRefusal(403, 'ErrorAccessDenied')))
    const results = Object.values(
      await fetchAll(
        provider,
        ['a', 'b', 'c', 'd', 'e'].map((id) => ref(id)),
      ),
    )
    expect(results.filter((one) => one === 'x')).toHaveLength(1)
    expect(results.filter((one) => one === 'graph_access_denied')).toHaveLength(4)
  })
})
