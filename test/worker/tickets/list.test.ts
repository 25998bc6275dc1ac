import { env } from 'cloudflare:test'
import { beforeAll, describe, expect, it } from 'vitest'
import { TICKET_STATUS, TicketListQuery } from '../../../worker/contract/tickets'
import { countTickets, listTickets } from '../../../worker/features/tickets/list'
import { type ListPosition, listQuery, type TicketFilter } from '../../../worker/features/tickets/list-query'
import { drainSearchQueue } from '../../../worker/features/tickets/search-index'
import { tenantDb } from '../../../worker/platform/db'
import { type SeedTicket, seedTickets } from './seed'

const TENANT = 'ten_lists'
const ME = 'usr_me'
const db = tenantDb(env.DB, TENANT)

/** 240 tickets: activity runs against the numbers, two share each millisecond, every fifth one has the tag. */
const TICKETS: Required<Omit<SeedTicket, 'contactId'>>[] = Array.from({ length: 240 }, (_, i) => ({
  id: `tkt_${String(i).padStart(4, '0')}`,
  number: i + 1,
  subject: i === 77 ? 'Überweisung fehlt' : `Order ${i}`,
  status: TICKET_STATUS[i % 5] ?? 'open',
  inboxId: i % 3 === 0 ? 'inb_a' : 'inb_b',
  assigneeId: i % 4 === 0 ? ME : i % 4 === 1 ? 'usr_other' : null,
  at: 1_700_000_000_000 - Math.floor(i / 2) * 1000,
  tags: i % 5 === 0 ? ['billing', `t ${i % 10}`] : [],
  texts: [`common words ${i % 50 === 0 ? 'zebra' : ''}`, i % 7 === 0 ? 'second invoice mail' : 'second mail'],
}))

const ask = (query: Record<string, string> = {}) => listTickets(db, ME, TicketListQuery.parse(query))

async function all(query: Record<string, string>): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof ask>> = await ask({ limit: '17', ...query, ...(cursor ? { cursor } : {}) })
    ids.push(...page.items.map((item) => item.id))
    cursor = page.nextCursor
  } while (cursor)
  return ids
}

const expected = (keep: (ticket: (typeof TICKETS)[number]) => boolean) =>
  TICKETS.filter(keep)
    .sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
    .map((ticket) => ticket.id)

beforeAll(async () => {
  await seedTickets(TENANT, TICKETS)
  await seedTickets('ten_foreign', [
    {
      id: 'tkt_foreign',
      number: 1,
      subject: 'Order zebra',
      at: 1_800_000_000_000,
      tags: ['billing'],
      texts: ['common zebra'],
    },
  ])
  await drainSearchQueue(db, 1_000)
  await drainSearchQueue(tenantDb(env.DB, 'ten_foreign'), 10)
})

describe('the list of tickets', () => {
  it('pages through everything in order of activity, each ticket once', async () => {
    expect(await all({})).toEqual(expected(() => true))
  })

  it.each([
    [{ status: 'open' }, (t: SeedTicket) => t.status === 'open'],
    [{ status: 'waiting,closed' }, (t: SeedTicket) => t.status === 'waiting' || t.status === 'closed'],
    [{ inboxId: 'inb_a' }, (t: SeedTicket) => t.inboxId === 'inb_a'],
    [{ assigneeId: 'me' }, (t: SeedTicket) => t.assigneeId === ME],
    [{ assigneeId: 'none' }, (t: SeedTicket) => t.assigneeId === null],
    [
      { assigneeId: 'usr_other', inboxId: 'inb_b' },
      (t: SeedTicket) => t.assigneeId === 'usr_other' && t.inboxId === 'inb_b',
    ],
    [
      { assigneeId: 'none', inboxId: 'inb_b', status: 'open,resolved' },
      (t: SeedTicket) =>
        t.assigneeId === null && t.inboxId === 'inb_b' && (t.status === 'open' || t.status === 'resolved'),
    ],
    [{ tag: 'Billing' }, (t: SeedTicket) => t.tags?.includes('billing') ?? false],
    [
      { tag: 't 5', assigneeId: 'none' },
      (t: SeedTicket) => (t.tags?.includes('t 5') ?? false) && t.assigneeId === null,
    ],
    [{ q: 'common' }, () => true],
    [{ q: 'common zebra' }, (t: SeedTicket) => t.texts?.[0]?.includes('zebra') ?? false],
    [
      { q: 'invoice', status: 'open' },
      (t: SeedTicket) => (t.texts?.[1]?.includes('invoice') ?? false) && t.status === 'open',
    ],
    [
      { q: 'zebra', tag: 'billing', inboxId: 'inb_a' },
      (t: SeedTicket) => (t.texts?.[0]?.includes('zebra') ?? false) && t.inboxId === 'inb_a',
    ],
  ])('filters by %j', async (query, keep) => {
    const wanted = expected(keep)
    expect(wanted.length).toBeGreaterThan(0)
    expect((await all(query)).toSorted()).toEqual(wanted.toSorted())
  })

  it.each([[{ status: 'open', inboxId: 'inb_a' }], [{ q: 'common', status: 'open,closed' }], [{ tag: 'billing' }]])(
    'keeps newest activity first with %j',
    async (query) => {
      const page = await ask({ ...query, limit: '100' })
      const times = page.items.map((item) => item.lastMessageAt)
      expect(times).toEqual(times.toSorted().reverse())
    },
  )

  it.each([[{}], [{ status: 'open', assigneeId: 'me' }], [{ q: 'common', inboxId: 'inb_b' }]])(
    'sorts by creation with %j',
    async (query) => {
      const ids = await all({ ...query, sort: 'created' })
      expect(ids.length).toBeGreaterThan(5)
      expect(ids).toEqual(ids.toSorted().reverse())
    },
  )

  it('shows contact, tags and ISO times', async () => {
    const { items } = await ask({ limit: '2' })
    expect(items.find((item) => item.id === 'tkt_0000')).toEqual({
      id: 'tkt_0000',
      number: 1,
      subject: 'Order 0',
      status: 'open',
      priority: 'normal',
      inboxId: 'inb_a',
      assigneeId: ME,
      contact: { id: `con_${TENANT}`, name: 'Anna Müller', email: 'anna.mueller@customer.example' },
      tags: ['billing', 't 0'],
      createdAt: '2023-11-14T22:13:20.000Z',
      updatedAt: '2023-11-14T22:13:20.000Z',
      lastMessageAt: '2023-11-14T22:13:20.000Z',
      messageCount: 2,
    })
  })

  it('refuses a cursor of another list, a forged one and an unknown status', async () => {
    const first = await ask({ limit: '5' })
    await expect(ask({ cursor: first.nextCursor ?? '', q: 'common' })).rejects.toMatchObject({ code: 'bad_request' })
    await expect(ask({ cursor: 'bm90IGpzb24' })).rejects.toMatchObject({ code: 'bad_request' })
    await expect(ask({ status: 'open,lost' })).rejects.toMatchObject({ code: 'invalid_body' })
  })

  it('counts per status, mine and nobody’s', async () => {
    const counts = await countTickets(db, ME)
    expect(counts.byStatus).toEqual({ open: 48, in_progress: 48, waiting: 48, resolved: 48, closed: 48 })
    expect(counts.mine).toBe(
      TICKETS.filter((t) => t.assigneeId === ME && ['open', 'in_progress'].includes(t.status)).length,
    )
  })
})

describe('search', () => {
  it('finds words without their accents, beginnings, numbers and addresses', async () => {
    expect(await all({ q: 'uberweisung' })).toEqual(['tkt_0077'])
    expect(await all({ q: 'ÜBERWEIS' })).toEqual(['tkt_0077'])
    expect(await all({ q: '#78' })).toEqual(['tkt_0077'])
    expect(await all({ q: '78' })).toEqual(expect.arrayContaining(['tkt_0077', 'tkt_0078']))
    expect(await all({ q: 'anna.mueller@customer.example' })).toHaveLength(TICKETS.length)
  })

  it.each([
    '"',
    '" OR "1"="1',
    'zebra" OR tenant:"x',
    'NEAR(a b)',
    '*',
    '-',
    "'; DROP TABLE tickets",
    '^common',
    '( ) : {}',
    '\u0000',
    '🦓',
    'नमस्ते',
  ])('takes %j as words, never as syntax', async (q) => {
    const page = await ask({ q })
    expect(page.items.every((item) => item.id.startsWith('tkt_0'))).toBe(true)
  })

  it('never leaves the tenant, even for its key words', async () => {
    const hex = Array.from(new TextEncoder().encode('ten_foreign'), (byte) => byte.toString(16)).join('')
    expect(await all({ q: `xt${hex}` })).toEqual([])
    expect(await all({ q: 'zebra' })).not.toContain('tkt_foreign')
  })

  it('follows every change without the writer doing anything', async () => {
    const other = tenantDb(env.DB, 'ten_changes')
    const found = async (q: Record<string, string>) =>
      (await listTickets(other, ME, TicketListQuery.parse(q))).items.map((item) => item.id)
    const run = (sql: string) => env.DB.prepare(sql).run()
    await seedTickets('ten_changes', [
      { id: 'tkt_a', number: 1, subject: 'First', at: 1000, texts: ['alpha'] },
      { id: 'tkt_b', number: 2, subject: 'Second', at: 2000, texts: ['alpha'] },
    ])
    expect(await found({ q: 'alpha' })).toEqual(['tkt_b', 'tkt_a'])
    await run(`INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, text, received_at, created_at)
      VALUES ('msg_new', 'ten_changes', 'tkt_a', 'inb_1', 'note', 'gamma', 3000, 3000)`)
    await run("UPDATE tickets SET last_message_at = 3000 WHERE id = 'tkt_a'")
    expect(await found({ q: 'alpha' })).toEqual(['tkt_a', 'tkt_b'])
    expect(await found({ q: 'gamma alpha' })).toEqual(['tkt_a'])
    await run("UPDATE tickets SET subject = 'Renamed', status = 'closed' WHERE id = 'tkt_b'")
    expect(await found({ q: 'renamed', status: 'closed' })).toEqual(['tkt_b'])
    expect(await found({ q: 'second' })).toEqual([])
    await run("INSERT INTO ticket_tags (tenant_id, ticket_id, tag) VALUES ('ten_changes', 'tkt_b', 'vip')")
    expect(await found({ tag: 'vip' })).toEqual(['tkt_b'])
    await run("UPDATE contacts SET name = 'Beatrix' WHERE tenant_id = 'ten_changes'")
    expect(await found({ q: 'beatrix' })).toEqual(['tkt_a', 'tkt_b'])
    await run("DELETE FROM ticket_tags WHERE ticket_id = 'tkt_b'")
    await run("DELETE FROM tickets WHERE id = 'tkt_a'")
    expect(await found({ tag: 'vip' })).toEqual([])
    expect(await found({ q: 'alpha' })).toEqual(['tkt_b'])
    expect(await run("SELECT count(*) FROM ticket_search_rows WHERE tenant_id = 'ten_changes'")).toMatchObject({
      results: [{ 'count(*)': 1 }],
    })
  })
})

describe('the plan of every list query', () => {
  const filters: TicketFilter[] = []
  for (const sort of ['activity', 'created'] as const)
    for (const statuses of [undefined, ['open'], ['open', 'waiting', 'closed']] as const)
      for (const inboxId of [undefined, 'inb_a'])
        for (const assigneeId of [undefined, null, ME])
          for (const tag of [undefined, 'billing'])
            for (const q of [undefined, 'common']) filters.push({ sort, statuses, inboxId, assigneeId, tag, q })
  const positions: Record<ListPosition['by'], ListPosition> = {
    activity: { by: 'activity', at: 1_700_000_000_000, id: 'tkt_0100' },
    created: { by: 'created', number: 100 },
    search: { by: 'search', key: '9000000000' },
  }

  it.each(['activity', 'created'] as const)('walks an index and sorts no more than a page, by %s', async (sort) => {
    for (const filter of filters.filter((candidate) => candidate.sort === sort)) {
      const searched = Boolean(filter.q || filter.tag)
      const kind = sort === 'created' ? 'created' : searched ? 'search' : 'activity'
      for (const position of [null, positions[kind]]) {
        const query = listQuery(TENANT, filter, position, 51)
        if (!query) throw new Error('no query')
        const { results } = await db
          .prepare(`EXPLAIN QUERY PLAN ${query.sql}`, ...query.params)
          .all<{ id: number; parent: number; detail: string }>()
        // Scanned may be: subqueries cut to a page, and the virtual table, which walks its own index.
        const scans = results.filter((line) =>
          /^SCAN (?!page|\(subquery-\d+\)|CONSTANT ROW|s VIRTUAL TABLE INDEX)/.test(line.detail),
        )
        expect({ filter, scans }).toEqual({ filter, scans: [] })
        // Sorted may be: the page and the runs it is merged from (each cut by LIMIT), and the one odd order, a search by creation.
        const tables = new Set(
          results.filter((line) => /tickets(_\w+)? |VIRTUAL/.test(line.detail)).map((line) => line.parent),
        )
        const sorts = results.filter(
          (line) => line.detail.includes('TEMP B-TREE') && tables.has(line.parent) && line.parent !== 0,
        )
        expect({ filter, sorts }).toEqual({ filter, sorts: [] })
        if (kind !== 'activity' && !(kind === 'created' && searched)) {
          expect({ filter, plan: results.filter((line) => line.detail.includes('TEMP B-TREE')) }).toEqual({
            filter,
            plan: [],
          })
        }
      }
    }
  })
})
