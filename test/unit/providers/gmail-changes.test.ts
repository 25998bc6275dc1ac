// What is new in a Gmail mailbox: listings by date in windows, then the history, against a small scripted Gmail.
import { describe, expect, it } from 'vitest'
import { type GmailDeps, openGmail } from '../../../worker/providers/gmail/provider'
import { type Cursor, type MailProvider, type MessageRef, ProviderError } from '../../../worker/providers/provider'
import { type Asked, countingTokens, json, refusal, type Script, scriptedFetch } from '../../support/scripted-fetch'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const HOUR = 3_600_000

type Mail = { id: string; at: number }
type Added = { id: string; labelIds?: string[] }

function open(script: Script, options: { since?: number; now?: number } & Pick<GmailDeps, 'limits'> = {}) {
  const { fetch, asked } = scriptedFetch(script)
  let units = 0
  const provider = openGmail(
    {
      apiUrl: 'https://gmail.test',
      since: options.since ?? 0,
      topic: null,
      trustedHosts: [],
      unitsPerMinute: 6_000,
    },
    {
      fetch,
      clock: () => options.now ?? NOW,
      token: countingTokens().token,
      spent: (spent) => {
        units += spent
      },
      limits: options.limits,
    },
  )
  return { provider, asked, units: () => units }
}

/** messages.list over mails, newest first, as q bounds them; the profile names history id 1000. */
function mailbox(mails: Mail[], page = 500): Script {
  return ({ url }) => {
    if (url.pathname.endsWith('/profile')) return json({ emailAddress: 'a@example.org', historyId: '1000' })
    const q = url.searchParams.get('q') ?? ''
    const bound = (name: string) => /\d+/.exec(new RegExp(`${name}:\\d+`).exec(q)?.[0] ?? '')?.[0]
    const after = Number(bound('after') ?? -1) * 1000
    const before = Number(bound('before') ?? 1e12) * 1000
    const found = mails.filter(({ at }) => at > after && at < before).sort((a, b) => b.at - a.at)
    const from = Number(url.searchParams.get('pageToken') ?? 0)
    const more = from + page < found.length
    return json({
      messages: found.slice(from, from + page).map(({ id }) => ({ id, threadId: `t${id}` })),
      ...(more && { nextPageToken: String(from + page) }),
    })
  }
}
const record = (...added: Added[]) => ({
  id: '1',
  messagesAdded: added.map(({ id, labelIds }) => ({ message: { id, threadId: id, labelIds } })),
})
const history = (historyId: string, records: unknown[] = [], nextPageToken?: string) =>
  json({ history: records, historyId, nextPageToken })

/** Pages until the listing has led over to the history. */
async function listAll(provider: MailProvider, limit: number) {
  const refs: MessageRef[] = []
  let cursor: Cursor | null = null
  for (let pages = 0; pages < 500; pages++) {
    const page = await provider.changes(cursor, limit)
    expect(page.refs.length).toBeLessThanOrEqual(limit)
    refs.push(...page.refs)
    cursor = JSON.parse(JSON.stringify(page.next))
    if ((cursor as { mode: string }).mode === 'history') return { ids: refs.map(idOf), cursor }
    expect(page.more).toBe(true)
  }
  throw new Error('pages without end')
}
const idOf = (ref: MessageRef) => ref.identity.replace('gmail:', '')
const cursorAt = async (startId: string) => {
  const { provider } = open(() => json({ emailAddress: 'a', historyId: startId }), { since: Number.POSITIVE_INFINITY })
  return (await provider.changes(null, 10)).next
}
const startOf = (cursor: Cursor) => (cursor as { startId: string }).startId
async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}
const param = (asked: Asked | undefined, name: string) => asked?.url.searchParams.get(name) ?? null

describe('a first listing', () => {
  const mails = (count: number, step = HOUR): Mail[] =>
    Array.from({ length: count }, (_, i) => ({ id: `m${i}`, at: NOW - (count - i) * step }))

  it('asks for everything but trash, drafts and chats, spam included, and never for a label', async () => {
    const { provider, asked } = open(mailbox(mails(3)), { since: NOW - 24 * HOUR })
    const { ids } = await listAll(provider, 10)
    expect(ids).toEqual(['m0', 'm1', 'm2'])
    const list = asked.find(({ url }) => url.pathname.endsWith('/messages'))
    expect(param(list, 'q')).toBe(`after:${(NOW - 24 * HOUR) / 1000 - 1} -in:trash -in:draft -in:chats`)
    expect(param(list, 'includeSpamTrash')).toBe('true')
    expect(param(list, 'labelIds')).toBeNull()
  })

  it('reads the history id before the last window, not after', async () => {
    const { provider, asked } = open(mailbox(mails(3)))
    const { cursor } = await listAll(provider, 10)
    expect(asked.map(({ url }) => url.pathname.split('/').at(-1))).toEqual(['profile', 'messages'])
    expect(startOf(cursor)).toBe('1000')
  })

  it.each([1, 7, 100])(
    'halves windows that hold too much and grows again; oldest first, none missing (limit %i)',
    async (limit) => {
      // A busy week long ago, years of nothing, a busy day.
      const crowd = [
        ...mails(300, 1_000),
        ...mails(40, 30 * 24 * HOUR).map((mail) => ({ ...mail, id: `old-${mail.id}` })),
      ]
      const { provider, asked } = open(mailbox(crowd, 10), { limits: { window: 30, page: 10 } })
      const { ids } = await listAll(provider, limit)
      const expected = [...crowd].sort((a, b) => a.at - b.at).map(({ id }) => id)
      // Windows overlap by a second: a message may be listed twice, never out of order.
      expect([...new Set(ids)]).toEqual(expected)
      expect(ids.length).toBeLessThan(expected.length * 1.3)
      expect(asked.length).toBeLessThan(400)
    },
  )

  it('costs little: 30,000 mails are listed for under 1,000 units', async () => {
    const { provider, units } = open(mailbox(mails(30_000, 60_000)))
    expect(new Set((await listAll(provider, 500)).ids).size).toBe(30_000)
    expect(units()).toBeLessThan(1_000)
  })

  it('lists more mails of one second than a window may hold', async () => {
    const same = Array.from({ length: 80 }, (_, i) => ({ id: `m${i}`, at: NOW - HOUR }))
    const { provider } = open(mailbox(same, 10), { limits: { window: 20, page: 10, fullWindow: 100 } })
    expect(new Set((await listAll(provider, 500)).ids).size).toBe(80)
    const tight = open(mailbox(same, 10), { limits: { window: 20, page: 10, fullWindow: 50 } })
    expect(await failing(listAll(tight.provider, 500))).toMatchObject({ kind: 'protocol', code: 'gmail_window_full' })
  })

  it('survives a clock that is behind: the last window has no end', async () => {
    const { provider } = open(mailbox([{ id: 'future', at: NOW + 5 * HOUR }]), { since: NOW + HOUR })
    expect((await listAll(provider, 10)).ids).toEqual(['future'])
  })

  it('of only new mail asks for nothing but the history id', async () => {
    const { provider, asked, units } = open(mailbox(mails(3)), { since: Number.POSITIVE_INFINITY })
    const page = await provider.changes(null, 10)
    expect(page).toMatchObject({ refs: [], more: false })
    expect(startOf(page.next)).toBe('1000')
    expect(asked).toHaveLength(1)
    expect(units()).toBe(1)
  })

  it('gives up on a Gmail that announces the same page again and again', async () => {
    const { provider } = open(({ url }) =>
      url.pathname.endsWith('/profile')
        ? json({ emailAddress: 'a', historyId: '1' })
        : json({ messages: [], nextPageToken: 'again' }),
    )
    expect((await failing(provider.changes(null, 10))).code).toBe('gmail_no_progress')
  })
})

describe('the history', () => {
  it('is read from one start id over all pages, and the cursor moves only at their end', async () => {
    const { provider, asked, units } = open(({ url }) =>
      url.searchParams.get('pageToken') === null
        ? history('2000', [record({ id: 'a' }, { id: 'b' }), record({ id: 'c' })], 'p2')
        : history('2005', [record({ id: 'd' })]),
    )
    const first = await provider.changes(await cursorAt('1500'), 2)
    expect(first.refs.map(idOf)).toEqual(['a', 'b'])
    const second = await provider.changes(first.next, 2)
    expect(second.refs.map(idOf)).toEqual(['c'])
    const third = await provider.changes(second.next, 2)
    expect(third.refs.map(idOf)).toEqual(['d'])
    expect([first.more, second.more, third.more]).toEqual([true, true, false])
    expect([first, second].map(({ next }) => startOf(next))).toEqual(['1500', '1500'])
    // Mail that came while page two was read may be on no page: the next reading begins where page one was current.
    expect(startOf(third.next)).toBe('2000')
    expect(asked.map((one) => param(one, 'startHistoryId'))).toEqual(['1500', '1500'])
    expect(asked.every((one) => param(one, 'historyTypes') === 'messageAdded' && param(one, 'labelId') === null)).toBe(
      true,
    )
    expect(units()).toBe(4)
  })

  it('beyond 2^53 goes on at exactly the id that was answered', async () => {
    const ids = ['18446744073709551001', '18446744073709551002', '18446744073709551003']
    const { provider, asked } = open((_, count) => history(ids[count] ?? ''))
    const first = await provider.changes(await cursorAt(ids[0] ?? ''), 10)
    const second = await provider.changes(JSON.parse(JSON.stringify(first.next)), 10)
    expect([startOf(first.next), startOf(second.next)]).toEqual(ids.slice(1))
    expect(asked.map((one) => param(one, 'startHistoryId'))).toEqual(ids.slice(0, 2))
  })

  it('never moves backwards when the answer names an earlier id', async () => {
    const { provider } = open(() => history('9007199254740992'))
    expect(startOf((await provider.changes(await cursorAt('9007199254740993'), 10)).next)).toBe('9007199254740993')
  })

  it('skips drafts and chats, keeps spam and sent mail, and names a message once', async () => {
    const { provider } = open(() =>
      history('2', [
        record({ id: 'draft', labelIds: ['DRAFT'] }, { id: 'chat', labelIds: ['CHAT'] }),
        record(
          { id: 'spam', labelIds: ['SPAM'] },
          { id: 'sent', labelIds: ['SENT'] },
          { id: 'filtered', labelIds: [] },
        ),
        record({ id: 'spam', labelIds: ['SPAM'] }),
        { id: '9', labelsAdded: [] },
      ]),
    )
    expect((await provider.changes(await cursorAt('1'), 10)).refs.map(idOf)).toEqual(['spam', 'sent', 'filtered'])
  })

  it('that is too old has expired', async () => {
    const { provider } = open(() => refusal(404, 'notFound'))
    expect(await failing(provider.changes(await cursorAt('1'), 10))).toMatchObject({
      kind: 'cursor_expired',
      code: 'gmail_history_expired',
    })
  })

  it('has not expired because a proxy says 404', async () => {
    const { provider } = open(
      () => new Response('not here', { status: 404, headers: { 'content-type': 'text/plain' } }),
    )
    expect(await failing(provider.changes(await cursorAt('1'), 10))).toMatchObject({ kind: 'protocol' })
  })

  it('right after a listing does not expire into another listing without end', async () => {
    const { provider } = open((asked) =>
      asked.url.pathname.endsWith('/history') ? refusal(404) : mailbox([])(asked, 0),
    )
    const { cursor } = await listAll(provider, 10)
    expect(await failing(provider.changes(cursor, 10))).toMatchObject({
      kind: 'transient',
      code: 'gmail_history_refused',
    })
    const nextDay = open(() => refusal(404), { now: NOW + 24 * HOUR })
    expect((await failing(nextDay.provider.changes(cursor, 10))).kind).toBe('cursor_expired')
  })

  it('is read again from its start id when a page token is refused', async () => {
    let refusals = 1
    const { provider, asked } = open(({ url }) => {
      if (url.searchParams.get('pageToken') === null) return history('2000', [record({ id: 'a' })], 'p2')
      return refusals-- > 0 ? refusal(400, 'invalidArgument') : history('2000', [record({ id: 'b' })])
    })
    const first = await provider.changes(await cursorAt('1500'), 10)
    const again = await provider.changes(first.next, 10)
    const rest = await provider.changes(again.next, 10)
    expect([...first.refs, ...again.refs, ...rest.refs].map(idOf)).toEqual(['a', 'a', 'b'])
    expect(rest.more).toBe(false)
    expect(asked.map((one) => param(one, 'pageToken'))).toEqual([null, 'p2', null, 'p2'])
  })

  it('whose page tokens are always refused is given up for now', async () => {
    const { provider } = open(({ url }) =>
      url.searchParams.get('pageToken') === null ? history('2000', [record({ id: 'a' })], 'p2') : refusal(400),
    )
    let { next } = await provider.changes(await cursorAt('1500'), 10)
    next = (await provider.changes(next, 10)).next
    expect(await failing(provider.changes(next, 10))).toMatchObject({ kind: 'transient', code: 'gmail_page_refused' })
  })

  it.each([
    ['an id that leads elsewhere', { historyId: '2', history: [record({ id: '../../settings' })] }],
    ['a history id that is no number', { historyId: 'abc' }],
    ['no history id', { history: [] }],
    ['a list that is none', { historyId: '2', history: 'x' }],
    ['nothing', null],
  ])('with %s is refused and the cursor stays', async (_, body) => {
    const { provider } = open(() => json(body))
    expect(await failing(provider.changes(await cursorAt('1'), 10))).toMatchObject({
      kind: 'protocol',
      code: 'gmail_unexpected',
    })
  })
})
