import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { Job } from '../../../worker/contract/jobs'
import type { StoredMail } from '../../../worker/contract/pipeline'
import { settingsOf } from '../../../worker/env'
import { LIMITS } from '../../../worker/mail/limits'
import { createKeyring } from '../../../worker/platform/crypto'
import { sha256Hex } from '../../../worker/platform/ids'
import { ProviderError } from '../../../worker/providers/provider'
import { loadInbox } from '../../../worker/sync/credentials'
import { type FetchDeps, type FetchOutcome, runFetch } from '../../../worker/sync/fetch-job'
import { runPass } from '../../../worker/sync/pass'
import { type FakeMail, type FakeMailbox, fakeMailbox, largeMail, smallMail } from '../../support/fake-provider'
import { givenInbox, inboxRow, ledgerOf, letTimePass } from './rows'

const MB = 1024 * 1024
const LINKS = [{ name: 'plan.docx', contentType: null, size: 12 }]
const many = (count: number) => Array.from({ length: count }, (_, n) => smallMail(n))

async function setUp(mailbox: FakeMailbox, columns: Parameters<typeof givenInbox>[0] = {}) {
  const inbox = await givenInbox(columns)
  const jobs: Job[] = []
  const ingested: StoredMail[][] = []
  const outcomes: FetchOutcome[] = []
  const queue = {
    send: async (job: Job) => {
      jobs.push(job)
    },
  }
  const deps: FetchDeps = {
    db: inbox.db,
    keyring: settingsOf(env).keyring,
    makeProvider: () => mailbox.provider(),
    tokens: () => async () => 'token',
    blobs: env.BLOBS,
    clock: Date.now,
    jobs: queue,
    onStored: async (_tenant, _inbox, mails) => {
      ingested.push(mails)
    },
    slots: {
      acquireFetchSlot: async () => 'slot',
      reserveFetch: async (_slot, _quota, wanted) => wanted,
      acquireRequests: async (_slot, { most }) => most,
      settleFetch: async () => {},
      releaseFetchSlot: async (_slot, outcome) => {
        outcomes.push(outcome)
        return { wanted: false }
      },
    },
    random: () => 0.5,
  }
  const pass = () =>
    runPass(
      { db: inbox.db, jobs: { send: async () => {} }, provider: mailbox.provider(), clock: Date.now },
      { inboxId: inbox.inboxId, cursor: null, mailbox: 1, live: false },
      async () => {},
    )
  await pass()
  const run = (changed: Partial<FetchDeps> = {}) =>
    runFetch({ ...deps, ...changed }, { kind: 'fetch', tenantId: inbox.tenantId, inboxId: inbox.inboxId })
  return { inbox, jobs, ingested, outcomes, deps, run, pass, rows: () => ledgerOf(inbox) }
}

describe('fetching small mails', () => {
  it('stores each byte for byte with digest, size and time of arrival, and hands it on with its bytes', async () => {
    const mailbox = fakeMailbox(many(3))
    const t = await setUp(mailbox)
    await t.run()
    const rows = await t.rows()
    for (const [n, row] of rows.entries()) {
      const raw = mailbox.mails[n]?.raw ?? new Uint8Array()
      const object = await env.BLOBS.get(row.raw_key ?? '')
      expect(new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer())).toEqual(raw)
      expect(row).toMatchObject({
        state: 'stored',
        size: raw.length,
        digest: await sha256Hex(raw),
        attempts: 0,
        received_at: 1_700_000_000_000,
      })
    }
    expect(t.ingested).toHaveLength(1)
    expect(t.ingested[0]?.map((mail) => mail.ledgerId).sort()).toEqual(rows.map((row) => row.id).sort())
    expect(t.ingested[0]?.every((mail) => mail.bytes !== null)).toBe(true)
  })

  it('notes where each mail lies at the provider, and nothing for received mail', async () => {
    const t = await setUp(
      fakeMailbox([smallMail(0), { ...smallMail(1), role: 'sent' }, { ...smallMail(2), role: 'spam' }]),
    )
    await t.run()
    expect((await t.rows()).map((row) => row.role)).toEqual([null, 'sent', 'spam'])
  })

  it('notes the files that a mail only points at, and nothing for one that has none', async () => {
    const t = await setUp(fakeMailbox([smallMail(0), { ...smallMail(1), links: LINKS }]))
    await t.run()
    expect((await t.rows()).map((row) => row.links && JSON.parse(row.links))).toEqual([null, LINKS])
  })

  it('takes a whole mailbox over one connection, in batches, oldest first, and closes it', async () => {
    const mailbox = fakeMailbox(many(120))
    const t = await setUp(mailbox)
    const { opened } = mailbox.log
    await t.run()
    expect(mailbox.log.opened - opened).toBe(1)
    expect(mailbox.log.closed).toBe(1)
    expect(mailbox.log.fetched).toEqual(Array.from({ length: 120 }, (_, n) => `fake:${n}`))
    expect(t.ingested.map((mails) => mails.length)).toEqual([50, 50, 20])
  })

  it('costs a handful of D1 calls per batch, however many mails it has', async () => {
    const t = await setUp(fakeMailbox(many(50)))
    let calls = 0
    const counted = new Proxy(t.inbox.db, {
      get(target, name, self) {
        if (name === 'prepare') calls++
        return Reflect.get(target, name, self)
      },
    })
    await t.run({ db: counted })
    // claim, stored, and the two claims that find nothing more
    expect(calls).toBe(4)
  })

  it('fetches nothing twice', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    await t.run()
    await t.run()
    expect(mailbox.log.fetched).toEqual(['fake:0', 'fake:1'])
  })

  it('goes on after the time of one job by sending itself another', async () => {
    const mailbox = fakeMailbox(many(60))
    const t = await setUp(mailbox)
    let now = Date.now()
    await t.run({
      clock: () => now,
      onStored: async () => {
        now += 60_000
      },
      blobs: new Proxy(env.BLOBS, {
        get(target, name) {
          now += 1_000
          const value = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
    })
    expect(t.jobs).toEqual([{ kind: 'fetch', tenantId: t.inbox.tenantId, inboxId: t.inbox.inboxId }])
    expect((await t.rows()).filter((row) => row.state === 'discovered')).toHaveLength(10)
  })

  it('stores on while ingest fails, and leaves those rows to the sweeper', async () => {
    const t = await setUp(fakeMailbox(many(60)))
    await t.run({
      onStored: async () => {
        throw new Error('ingest is broken')
      },
    })
    const rows = await t.rows()
    expect(rows.every((row) => row.state === 'stored' && row.due_at !== null)).toBe(true)
  })

  it('does nothing while enough jobs are at work', async () => {
    const mailbox = fakeMailbox(many(1))
    const t = await setUp(mailbox)
    await t.run({ slots: { ...t.deps.slots, acquireFetchSlot: async () => null } })
    expect(mailbox.log.fetched).toEqual([])
  })

  it('sends a job for one that was turned away meanwhile', async () => {
    const t = await setUp(fakeMailbox(many(1)))
    await t.run({ slots: { ...t.deps.slots, releaseFetchSlot: async () => ({ wanted: true }) } })
    expect(t.jobs).toHaveLength(1)
  })

  it.each([
    ['paused', { paused: true }],
    ['archived', { archived: true }],
    ['disconnected', { connected: false }],
  ])('leaves the rows of a %s inbox as they are', async (_name, columns) => {
    const mailbox = fakeMailbox(many(1))
    const t = await setUp(mailbox, columns)
    await t.run()
    expect(mailbox.log.fetched).toEqual([])
    expect((await t.rows())[0]).toMatchObject({ state: 'discovered', attempts: 0 })
  })
})

describe('a mailbox with a quota', () => {
  const quota = { units: 6_000, window: 60_000, perMessage: 20 }

  /** Slots that grant the given numbers, then nothing, and note what is settled. */
  function granting(t: Awaited<ReturnType<typeof setUp>>, grants: number[]) {
    const log: (string | { messages: number; units: number })[] = []
    const slots: FetchDeps['slots'] = {
      ...t.deps.slots,
      reserveFetch: async (slot, given, wanted) => {
        expect([slot, given]).toEqual(['slot', quota])
        const granted = Math.min(wanted, grants.shift() ?? 0)
        log.push(`granted ${granted}`)
        return granted
      },
      settleFetch: async (_slot, spent) => void log.push({ messages: spent.messages.length, units: spent.units }),
    }
    return { log, slots }
  }

  it('is asked for no more than is granted before rows are claimed, and the rest stays as it was', async () => {
    const mailbox = Object.assign(fakeMailbox(many(9)), { quota })
    const t = await setUp(mailbox)
    const { log, slots } = granting(t, [4, 2])
    await t.run({ slots })
    expect(log).toEqual(['granted 4', { messages: 4, units: 0 }, 'granted 2', { messages: 2, units: 0 }, 'granted 0'])
    expect(mailbox.log.fetched).toHaveLength(6)
    expect((await t.rows()).slice(6).map((row) => [row.state, row.attempts])).toEqual(Array(3).fill(['discovered', 0]))
    expect(t.jobs).toEqual([])
    expect(t.outcomes).toEqual([{ received: 6, failure: null }])
  })

  it('gives back what was granted and not needed', async () => {
    const t = await setUp(Object.assign(fakeMailbox(many(3)), { quota }))
    const { log, slots } = granting(t, [50, 50])
    await t.run({ slots })
    expect(log).toEqual(['granted 50', { messages: 3, units: 0 }, 'granted 50', { messages: 0, units: 0 }])
  })

  it.each([
    ['an outage in the middle', 'breaks_midway' as const],
    ['a message that never comes', 'withheld' as const],
    ['messages that are gone', 'not_found' as const],
  ])('counts every message that was asked for, also after %s', async (_name, fails) => {
    const t = await setUp(
      Object.assign(fakeMailbox([smallMail(0), { ...smallMail(1), fails }, smallMail(2)]), { quota }),
    )
    const { log, slots } = granting(t, [50])
    await t.run({ slots })
    expect(log[1]).toEqual({ messages: 3, units: 0 })
  })

  it('counts a listing that fails to open as asked for, and reports what else was spent', async () => {
    const mailbox = Object.assign(fakeMailbox(many(3)), { quota })
    mailbox.fetching = new ProviderError('rate_limited', 'slow', 'Slow down.', { retryAfter: 1_000 })
    const t = await setUp(mailbox)
    const { log, slots } = granting(t, [50])
    await t.run({
      slots,
      makeProvider: (_connection, { spent }) => {
        const provider = mailbox.provider()
        return {
          ...provider,
          fetchRaw: (refs) => {
            spent?.(7)
            return provider.fetchRaw(refs)
          },
        }
      },
    })
    expect(log[1]).toEqual({ messages: 3, units: 7 })
    expect(t.outcomes[0]?.failure?.kind).toBe('rate_limited')
  })

  it('has as many messages on the way as the object grants, and leaves one request to a pass', async () => {
    const mailbox = Object.assign(fakeMailbox(many(3)), { quota: { ...quota, atOnce: 4 } })
    const t = await setUp(mailbox)
    const asked: unknown[] = []
    const atOnce: unknown[] = []
    const slots: FetchDeps['slots'] = {
      ...t.deps.slots,
      acquireRequests: async (slot, ask) => {
        asked.push([slot, ask])
        return 2
      },
    }
    const makeProvider = () => {
      const provider = mailbox.provider()
      const fetchRaw: typeof provider.fetchRaw = (refs, granted) => {
        atOnce.push(granted)
        return provider.fetchRaw(refs)
      }
      return { ...provider, fetchRaw }
    }
    await t.run({ slots, makeProvider })
    expect(asked[0]).toEqual(['slot', { limit: 4, most: 3, first: false }])
    expect(atOnce).toEqual([2])
  })

  it('settles also when the database fails under the job', async () => {
    const t = await setUp(Object.assign(fakeMailbox(many(3)), { quota }))
    const { log, slots } = granting(t, [50])
    const broken = new Proxy(t.inbox.db, {
      get(target, name, self) {
        if (name !== 'prepare') return Reflect.get(target, name, self)
        return (sql: string, ...params: (string | number | null)[]) => {
          if (sql.includes("state = 'stored', raw_key")) throw new Error('killed')
          return target.prepare(sql, ...params)
        }
      },
    })
    await expect(t.run({ db: broken, slots })).rejects.toThrow('killed')
    expect(log).toEqual(['granted 50', { messages: 3, units: 0 }])
  })
})

describe('a changed encryption key', () => {
  it('is taken into use for a stored password by the next look at its mailbox', async () => {
    const t = await setUp(fakeMailbox())
    const current = settingsOf(env).ENCRYPTION_KEYS
    const rotated = createKeyring(`k2:${btoa('x'.repeat(32))},${current}`)
    await t.run({ keyring: rotated })
    const sealed = (await inboxRow(t.inbox))?.credentials
    expect(sealed).toMatch(/^v1\.k2\./)
    const onlyNew = createKeyring(`k2:${btoa('x'.repeat(32))}`)
    expect((await loadInbox(t.inbox.db, onlyNew, t.inbox.inboxId))?.connection?.imap?.password).toBe('stored-secret')
    await t.run({ keyring: rotated })
    expect((await inboxRow(t.inbox))?.credentials).toBe(sealed)
  })
})

describe('a mail that cannot be fetched', () => {
  it('that was expunged meanwhile ends as gone', async () => {
    const t = await setUp(fakeMailbox([{ ...smallMail(0), fails: 'not_found' }, smallMail(1)]))
    await t.run()
    const [gone, other] = await t.rows()
    expect(gone).toMatchObject({ state: 'done', disposition: 'gone', due_at: null })
    expect(other?.state).toBe('stored')
  })

  it.each(['transient', 'withheld', 'breaks_before', 'breaks_midway'] as const)(
    'because the server says or does "%s" is quarantined with its cause after bounded tries, and the others flow on',
    async (fails) => {
      const mailbox = fakeMailbox([smallMail(0), { ...smallMail(1), fails }, smallMail(2), smallMail(3)])
      const t = await setUp(mailbox)
      for (let round = 0; round < 12; round++) {
        await letTimePass(t.inbox)
        await t.run()
        // Mail goes on arriving, as it does in a mailbox that is alive.
        mailbox.mails.push(smallMail(100 + round))
        await t.pass()
      }
      await letTimePass(t.inbox)
      await t.run()
      const rows = await t.rows()
      expect(rows[1]).toMatchObject({ state: 'done', disposition: 'quarantined', reason: 'fetch_failed' })
      expect(rows[1]?.error).toMatch(/\.$/)
      const others = rows.filter((_, n) => n !== 1)
      expect(others).toHaveLength(15)
      expect(others.every((row) => row.state === 'stored')).toBe(true)
    },
  )

  it('with its links arrives without them after three tries', async () => {
    const mailbox = fakeMailbox([{ ...smallMail(0), fails: 'links', links: LINKS }])
    const t = await setUp(mailbox)
    for (let round = 0; round < 3; round++) {
      await t.run()
      expect((await t.rows())[0]).toMatchObject({ state: 'discovered', attempts: round + 1 })
      await letTimePass(t.inbox)
    }
    await t.run()
    expect((await t.rows())[0]).toMatchObject({ state: 'stored', links: null })
  })

  it('as the first of the mailbox does not stop the mails behind it, nor cost them an attempt', async () => {
    const mailbox = fakeMailbox([{ ...smallMail(0), fails: 'breaks_before' }, smallMail(1), smallMail(2)])
    const t = await setUp(mailbox)
    await t.run()
    expect((await t.rows()).map((row) => [row.state, row.attempts])).toEqual([
      ['discovered', 1],
      ['discovered', 0],
      ['discovered', 0],
    ])
    expect(t.outcomes[0]).toMatchObject({ received: 0, failure: { code: 'fake_closed' } })
    await env.DB.prepare('UPDATE ledger SET due_at = due_at - 20000 WHERE inbox_id = ?').bind(t.inbox.inboxId).run()
    await t.run()
    expect((await t.rows()).map((row) => row.state)).toEqual(['discovered', 'stored', 'stored'])
  })

  it('and killed its worker three times is claimed alone, so that it takes no other down with it', async () => {
    const mailbox = fakeMailbox(many(3))
    const t = await setUp(mailbox)
    await env.DB.prepare("UPDATE ledger SET attempts = 3 WHERE inbox_id = ? AND identity = 'fake:0'")
      .bind(t.inbox.inboxId)
      .run()
    await t.run()
    expect(mailbox.log.fetched).toEqual(['fake:1', 'fake:2', 'fake:0'])
    expect(t.ingested.map((mails) => mails.length)).toEqual([2, 1])
  })

  it('and killed its worker eight times is not tried again', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    await env.DB.prepare("UPDATE ledger SET attempts = 8 WHERE inbox_id = ? AND identity = 'fake:0'")
      .bind(t.inbox.inboxId)
      .run()
    await t.run()
    expect(mailbox.log.fetched).toEqual(['fake:1'])
    expect((await t.rows())[0]).toMatchObject({
      disposition: 'quarantined',
      reason: 'fetch_failed',
      error: expect.any(String),
    })
  })

  it('because it is larger than we read is quarantined without being fetched', async () => {
    const mailbox = fakeMailbox([{ ...smallMail(0), claimedSize: LIMITS.rawMessage + 1 }, smallMail(1)])
    const t = await setUp(mailbox)
    await t.run()
    expect(mailbox.log.fetched).toEqual(['fake:1'])
    expect((await t.rows())[0]).toMatchObject({ disposition: 'quarantined', reason: 'too_large' })
  })
})

describe('a connection that fails', () => {
  it.each([
    ['an outage', new ProviderError('transient', 'closed', 'The server cannot be reached.')],
    ['a refused login', new ProviderError('auth_revoked', 'imap_auth_failed', 'The password was refused.')],
    ['a busy server', new ProviderError('rate_limited', 'slow', 'Slow down.', { retryAfter: 300_000 })],
  ])('by %s costs no mail an attempt, is reported, and the rows wait', async (_name, error) => {
    const mailbox = fakeMailbox(many(3))
    mailbox.fetching = error
    const t = await setUp(mailbox)
    for (let round = 0; round < 10; round++) {
      await letTimePass(t.inbox)
      await t.run()
    }
    const rows = await t.rows()
    expect(rows.map((row) => [row.state, row.attempts])).toEqual(Array(3).fill(['discovered', 0]))
    expect(rows.every((row) => (row.due_at ?? 0) >= Date.now() + (error.retryAfter ?? 10_000) - 5_000)).toBe(true)
    expect(t.outcomes).toHaveLength(10)
    expect(t.outcomes[0]).toMatchObject({ received: 0, failure: { kind: error.kind } })
  })

  it('in the middle of a batch keeps what has arrived', async () => {
    const t = await setUp(
      fakeMailbox([smallMail(0), smallMail(1), { ...smallMail(2), fails: 'breaks_midway' }, smallMail(3)]),
    )
    await t.run()
    expect((await t.rows()).map((row) => [row.state, row.attempts])).toEqual([
      ['stored', 0],
      ['stored', 0],
      ['discovered', 1],
      ['discovered', 0],
    ])
    expect(t.ingested[0]).toHaveLength(2)
  })
})

describe('a worker that is killed', () => {
  it('leaves rows that nobody else takes during the lease and anybody takes after it', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    await env.DB.prepare('UPDATE ledger SET due_at = ?, attempts = 1 WHERE inbox_id = ?')
      .bind(Date.now() + 30_000, t.inbox.inboxId)
      .run()
    await t.run()
    expect(mailbox.log.fetched).toEqual([])
    await letTimePass(t.inbox)
    await t.run()
    expect((await t.rows()).map((row) => row.state)).toEqual(['stored', 'stored'])
  })

  it('after the objects were written and before the rows were changes nothing but the time', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    const broken = new Proxy(t.inbox.db, {
      get(target, name, self) {
        if (name !== 'prepare') return Reflect.get(target, name, self)
        return (sql: string, ...params: (string | number | null)[]) => {
          if (sql.includes("state = 'stored', raw_key")) throw new Error('killed')
          return target.prepare(sql, ...params)
        }
      },
    })
    await expect(t.run({ db: broken })).rejects.toThrow('killed')
    await letTimePass(t.inbox)
    await t.run()
    expect((await t.rows()).map((row) => row.state)).toEqual(['stored', 'stored'])
    expect((await env.BLOBS.list({ prefix: `${t.inbox.tenantId}/raw/` })).objects).toHaveLength(2)
  })
})

describe('a large mail', () => {
  const size = 20 * MB + 123

  async function expectStored(t: Awaited<ReturnType<typeof setUp>>, raw: Uint8Array) {
    const [row] = await t.rows()
    expect(row).toMatchObject({ state: 'stored', size: raw.length, digest: await sha256Hex(raw), upload: null })
    const object = await env.BLOBS.get(row?.raw_key ?? '')
    expect(await sha256Hex(new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer()))).toBe(
      await sha256Hex(raw),
    )
  }

  it('of a few MB is handed on in memory: ingest need not read it back', async () => {
    const t = await setUp(fakeMailbox([largeMail(3 * MB), largeMail(5 * MB)]))
    await t.run()
    expect(t.ingested.flat().map((mail) => mail.bytes?.length ?? null)).toEqual([3 * MB, null])
  })

  it('goes to R2 in parts and is handed on without its bytes', async () => {
    const mail = largeMail(size)
    const t = await setUp(fakeMailbox([mail]))
    await t.run()
    await expectStored(t, mail.raw)
    expect(t.ingested).toEqual([[{ ledgerId: (await t.rows())[0]?.id, bytes: null }]])
  })

  it('is claimed alone and lets small mails pass together', async () => {
    const t = await setUp(fakeMailbox([smallMail(0), largeMail(size), smallMail(2), smallMail(3)]))
    await t.run()
    expect(t.ingested.map((mails) => mails.length)).toEqual([1, 1, 2])
  })

  it('resumes where it was cut instead of starting again', async () => {
    const mail = largeMail(size)
    const mailbox = fakeMailbox([{ ...mail, fails: 'breaks_midway' }])
    const t = await setUp(mailbox)
    await t.run()
    expect((await t.rows())[0]).toMatchObject({ state: 'discovered', attempts: 1 })
    mailbox.mails = [mail]
    mailbox.log.bytes = 0
    await letTimePass(t.inbox)
    await t.run()
    expect(mailbox.log.resumedAt).toEqual([8 * MB])
    expect(mailbox.log.bytes).toBe(size - 8 * MB)
    await expectStored(t, mail.raw)
  })

  it('keeps its links when it is cut, also where they cannot be had again', async () => {
    const mail = largeMail(size)
    const mailbox = fakeMailbox([{ ...mail, fails: 'breaks_midway', links: LINKS }])
    const t = await setUp(mailbox)
    await t.run()
    mailbox.mails = [mail]
    await letTimePass(t.inbox)
    await t.run()
    expect(mailbox.log.resumedAt).toEqual([8 * MB])
    expect((await t.rows())[0]).toMatchObject({ state: 'stored', links: JSON.stringify(LINKS) })
  })

  it('that was cut by an older version, which knew of no links, is resumed', async () => {
    const mail = largeMail(size)
    const mailbox = fakeMailbox([{ ...mail, fails: 'breaks_midway' }])
    const t = await setUp(mailbox)
    await t.run()
    await env.DB.prepare("UPDATE ledger SET upload = json_remove(upload, '$.links') WHERE inbox_id = ?")
      .bind(t.inbox.inboxId)
      .run()
    mailbox.mails = [mail]
    await letTimePass(t.inbox)
    await t.run()
    expect(mailbox.log.resumedAt).toEqual([8 * MB])
    await expectStored(t, mail.raw)
  })

  it('is stored whole when the server cannot resume', async () => {
    const mail = largeMail(size)
    const mailbox = fakeMailbox([{ ...mail, fails: 'breaks_midway' }])
    const t = await setUp(mailbox)
    await t.run()
    mailbox.mails = [mail]
    mailbox.canResume = false
    await letTimePass(t.inbox)
    await t.run()
    await expectStored(t, mail.raw)
  })

  it('starts anew when R2 has forgotten the upload', async () => {
    const mail = largeMail(size)
    const mailbox = fakeMailbox([{ ...mail, fails: 'breaks_midway' }])
    const t = await setUp(mailbox)
    await t.run()
    mailbox.mails = [mail]
    await env.DB.prepare("UPDATE ledger SET upload = json_set(upload, '$.uploadId', 'forgotten') WHERE inbox_id = ?")
      .bind(t.inbox.inboxId)
      .run()
    await letTimePass(t.inbox)
    await t.run()
    expect((await t.rows())[0]).toMatchObject({ state: 'discovered', upload: null })
    await letTimePass(t.inbox)
    await t.run()
    await expectStored(t, mail.raw)
  })

  it('that was complete in R2 when its worker was killed is not fetched again', async () => {
    const mail: FakeMail = { ...largeMail(size), role: 'sent', links: LINKS }
    const mailbox = fakeMailbox([mail])
    const t = await setUp(mailbox)
    const broken = new Proxy(t.inbox.db, {
      get(target, name, self) {
        if (name !== 'prepare') return Reflect.get(target, name, self)
        return (sql: string, ...params: (string | number | null)[]) => {
          if (sql.includes("state = 'stored', raw_key")) throw new Error('killed')
          return target.prepare(sql, ...params)
        }
      },
    })
    await expect(t.run({ db: broken })).rejects.toThrow('killed')
    mailbox.log.bytes = 0
    await letTimePass(t.inbox)
    await t.run()
    expect(mailbox.log.bytes).toBe(0)
    await expectStored(t, mail.raw)
    const [row] = await t.rows()
    expect(row).toMatchObject({ received_at: 1_700_000_000_000, role: 'sent', links: JSON.stringify(LINKS) })
  })

  it('that keeps breaking but gets on every time is never given up', async () => {
    const mail = largeMail(size)
    const mailbox = fakeMailbox([{ ...mail, fails: 'breaks_midway' }])
    const t = await setUp(mailbox)
    await env.DB.prepare('UPDATE ledger SET attempts = 7 WHERE inbox_id = ?').bind(t.inbox.inboxId).run()
    await t.run()
    expect((await t.rows())[0]).toMatchObject({ state: 'discovered', attempts: 1 })
  })

  it('whose server lies about its size is stored as what it is', async () => {
    const mail = largeMail(9 * MB)
    const t = await setUp(fakeMailbox([{ ...mail, claimedSize: 10 }]))
    await t.run()
    await expectStored(t, mail.raw)
  })
})
