// Lesson 10: one poison mail stops nobody. Failures end in the row, with a cause and a bound.
import { env } from 'cloudflare:test'
import { expect, it, vi } from 'vitest'
import { runIngest } from '../../../worker/ingest/ingest-job'
import type { TenantDb } from '../../../worker/platform/db'
import { tenantDb } from '../../../worker/platform/db'
import { eml, makeWorld, type World } from './support'

const job = (world: World) => ({ kind: 'ingest', tenantId: world.tenantId, inboxId: world.inboxId }) as const

/** Makes every D1 write that carries this word fail: a poison whose cause nobody foresaw. */
function poisoned(world: World, word: string): () => number {
  let hits = 0
  const real = world.deps.db
  world.deps.db = (tenantId) => {
    const db = real(tenantId)
    const bad = new WeakSet<D1PreparedStatement>()
    const wrapped: TenantDb = {
      ...db,
      prepare(sql, ...params) {
        const statement = db.prepare(sql, ...params)
        if (sql.includes('INSERT INTO messages') && params.some((param) => String(param).includes(word)))
          bad.add(statement)
        return statement
      },
      async batch(statements) {
        if (!statements.some((statement) => bad.has(statement))) return db.batch(statements)
        hits++
        throw new Error('D1_ERROR: something about this row')
      },
    }
    return wrapped
  }
  return () => hits
}

it('a mail that makes the batch fail is tried alone and quarantined after five tries; the others flow on', async () => {
  const world = await makeWorld()
  const hits = poisoned(world, 'POISON')
  const [good, bad, fine] = await world.deliver(
    eml({ subject: 'one' }),
    eml({ subject: 'POISON' }),
    eml({ subject: 'three' }),
  )
  expect(await world.ledger(String(good))).toMatchObject({ disposition: 'ticket_created' })
  expect(await world.ledger(String(fine))).toMatchObject({ disposition: 'ticket_created' })
  expect(await world.ledger(String(bad))).toMatchObject({
    state: 'stored',
    attempts: 1,
    error: expect.stringContaining('something about this row'),
    due_at: world.now + 60_000,
  })
  for (let tries = 2; tries <= 5; tries++) {
    world.now += 60 * 60_000
    await runIngest(world.deps, job(world))
  }
  expect(await world.ledger(String(bad))).toMatchObject({
    state: 'done',
    disposition: 'quarantined',
    reason: 'ingest_failed',
    error: expect.stringContaining('something about this row'),
    due_at: null,
  })
  expect(hits()).toBe(6)
  world.now += 60 * 60_000
  await runIngest(world.deps, job(world))
  expect(hits()).toBe(6)
})

it('the retry path waits for the backoff', async () => {
  const world = await makeWorld()
  const hits = poisoned(world, 'POISON')
  await world.deliver(eml({ subject: 'POISON' }))
  const before = hits()
  await runIngest(world.deps, job(world))
  expect(hits()).toBe(before)
})

it('a mail that kills the isolate is claimed alone after three tries and given up after five', async () => {
  const world = await makeWorld()
  const [killer, other] = [await world.store(eml()), await world.store(eml())]
  const real = world.deps.db
  world.deps.db = (tenantId) => ({
    ...real(tenantId),
    // The isolate is gone before anything can be written.
    batch: () => Promise.reject(new Error('killed')),
    prepare(sql, ...params) {
      if (sql.includes('SET error')) throw new Error('killed')
      return tenantDb(env.DB, tenantId).prepare(sql, ...params)
    },
  })
  const attempts = async () =>
    (
      await world.rows<{ id: string; attempts: number }>(
        "SELECT id, attempts FROM ledger WHERE tenant_id = ?1 AND state = 'stored' ORDER BY rowid",
      )
    ).map((row) => row.attempts)
  for (let n = 0; n < 3; n++) {
    await expect(runIngest(world.deps, job(world))).rejects.toThrow('killed')
    world.now += 61_000
  }
  expect(await attempts()).toEqual([3, 3])
  await expect(runIngest(world.deps, job(world))).rejects.toThrow('killed')
  expect(await attempts()).toEqual([4, 3])
  world.deps.db = real
  await runIngest(world.deps, job(world))
  expect(await world.ledger(other)).toMatchObject({ disposition: 'ticket_created' })
  await env.DB.prepare('UPDATE ledger SET attempts = 5, due_at = 0 WHERE id = ?').bind(killer).run()
  await runIngest(world.deps, job(world))
  expect(await world.ledger(killer)).toMatchObject({
    disposition: 'quarantined',
    error: 'Reading it stopped the worker each time.',
  })
})

it('a lost original is said in plain words, and stops nobody', async () => {
  const world = await makeWorld()
  const [gone, fine] = [await world.store(eml()), await world.store(eml())]
  await env.BLOBS.delete(String((await world.ledger(gone)).raw_key))
  await world.ingest([gone, fine])
  expect(await world.ledger(gone)).toMatchObject({ state: 'stored', error: 'The stored original is missing.' })
  expect(await world.ledger(fine)).toMatchObject({ disposition: 'ticket_created' })
})

it('D1 being away loses nothing: the job fails, the rows stay, the next one files them', async () => {
  const world = await makeWorld()
  const id = await world.store(eml())
  const real = world.deps.db
  world.deps.db = (tenantId) => ({
    ...real(tenantId),
    prepare: () => {
      throw new Error('D1 is away')
    },
  })
  await expect(world.ingest([id])).rejects.toThrow('D1 is away')
  world.deps.db = real
  await runIngest(world.deps, job(world))
  expect(await world.ledger(id)).toMatchObject({ disposition: 'ticket_created' })
})

it('dangling references degrade (2026-05): a thread whose ticket is deleted makes a new ticket', async () => {
  const world = await makeWorld()
  await world.deliver(eml({ id: 'a@x' }))
  await env.DB.prepare('DELETE FROM tickets WHERE tenant_id = ?').bind(world.tenantId).run()
  const [id] = await world.deliver(eml({ inReplyTo: 'a@x' }))
  expect(await world.ledger(String(id))).toMatchObject({ disposition: 'ticket_created' })
})

it('deleted tickets do not come back (lesson 9): their mail under a new identity is a duplicate', async () => {
  const world = await makeWorld()
  const raw = eml({ id: 'a@x' })
  await world.deliver(raw)
  await env.DB.prepare('DELETE FROM tickets WHERE tenant_id = ?').bind(world.tenantId).run()
  const [again] = await world.deliver(raw)
  expect(await world.ledger(String(again))).toMatchObject({ disposition: 'duplicate' })
})

it('a job that runs out of time sends itself another one', async () => {
  const world = await makeWorld()
  await world.store(eml())
  const clock = vi.spyOn(world.deps, 'clock').mockImplementation(() => (world.now += 15_000))
  await runIngest(world.deps, job(world))
  expect(world.jobs).toEqual([job(world)])
  clock.mockRestore()
})
