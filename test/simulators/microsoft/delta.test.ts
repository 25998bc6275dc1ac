// messages/delta of the simulated Graph: rounds with real state, what a link carries, and tokens that are refused.
import { type Client, PageIterator } from '@microsoft/microsoft-graph-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Microsoft, refusalOf, startForTests } from './graph-client.ts'

const SUPPORT = 'support@contoso.example'
const DELTA = '/me/mailFolders/inbox/messages/delta'

type Item = { id: string; subject?: string; isRead?: boolean; '@removed'?: { reason: string } }
type Page = { value: Item[]; '@odata.nextLink'?: string; '@odata.deltaLink'?: string }

let microsoft: Microsoft
let graph: Client

beforeEach(async () => {
  microsoft = await startForTests()
  graph = await microsoft.client(SUPPORT)
})
afterEach(async () => {
  await microsoft.close()
  expect(microsoft.world.violations).toEqual([])
})

const deliver = (subject: string, mail: object = {}) =>
  microsoft.control('deliver', { to: SUPPORT, from: 'jane@mail.example', subject, ...mail })
const get = (link: string): Promise<Page> => graph.api(link).header('Prefer', 'odata.maxpagesize=2').get()

/** Everything up to the next delta link. */
async function round(
  link = `${DELTA}?$select=subject,isRead`,
): Promise<{ items: Item[]; pages: number; link: string }> {
  const items: Item[] = []
  for (let pages = 1, next = link; ; pages++) {
    const page = await get(next)
    items.push(...page.value)
    expect('@odata.nextLink' in page).not.toBe('@odata.deltaLink' in page)
    if (page['@odata.deltaLink']) return { items, pages, link: page['@odata.deltaLink'] }
    next = page['@odata.nextLink'] ?? ''
  }
}
const subjectsOf = (items: Item[]) => items.map(({ subject }) => subject)

describe('a round', () => {
  it('gives what is there in pages, then only what has changed since', async () => {
    for (const subject of ['one', 'two', 'three']) await deliver(subject)
    const first = await round()
    expect(subjectsOf(first.items)).toEqual(['three', 'two', 'one'])
    expect(first.pages).toBe(2)
    expect((await round(first.link)).items).toEqual([])
    await deliver('four')
    expect(subjectsOf((await round(first.link)).items)).toEqual(['four'])
    expect(subjectsOf((await round(first.link)).items)).toEqual(['four'])
  })

  it('tells of changes, moves and deletions, each message once with its latest state', async () => {
    const [read, moved, deleted] = [await deliver('read'), await deliver('moved'), await deliver('deleted')]
    const { link } = await round()
    await graph.api(`/me/messages/${read.id}`).patch({ categories: ['Blue'] })
    await graph.api(`/me/messages/${read.id}`).patch({ isRead: true })
    await graph.api(`/me/messages/${moved.id}/move`).post({ destinationId: 'archive' })
    await microsoft.control('remove', { account: SUPPORT, id: deleted.id })
    const { items } = await round(link)
    expect(items).toHaveLength(3)
    expect(items).toContainEqual(expect.objectContaining({ id: read.id, subject: 'read', isRead: true }))
    expect(items).toContainEqual({ '@removed': { reason: 'changed' }, id: moved.id })
    expect(items).toContainEqual({ '@removed': { reason: 'deleted' }, id: deleted.id })
  })

  it('loses no mail that arrives or goes while its pages are read', async () => {
    for (let count = 1; count <= 5; count++) await deliver(`${count}`)
    const first = await get(`${DELTA}?$select=subject`)
    await deliver('in between')
    const rest = await round(first['@odata.nextLink'])
    expect(subjectsOf([...first.value, ...rest.items])).toEqual(['5', '4', '3', '2', '1'])
    expect(subjectsOf((await round(rest.link)).items)).toEqual(['in between'])
  })

  it('starts at a date or at nothing, and can be asked for new mail alone', async () => {
    await deliver('old', { receivedAt: Date.UTC(2026, 0, 1) })
    const { id } = await deliver('young', { receivedAt: Date.UTC(2026, 0, 3) })
    const since = await round(`${DELTA}?$filter=receivedDateTime ge 2026-01-02T00:00:00Z`)
    expect(subjectsOf(since.items)).toEqual(['young'])
    const latest = await round(`${DELTA}?$deltatoken=latest`)
    expect(latest.items).toEqual([])
    const created = await round(`${DELTA}?changeType=created`)
    await microsoft.control('change', { account: SUPPORT, id, isRead: true })
    await deliver('newest')
    expect(subjectsOf((await round(latest.link)).items)).toEqual(['young', 'newest'])
    expect(subjectsOf((await round(created.link)).items)).toEqual(['newest'])
    for (const bad of ["$filter=subject eq 'a'", '$orderby=subject', '$search="a"', '$skip=1']) {
      expect((await refusalOf(get(`${DELTA}?${bad}`))).status).toBe(400)
    }
  })

  it('may have empty pages and doubles in it', async () => {
    await deliver('only')
    await microsoft.control('delta/quirks', { emptyPages: 1, duplicates: 1 })
    const first = await get(`${DELTA}?$select=subject`)
    expect([first.value, typeof first['@odata.nextLink']]).toEqual([[], 'string'])
    expect(subjectsOf((await round(first['@odata.nextLink'])).items)).toEqual(['only', 'only'])
  })

  it('carries immutable ids where they are asked for, also of what has gone', async () => {
    const { immutableId } = await deliver('a')
    const ask = (link: string): Promise<Page> => graph.api(link).header('Prefer', 'IdType="ImmutableId"').get()
    const first = await ask(DELTA)
    expect(first.value[0]?.id).toBe(immutableId)
    await microsoft.control('move', { account: SUPPORT, id: immutableId, folder: 'archive' })
    expect((await ask(first['@odata.deltaLink'] ?? '')).value[0]?.id).toBe(immutableId)
  })

  it('is walked by PageIterator to its delta link', async () => {
    for (let count = 1; count <= 12; count++) await deliver(`${count}`)
    const seen: string[] = []
    const iterator = new PageIterator(graph, await graph.api(DELTA).get(), ({ id }: Item) => seen.push(id) > 0)
    await iterator.iterate()
    expect(seen).toHaveLength(12)
    expect(iterator.getDeltaLink()).toContain('$deltatoken=')
  })
})

describe('a token', () => {
  it.each([
    ['gone', 410, 'syncStateNotFound'],
    ['resync', 410, 'resyncRequired'],
    ['not_found', 404, 'SyncStateNotFound'],
    ['invalid', 400, 'syncStateInvalid'],
  ])('that is too old is refused: %s', async (variant, status, code) => {
    const { link } = await round()
    await microsoft.control('delta/expire', { account: SUPPORT, variant })
    expect(await refusalOf(get(link))).toMatchObject({ status, code })
    expect((await round()).items).toEqual([])
  })

  it('that is gone names in Location where to begin again', async () => {
    const { link } = await round()
    await microsoft.control('delta/expire', { account: SUPPORT })
    const authorization = `Bearer ${await microsoft.signIn(SUPPORT, 'Mail.Read')}`
    const response = await fetch(link, { headers: { authorization } })
    expect([response.status, response.headers.get('location')]).toEqual([410, `${microsoft.url}/v1.0${DELTA}`])
  })

  it('of another folder or of nobody is refused', async () => {
    const { link } = await round()
    expect((await refusalOf(get(link.replace('inbox', 'sentitems')))).status).toBe(400)
    expect((await refusalOf(get(`${DELTA}?$deltatoken=nonsense`))).status).toBe(400)
  })

  it('can be made to lead to another host', async () => {
    for (let count = 1; count <= 3; count++) await deliver(`${count}`)
    await microsoft.control('links/forge', { kind: 'nextLink', origin: 'https://evil.example' })
    expect((await get(DELTA))['@odata.nextLink']).toMatch(/^https:\/\/evil\.example\/v1\.0\//)
    expect((await get(DELTA))['@odata.nextLink']).toMatch(/^https:\/\/graph\.microsoft\.com\/v1\.0\//)
  })
})
