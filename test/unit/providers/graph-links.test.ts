// Files in a cloud that a mail points at: asked for where files are attached and nowhere else, by properties that every kind of attachment has,
// bounded; and what a refusal of that request costs.
import { describe, expect, it } from 'vitest'
import { GRAPH_LIMITS } from '../../../worker/providers/graph/limits'
import { type GraphDeps, openGraph } from '../../../worker/providers/graph/provider'
import { type FetchedMessage, type MessageRef, ProviderError } from '../../../worker/providers/provider'
import { countingTokens, graphRefusal, html, json, type Script, scriptedFetch } from '../../support/scripted-fetch'

const API = 'https://graph.test/v1.0'
const REFERENCE = '#microsoft.graph.referenceAttachment'

/** A mailbox whose messages all have a MIME; `attachments` answers what is asked about their files. */
function open(attachments: Script, limits: GraphDeps['limits'] = {}) {
  const { fetch, asked } = scriptedFetch((one, count) => {
    const { pathname } = one.url
    if (pathname.endsWith('/$value')) return new Response('mime', { headers: { 'content-type': 'text/plain' } })
    if (pathname.endsWith('/mailFolders/inbox')) return json({ id: 'inbox' })
    return attachments(one, count)
  })
  let spent = 0
  const mailbox = { kind: 'shared' as const, address: 'info@contoso.example' }
  const provider = openGraph(
    { apiUrl: API, mailbox, since: 0, notificationUrl: '', lifecycleUrl: '', push: false, trustedHosts: [] },
    { fetch, clock: Date.now, token: countingTokens().token, spent: (units) => (spent += units), limits },
  )
  return { provider, asked, spent: () => spent }
}
type Opened = ReturnType<typeof open>

async function fetchOne({ provider }: Opened, more: Partial<MessageRef> = { attached: true }): Promise<FetchedMessage> {
  for await (const message of provider.fetchRaw([{ identity: 'graph:m', receivedAt: 1, ...more }])) return message
  throw new Error('no message came')
}
async function linksOf(opened: Opened, more?: Partial<MessageRef>) {
  const message = await fetchOne(opened, more)
  if ('error' in message) throw message.error
  expect(await new Response(message.raw).text()).toBe('mime')
  return message.links
}
const link = (name: unknown, more: object = {}) => ({ '@odata.type': REFERENCE, id: 'a', name, size: 0, ...more })
const page = (value: unknown[], next?: string) => json({ value, ...(next && { '@odata.nextLink': next }) })

describe('the links of a mail', () => {
  it('are told apart from files and attached mails, in their order', async () => {
    const opened = open(() =>
      page([
        { '@odata.type': '#microsoft.graph.fileAttachment', id: '1', name: 'a.pdf', contentType: 'application/pdf' },
        link('plan.docx', { contentType: null, size: 1_234 }),
        { '@odata.type': '#microsoft.graph.itemAttachment', id: '3', name: 'a mail' },
        link('Q3.xlsx', { contentType: 'application/vnd.ms-excel', size: null }),
      ]),
    )
    expect(await linksOf(opened)).toEqual([
      { name: 'plan.docx', contentType: null, size: 1_234 },
      { name: 'Q3.xlsx', contentType: 'application/vnd.ms-excel', size: null },
    ])
  })

  it('cost one request, counted, in the mailbox they are in, with base properties alone and without any bytes', async () => {
    const opened = open(() => page([link('plan.docx')]))
    await linksOf(opened)
    expect(opened.asked.map(({ url }) => url.pathname)).toEqual([
      '/v1.0/users/info%40contoso.example/messages/m/attachments',
      '/v1.0/users/info%40contoso.example/messages/m/$value',
    ])
    const select = opened.asked[0]?.url.searchParams.get('$select')?.split(',')
    expect(select).toEqual(['id', 'name', 'contentType', 'size', 'isInline'])
    expect(opened.spent()).toBe(1)
  })

  it.each([
    ['has no attachments', {}],
    ['is known to have none', { attached: false }],
  ])('are not asked for where a mail %s', async (_, more) => {
    const opened = open(() => page([link('plan.docx')]))
    expect(await linksOf(opened, more)).toBeUndefined()
    expect(opened.asked).toHaveLength(1)
    expect(opened.spent()).toBe(0)
  })

  it('leave at most three requests under way', async () => {
    let running = 0
    let most = 0
    const opened = open(async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return page([])
    })
    const refs = Array.from({ length: 9 }, (_, i) => ({ identity: `graph:m${i}`, receivedAt: 1, attached: true }))
    let mails = 0
    for await (const message of opened.provider.fetchRaw(refs)) if ('raw' in message) mails++
    expect([mails, most]).toEqual([9, 3])
  })

  it('are found also where the listing left everything out', async () => {
    const opened = open(({ url }) =>
      url.pathname.endsWith('/attachments')
        ? page([link('plan.docx')])
        : json({ receivedDateTime: '2026-11-20T12:00:00Z', hasAttachments: true }),
    )
    expect(await linksOf(opened, { receivedAt: undefined })).toHaveLength(1)
    expect(opened.asked[0]?.url.searchParams.get('$select')).toBe('receivedDateTime,hasAttachments')
  })

  it('have names and types that harm nobody, and an odd one costs no other', async () => {
    const opened = open(() =>
      page([
        link('../../etc/passwd'),
        link(`${'long'.repeat(100)}.docx`),
        link(null, { contentType: 'text/html; <script>', size: -4 }),
        { '@odata.type': REFERENCE },
        { name: 'nothing else' },
      ]),
    )
    const links = (await linksOf(opened)) ?? []
    expect(links.map(({ name }) => name.length)).toEqual([6, 200, 4, 4])
    expect(links[0]?.name).toBe('passwd')
    expect(links[1]?.name).toMatch(/\.docx$/)
    expect(links[2]).toEqual({ name: 'file', contentType: null, size: null })
  })

  it('are read over pages, and no further than the limits', async () => {
    const many = (from: number) => Array.from({ length: 10 }, (_, i) => link(`f${from + i}`))
    const next = `${API}/users/x/messages/m/attachments?$skip=10`
    const two = open(({ url }) => (url.searchParams.has('$skip') ? page(many(10)) : page(many(0), next)))
    expect((await linksOf(two))?.at(-1)?.name).toBe('f19')
    expect((await linksOf(open(() => page(many(0)), { links: 7 })))?.map(({ name }) => name)).toHaveLength(7)
    const endless = open(() => page([link('again')], next))
    expect(await linksOf(endless)).toHaveLength(GRAPH_LIMITS.linkPages)
    expect(endless.spent()).toBe(GRAPH_LIMITS.linkPages)
  })

  it('behind a link to another host are left alone: the token stays, and so does what was read', async () => {
    const opened = open(() => page([link('plan.docx')], 'https://evil.test/collect'))
    expect(await linksOf(opened)).toHaveLength(1)
    expect(new Set(opened.asked.map(({ url }) => url.host))).toEqual(new Set(['graph.test']))
  })
})

describe('a list of attachments that does not come', () => {
  it.each([
    ['denied', () => graphRefusal(403, 'ErrorAccessDenied')],
    ['forbidden', () => graphRefusal(403, 'SomethingNew')],
    ['not found', () => graphRefusal(404, 'ErrorItemNotFound')],
    ['malformed', () => graphRefusal(400, 'BadRequest')],
    ['gone', () => graphRefusal(410, 'syncStateNotFound')],
    ['a page for people', () => html()],
    ['no list', () => json({ value: 'nothing' })],
  ] as [string, () => Response][])('because it is %s costs the links and not the mail', async (_, answer) => {
    expect(await linksOf(open(answer))).toBeUndefined()
  })

  it.each([
    ['500', 'transient', () => graphRefusal(500, 'InternalServerError')],
    ['504', 'transient', () => graphRefusal(504, 'UnknownError')],
    ['a broken line', 'transient', () => new Error('socket hang up')],
  ] as [string, string, () => Response | Error][])(
    'because of %s is tried again with its mail',
    async (_, kind, answer) => {
      let asked = 0
      const script: Script = () => (++asked === 1 ? answer() : page([link('plan.docx')]))
      const opened = open(script)
      expect(await fetchOne(opened)).toMatchObject({ error: { kind } })
      expect(opened.asked.some(({ url }) => url.pathname.endsWith('/$value'))).toBe(false)
      expect(await linksOf(opened)).toHaveLength(1)
    },
  )

  it.each([
    ['500', () => graphRefusal(500, 'InternalServerError')],
    ['a broken line', () => new Error('socket hang up')],
  ] as [string, () => Response | Error][])(
    'because of %s costs a mail that has failed before nothing but its links',
    async (_, answer) => {
      const failedBefore = { attached: true, linksOptional: true }
      expect(await linksOf(open(answer), failedBefore)).toBeUndefined()
      expect(
        await linksOf(
          open(() => page([link('plan.docx')])),
          failedBefore,
        ),
      ).toHaveLength(1)
    },
  )

  it('because of throttling blames no mail', async () => {
    for (const linksOptional of [false, true]) {
      const opened = open(() => graphRefusal(429, 'TooManyRequests', '', { 'retry-after': '7' }))
      const error = await fetchOne(opened, { attached: true, linksOptional }).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ProviderError)
      expect(error).toMatchObject({ kind: 'rate_limited', retryAfter: 7_000 })
    }
  })
})
