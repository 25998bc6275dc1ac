import { env } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Job } from '../../../worker/contract/jobs'
import { systemDb } from '../../../worker/platform/system-db'
import type { PokeHint } from '../../../worker/sync/inbox-object'
import type { Owner } from '../../../worker/sync/inbox-state'
import { type SweepDeps, sweep } from '../../../worker/sync/sweep'
import { givenInbox } from './rows'

const NOW = 1_800_000_000_000
const MINUTE = 60_000

beforeEach(async () => {
  for (const table of ['inboxes', 'ledger', 'attachments', 'messages', 'oauth_states'])
    await env.DB.prepare(`DELETE FROM ${table}`).run()
})

async function swept(changed: Partial<SweepDeps> = {}) {
  const jobs: Job[] = []
  const pokes: Owner[] = []
  const hints: PokeHint[] = []
  await sweep({
    system: systemDb(env.DB),
    blobs: env.BLOBS,
    jobs: { send: async (job) => void jobs.push(job) },
    clock: () => NOW,
    poke: async (owner, hint) => {
      pokes.push(owner)
      hints.push(hint)
    },
    pollInterval: MINUTE,
    watches: false,
    ...changed,
  })
  return { jobs, pokes, hints }
}

/** Rows that the question for due inboxes reads. */
async function rowsReadBySweep(): Promise<number> {
  let read = 0
  const d1 = new Proxy(env.DB, {
    get(target, name) {
      if (name !== 'prepare') return Reflect.get(target, name)
      return (sql: string) => {
        const bindable = (statement: D1PreparedStatement): D1PreparedStatement =>
          new Proxy(statement, {
            get(inner, key) {
              if (key === 'bind') return (...values: unknown[]) => bindable(inner.bind(...values))
              if (key !== 'all') return Reflect.get(inner, key).bind(inner)
              return async () => {
                const result = await inner.all()
                if (sql.includes('FROM inboxes')) read += result.meta.rows_read
                return result
              }
            },
          })
        return bindable(target.prepare(sql))
      }
    },
  })
  expect((await swept({ system: systemDb(d1) })).jobs).toHaveLength(1)
  expect(read).toBeGreaterThan(0)
  return read
}

const ledgerRows = (owner: Owner, state: string, count: number, dueAt: number) =>
  env.DB.prepare(
    `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, due_at, created_at, updated_at)
     SELECT ?1 || ?3 || value, ?2, ?1, ?3 || value, '{}', ?3, ?4, 1, 1 FROM json_each(?5)`,
  )
    .bind(owner.inboxId, owner.tenantId, state, dueAt, JSON.stringify(Array.from({ length: count }, (_, n) => n)))
    .run()

describe('due ledger rows', () => {
  it('wake one job per inbox and state, however many rows are due', async () => {
    const inbox = await givenInbox()
    await ledgerRows(inbox, 'discovered', 300, NOW - 1)
    await ledgerRows(inbox, 'stored', 300, NOW - 1)
    const { jobs } = await swept()
    const { tenantId, inboxId } = inbox
    expect(jobs).toEqual([
      { kind: 'fetch', tenantId, inboxId },
      { kind: 'ingest', tenantId, inboxId },
    ])
  })

  it('that somebody holds or that wait for their backoff wake nobody', async () => {
    const inbox = await givenInbox()
    await ledgerRows(inbox, 'discovered', 1, NOW + 1)
    expect((await swept()).jobs).toEqual([])
  })

  it('are left as they are: only a claim changes them', async () => {
    const inbox = await givenInbox()
    await ledgerRows(inbox, 'discovered', 1, NOW - 1)
    const read = () => env.DB.prepare('SELECT * FROM ledger').all()
    const before = (await read()).results
    await swept()
    expect((await read()).results).toEqual(before)
  })

  it.each([
    ['paused', { paused: true }],
    ['archived', { archived: true }],
    ['disconnected', { connected: false }],
  ])('of %s inboxes starve nobody, and what is stored there is still ingested', async (_name, columns) => {
    for (let n = 0; n < 3; n++) await ledgerRows(await givenInbox(columns), 'discovered', 600, 1)
    const idle = await givenInbox(columns)
    await ledgerRows(idle, 'stored', 1, NOW - 1)
    const busy = await givenInbox()
    await ledgerRows(busy, 'discovered', 1, NOW - 1)
    expect((await swept()).jobs).toEqual([
      { kind: 'ingest', tenantId: idle.tenantId, inboxId: idle.inboxId },
      { kind: 'fetch', tenantId: busy.tenantId, inboxId: busy.inboxId },
    ])
  })

  it('of a forwarding inbox are ingested', async () => {
    const inbox = await givenInbox({ type: 'forward' })
    await ledgerRows(inbox, 'stored', 1, NOW - 1)
    expect((await swept()).jobs).toEqual([{ kind: 'ingest', tenantId: inbox.tenantId, inboxId: inbox.inboxId }])
  })

  it('are found by index seeks, without reading the due rows of an inbox', async () => {
    const inbox = await givenInbox()
    await ledgerRows(inbox, 'discovered', 1000, NOW - 1)
    expect(await rowsReadBySweep()).toBeLessThan(20)
  })
})

describe('mail that waits to be marked', () => {
  const marked = (owner: Owner, count: number, dueAt: number) =>
    env.DB.prepare(
      `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, mark_due_at, created_at, updated_at)
       SELECT ?1 || value, ?2, ?1, value, '{}', 'done', ?3, 1, 1 FROM json_each(?4)`,
    )
      .bind(owner.inboxId, owner.tenantId, dueAt, JSON.stringify(Array.from({ length: count }, (_, n) => n)))
      .run()

  it('wakes one fetch job of its inbox, also beside mail to fetch', async () => {
    const inbox = await givenInbox({ mark: 'read', markProblem: '{"message":"One mail was left.","stops":false}' })
    await marked(inbox, 300, NOW - 1)
    const job = { kind: 'fetch', tenantId: inbox.tenantId, inboxId: inbox.inboxId }
    expect((await swept()).jobs).toEqual([job])
    await ledgerRows(inbox, 'discovered', 1, NOW - 1)
    expect((await swept()).jobs).toEqual([job])
  })

  it.each<[string, Parameters<typeof givenInbox>[0], number]>([
    ['for its backoff', { mark: 'read' }, NOW + 1],
    ['in an inbox that asks for nothing any more', {}, NOW - 1],
    ['in an inbox that may not mark', { mark: 'read', markProblem: '{"message":"No.","stops":true}' }, NOW - 1],
    ['in a paused inbox', { mark: 'read', paused: true }, NOW - 1],
    ['in an archived inbox', { mark: 'read', archived: true }, NOW - 1],
    ['in a disconnected inbox', { mark: 'read', connected: false }, NOW - 1],
  ])('wakes nobody while it waits %s', async (_name, columns, dueAt) => {
    await marked(await givenInbox(columns), 1, dueAt)
    expect((await swept()).jobs).toEqual([])
  })

  it('is found by an index seek, without reading what else is due', async () => {
    const inbox = await givenInbox({ mark: 'read' })
    await marked(inbox, 1000, NOW - 1)
    expect(await rowsReadBySweep()).toBeLessThan(20)
  })
})

describe('a lost alarm', () => {
  it('is noticed after two intervals and the object is poked with its owner', async () => {
    const lost = await givenInbox({ nextPollAt: NOW - 2 * MINUTE - 1 })
    await givenInbox({ nextPollAt: NOW - MINUTE })
    await givenInbox({ nextPollAt: 1, paused: true })
    await givenInbox({ nextPollAt: 1, archived: true })
    await givenInbox({ nextPollAt: 1, connected: false })
    expect((await swept()).pokes).toEqual([{ tenantId: lost.tenantId, inboxId: lost.inboxId }])
  })

  it('of an object that cannot be woken stops neither the other inboxes nor the other parts', async () => {
    await givenInbox({ nextPollAt: 1 })
    const other = await givenInbox()
    await ledgerRows(other, 'discovered', 1, NOW - 1)
    const { jobs } = await swept({ poke: () => Promise.reject(new Error('object is down')) })
    expect(jobs).toEqual([{ kind: 'fetch', tenantId: other.tenantId, inboxId: other.inboxId }])
  })
})

describe("a Google inbox's watch", () => {
  const DAY = 86_400_000

  it('that is missing or has less than a day left is renewed, though its checks are in time', async () => {
    const missing = await givenInbox({ type: 'google', nextPollAt: NOW + MINUTE })
    const ending = await givenInbox({ type: 'google', nextPollAt: NOW + MINUTE, watchExpiresAt: NOW + DAY - 1 })
    await givenInbox({ type: 'google', nextPollAt: NOW + MINUTE, watchExpiresAt: NOW + DAY })
    const { pokes, hints } = await swept({ watches: true })
    expect(pokes.map(({ inboxId }) => inboxId)).toEqual([missing.inboxId, ending.inboxId])
    expect(hints).toEqual([{ lapsing: true }, { lapsing: true }])
  })

  it("is nobody's business without a topic, of an inbox that does not read, or of another kind of inbox", async () => {
    await givenInbox({ type: 'google' })
    expect((await swept({ watches: false })).pokes).toEqual([])
    await env.DB.prepare('DELETE FROM inboxes').run()
    await givenInbox({ type: 'google', paused: true })
    await givenInbox({ type: 'google', archived: true })
    await givenInbox({ type: 'google', connected: false })
    await givenInbox()
    await givenInbox({ type: 'forward' })
    expect((await swept({ watches: true })).pokes).toEqual([])
  })

  it('that could not be had is left to the backoff of its object, unless that has fallen silent', async () => {
    await givenInbox({ type: 'google', pushProblem: 'No topic.', nextPollAt: NOW })
    expect((await swept({ watches: true })).pokes).toEqual([])
    const silent = await givenInbox({ type: 'google', pushProblem: 'No topic.', nextPollAt: 1 })
    const { pokes, hints } = await swept({ watches: true })
    expect(pokes).toEqual([{ tenantId: silent.tenantId, inboxId: silent.inboxId }])
    expect(hints).toEqual([{ lapsing: false }])
  })
})

describe("a Microsoft inbox's subscription", () => {
  const DAY = 86_400_000
  const subscription = (left: number) => ({ id: crypto.randomUUID(), clientState: 'x', expiresAt: NOW + left })

  it('that is missing or has less than a day left is renewed, also where nobody has set up push for Google', async () => {
    const due = { type: 'microsoft' as const, nextPollAt: NOW + MINUTE }
    const missing = await givenInbox(due)
    const ending = await givenInbox({ ...due, subscription: subscription(DAY - 1) })
    await givenInbox({ ...due, subscription: subscription(DAY) })
    await givenInbox({ ...due, paused: true })
    await givenInbox({ ...due, connected: false })
    const { pokes, hints } = await swept({ watches: false })
    expect(pokes.map(({ inboxId }) => inboxId)).toEqual([missing.inboxId, ending.inboxId])
    expect(hints).toEqual([{ lapsing: true }, { lapsing: true }])
  })

  it('that was refused is left to its object, whose lost alarm is noticed all the same', async () => {
    await givenInbox({ type: 'microsoft', pushProblem: 'This shared mailbox is polled.', nextPollAt: NOW })
    expect((await swept()).pokes).toEqual([])
    const silent = await givenInbox({ type: 'microsoft', pushProblem: 'Polled.', nextPollAt: 1 })
    expect((await swept()).pokes).toEqual([{ tenantId: silent.tenantId, inboxId: silent.inboxId }])
  })
})

const attachment = (
  id: string,
  columns: { tenant?: string; due?: number; expires?: number; blob?: string; message?: string },
) =>
  env.DB.prepare(
    `INSERT INTO attachments (id, tenant_id, filename, content_type, size, state, due_at, expires_at, blob_key, message_id, created_at)
     VALUES (?, ?, 'f', 'text/plain', 1, 'pending', ?, ?, ?, ?, 1)`,
  ).bind(
    id,
    columns.tenant ?? 'ten_a',
    columns.due ?? null,
    columns.expires ?? null,
    columns.blob ?? null,
    columns.message ?? null,
  )

describe('due attachments', () => {
  it('are named in jobs of one tenant and at most fifty each, page after page', async () => {
    const rows = Array.from({ length: 1100 }, (_, n) =>
      attachment(`a${n}`, { tenant: n % 2 ? 'ten_a' : 'ten_b', due: NOW - (n % 7) }),
    )
    await env.DB.batch(rows)
    await attachment('later', { due: NOW + 1 }).run()
    const { jobs } = await swept()
    const named = jobs.flatMap((job) => (job.kind === 'attachment' ? job.attachmentIds : []))
    expect(new Set(named).size).toBe(1100)
    expect(named).toHaveLength(1100)
    for (const job of jobs) {
      if (job.kind !== 'attachment') throw new Error('unexpected job')
      expect(job.attachmentIds.length).toBeLessThanOrEqual(50)
      for (const id of job.attachmentIds) expect(Number(id.slice(1)) % 2 === 1).toBe(job.tenantId === 'ten_a')
    }
  })
})

describe('due deliveries', () => {
  it('wake one job each', async () => {
    const insert = (id: string, due: number | null) =>
      env.DB.prepare(
        "INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, received_at, created_at, delivery_state, delivery_due_at) VALUES (?, 'ten_a', 't', 'i', 'outbound', 1, 1, 'queued', ?)",
      ).bind(id, due)
    await env.DB.batch([insert('m1', NOW - 5), insert('m2', NOW), insert('m3', NOW + 1), insert('m4', null)])
    expect((await swept()).jobs).toEqual([
      { kind: 'outbound', tenantId: 'ten_a', messageId: 'm1' },
      { kind: 'outbound', tenantId: 'ten_a', messageId: 'm2' },
    ])
  })
})

describe('what has expired', () => {
  it('uploads of no reply go with their file, those of a reply stay', async () => {
    await env.BLOBS.put('ten_a/file/old', 'x')
    await env.BLOBS.put('ten_a/file/used', 'x')
    await env.DB.batch([
      attachment('old', { expires: NOW - 1, blob: 'ten_a/file/old' }),
      attachment('used', { expires: NOW - 1, blob: 'ten_a/file/used', message: 'm' }),
      attachment('fresh', { expires: NOW + 1 }),
    ])
    await swept()
    const { results } = await env.DB.prepare('SELECT id FROM attachments ORDER BY id').all()
    expect(results).toEqual([{ id: 'fresh' }, { id: 'used' }])
    expect(await env.BLOBS.head('ten_a/file/old')).toBeNull()
    expect(await env.BLOBS.head('ten_a/file/used')).not.toBeNull()
  })
})

describe('attempts at connecting an account', () => {
  it('that nobody came back from are removed, with their sealed verifier', async () => {
    const insert = (id: string, expiresAt: number) =>
      env.DB.prepare(
        "INSERT INTO oauth_states (id, tenant_id, user_id, inbox_id, provider, address, verifier, return_to, expires_at) VALUES (?, 't', 'u', 'i', 'google', 'a@example.com', 'v', '/', ?)",
      ).bind(id, expiresAt)
    await env.DB.batch([insert('old', NOW), insert('fresh', NOW + 1)])
    await swept()
    expect((await env.DB.prepare('SELECT id FROM oauth_states').all()).results).toEqual([{ id: 'fresh' }])
  })
})

describe('trouble of one part', () => {
  it('leaves the others their turn', async () => {
    await attachment('a', { due: NOW - 1 }).run()
    const broken = new Proxy(env.DB, {
      get(target, name) {
        if (name !== 'prepare') return Reflect.get(target, name)
        return (sql: string) => {
          if (sql.includes('FROM inboxes')) throw new Error('broken')
          return target.prepare(sql)
        }
      },
    })
    const { jobs } = await swept({ system: systemDb(broken) })
    expect(jobs).toHaveLength(1)
  })
})
