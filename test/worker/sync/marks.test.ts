// Marking in the fetch job: what is claimed, what becomes of trouble, and that new mail, status and ledger are never touched by it.
import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { Job } from '../../../worker/contract/jobs'
import { settingsOf } from '../../../worker/env'
import { MARK_REFUSED, ProviderError } from '../../../worker/providers/provider'
import { type FetchDeps, type FetchOutcome, runFetch } from '../../../worker/sync/fetch-job'
import { fakeMailbox, fakeMarks, smallMail } from '../../support/fake-provider'
import { givenInbox, inboxRow, ledgerOf } from './rows'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const refused = new ProviderError('protocol', MARK_REFUSED, 'It may not be changed.', { hint: 'Reconnect.' })
const busy = new ProviderError('transient', 'fake_busy', 'The mailbox was busy.')

/** An inbox whose first `due` mails are on tickets and wait to be marked. */
async function setUp(given: { due?: number; columns?: Parameters<typeof givenInbox>[0] } = {}) {
  const marks = fakeMarks()
  const mailbox = Object.assign(fakeMailbox(), { marks })
  const inbox = await givenInbox({ type: 'microsoft', mark: 'category', ...given.columns })
  await dueRows(inbox, given.due ?? 1)
  const t = {
    inbox,
    marks,
    mailbox,
    now: NOW,
    jobs: [] as Job[],
    outcomes: [] as FetchOutcome[],
    rows: () => ledgerOf(inbox),
    row: async () => {
      const row = await inboxRow(inbox)
      return { ...row, problem: row?.mark_problem ? JSON.parse(String(row.mark_problem)) : null }
    },
    marked: () => marks.log.map(({ identity }) => identity),
    run: (changed: Partial<FetchDeps> = {}) =>
      runFetch({ ...deps, ...changed }, { kind: 'fetch', tenantId: inbox.tenantId, inboxId: inbox.inboxId }),
  }
  const deps: FetchDeps = {
    db: inbox.db,
    keyring: settingsOf(env).keyring,
    makeProvider: (_connection, { spent }) => mailbox.provider(spent && { spent }),
    tokens: () => async () => 'token',
    blobs: env.BLOBS,
    clock: () => t.now,
    jobs: { send: async (job) => void t.jobs.push(job) },
    onStored: async () => {},
    slots: {
      acquireFetchSlot: async () => 'slot',
      reserveFetch: async (_slot, _quota, wanted) => wanted,
      acquireRequests: async (_slot, { most }) => most,
      settleFetch: async () => {},
      releaseFetchSlot: async (_slot, outcome) => {
        t.outcomes.push(outcome)
        return { wanted: false }
      },
    },
    random: () => 0.5,
  }
  return t
}

async function dueRows(inbox: { tenantId: string; inboxId: string }, count: number, dueAt = NOW - 1) {
  await env.DB.prepare(
    `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, disposition, mark_due_at, created_at, updated_at)
     SELECT ?2 || value, ?1, ?2, 'done:' || value, json_object('identity', 'done:' || value), 'done', 'ticket_created', ?3 + value, 1, 1
     FROM json_each(?4)`,
  )
    .bind(inbox.tenantId, inbox.inboxId, dueAt - count, JSON.stringify(Array.from({ length: count }, (_, n) => n)))
    .run()
}
const discovered = (inbox: { tenantId: string; inboxId: string }, n: number) =>
  env.DB.prepare(
    `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, due_at, created_at, updated_at)
     VALUES (?2 || ?3, ?1, ?2, 'fake:' || ?4, json_object('identity', 'fake:' || ?4), 'discovered', 1, 1, 1)`,
  )
    .bind(inbox.tenantId, inbox.inboxId, `new${n}`, String(n))
    .run()

describe('mail that is due to be marked', () => {
  it('is marked once, oldest first, over the same connection', async () => {
    const t = await setUp({ due: 30 })
    await t.run()
    await t.run()
    expect(t.marked()).toEqual(Array.from({ length: 30 }, (_, n) => `done:${n}`))
    expect(t.marks.log[0]?.how).toEqual({ action: 'category' })
    expect((await t.rows()).every((row) => row.mark_due_at === null && row.disposition === 'ticket_created')).toBe(true)
    expect(t.mailbox.log.opened).toBe(2)
    expect(t.outcomes).toEqual(Array(2).fill({ received: 0, failure: null }))
  })

  it('is told the folder it goes to', async () => {
    const t = await setUp({ columns: { mark: 'move', markFolder: 'Inbox/Done' } })
    await t.run()
    expect(t.marks.log).toEqual([{ identity: 'done:0', how: { action: 'move', folder: 'Inbox/Done' } }])
  })

  it.each([
    ['whose inbox asks for nothing', { mark: undefined }],
    ['of a paused inbox', { paused: true }],
    ['of an archived inbox', { archived: true }],
    ['of a disconnected inbox', { connected: false }],
    ['whose inbox may not mark', { markProblem: '{"message":"No.","stops":true}' }],
  ])('%s is left as it is', async (_name, columns) => {
    const t = await setUp({ columns: columns as Parameters<typeof givenInbox>[0] })
    const before = await t.rows()
    await t.run()
    expect(t.marked()).toEqual([])
    expect(await t.rows()).toEqual(before)
  })

  it('of another tenant and of another inbox is not touched', async () => {
    const t = await setUp()
    const other = await givenInbox({ type: 'microsoft', mark: 'category' })
    await dueRows(other, 1)
    const neighbour = await ledgerOf(other)
    await t.run()
    expect(t.marked()).toEqual(['done:0'])
    expect(await ledgerOf(other)).toEqual(neighbour)
  })

  it('waits for new mail, also for what comes while others are marked', async () => {
    const t = await setUp({ due: 30 })
    t.mailbox.mails = [smallMail(0), smallMail(1)]
    await discovered(t.inbox, 0)
    const order: string[] = []
    t.marks.during = async (identity) => {
      if (identity === 'done:3') await discovered(t.inbox, 1)
      order.push(identity)
    }
    await t.run({
      onStored: async (_tenant, _inbox, mails) => void order.push(...mails.map(({ ledgerId }) => ledgerId.slice(-4))),
    })
    expect(order[0]).toBe('new0')
    expect(order.indexOf('new1')).toBe(13)
    expect(order).toHaveLength(32)
  })

  it('goes on in another job when time is up', async () => {
    const t = await setUp({ due: 30 })
    t.marks.during = async () => {
      t.now += 4_000
    }
    await t.run()
    expect(t.marked()).toHaveLength(6)
    expect(t.jobs).toEqual([{ kind: 'fetch', tenantId: t.inbox.tenantId, inboxId: t.inbox.inboxId }])
    const rows = await t.rows()
    const left = rows.filter((row) => row.mark_due_at !== null)
    expect(left).toHaveLength(24)
    expect(left.every((row) => row.mark_attempts === 0 && Number(row.mark_due_at) <= t.now)).toBe(true)
  })

  it('is not marked by what the inbox no longer wants', async () => {
    const t = await setUp({ due: 20 })
    t.marks.during = async (identity) => {
      if (identity === 'done:0')
        await env.DB.prepare("UPDATE inboxes SET mark_processed = 'read' WHERE id = ?").bind(t.inbox.inboxId).run()
    }
    await t.run()
    expect(t.marked()).toHaveLength(12)
    await t.run()
    expect(t.marks.log.slice(12).map(({ how }) => how.action)).toEqual(Array(8).fill('read'))
  })

  it('and is taken off the list meanwhile stays off it', async () => {
    const t = await setUp({ due: 2 })
    t.marks.fails.set('done:1', busy)
    t.marks.during = async () => {
      await env.DB.prepare('UPDATE ledger SET mark_due_at = NULL WHERE inbox_id = ?').bind(t.inbox.inboxId).run()
    }
    await t.run()
    expect((await t.rows()).map((row) => row.mark_due_at)).toEqual([null, null])
  })

  it('is held by one worker, and after a crash marked again by the next', async () => {
    const t = await setUp()
    const dying = new Proxy(t.inbox.db, {
      get(target, name, self) {
        if (name !== 'prepare') return Reflect.get(target, name, self)
        return (sql: string, ...params: (string | number | null)[]) => {
          if (sql.includes("mark_due_at = value ->> 'dueAt'")) throw new Error('killed')
          return target.prepare(sql, ...params)
        }
      },
    })
    await expect(t.run({ db: dying })).rejects.toThrow('killed')
    await t.run()
    expect(t.marked()).toEqual(['done:0'])
    t.now += 2 * MINUTE
    await t.run()
    expect(t.marked()).toEqual(['done:0', 'done:0'])
    expect((await t.rows())[0]?.mark_due_at).toBeNull()
  })

  it('is reserved and paid for from the quota of its mailbox', async () => {
    const t = await setUp({ due: 20 })
    t.mailbox.quota = { units: 10_000, window: 600_000, perMessage: 1, jobs: 1, atOnce: 4 }
    const log: unknown[] = []
    const grants = [50, 24, 50, 5, 0]
    const slots: FetchDeps['slots'] = {
      acquireFetchSlot: async () => 'slot',
      releaseFetchSlot: async () => ({ wanted: false }),
      acquireRequests: async () => 2,
      reserveFetch: async (_slot, _quota, wanted) => {
        log.push(wanted)
        return grants.shift() ?? 0
      },
      settleFetch: async (_slot, { messages, units }) => void log.push({ messages: messages.length, units }),
    }
    await t.run({ slots })
    // Fetching asks for fifty and needs none; marking may cost two requests a mail.
    expect(log).toEqual([
      ...[50, { messages: 0, units: 0 }, 24, { messages: 0, units: 24 }],
      ...[50, { messages: 0, units: 0 }, 24, { messages: 0, units: 6 }, 50, 24],
    ])
    expect(t.marked()).toHaveLength(15)
    expect(t.marks.atOnce).toEqual([2, 2])
  })
})

describe('trouble with marking', () => {
  it('of one mail is tried again later and later, then given up and told; the others are marked', async () => {
    const t = await setUp({ due: 3 })
    t.marks.fails.set('done:1', busy)
    const waits: number[] = []
    for (let round = 0; round < 5; round++) {
      await t.run()
      const dueAt = (await t.rows())[1]?.mark_due_at ?? t.now
      waits.push((dueAt - t.now) / MINUTE)
      t.now = dueAt
    }
    expect(waits).toEqual([1, 2, 4, 8, 0])
    expect(t.marked()).toEqual(['done:0', 'done:2'])
    expect((await t.rows()).map((row) => row.mark_due_at)).toEqual([null, null, null])
    expect((await t.row()).problem).toMatchObject({ stops: false, message: expect.stringContaining('busy') })
    await dueRows(t.inbox, 0)
    expect((await t.rows())[1]).toMatchObject({ state: 'done', disposition: 'ticket_created', error: null })
  })

  it('of a mailbox that refuses is told with its remedy and tried no more; mail stays due until somebody acts', async () => {
    const t = await setUp({ due: 3 })
    t.marks.trouble = refused
    await t.run()
    expect((await t.row()).problem).toEqual({ message: 'It may not be changed. Reconnect.', stops: true })
    expect(await t.row()).toMatchObject({ status: 'connected' })
    expect(t.outcomes).toEqual([{ received: 0, failure: null }])
    const rows = await t.rows()
    expect(rows.every((row) => row.mark_attempts === 0 && row.mark_due_at !== null)).toBe(true)
    t.now += 60 * MINUTE
    t.marks.trouble = null
    await t.run()
    expect(t.marked()).toEqual([])
    await env.DB.prepare('UPDATE inboxes SET mark_problem = NULL WHERE id = ?').bind(t.inbox.inboxId).run()
    await t.run()
    expect(t.marked()).toHaveLength(3)
  })

  it('by throttling is honoured as for a fetch and blames no mail', async () => {
    const t = await setUp({ due: 3 })
    t.marks.trouble = new ProviderError('rate_limited', 'slow', 'Slow down.', { retryAfter: 7_000 })
    await t.run()
    expect(t.outcomes[0]?.failure).toMatchObject({ kind: 'rate_limited', retryAfter: 7_000 })
    expect((await t.rows()).map((row) => [row.mark_attempts, row.mark_due_at])).toEqual(Array(3).fill([0, NOW + 7_000]))
    expect((await t.row()).problem).toBeNull()
  })

  it.each([
    ['an outage', busy],
    ['an ended grant', new ProviderError('auth_revoked', 'oauth_refresh_failed', 'Ended.')],
    ['a fault of ours', new TypeError('bug') as unknown as ProviderError],
  ])('by %s waits, blames no mail, and says nothing of the inbox', async (_name, trouble) => {
    const t = await setUp({ due: 3 })
    t.marks.trouble = trouble
    const before = await t.row()
    await t.run()
    expect(t.outcomes).toEqual([{ received: 0, failure: null }])
    expect((await t.rows()).map((row) => [row.mark_attempts, row.mark_due_at])).toEqual(
      Array(3).fill([0, NOW + MINUTE]),
    )
    expect(await t.row()).toEqual(before)
  })

  it('never keeps mail from being fetched', async () => {
    const t = await setUp({ due: 3 })
    t.marks.trouble = refused
    t.mailbox.mails = [smallMail(0)]
    await discovered(t.inbox, 0)
    await t.run()
    expect(t.mailbox.log.fetched).toEqual(['fake:0'])
    expect(t.outcomes[0]).toEqual({ received: 1, failure: null })
  })
})
