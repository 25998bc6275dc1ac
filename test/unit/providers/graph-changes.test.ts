// What is new in a Microsoft mailbox: the delta is begun, the mails are listed by date, then the delta is read; for inbox and sent items.
import { describe, expect, it } from 'vitest'
import { identityOf, messageIdOf } from '../../../worker/providers/graph/cursor'
import { type GraphConfig, type GraphDeps, openGraph } from '../../../worker/providers/graph/provider'
import { type Cursor, type MailProvider, type MessageRef, ProviderError } from '../../../worker/providers/provider'
import { countingTokens, graphRefusal, json, type Script, scriptedFetch } from '../../support/scripted-fetch'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const HOUR = 3_600_000
const API = 'https://graph.test/v1.0'

function open(script: Script, options: Partial<GraphConfig> & Pick<GraphDeps, 'limits'> & { now?: () => number } = {}) {
  const { fetch, asked } = scriptedFetch(script)
  const { limits, now = () => NOW, ...config } = options
  const provider = openGraph(
    {
      apiUrl: API,
      mailbox: { kind: 'own', address: 'support@contoso.example' },
      since: 0,
      notificationUrl: 'https://postroom.test/api/webhooks/graph-push',
      lifecycleUrl: 'https://postroom.test/api/webhooks/graph-lifecycle',
      push: false,
      trustedHosts: [],
      ...config,
    },
    { fetch, clock: now, token: countingTokens().token, limits },
  )
  return { provider, asked }
}

type Mail = { id: string; at: number; removed?: boolean; draft?: boolean; attached?: boolean }
const iso = (at: number) => `${new Date(at).toISOString().slice(0, 19)}Z`
const entry = ({ id, at, removed, draft, attached = false }: Mail) =>
  removed
    ? { '@removed': { reason: 'deleted' }, id }
    : { id, conversationId: `c-${id}`, receivedDateTime: iso(at), isDraft: draft ?? false, hasAttachments: attached }
const page = (mails: Mail[], links: { next?: string; delta?: string } = {}) =>
  json({
    value: mails.map(entry),
    ...(links.next && { '@odata.nextLink': links.next }),
    ...(links.delta && { '@odata.deltaLink': links.delta }),
  })

type Folders = Record<'inbox' | 'sentitems', Mail[]>
/** Two folders whose delta link is their length: what came after it is new. */
function mailbox(folders: Folders, pageSize = 500): Script {
  return ({ url }) => {
    const name = /mailFolders\/(inbox|sentitems)\/messages/.exec(url.pathname)?.[1] as keyof Folders
    const mails = folders[name]
    if (url.pathname.endsWith('/delta')) {
      const token = url.searchParams.get('$deltatoken')
      const link = `${API}/me/mailFolders/${name}/messages/delta?$deltatoken=${mails.length}`
      return page(token === null ? [] : mails.slice(Number(token)), { delta: link })
    }
    const from = Date.parse(/ge (\S+)/.exec(url.searchParams.get('$filter') ?? '')?.[1] ?? '')
    const found = mails.filter(({ at }) => at >= from).sort((a, b) => a.at - b.at)
    const skip = Number(url.searchParams.get('$skip') ?? 0)
    const next = new URL(url)
    next.searchParams.set('$skip', String(skip + pageSize))
    return page(found.slice(skip, skip + pageSize), found.length > skip + pageSize ? { next: next.href } : {})
  }
}

const idOf = (ref: MessageRef) => ref.identity.replace('graph:', '')
async function readAll(provider: MailProvider, from: Cursor | null = null, limit = 100) {
  const refs: MessageRef[] = []
  let cursor = from
  for (let pages = 0; pages < 500; pages++) {
    const { refs: some, next, more } = await provider.changes(cursor, limit)
    expect(some.length).toBeLessThanOrEqual(limit)
    refs.push(...some)
    cursor = JSON.parse(JSON.stringify(next))
    if (!more) return { refs, ids: refs.map(idOf), cursor }
  }
  throw new Error('pages without end')
}
async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}
const mails = (count: number, step = HOUR, name = 'm'): Mail[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${name}${i}`, at: NOW - (count - i) * step }))

/** The cursor of a mailbox that has been read to its end. */
async function atRest() {
  return (await readAll(open(mailbox({ inbox: [], sentitems: [] })).provider)).cursor
}
const isInboxDelta = (url: URL) => /inbox\/messages\/delta/.test(url.pathname)
/** At rest, but for what the inbox's delta answers. */
const inboxAnswers =
  (answer: Script): Script =>
  (asked, count) =>
    isInboxDelta(asked.url)
      ? answer(asked, count)
      : page([], { delta: `${API}/me/mailFolders/sentitems/messages/delta?$deltatoken=0` })
const INBOX_LINK = `${API}/me/mailFolders/inbox/messages/delta`

describe('what is attached', () => {
  it('is told by the listing and by the delta, and kept while a mail waits to be handed out', async () => {
    const folders = { inbox: mails(3), sentitems: [] as Mail[] }
    folders.inbox[1] = { id: 'm1', at: NOW - 2 * HOUR, attached: true }
    const first = open(mailbox(folders))
    const { refs, cursor } = await readAll(first.provider, null, 1)
    expect(refs.map(({ attached }) => attached)).toEqual([undefined, true, undefined])
    expect(refs[0]).not.toHaveProperty('attached')
    for (const { url } of first.asked.filter(({ url }) => !url.searchParams.has('$deltatoken')))
      expect(url.searchParams.get('$select')).toContain('hasAttachments')
    folders.inbox.push({ id: 'new', at: NOW, attached: true })
    expect((await readAll(open(mailbox(folders)).provider, cursor)).refs).toMatchObject([{ attached: true }])
  })

  it('is unknown of a mail in a cursor that was stored before it was asked for', async () => {
    const cursor = JSON.parse(JSON.stringify(await atRest()))
    cursor.inbox.pending = [['old', null, NOW]]
    const { refs } = await readAll(open(mailbox({ inbox: [], sentitems: [] })).provider, cursor)
    expect(refs).toEqual([{ identity: 'graph:old', receivedAt: NOW }])
  })
})

describe('a first listing', () => {
  it('begins the delta before it lists, so that nothing falls between them', async () => {
    const { provider, asked } = open(mailbox({ inbox: mails(3), sentitems: [] }), { since: NOW - 24 * HOUR })
    const { ids } = await readAll(provider)
    expect(ids).toEqual(['m0', 'm1', 'm2'])
    expect(asked.slice(0, 2).map(({ url }) => url.pathname)).toEqual([
      '/v1.0/me/mailFolders/inbox/messages/delta',
      '/v1.0/me/mailFolders/inbox/messages',
    ])
    expect(asked[1]?.url.searchParams.get('$filter')).toBe(`receivedDateTime ge ${iso(NOW - 24 * HOUR)}`)
  })

  it('asks only for mail that comes: an old one that somebody marks as read is none', async () => {
    const { provider, asked } = open(mailbox({ inbox: mails(1), sentitems: mails(1) }))
    await readAll(provider)
    const begun = asked.filter(({ url }) => url.searchParams.has('$filter') && url.pathname.endsWith('/delta'))
    expect(begun.map(({ url }) => url.searchParams.get('changeType'))).toEqual(['created', 'created'])
  })

  it('asks for immutable ids every time', async () => {
    const { provider, asked } = open(mailbox({ inbox: mails(3), sentitems: mails(2) }))
    await readAll(provider)
    expect(asked.length).toBeGreaterThan(4)
    for (const { headers } of asked) expect(headers.get('prefer')).toContain('IdType="ImmutableId"')
  })

  it('names sent mail as sent, and received mail as nothing else', async () => {
    const { provider } = open(mailbox({ inbox: mails(2), sentitems: mails(2, HOUR, 's') }))
    const { refs } = await readAll(provider)
    expect(refs.map(({ identity, role }) => [identity, role])).toEqual([
      ['graph:m0', undefined],
      ['graph:m1', undefined],
      ['graph:s0', 'sent'],
      ['graph:s1', 'sent'],
    ])
    expect(refs[0]).toMatchObject({ thread: 'c-m0', receivedAt: NOW - 2 * HOUR })
  })

  it('loses no mail when others are deleted between two pages', async () => {
    const folders: Folders = { inbox: mails(9), sentitems: [] }
    const { provider } = open(mailbox(folders, 4), { limits: { page: 4 } })
    const first = await provider.changes(null, 4)
    expect(first.refs.map(idOf)).toEqual(['m0', 'm1', 'm2', 'm3'])
    folders.inbox.splice(0, 3)
    const { ids } = await readAll(provider, first.next)
    expect(new Set(ids)).toEqual(new Set(['m3', 'm4', 'm5', 'm6', 'm7', 'm8']))
  })

  it('lists more mails of one second than fit into a page, each of them', async () => {
    const crowd = [
      ...mails(3),
      ...Array.from({ length: 11 }, (_, i) => ({ id: `same${i}`, at: NOW - 60_000 })),
      { id: 'after', at: NOW - 1_000 },
    ]
    const { provider } = open(mailbox({ inbox: crowd, sentitems: [] }, 4), { limits: { page: 4 } })
    const { ids } = await readAll(provider)
    expect(new Set(ids).size).toBe(15)
    expect(ids.at(-1)).toBe('after')
  })

  it('goes on over pages that hold nothing but drafts', async () => {
    const drafts = Array.from({ length: 24 }, (_, i) => ({ id: `d${i}`, at: NOW - (30 - i) * HOUR, draft: true }))
    const folders = { inbox: [...drafts, { id: 'mail', at: NOW - HOUR }], sentitems: [] }
    const { provider } = open(mailbox(folders, 3), { limits: { page: 3 } })
    expect((await readAll(provider)).ids).toEqual(['mail'])
  })

  it('of only new mail passes over what is there, whatever the clocks say', async () => {
    const script = inboxAnswers(({ url }) =>
      url.searchParams.has('$deltatoken')
        ? page([{ id: 'new', at: NOW - 30_000 }], { delta: `${INBOX_LINK}?$deltatoken=2` })
        : page([{ id: 'old', at: NOW + 5_000 }], { delta: `${INBOX_LINK}?$deltatoken=1` }),
    )
    const { provider } = open(script, { since: Number.POSITIVE_INFINITY })
    const first = await readAll(provider)
    expect(first.ids).toEqual([])
    expect((await readAll(provider, first.cursor)).ids).toEqual(['new'])
  })

  it('begins a busy mailbox’s delta later, since Graph tells only some thousand of a filtered one', async () => {
    const filters: string[] = []
    const script = inboxAnswers(({ url }) => {
      const filter = url.searchParams.get('$filter')
      if (filter) filters.push(filter)
      return page(filters.length === 1 ? mails(30) : [], { delta: `${INBOX_LINK}?$deltatoken=1` })
    })
    const { provider } = open(script, { since: Number.POSITIVE_INFINITY, limits: { round: 20 } })
    await readAll(provider)
    expect(filters).toEqual([
      `receivedDateTime ge ${iso(NOW - 48 * HOUR)}`,
      `receivedDateTime ge ${iso(NOW - 12 * HOUR)}`,
    ])
  })
})

describe('an identity', () => {
  it.each(['AAkALg-_=', 'graph:AAA', 'graph:graph:x', 'imap:INBOX:1:2'])(
    'of %s has one prefix and leads back to it',
    (id) => {
      expect(identityOf(id)).toBe(`graph:${id}`)
      expect(messageIdOf(identityOf(id))).toBe(id)
    },
  )
})

describe('a delta that is begun', () => {
  const begunAt = async (since: number) => {
    const { provider, asked } = open(mailbox({ inbox: [], sentitems: [] }), { since })
    await provider.changes(null, 10)
    return asked[0]?.url.searchParams.get('$filter')
  }
  const DAY = 24 * HOUR

  it('reaches back as far as the listing, so that wanted mail is told of when it is rescued later; at most a week', async () => {
    expect(await begunAt(NOW - 5 * DAY)).toBe(`receivedDateTime ge ${iso(NOW - 5 * DAY)}`)
    expect(await begunAt(NOW - 30 * DAY)).toBe(`receivedDateTime ge ${iso(NOW - 7 * DAY)}`)
  })

  it('reaches back two days where nothing old is wanted, for clocks that differ', async () => {
    for (const since of [NOW - HOUR, Number.POSITIVE_INFINITY])
      expect(await begunAt(since)).toBe(`receivedDateTime ge ${iso(NOW - 2 * DAY)}`)
  })
})

describe('a mailbox', () => {
  it.each(['shared', 'app'] as const)(
    'of the kind %s is asked below its own address, never below /me',
    async (kind) => {
      const { provider, asked } = open(mailbox({ inbox: mails(2), sentitems: [] }), {
        mailbox: { kind, address: 'info@contoso.example' },
      })
      await provider.changes(null, 10)
      for (const { url } of asked)
        expect(url.pathname).toMatch(/^\/v1\.0\/users\/info%40contoso\.example\/mailFolders\//)
    },
  )

  it('whose sent items may not be read is read without them', async () => {
    const folders = mailbox({ inbox: mails(2), sentitems: [] })
    const { provider } = open((asked, count) =>
      asked.url.pathname.includes('sentitems') ? graphRefusal(403, 'ErrorAccessDenied') : folders(asked, count),
    )
    const { ids, cursor } = await readAll(provider)
    expect(ids).toEqual(['m0', 'm1'])
    expect((await readAll(provider, cursor)).ids).toEqual([])
  })

  it('whose sent items may be read later is read with them a day after that, all that was sent meanwhile', async () => {
    const folders = mailbox({ inbox: [], sentitems: mails(2, HOUR, 's') })
    let now = NOW
    let allowed = false
    let refusals = 0
    const { provider } = open(
      (asked, count) => {
        if (allowed || !asked.url.pathname.includes('sentitems')) return folders(asked, count)
        refusals++
        return graphRefusal(403, 'ErrorAccessDenied')
      },
      { now: () => now, since: NOW - 24 * HOUR },
    )
    let { cursor, ids } = await readAll(provider)
    now += HOUR
    ;({ cursor, ids } = await readAll(provider, cursor))
    expect([ids, refusals]).toEqual([[], 1])
    now += 24 * HOUR
    ;({ cursor, ids } = await readAll(provider, cursor))
    expect([ids, refusals]).toEqual([[], 2])
    allowed = true
    now += 24 * HOUR
    expect((await readAll(provider, cursor)).ids).toEqual(['s0', 's1'])
  })

  it('whose inbox may not be read says what is missing', async () => {
    const { provider } = open(() => graphRefusal(403, 'ErrorAccessDenied', 'Access is denied.'))
    const error = await failing(provider.changes(null, 10))
    expect(error).toMatchObject({ kind: 'protocol', code: 'graph_access_denied' })
    expect(error.hint).toMatch(/Full Access.*Mail\.Read\.Shared/)
  })
})

describe('a delta', () => {
  it('goes on over an empty page with a nextLink', async () => {
    const cursor = await atRest()
    const { provider, asked } = open(
      inboxAnswers(({ url }) =>
        url.searchParams.has('$skiptoken')
          ? page([{ id: 'late', at: NOW }], { delta: `${INBOX_LINK}?$deltatoken=9` })
          : page([], { next: `${INBOX_LINK}?$skiptoken=s1` }),
      ),
    )
    expect((await readAll(provider, cursor)).ids).toEqual(['late'])
    expect(asked.map(({ url }) => url.search).slice(0, 2)).toEqual(['?$deltatoken=0', '?$skiptoken=s1'])
  })

  it('uses links as they are', async () => {
    const strange = `${INBOX_LINK}?%24deltatoken=a%2Bb%2F==&x=%20`
    const cursor = await atRest()
    const { provider } = open(inboxAnswers(() => page([], { delta: strange })))
    const next = await readAll(provider, cursor)
    const { provider: again, asked } = open(inboxAnswers(() => page([], { delta: strange })))
    await again.changes(next.cursor, 10)
    expect(asked[0]?.url.href).toBe(new URL(strange).href)
  })

  it('passes over what was removed and over drafts, and takes the rest oldest first', async () => {
    const cursor = await atRest()
    const { provider } = open(
      inboxAnswers(() =>
        page(
          [
            { id: 'second', at: NOW - 1_000 },
            { id: 'gone', at: NOW, removed: true },
            { id: 'draft', at: NOW, draft: true },
            { id: 'first', at: NOW - 2_000 },
          ],
          { delta: `${INBOX_LINK}?$deltatoken=9` },
        ),
      ),
    )
    expect((await readAll(provider, cursor)).ids).toEqual(['first', 'second'])
  })

  it('takes an update that names nothing but an id', async () => {
    const cursor = await atRest()
    const answer = () =>
      json({ value: [{ id: 'read-now', isRead: true }], '@odata.deltaLink': `${INBOX_LINK}?$deltatoken=9` })
    const { refs } = await readAll(open(inboxAnswers(answer)).provider, cursor)
    expect(refs).toEqual([{ identity: 'graph:read-now' }])
  })

  it.each([
    ['410', () => graphRefusal(410, 'SyncStateNotFound', 'gone', { location: 'https://graph.test/anew' })],
    ['410 without a body', () => new Response(null, { status: 410 })],
    ['syncStateNotFound', () => graphRefusal(404, 'syncStateNotFound')],
    ['SyncStateInvalid', () => graphRefusal(400, 'SyncStateInvalid')],
    ['resyncRequired', () => graphRefusal(400, 'resyncRequired')],
    ['whatever else Graph says against its own link', () => graphRefusal(400, 'BadRequest', 'Badly formed token.')],
  ] as [string, () => Response][])('that is refused with %s has expired', async (_, answer) => {
    const { provider: warm } = open(mailbox({ inbox: [], sentitems: [] }))
    const { cursor } = await readAll(warm, await atRest())
    expect((await failing(open(inboxAnswers(answer)).provider.changes(cursor, 10))).kind).toBe('cursor_expired')
  })

  it('whose first request is refused has not expired: a listing would be refused as well', async () => {
    const { provider } = open(() => graphRefusal(400, 'ErrorInvalidUrlQuery', 'No such thing.'))
    expect(await failing(provider.changes(null, 10))).toMatchObject({ kind: 'protocol', code: 'graph_refused' })
  })

  it('that is refused a moment after it was begun has not expired: a listing would only end here again', async () => {
    const { provider: begun } = open(mailbox({ inbox: [], sentitems: [] }), { since: Number.POSITIVE_INFINITY })
    const { cursor } = await readAll(begun)
    const refused = inboxAnswers(() => graphRefusal(410, 'SyncStateNotFound'))
    expect((await failing(open(refused).provider.changes(cursor, 10))).kind).toBe('transient')
    const later = open(refused, { now: () => NOW + HOUR })
    expect((await failing(later.provider.changes(cursor, 10))).kind).toBe('cursor_expired')
  })

  it('that has told as much as a filtered delta can has expired: there may be more', async () => {
    const cursor = await atRest()
    const script = inboxAnswers(() => page(mails(30), { delta: `${INBOX_LINK}?$deltatoken=9` }))
    expect((await failing(open(script, { limits: { round: 20 } }).provider.changes(cursor, 10))).kind).toBe(
      'cursor_expired',
    )
  })

  it('that names the same next page for ever, or none, is an error and no loop', async () => {
    const cursor = await atRest()
    const same = `${INBOX_LINK}?$skiptoken=same`
    const { provider } = open(inboxAnswers(() => page([], { next: same })))
    expect((await failing(readAll(provider, cursor))).code).toBe('graph_no_progress')
    const silent = open(inboxAnswers(() => page([])))
    expect((await failing(silent.provider.changes(cursor, 10))).code).toBe('graph_no_link')
  })

  it('that tells the same mail behind the same next page for ever has expired: no loop, and a listing finds the rest', async () => {
    const cursor = await atRest()
    const stuck = inboxAnswers(() => page([{ id: 'again', at: NOW }], { next: `${INBOX_LINK}?$skiptoken=same` }))
    const { provider, asked } = open(stuck)
    const first = await provider.changes(cursor, 10)
    expect(first.refs.map(idOf)).toEqual(['again'])
    expect((await failing(readAll(provider, first.next))).kind).toBe('cursor_expired')
    expect(asked.length).toBeLessThan(10)
  })

  it('that does so a moment after it was begun is trouble of the moment: a listing would only end here again', async () => {
    const { provider: begun } = open(mailbox({ inbox: [], sentitems: [] }))
    const { next } = await begun.changes(null, 10)
    const { inbox, ...rest } = next as { inbox: object }
    const cursor = { ...rest, inbox: { ...inbox, takenAt: NOW } }
    const stuck = inboxAnswers(() => page([{ id: 'again', at: NOW }], { next: `${INBOX_LINK}?$skiptoken=same` }))
    const { provider } = open(stuck)
    const first = await provider.changes(cursor, 10)
    expect((await failing(provider.changes(first.next, 10))).kind).toBe('transient')
  })

  it('that tells more than a filtered delta can has expired before its last page', async () => {
    const cursor = await atRest()
    let pages = 0
    const endless = inboxAnswers(() =>
      page([{ id: `m${++pages}`, at: NOW }], { next: `${INBOX_LINK}?$skiptoken=${pages}` }),
    )
    const { provider } = open(endless, { limits: { round: 20 } })
    expect((await failing(readAll(provider, cursor))).kind).toBe('cursor_expired')
    expect(pages).toBe(21)
  })

  it.each(['@odata.nextLink', '@odata.deltaLink'])(
    'whose %s points to another host is refused, and no token goes there',
    async (name) => {
      const cursor = await atRest()
      const script: Script = ({ url }) => {
        if (url.host !== 'graph.test') return new Error('asked a stranger')
        return json({ value: [], [name]: 'https://evil.test/v1.0/me/messages/delta?$deltatoken=1' })
      }
      const { provider, asked } = open(script)
      expect(await failing(provider.changes(cursor, 10))).toMatchObject({ kind: 'protocol', code: 'untrusted_host' })
      expect(asked.every(({ url }) => url.host === 'graph.test')).toBe(true)
      const trusting = open(
        inboxAnswers(() => json({ value: [], '@odata.deltaLink': 'https://other.test/delta' })),
        {
          trustedHosts: ['other.test'],
        },
      )
      await expect(trusting.provider.changes(cursor, 10)).resolves.toMatchObject({ more: false })
    },
  )

  it('whose stored link points to another host is refused, and no token goes there', async () => {
    const cursor = (await atRest()) as { inbox: { link: string } }
    cursor.inbox.link = 'https://evil.test/collect'
    const { provider, asked } = open(() => new Error('asked a stranger'))
    expect((await failing(provider.changes(cursor, 10))).code).toBe('untrusted_host')
    expect(asked).toHaveLength(0)
  })

  it('of the inbox is asked again between two pages of a long listing of sent mail', async () => {
    const folders: Folders = { inbox: [], sentitems: mails(9, HOUR, 's') }
    const { provider } = open(mailbox(folders, 3), { limits: { page: 3 } })
    let state = await provider.changes(null, 3)
    expect(state.refs.map(idOf)).toEqual(['s0', 's1', 's2'])
    folders.inbox.push({ id: 'urgent', at: NOW })
    state = await provider.changes(state.next, 3)
    expect(state.refs.map(idOf)).toEqual(['urgent'])
    const { ids } = await readAll(provider, state.next)
    expect(new Set(ids)).toEqual(new Set(['s2', 's3', 's4', 's5', 's6', 's7', 's8']))
  })
})
