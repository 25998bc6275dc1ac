// Marking mail that is on a ticket, from its arrival in the simulated mailbox to the mark in it: pass, fetch job, ingest and Graph, for real.
import { env } from 'cloudflare:test'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { Job } from '../../worker/contract/jobs'
import { type Env, settingsOf } from '../../worker/env'
import { type IngestDeps, ingestStored, runIngest } from '../../worker/ingest/ingest-job'
import { tenantDb } from '../../worker/platform/db'
import { newId } from '../../worker/platform/ids'
import { type FetchOutcome, runFetch } from '../../worker/sync/fetch-job'
import { limitSlots, noSlots, takeSlot } from '../../worker/sync/fetch-slots'
import { runPass } from '../../worker/sync/pass'
import {
  type Account,
  appToken,
  control,
  deliver,
  expectNoViolations,
  grant,
  mailbox,
  messagesOf,
  microsoft,
  newAccount,
  newShared,
  remove,
  SHARED_SCOPES,
  WRITE_SCOPES,
} from '../support/microsoft-lab'
import { givenInbox, inboxRow, ledgerOf } from '../worker/sync/rows'

afterEach(async () => {
  await control('fault/clear')
  await control('latency', { ms: 0 })
})
afterAll(expectNoViolations)

const mail = (subject: string, more = '') =>
  `From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x.example>\r\n${more}\r\n${subject}\r\n`
const WRITE_SHARED = SHARED_SCOPES.map((scope) => scope.replace('Mail.Read', 'Mail.ReadWrite'))

/** An inbox on the account's mailbox, with the jobs that a push or a poll would run. */
async function setUp(account: Account, mark: NonNullable<Parameters<typeof givenInbox>[0]> = {}) {
  const inbox = await givenInbox({ type: 'microsoft', ...mark })
  const { tenantId, inboxId, db } = inbox
  const written: string[] = []
  const watched: typeof fetch = (input, init) => {
    if (init?.method && init.method !== 'GET') written.push(`${init.method} ${new URL(String(input)).pathname}`)
    return fetch(input, init)
  }
  const open = () => mailbox(account, { since: Date.now() - 3_600_000, fetch: watched, token: async () => t.token })
  const ingest: IngestDeps = {
    db: (id) => tenantDb(env.DB, id),
    blobs: env.BLOBS,
    jobs: { send: async () => {} },
    clock: Date.now,
    newId,
    authSecret: settingsOf(env as Env).AUTH_SECRET,
    random: Math.random,
  }
  const jobs: Job[] = []
  const outcomes: FetchOutcome[] = []
  const slots = noSlots()
  let cursor: unknown = null
  const job = { kind: 'fetch' as const, tenantId, inboxId }
  const t = {
    inbox,
    account,
    written,
    outcomes,
    token: account.tokens.access,
    pass: () =>
      runPass(
        { db, jobs: { send: async () => {} }, provider: open(), clock: Date.now },
        { inboxId, cursor, mailbox: 1, live: true },
        async (next) => {
          cursor = next
        },
      ),
    fetch: (ingesting = true) =>
      runFetch(
        {
          ...ingest,
          db,
          keyring: settingsOf(env as Env).keyring,
          makeProvider: open,
          tokens: () => async () => t.token,
          jobs: { send: async (sent) => void jobs.push(sent) },
          onStored: async (...stored) => {
            if (ingesting) await ingestStored(ingest, ...stored)
          },
          slots: {
            acquireFetchSlot: async () => (takeSlot(slots, 'slot', Date.now()) ? 'slot' : null),
            reserveFetch: async (_slot, quota, wanted) => {
              limitSlots(slots, quota)
              return wanted
            },
            acquireRequests: async (_slot, { most }) => most,
            settleFetch: async () => {},
            releaseFetchSlot: async (_slot, outcome) => {
              outcomes.push(outcome)
              slots.held.clear()
              return { wanted: false }
            },
          },
        },
        job,
      ),
    /** A look into the mailbox and the work that follows. */
    async sync() {
      const found = await t.pass()
      await t.fetch()
      return found
    },
    ingestAgain: () => runIngest(ingest, { kind: 'ingest', tenantId, inboxId }),
    rows: () => ledgerOf(inbox),
    problem: async () => {
      const column = (await inboxRow(inbox))?.mark_problem
      return column ? (JSON.parse(String(column)) as { message: string; stops: boolean }) : null
    },
    messages: () => messagesOf(account) as Promise<Message[]>,
    again: () => env.DB.prepare('UPDATE ledger SET mark_due_at = 1 WHERE inbox_id = ?').bind(inboxId).run(),
  }
  return t
}
type Message = Awaited<ReturnType<typeof messagesOf>>[number] & { categories: string[] }

describe('without being asked to', () => {
  it('nothing in the mailbox is written, and reading is all that is needed', async () => {
    const t = await setUp(await newAccount())
    await deliver(t.account, mail('left-alone'))
    await t.sync()
    await t.sync()
    expect(await t.rows()).toMatchObject([{ disposition: 'ticket_created', mark_due_at: null }])
    expect(t.written).toEqual([])
    expect(await t.messages()).toMatchObject([{ isRead: false, categories: [], folder: 'inbox' }])
  })
})

describe('mail that is on a ticket', () => {
  it('gets the category beside those that others have given it, once', async () => {
    const t = await setUp(await newAccount(WRITE_SCOPES), { mark: 'category' })
    const id = await deliver(t.account, mail('categorised'))
    await control('change', { account: t.account.email, id, categories: ['VIP'] })
    await t.sync()
    expect(await t.messages()).toMatchObject([{ categories: ['VIP', 'Postroom/Processed'], isRead: false }])
    await t.again()
    await t.sync()
    expect(t.written).toHaveLength(1)
    expect(await t.rows()).toMatchObject([{ mark_due_at: null, disposition: 'ticket_created' }])
  })

  it('is marked as read, also in a shared mailbox and by the app itself', async () => {
    const shared = await newShared({ scopes: WRITE_SHARED })
    await appRoles('Mail.ReadWrite')
    const token = await appToken()
    await appRoles('Mail.Read')
    const byApp: Account = {
      ...shared,
      mailbox: { kind: 'app', address: shared.email },
      tokens: { access: token, refresh: '' },
    }
    for (const account of [await newAccount(WRITE_SCOPES), shared, byApp]) {
      const t = await setUp(account, { mark: 'read' })
      await deliver(account, mail(`read-${crypto.randomUUID()}`))
      await t.sync()
      expect(await t.problem()).toBeNull()
      expect((await t.messages()).every(({ isRead }) => isRead)).toBe(true)
    }
  })

  it.each([
    ['a new folder', 'Done by Postroom', 'Done by Postroom'],
    ['the archive, in a mailbox that speaks German', 'Archive', 'archive'],
    ['a folder inside the inbox', 'Inbox/Processed', 'Processed'],
  ])('moves to %s; to sync it is no new mail', async (_name, markFolder, folder) => {
    const account = await newAccount(WRITE_SCOPES)
    await control('mailbox', { account: account.email, language: 'de' })
    const t = await setUp(account, { mark: 'move', markFolder })
    const id = await deliver(account, mail(`moved-${crypto.randomUUID()}`))
    await t.sync()
    expect(await t.messages()).toMatchObject([{ folder, immutableId: id, isRead: false }])
    await deliver(account, mail(`after-${crypto.randomUUID()}`))
    expect(await t.sync()).toMatchObject({ found: 1, queued: 1 })
    expect(await t.sync()).toMatchObject({ found: 0, queued: 0 })
    expect((await t.messages()).map((one) => one.folder)).toEqual([folder, folder])
    expect((await t.rows()).map((row) => row.disposition)).toEqual(['ticket_created', 'ticket_created'])
  })

  it('that somebody has filed or deleted meanwhile stays where it is', async () => {
    const t = await setUp(await newAccount(WRITE_SCOPES), { mark: 'move', markFolder: 'Done' })
    const filed = await deliver(t.account, mail('filed'))
    const gone = await deliver(t.account, mail('gone'))
    await t.pass()
    await env.DB.prepare("UPDATE inboxes SET mark_processed = 'none' WHERE id = ?").bind(t.inbox.inboxId).run()
    await t.fetch()
    await control('move', { account: t.account.email, id: filed, folder: 'deleteditems' })
    await remove(t.account, gone)
    await env.DB.prepare("UPDATE inboxes SET mark_processed = 'move' WHERE id = ?").bind(t.inbox.inboxId).run()
    await t.again()
    await t.fetch()
    expect(await t.messages()).toMatchObject([{ folder: 'deleteditems' }])
    expect(await t.rows()).toMatchObject([{ mark_due_at: null }, { mark_due_at: null }])
    expect(await t.problem()).toBeNull()
  })

  it('that an ingest filed later is marked by the next job', async () => {
    const t = await setUp(await newAccount(WRITE_SCOPES), { mark: 'read' })
    await deliver(t.account, mail('late'))
    await t.pass()
    await t.fetch(false)
    expect(await t.rows()).toMatchObject([{ state: 'stored', mark_due_at: null }])
    expect(t.written).toEqual([])
    await env.DB.prepare('UPDATE ledger SET due_at = 1 WHERE inbox_id = ?').bind(t.inbox.inboxId).run()
    await t.ingestAgain()
    expect(await t.rows()).toMatchObject([{ state: 'done', mark_due_at: expect.any(Number) }])
    await t.fetch()
    expect(await t.rows()).toMatchObject([{ mark_due_at: null }])
    expect(await t.messages()).toMatchObject([{ isRead: true }])
  })

  it('by the dozen stays within four requests at once beside a pass', async () => {
    const t = await setUp(await newAccount(WRITE_SCOPES), { mark: 'category' })
    for (let n = 0; n < 20; n++) await deliver(t.account, mail(`many-${n}-${crypto.randomUUID()}`))
    await t.pass()
    await control('latency', { ms: 20 })
    let done = false
    const passing = (async () => {
      while (!done) await t.pass()
    })()
    await t.fetch()
    done = true
    await passing
    expect(t.outcomes).toEqual([{ received: 20, failure: null }])
    expect((await t.messages()).every(({ categories }) => categories.length === 1)).toBe(true)
  })
})

describe('a mailbox that may only be read', () => {
  it.each([
    ['own', () => newAccount()],
    ['shared', () => newShared()],
  ])(
    '(%s) says what to do, tries no more, and mail still flows; after a reconnect all of it is marked',
    async (_name, make) => {
      const account = await make()
      const t = await setUp(account, { mark: 'category' })
      const subject = () => `refused-${crypto.randomUUID()}`
      await deliver(account, mail(subject()))
      await t.sync()
      expect(await t.problem()).toEqual({
        message: 'Microsoft does not let Postroom change mail in this mailbox. Reconnect to let Postroom mark mail.',
        stops: true,
      })
      await deliver(account, mail(subject()))
      await t.sync()
      expect((await t.rows()).map((row) => row.disposition)).toEqual(['ticket_created', 'ticket_created'])
      expect(t.written).toHaveLength(1)
      expect(t.outcomes.map(({ failure }) => failure)).toEqual([null, null])
      expect((await inboxRow(t.inbox))?.status).toBe('connected')

      const person = account.mailbox.kind === 'own' ? account.email : await delegateOf(account)
      t.token = (await grant(person, account.mailbox.kind === 'own' ? WRITE_SCOPES : WRITE_SHARED)).access
      await env.DB.prepare('UPDATE inboxes SET mark_problem = NULL WHERE id = ?').bind(t.inbox.inboxId).run()
      await t.sync()
      expect((await t.messages()).map(({ categories }) => categories)).toEqual(Array(2).fill(['Postroom/Processed']))
    },
  )

  it('is told by Diagnose, and so is one that may be written', async () => {
    const permissions = async (account: Account, marks: boolean) => {
      const { ok, steps } = await mailbox(account, { marks }).check()
      expect(ok).toBe(true)
      return steps.find(({ name }) => name === 'Permissions')
    }
    const reading = await newAccount()
    expect((await permissions(reading, false))?.status).toBe('pass')
    expect(await permissions(reading, true)).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('missing: Mail.ReadWrite. Mail cannot be marked without it.'),
      hint: expect.stringContaining('Reconnect'),
    })
    expect(await permissions(await newAccount(WRITE_SCOPES), true)).toMatchObject({
      status: 'pass',
      detail: expect.stringContaining('Mail may be marked.'),
    })
    expect(await permissions(await newShared(), true)).toMatchObject({
      detail: expect.stringContaining('missing: Mail.ReadWrite.Shared'),
    })
  })
})

describe('trouble of the moment', () => {
  it('with one mail is tried again, and throttling is honoured', async () => {
    const t = await setUp(await newAccount(WRITE_SCOPES), { mark: 'read' })
    const id = await deliver(t.account, mail('stubborn'))
    await control('fault', { path: `/messages/${encodeURIComponent(id)}$`, kind: '500', method: 'PATCH', times: 1 })
    await t.sync()
    const [row] = await t.rows()
    expect(row?.mark_attempts).toBe(1)
    expect(Number(row?.mark_due_at)).toBeGreaterThan(Date.now() + 30_000)
    await t.again()
    await control('fault', { path: '/messages/', kind: '429', method: 'PATCH', retryAfter: 7, times: 1 })
    await t.fetch()
    expect(t.outcomes.at(-1)?.failure).toMatchObject({ kind: 'rate_limited', retryAfter: 7_000 })
    expect((await t.rows())[0]?.mark_attempts).toBe(1)
    await t.again()
    await t.fetch()
    expect(await t.messages()).toMatchObject([{ isRead: true }])
    expect(await t.problem()).toBeNull()
  })
})

/** What the app may do by itself: reading or writing mail, and what it always may. */
const appRoles = (mail: string) =>
  control('apps', { clientId: microsoft.clientId, roles: [mail, 'Mail.Send', 'User.Read.All'] })

/** Who may open a shared mailbox of the lab. */
async function delegateOf({ tokens }: Account): Promise<string> {
  const [, payload = ''] = tokens.access.split('.')
  const { upn, preferred_username } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>
  return upn ?? preferred_username ?? ''
}
