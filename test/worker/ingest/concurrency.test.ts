// Any order, any batches, any number of deliveries at once: every mail ends once, every thread is one ticket.
import { describe, expect, it } from 'vitest'
import { runIngest } from '../../../worker/ingest/ingest-job'
import { eml, makeWorld, type World } from './support'

/** mulberry32: the same run for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function shuffled<T>(list: T[], random: () => number): T[] {
  return list
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}

function randomBatches<T>(list: T[], random: () => number): T[][] {
  const batches: T[][] = []
  for (let at = 0; at < list.length; ) {
    const size = 1 + Math.floor(random() * 15)
    batches.push(list.slice(at, at + size))
    at += size
  }
  return batches
}

/** Conversations of two customers each, who answer each other and us, with full reference chains. */
function conversations(threads: number, length: number): { thread: number; raw: string }[] {
  return Array.from({ length: threads }, (_, thread) => {
    const ids: string[] = []
    return Array.from({ length }, (_, n) => {
      const id = `t${thread}m${n}@customer.test`
      const [from, cc] = n % 2 === 0 ? ['ann', 'bob'] : ['bob', 'ann']
      const raw = eml({
        id,
        from: `${from}${thread}@customer.test`,
        cc: `${cc}${thread}@customer.test`,
        subject: n === 0 ? `Topic ${thread}` : `Re: Topic ${thread}`,
        date: new Date(Date.UTC(2026, 9, 19, 8, n, thread)).toUTCString(),
        ...(n > 0 ? { inReplyTo: ids.at(-1) ?? '', references: [...ids] } : {}),
      })
      ids.push(id)
      return { thread, raw }
    })
  }).flat()
}

async function expectExactly(world: World, mails: number, tickets: number): Promise<void> {
  expect(await world.rows('SELECT state, count(*) AS n FROM ledger WHERE tenant_id = ?1 GROUP BY state')).toEqual([
    { state: 'done', n: mails },
  ])
  expect(
    await world.rows(
      "SELECT count(*) AS n FROM ledger WHERE tenant_id = ?1 AND disposition IN ('ticket_created', 'reply_added')",
    ),
  ).toEqual([{ n: mails }])
  expect(
    await world.rows("SELECT count(*) AS n FROM ledger WHERE tenant_id = ?1 AND disposition = 'ticket_created'"),
  ).toEqual([{ n: tickets }])
  const found = await world.rows<{ number: number; counted: number; real: number; at: number; lastAt: number }>(
    `SELECT t.number, t.message_count AS counted, t.last_message_at AS at,
       (SELECT count(*) FROM messages m WHERE m.tenant_id = ?1 AND m.ticket_id = t.id) AS real,
       (SELECT max(received_at) FROM messages m WHERE m.tenant_id = ?1 AND m.ticket_id = t.id) AS lastAt
     FROM tickets t WHERE t.tenant_id = ?1 ORDER BY t.number`,
  )
  expect(found.map((ticket) => ticket.number)).toEqual(Array.from({ length: tickets }, (_, n) => n + 1))
  for (const ticket of found) expect(ticket).toMatchObject({ counted: ticket.real, at: ticket.lastAt })
  expect(
    await world.rows('SELECT count(*) AS n, count(DISTINCT ledger_id) AS ledgers FROM messages WHERE tenant_id = ?1'),
  ).toEqual([{ n: mails, ledgers: mails }])
}

it('200 mails of 20 threads, in random order and random batches at the same time, are 20 tickets with each mail once', async () => {
  const world = await makeWorld()
  const random = randomOf(7)
  const ids: string[] = []
  for (const { raw } of shuffled(conversations(20, 10), random)) ids.push(await world.store(raw))
  await Promise.all(randomBatches(ids, random).map((batch) => world.ingest(batch)))
  await expectExactly(world, 200, 20)
  expect(await world.rows('SELECT DISTINCT message_count AS n FROM tickets WHERE tenant_id = ?1')).toEqual([{ n: 10 }])
}, 60_000)

describe('whatever the interleaving', () => {
  it.each([1, 2, 3, 4])(
    'every row has one disposition and every count is exact (seed %i)',
    async (seed) => {
      const world = await makeWorld()
      const random = randomOf(seed)
      const ids: string[] = []
      for (const { raw } of shuffled(conversations(6, 5), random)) ids.push(await world.store(raw))
      // Each mail is delivered up to three times, in other company each time, while the retry path runs as well.
      const deliveries = [...ids, ...ids.filter(() => random() < 0.6), ...ids.filter(() => random() < 0.4)]
      const job = { kind: 'ingest', tenantId: world.tenantId, inboxId: world.inboxId } as const
      await Promise.all([
        ...randomBatches(shuffled(deliveries, random), random).map((batch) => world.ingest(batch)),
        runIngest(world.deps, job),
        runIngest(world.deps, job),
      ])
      await expectExactly(world, 30, 6)
    },
    60_000,
  )

  it('a second delivery writes nothing at all', async () => {
    const world = await makeWorld()
    const ids = await world.deliver(eml({ id: 'a@x' }), eml({ inReplyTo: 'a@x' }))
    const dump = async () =>
      Promise.all(
        ['ledger', 'tickets', 'messages', 'thread_refs', 'contacts'].map((table) =>
          world.rows(`SELECT * FROM ${table} WHERE tenant_id = ?1`),
        ),
      )
    const before = await dump()
    world.now += 60_000
    await world.ingest(ids)
    await runIngest(world.deps, { kind: 'ingest', tenantId: world.tenantId, inboxId: world.inboxId })
    expect(await dump()).toEqual(before)
  })

  it('two copies under two identities at the same time make one message', async () => {
    const world = await makeWorld()
    for (const id of ['a@x', null]) {
      const raw = eml({ id, subject: `copy ${id}` })
      const [first, second] = [await world.store(raw), await world.store(raw)]
      await Promise.all([world.ingest([first]), world.ingest([second])])
      const rows = await Promise.all([world.ledger(first), world.ledger(second)])
      expect(rows.map((row) => row.disposition).sort()).toEqual(['duplicate', 'ticket_created'])
    }
  })
})
