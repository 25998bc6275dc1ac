// A reply's whole way through a Microsoft inbox: out, its copy back, the customer's next answer; and what becomes of it when things go wrong.
import { env } from 'cloudflare:test'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { retryMessage } from '../../worker/features/tickets/retry'
import {
  type Account,
  control,
  deliver,
  expectNoViolations,
  grant,
  messagesOf,
  newAccount,
  newShared,
  rawOf,
  SCOPES,
  SHARED_SCOPES,
  SHARED_WRITE_SCOPES,
  WRITE_SCOPES,
} from '../support/microsoft-lab'
import { newDesk } from './desk'

afterEach(async () => {
  await control('fault/clear')
  await control('headers', { mode: 'keep' })
  await control('sent-delay', { ms: 0 })
  await control('sent-copies', { in: 'mailbox' })
})
afterAll(expectNoViolations)

type Desk = Awaited<ReturnType<typeof newDesk>>

async function write(desk: Desk, customer: Account, head: Record<string, string>, text: string) {
  const lines = Object.entries({ From: customer.email, To: desk.account.email, ...head }).map(([k, v]) => `${k}: ${v}`)
  await deliver(desk.account, `${lines.join('\r\n')}\r\n\r\n${text}\r\n`)
  await desk.sync()
}

/** A desk with one ticket, and the customer who opened it. */
async function withTicket(account?: Account, beside?: Desk) {
  const customer = await newAccount()
  const desk = await newDesk({ ...(account && { account }), ...(beside && { beside }) })
  const question = `question-${crypto.randomUUID()}@customer.example`
  await write(desk, customer, { Subject: 'The printer is on fire', 'Message-ID': `<${question}>` }, 'Help!')
  const [ticket] = await desk.tickets()
  const ticketId = String(ticket?.id)
  const t = {
    ...{ desk, customer, ticketId, question },
    /** Answers and sends; the row of the message. */
    async answered(text?: string) {
      const id = await desk.reply(ticketId, text)
      await desk.work()
      return desk.message(id)
    },
    /** What has reached the customer, oldest first: head lines and all. */
    async received() {
      const inbox = (await messagesOf(customer)).filter(({ folder }) => folder === 'inbox')
      return Promise.all(inbox.map(({ immutableId }) => rawOf(customer, immutableId))).then((raws) => raws.reverse())
    },
    /** The customer answers to the newest mail there. */
    async goesOn() {
      const raw = (await t.received()).at(-1) ?? ''
      const id = /^Message-ID:\s*(<[^>]+>)/im.exec(raw)?.[1] ?? 'nothing was received'
      await write(desk, customer, { Subject: 'Re: The printer is on fire', 'In-Reply-To': id }, 'It worked.')
    },
    directions: async () => (await desk.messages(ticketId)).map(({ direction }) => direction),
  }
  return t
}

const bodyOf = (raw: string, name: string) => new RegExp(`^${name}:\\s*<([^>]+)>`, 'im').exec(raw)?.[1] ?? null
const draftsOf = async (account: Account) => (await messagesOf(account)).filter(({ folder }) => folder === 'drafts')
const makeDue = (id: unknown) => env.DB.prepare('UPDATE messages SET delivery_due_at = 0 WHERE id = ?').bind(id).run()
/** Sends what is queued and due. */
async function sendAgain(desk: Desk, id: unknown) {
  await makeDue(id)
  await desk.run({ kind: 'outbound', tenantId: desk.tenantId, messageId: String(id) })
  return desk.message(String(id))
}

describe('a reply', () => {
  it.each([
    ['keeps our headers, without the right to write drafts', 'keep', SCOPES],
    ['keeps our headers', 'keep', WRITE_SCOPES],
    ['takes them away, without the right to write drafts', 'strip', SCOPES],
    ['takes them away', 'strip', WRITE_SCOPES],
  ] as const)(
    'is one message on its ticket, and the answer to it joins it, where Microsoft %s',
    async (_, mode, scopes) => {
      await control('headers', { mode })
      const t = await withTicket(await newAccount(scopes))
      expect(await t.answered()).toMatchObject({ delivery_state: 'sent' })
      await t.desk.sync()
      const [arrived = ''] = await t.received()
      const [, reply] = await t.desk.messages(t.ticketId)
      expect(reply).toMatchObject({ direction: 'outbound', message_id: bodyOf(arrived, 'Message-ID') })
      if (mode === 'keep' || scopes === WRITE_SCOPES) expect(bodyOf(arrived, 'In-Reply-To')).toBe(t.question)
      await t.goesOn()
      expect(await t.directions()).toEqual(['inbound', 'outbound', 'inbound'])
      expect(await t.desk.tickets()).toHaveLength(1)
    },
  )

  it.each(['keep', 'strip'])('whose copy comes late is not doubled by it (%s)', async (mode) => {
    await control('headers', { mode })
    await control('sent-delay', { ms: 4_000 })
    const t = await withTicket(await newAccount(WRITE_SCOPES))
    expect(await t.answered()).toMatchObject({ delivery_state: 'sent' })
    await expect
      .poll(async () => (await messagesOf(t.desk.account)).map(({ folder }) => folder), { timeout: 15_000 })
      .toContain('sentitems')
    await t.desk.sync()
    await t.goesOn()
    expect(await t.directions()).toEqual(['inbound', 'outbound', 'inbound'])
  })

  it('written in Outlook is ours on the ticket, the next one of ours goes on from there', async () => {
    const t = await withTicket()
    await control('send-as-user', {
      account: t.desk.account.email,
      to: t.customer.email,
      inReplyTo: t.question,
      text: 'From my phone.',
    })
    await t.desk.sync()
    await t.goesOn()
    await t.answered()
    expect(await t.directions()).toEqual(['inbound', 'outbound', 'inbound', 'outbound'])
    const [ticket] = await t.desk.tickets()
    const contacts = await t.desk.rows('SELECT email FROM contacts WHERE tenant_id = ?1')
    expect(contacts).toEqual([{ email: t.customer.email }])
    expect(ticket?.status).toBe('waiting')
    expect(await t.received()).toHaveLength(2)
  })
})

describe('a reply from a shared mailbox', () => {
  it.each(
    (['mailbox', 'sender', 'both'] as const).flatMap((place) =>
      (['keep', 'strip'] as const).flatMap((mode) =>
        ([SHARED_SCOPES, SHARED_WRITE_SCOPES] as const).map(
          (scopes) => [place, mode, scopes.includes('Mail.ReadWrite.Shared') ? 'drafts' : 'no drafts', scopes] as const,
        ),
      ),
    ),
  )('is one message, though its copy is kept in %s (headers: %s, %s)', async (place, mode, _, scopes) => {
    await control('headers', { mode })
    await control('sent-copies', { in: place })
    const person = await newAccount()
    const t = await withTicket(await newShared({ by: person, scopes }))
    // The delegate's own mailbox is another inbox of the same desk.
    const other = await newDesk({ account: person, beside: t.desk })
    expect(await t.answered()).toMatchObject({ delivery_state: 'sent', from_email: t.desk.account.email })
    for (const desk of [other, t.desk, other]) await desk.sync()
    expect(await t.directions()).toEqual(['inbound', 'outbound'])
    expect(await t.desk.tickets()).toHaveLength(1)
    // Where Microsoft takes our id away and keeps the copy from us, nobody can tell us the one on the wire.
    if (place === 'sender' && mode === 'strip' && scopes === SHARED_SCOPES) return
    const [arrived = ''] = await t.received()
    expect((await t.desk.messages(t.ticketId))[1]?.message_id).toBe(bodyOf(arrived, 'Message-ID'))
    await t.goesOn()
    expect(await t.directions()).toEqual(['inbound', 'outbound', 'inbound'])
  })

  it('that the account may not send as fails once, with what to do, and opens the ticket', async () => {
    const t = await withTicket(await newShared({ sendAs: false }))
    const row = await t.answered()
    expect(row).toMatchObject({ delivery_state: 'failed', delivery_due_at: null, delivery_attempts: 1 })
    expect(row.delivery_detail).toContain('does not let the connected account send as this address')
    expect(row.delivery_detail).toContain('“Send as”')
    expect((await t.desk.tickets())[0]?.status).toBe('open')
    expect(await t.received()).toEqual([])
  })
})

describe('a reply that Microsoft throttles', () => {
  it.each([
    ['sendMail', SCOPES, '/sendMail$'],
    ['the draft', WRITE_SCOPES, '/me/messages$'],
    ['the sending of the draft', WRITE_SCOPES, '/messages/[^/]+/send$'],
  ] as const)(
    'at %s waits as long as it is told, then goes out once under the same Message-ID',
    async (_, scopes, path) => {
      const t = await withTicket(await newAccount(scopes))
      await control('fault', { path, method: 'POST', kind: '429', retryAfter: 600, times: 1 })
      const before = Date.now()
      const row = await t.answered()
      expect(row).toMatchObject({ delivery_state: 'queued', delivery_attempts: 1 })
      expect(row.delivery_due_at).toBeGreaterThanOrEqual(before + 600_000)
      expect(row.delivery_detail).toContain('slow down')
      expect(await t.received()).toEqual([])
      expect(await draftsOf(t.desk.account)).toEqual([])
      expect(await sendAgain(t.desk, row.id)).toMatchObject({ delivery_state: 'sent', message_id: row.message_id })
      await sendAgain(t.desk, row.id)
      const received = await t.received()
      expect(received.map((raw) => bodyOf(raw, 'Message-ID'))).toEqual([row.message_id])
    },
  )
})

describe('a reply whose access is withdrawn while it waits', () => {
  it('fails with what to do, and goes out once after a reconnect', async () => {
    const t = await withTicket()
    const id = await t.desk.reply(t.ticketId)
    await control('revoke', { account: t.desk.account.email, code: 65001 })
    await t.desk.work()
    const row = await t.desk.message(id)
    expect(row).toMatchObject({ delivery_state: 'failed' })
    expect(String(row.delivery_detail).toLowerCase()).toContain('reconnect')
    expect((await t.desk.tickets())[0]?.status).toBe('open')
    await t.desk.reconnected(await grant(t.desk.account.email))
    await retryMessage({ db: t.desk.db, jobs: { send: async (job) => void t.desk.jobs.push(job) } }, id, Date.now())
    await t.desk.work()
    expect(await t.desk.message(id)).toMatchObject({ delivery_state: 'sent', message_id: row.message_id })
    expect(await t.received()).toHaveLength(1)
  })
})

describe('a worker killed in the middle of sending', () => {
  it.each([
    ['keep', SCOPES],
    ['keep', WRITE_SCOPES],
    ['strip', SCOPES],
  ] as const)(
    'after Microsoft took the mail: the copy settles it, and it is never sent again (%s)',
    async (mode, scopes) => {
      await control('headers', { mode })
      const t = await withTicket(await newAccount(scopes))
      const row = await t.answered()
      // What its row said when the worker died: nothing had been written down.
      await env.DB.batch([
        env.DB.prepare('DELETE FROM ledger WHERE inbox_id = ? AND role = ?').bind(t.desk.inboxId, 'sent'),
        env.DB.prepare(
          "UPDATE messages SET delivery_state = 'sending', sent_at = NULL, delivery_detail = NULL, delivery_due_at = ? WHERE id = ?",
        ).bind(Date.now() + 900_000, row.id),
      ])
      await t.desk.sync()
      await sendAgain(t.desk, row.id)
      expect(await t.desk.message(String(row.id))).toMatchObject({ delivery_state: 'sent' })
      expect(await t.directions()).toEqual(['inbound', 'outbound'])
      expect(await t.received()).toHaveLength(1)
    },
  )

  it('before it: nobody knows, so a person decides, and one decision is one mail', async () => {
    const t = await withTicket()
    const id = await t.desk.reply(t.ticketId)
    const [job] = t.desk.jobs.splice(0)
    await env.DB.prepare("UPDATE messages SET delivery_state = 'sending', delivery_due_at = 1 WHERE id = ?")
      .bind(id)
      .run()
    if (job) await t.desk.run(job)
    expect(await t.desk.message(id)).toMatchObject({
      delivery_state: 'failed',
      delivery_detail: expect.stringContaining('may have been delivered'),
    })
    expect(await t.received()).toEqual([])
    await retryMessage({ db: t.desk.db, jobs: { send: async (sent) => void t.desk.jobs.push(sent) } }, id, Date.now())
    await t.desk.work()
    expect(await t.received()).toHaveLength(1)
  })
})
