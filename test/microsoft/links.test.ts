// Files in a cloud, from Graph to the rows of a ticket: they are told beside the one original, cost one request where files are attached and
// none elsewhere, and no refusal of that request costs the mail.
import { env } from 'cloudflare:test'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { Job } from '../../worker/contract/jobs'
import { settingsOf } from '../../worker/env'
import { ingestStored } from '../../worker/ingest/ingest-job'
import { tenantDb } from '../../worker/platform/db'
import { newId } from '../../worker/platform/ids'
import { runFetch } from '../../worker/sync/fetch-job'
import { runPass } from '../../worker/sync/pass'
import {
  type Account,
  API,
  bytesOf,
  control,
  deliver,
  expectNoViolations,
  listAll,
  mailbox,
  newAccount,
  newShared,
  rawOf,
} from '../support/microsoft-lab'
import { givenInbox, ledgerOf, letTimePass } from '../worker/sync/rows'

const crlf = (text: string) => text.replace(/\n/g, '\r\n')
const plain = (subject: string) =>
  crlf(`From: Ann <ann@example.org>\nSubject: ${subject}\nMessage-ID: <${subject}@x.example>\n\nHello\n`)
/** A file and a mail are attached. */
const FILES = crlf(`From: Ann <ann@example.org>
Subject: The plan
Message-ID: <plan@x.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

See the files.
--b
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename="a.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQgbm90IHJlYWxseQ==
--b
Content-Type: message/rfc822

From: b@example.org
Subject: inside
Message-ID: <inside@x.example>

A mail in a mail.
--b--
`)
const LIST = '/attachments'

afterEach(() => control('fault/clear'))
afterAll(expectNoViolations)

/** A provider and the paths below the mailbox it has asked. */
function watched(account: Account, spent?: (units: number) => void) {
  const asked: string[] = []
  const provider = mailbox(account, {
    spent,
    fetch: (input, init) => {
      asked.push(new URL(String(input)).pathname.replace(/^.*\/(messages|mailFolders)\//, ''))
      return fetch(input, init)
    },
  })
  return { provider, asked }
}

/** An inbox over the account's mailbox, with the jobs that keep it in step. */
async function inboxOver(account: Account) {
  const inbox = await givenInbox({ type: 'microsoft', address: account.email })
  const jobs: Job[] = []
  const common = { jobs: { send: async (job: Job) => void jobs.push(job) }, clock: Date.now, random: () => 0.5 }
  const slots = {
    acquireFetchSlot: async () => 'slot',
    reserveFetch: async (_slot: string, _quota: unknown, wanted: number) => wanted,
    acquireRequests: async (_slot: string, { most }: { most: number }) => most,
    settleFetch: async () => {},
    releaseFetchSlot: async () => ({ wanted: false }),
  }
  const db = (tenantId: string) => tenantDb(env.DB, tenantId)
  const ingest = { ...common, db, blobs: env.BLOBS, newId, authSecret: env.AUTH_SECRET }
  return {
    jobs,
    inbox,
    async pass() {
      const mode = { inboxId: inbox.inboxId, cursor: null, mailbox: 1, live: false }
      await runPass(
        { db: inbox.db, jobs: { send: async () => {} }, provider: mailbox(account), clock: Date.now },
        mode,
        async () => {},
      )
    },
    fetch: () =>
      runFetch(
        {
          ...common,
          db: inbox.db,
          keyring: settingsOf(env).keyring,
          makeProvider: (_connection, { spent }) => mailbox(account, { spent }),
          tokens: () => async () => account.tokens.access,
          blobs: env.BLOBS,
          slots,
          onStored: (...stored) => ingestStored(ingest, ...stored),
        },
        { kind: 'fetch', tenantId: inbox.tenantId, inboxId: inbox.inboxId },
      ),
    rows: () => ledgerOf(inbox),
    async files() {
      const sql =
        'SELECT part, filename, content_type AS type, state, reason FROM attachments WHERE tenant_id = ? ORDER BY rowid'
      return (await env.DB.prepare(sql).bind(inbox.tenantId).all()).results
    },
  }
}

describe('a mail with a file, a mail and a file in a cloud attached', () => {
  it.each([
    ['own', () => newAccount()],
    ['shared', () => newShared()],
  ])('in an %s mailbox has a row for each of them, and the one original', async (_, newMailbox) => {
    const account = await newMailbox()
    const id = await deliver(account, FILES, { links: ['plan.docx'] })
    const t = await inboxOver(account)
    await t.pass()
    await t.fetch()
    expect(await t.rows()).toMatchObject([
      { identity: `graph:${id}`, disposition: 'ticket_created', links: expect.stringContaining('plan.docx') },
    ])
    expect(await t.files()).toMatchObject([
      { filename: 'a.pdf', state: 'stored', reason: null },
      { filename: 'inside.eml', type: 'message/rfc822', state: 'stored', reason: null },
      { part: 'link:1', filename: 'plan.docx', state: 'skipped', reason: 'cloud_link' },
    ])
    const [row] = await t.rows()
    const original = await env.BLOBS.get(row?.raw_key ?? '')
    expect(Buffer.from((await original?.arrayBuffer()) ?? []).toString('latin1')).toBe(await rawOf(account, id))
    expect(t.jobs).toEqual([])
  })

  it('keeps them when only links are attached, and when the mail was found by the delta', async () => {
    const account = await newAccount()
    const { provider } = watched(account)
    const { cursor } = await listAll(provider)
    await deliver(account, plain('only links'), { links: ['a.docx', 'b.xlsx'] })
    const { refs } = await listAll(provider, cursor)
    expect(refs).toMatchObject([{ attached: true }])
    for await (const message of provider.fetchRaw(refs)) {
      expect(message).toMatchObject({ links: [{ name: 'a.docx' }, { name: 'b.xlsx' }] })
      if ('raw' in message) await bytesOf(message.raw)
    }
  })
})

describe('the list of attachments', () => {
  it('is asked for nowhere but where files are attached, and each time it is counted', async () => {
    const account = await newAccount()
    for (let i = 0; i < 5; i++) await deliver(account, plain(`m${i}`))
    await deliver(account, FILES)
    let units = 0
    const { provider, asked } = watched(account, (spent) => (units += spent))
    const { refs } = await listAll(provider)
    asked.length = 0
    units = 0
    let mails = 0
    for await (const message of provider.fetchRaw(refs)) {
      if ('raw' in message) await bytesOf(message.raw)
      expect(message).not.toHaveProperty('links')
      mails++
    }
    expect(mails).toBe(6)
    expect(asked.filter((path) => path.endsWith('/$value'))).toHaveLength(6)
    expect(asked.filter((path) => path.endsWith(LIST))).toHaveLength(1)
    expect(asked).toHaveLength(7)
    expect(units).toBe(1)
  })

  it.each(['403', '404', '410', 'html', 'redirect'])(
    'answered by %s brings the mail without its links',
    async (kind) => {
      const account = await newAccount()
      await deliver(account, FILES, { links: ['plan.docx'] })
      const t = await inboxOver(account)
      await t.pass()
      await control('fault', { path: LIST, kind, times: 1, location: 'https://evil.test/' })
      await t.fetch()
      expect(await t.rows()).toMatchObject([{ disposition: 'ticket_created', links: null }])
      expect((await t.files()).map(({ filename }) => filename)).toEqual(['a.pdf', 'inside.eml'])
    },
  )

  it.each(['429', '503', '500', '504', 'cut'])(
    'answered by %s is asked for again, and nothing is missing',
    async (kind) => {
      const account = await newAccount()
      await deliver(account, FILES, { links: ['plan.docx'] })
      const t = await inboxOver(account)
      await t.pass()
      await control('fault', { path: LIST, kind, times: 1, retryAfter: 7 })
      await t.fetch()
      expect(await t.rows()).toMatchObject([{ state: 'discovered', links: null }])
      expect(await t.files()).toEqual([])
      await letTimePass(t.inbox)
      await t.fetch()
      expect(await t.rows()).toMatchObject([{ disposition: 'ticket_created' }])
      expect((await t.files()).map(({ filename }) => filename)).toEqual(['a.pdf', 'inside.eml', 'plan.docx'])
    },
  )

  it('that never comes holds its mail back for three tries and no longer', async () => {
    const account = await newAccount()
    await deliver(account, FILES, { links: ['plan.docx'] })
    const t = await inboxOver(account)
    await t.pass()
    await control('fault', { path: LIST, kind: '500', times: 1_000 })
    for (let tries = 1; tries <= 3; tries++) {
      await t.fetch()
      expect(await t.rows()).toMatchObject([{ state: 'discovered', attempts: tries }])
      await letTimePass(t.inbox)
    }
    await t.fetch()
    expect(await t.rows()).toMatchObject([{ disposition: 'ticket_created', links: null }])
  })

  it('with a property that only some kinds of attachments have would be refused', async () => {
    const account = await newAccount()
    const id = await deliver(account, FILES)
    const headers = { authorization: `Bearer ${account.tokens.access}` }
    for (const name of ['contentBytes', 'contentId', 'sourceUrl', 'providerType']) {
      const answer = await fetch(`${API}/me/messages/${id}/attachments?$select=${name}`, { headers })
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ error: { code: 'BadRequest' } })
    }
  })
})
