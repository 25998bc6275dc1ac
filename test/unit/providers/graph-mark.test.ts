// Marking through Graph: what is sent and what is not, which folder a name means, and whose trouble an error is.
import { describe, expect, it } from 'vitest'
import { withCategory } from '../../../worker/providers/graph/mark'
import { openGraph } from '../../../worker/providers/graph/provider'
import { MARK_REFUSED, type Mark, ProviderError } from '../../../worker/providers/provider'
import {
  type Asked,
  countingTokens,
  graphRefusal,
  json,
  type Script,
  scriptedFetch,
} from '../../support/scripted-fetch'

function open(script: Script, kind: 'own' | 'shared' | 'app' = 'own') {
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
    { fetch, clock: Date.now, token: countingTokens().token, spent: (units) => (spent += units) },
  )
  return { provider, asked, spent: () => spent }
}
/** How each message ended, by id; a thrown error as its code. */
async function marking(provider: ReturnType<typeof open>['provider'], how: Mark, ids = ['m']) {
  const results: Record<string, string> = {}
  const refs = ids.map((id) => ({ identity: `graph:${id}` }))
  for await (const { ref, error } of provider.marks?.mark(refs, how) ?? [])
    results[ref.identity.replace('graph:', '')] = error?.code ?? 'done'
  return results
}
const thrown = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => Promise.reject(new Error('did not fail')),
    (error: unknown) => (error instanceof ProviderError ? error : Promise.reject(error)),
  )
const lineOf = ({ method, url, body }: Asked) => `${method} ${url.pathname.replace('/v1.0/', '')}${body && ` ${body}`}`
const writes = (asked: Asked[]) => asked.filter(({ method }) => method !== 'GET').map(lineOf)

it.each([1, 2])('has %i requests under way at most where that is what its caller may have', async (atOnce) => {
  let running = 0
  let most = 0
  const t = open(async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 1))
    running--
    return json({ id: 'x', categories: [] })
  })
  const refs = Array.from({ length: 7 }, (_, i) => ({ identity: `graph:m${i}` }))
  let marked = 0
  for await (const { error } of t.provider.marks?.mark(refs, { action: 'category' }, atOnce) ?? []) if (!error) marked++
  expect([marked, most]).toEqual([7, atOnce])
})

describe('the category', () => {
  it('is added to those that are there, and not where it is already, in whatever case', () => {
    expect(withCategory([])).toEqual(['Postroom/Processed'])
    expect(withCategory(['Red', 'VIP'])).toEqual(['Red', 'VIP', 'Postroom/Processed'])
    expect(withCategory(['Red', 'postroom/processed'])).toBeNull()
  })

  it('is written only where it is missing, in the mailbox it is about; each request is counted', async () => {
    const t = open(
      ({ method, url }) =>
        json({
          id: 'x',
          categories: url.pathname.endsWith('/m1') && method === 'GET' ? ['Postroom/Processed'] : ['A'],
        }),
      'shared',
    )
    expect(await marking(t.provider, { action: 'category' }, ['m1', 'm2'])).toEqual({ m1: 'done', m2: 'done' })
    expect(writes(t.asked)).toEqual([
      'PATCH users/info%40contoso.example/messages/m2 {"categories":["A","Postroom/Processed"]}',
    ])
    expect(t.spent()).toBe(3)
  })
})

describe('the read flag', () => {
  it('is one request, and is fine for what was deleted meanwhile or is no message of Graph', async () => {
    const t = open(({ url }) => (url.pathname.endsWith('/gone') ? graphRefusal(404, 'ErrorItemNotFound') : json({})))
    expect(await marking(t.provider, { action: 'read' }, ['m', 'gone'])).toEqual({ m: 'done', gone: 'done' })
    expect(writes(t.asked)).toEqual(['PATCH me/messages/m {"isRead":true}', 'PATCH me/messages/gone {"isRead":true}'])
    for await (const { error } of t.provider.marks?.mark([{ identity: 'gmail:1' }], { action: 'read' }) ?? [])
      expect(error).toBeNull()
    expect(t.asked).toHaveLength(2)
  })
})

describe('a folder', () => {
  const top = [
    { id: 'f-inbox', displayName: 'Posteingang' },
    { id: 'f-archive', displayName: 'Archiv' },
  ]
  const more = [{ id: 'f-done', displayName: 'Erledigt' }]
  const children = [{ id: 'f-child', displayName: 'Postroom' }]
  /** A mailbox with two pages of folders, in German; messages lie where their id says. */
  const mailbox = ({ method, url, body }: Asked) => {
    const path = url.pathname.replace('/v1.0/me/', '')
    if (method === 'POST' && path.endsWith('/move')) return json({ id: 'x' }, 201)
    if (method === 'POST') return json({ id: `made-${JSON.parse(body).displayName}` }, 201)
    if (path === 'mailFolders/inbox') return json({ id: 'f-inbox' })
    if (path === 'mailFolders/archive') return json({ id: 'f-archive' })
    if (path === 'mailFolders/f-inbox/childFolders') return json({ value: children })
    if (path === 'mailFolders/made-A/childFolders') return json({ value: [] })
    if (path.startsWith('messages/')) return json({ id: 'x', parentFolderId: path.replace('messages/', '') })
    if (path !== 'mailFolders') return graphRefusal(404, 'ErrorItemNotFound')
    if (url.searchParams.has('$skip')) return json({ value: more })
    return json({ value: top, '@odata.nextLink': 'https://graph.test/v1.0/me/mailFolders?$skip=2' })
  }
  const destination = async (folder: string) => {
    const t = open(mailbox)
    await marking(t.provider, { action: 'move', folder }, ['f-inbox'])
    return writes(t.asked).map((line) => line.replace(/^POST me\//, ''))
  }

  it.each([
    ['Archive', ['messages/f-inbox/move {"destinationId":"f-archive"}']],
    ['archiv', ['messages/f-inbox/move {"destinationId":"f-archive"}']],
    ['Erledigt', ['messages/f-inbox/move {"destinationId":"f-done"}']],
    ['Inbox/Postroom', ['messages/f-inbox/move {"destinationId":"f-child"}']],
    ['posteingang/postroom', ['messages/f-inbox/move {"destinationId":"f-child"}']],
    ['New', ['mailFolders {"displayName":"New"}', 'messages/f-inbox/move {"destinationId":"made-New"}']],
    [
      'A/B',
      [
        'mailFolders {"displayName":"A"}',
        'mailFolders/made-A/childFolders {"displayName":"B"}',
        'messages/f-inbox/move {"destinationId":"made-B"}',
      ],
    ],
    ['Posteingang', []],
  ])('named %s is found, or made where it is missing', async (name, expected) => {
    expect(await destination(name)).toEqual(expected)
  })

  it('is looked up once for all mails, and takes only what still lies in the inbox', async () => {
    const t = open(mailbox)
    const ids = ['f-inbox', 'f-done', 'f-deleted']
    expect(await marking(t.provider, { action: 'move', folder: 'Erledigt' }, ids)).toEqual({
      'f-inbox': 'done',
      'f-done': 'done',
      'f-deleted': 'done',
    })
    expect(writes(t.asked)).toEqual(['POST me/messages/f-inbox/move {"destinationId":"f-done"}'])
    expect(t.asked.filter(({ url }) => url.pathname.includes('mailFolders'))).toHaveLength(3)
  })

  it('that somebody else makes in the same moment is taken', async () => {
    let made = false
    const t = open((asked) => {
      if (asked.method === 'POST' && asked.url.pathname.endsWith('/mailFolders')) {
        made = true
        return graphRefusal(409, 'ErrorFolderExists')
      }
      return made && asked.url.pathname.endsWith('/mailFolders')
        ? json({ value: [{ id: 'f-new', displayName: 'NEW' }] })
        : mailbox(asked)
    })
    await marking(t.provider, { action: 'move', folder: 'New' }, ['f-inbox'])
    expect(writes(t.asked).at(-1)).toBe('POST me/messages/f-inbox/move {"destinationId":"f-new"}')
  })

  it('that cannot be made stops marking, and says what to do', async () => {
    const t = open((asked) => (asked.method === 'POST' ? graphRefusal(400, 'ErrorInvalidRequest') : mailbox(asked)))
    const error = await thrown(marking(t.provider, { action: 'move', folder: 'New' }))
    expect(error).toMatchObject({ code: MARK_REFUSED, hint: expect.stringContaining('Outlook') })
    expect(error.message).toContain('“New”')
  })

  it('that vanishes is looked up anew next time: the mail is not taken for gone', async () => {
    const t = open((asked) =>
      asked.url.pathname.endsWith('/move') ? graphRefusal(404, 'ErrorFolderNotFound') : mailbox(asked),
    )
    expect(await marking(t.provider, { action: 'move', folder: 'Erledigt' }, ['f-inbox'])).toEqual({
      'f-inbox': 'graph_folder_gone',
    })
  })

  it('is never asked for at another host', async () => {
    const t = open((asked) =>
      asked.url.pathname.endsWith('/mailFolders')
        ? json({ value: [], '@odata.nextLink': 'https://evil.test/v1.0/me/mailFolders?$skip=2' })
        : mailbox(asked),
    )
    expect((await thrown(marking(t.provider, { action: 'move', folder: 'New' }))).code).toBe('untrusted_host')
    expect(new Set(t.asked.map(({ url }) => url.host))).toEqual(new Set(['graph.test']))
  })
})

describe('an error', () => {
  const answering = (id: string, refusal: () => Response, inbox = () => json({ id: 'f' })) =>
    open(({ url }) =>
      url.pathname.endsWith(`/${id}`) ? refusal() : url.pathname.includes('mailFolders') ? inbox() : json({}),
    )

  it('of one message is its own while the mailbox answers', async () => {
    const t = answering('bad', () => graphRefusal(409, 'ErrorIrresolvableConflict'))
    expect(await marking(t.provider, { action: 'read' }, ['a', 'bad', 'b', 'c'])).toEqual({
      a: 'done',
      bad: 'graph_conflict',
      b: 'done',
      c: 'done',
    })
  })

  it('during an outage is nobody’s', async () => {
    const down = () => graphRefusal(500, 'InternalServerError')
    expect(await thrown(marking(answering('bad', down, down).provider, { action: 'read' }, ['bad']))).toMatchObject({
      kind: 'transient',
      code: 'graph_unavailable',
    })
  })

  it.each(['own', 'app'] as const)('that refuses writing (%s) is the mailbox’s, with the remedy', async (kind) => {
    const t = open(
      ({ method }) => (method === 'GET' ? json({ categories: [] }) : graphRefusal(403, 'ErrorAccessDenied')),
      kind,
    )
    const error = await thrown(marking(t.provider, { action: 'category' }, ['a', 'b', 'c', 'd']))
    expect(error.code).toBe(MARK_REFUSED)
    expect(error.hint).toMatch(kind === 'app' ? /Mail\.ReadWrite .* consent.* reconnect/ : /^Reconnect/)
    // Whatever was under way; no further message is tried.
    expect(writes(t.asked)).toHaveLength(3)
  })

  it('that asks for patience carries its time', async () => {
    const t = answering('bad', () => graphRefusal(429, 'TooManyRequests', '', { 'retry-after': '9' }))
    expect(await thrown(marking(t.provider, { action: 'read' }, ['bad']))).toMatchObject({
      kind: 'rate_limited',
      retryAfter: 9_000,
    })
  })
})
