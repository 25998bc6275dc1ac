// Mail that lies in Sent, in spam, in the trash or among the drafts, all the way through the database.
import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { inboxLedger } from '../../../worker/features/inboxes/ledger'
import { ticketDetail } from '../../../worker/features/tickets/detail'
import { retryMessage } from '../../../worker/features/tickets/retry'
import { releaseMail, replayMail } from '../../../worker/ingest/ledger-actions'
import { previewMail } from '../../../worker/ingest/preview'
import { tenantDb } from '../../../worker/platform/db'
import { keptJobs } from '../tickets/seed'
import { eml, makeWorld, type StoreOptions, type World } from './support'

const take = async (world: World, raw: string, options: StoreOptions = {}) => {
  const id = await world.store(raw, { receivedAt: world.now, ...options })
  await world.ingest([id], options.inboxId)
  return world.ledger(id)
}

/** A world with ann's mail on resolved ticket #1, in the provider's conversation `t1`. */
async function desk() {
  const world = await makeWorld()
  const row = await take(world, eml({ id: 'a@customer', to: world.address }), { thread: 't1' })
  const ticketId = String(row.ticket_id)
  await env.DB.prepare("UPDATE tickets SET status = 'resolved' WHERE id = ?").bind(ticketId).run()
  const db = tenantDb(env.DB, world.tenantId)
  const ours = (words: Parameters<typeof eml>[0] = {}) =>
    eml({
      from: world.address,
      to: 'Ann <ann@customer.test>',
      subject: 'Re: Printer on fire',
      body: 'Use water.',
      ...words,
    })
  return {
    ...{ world, ticketId, db, ours },
    sent: (words: Parameters<typeof eml>[0] = {}, options: StoreOptions = {}) =>
      take(world, ours(words), { role: 'sent', ...options }),
    ticket: () => ticketDetail({ db, blobs: env.BLOBS }, ticketId, {}),
    contacts: () => world.rows('SELECT email FROM contacts WHERE tenant_id = ?1 ORDER BY email'),
  }
}

const bounceOf = (id: string) =>
  eml({
    from: 'MAILER-DAEMON@mx.test',
    subject: 'Undelivered Mail Returned to Sender',
    headers: [
      'Auto-Submitted: auto-replied',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=delivery-status; boundary=r',
    ],
    body: [
      '--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.test\n',
      'Final-Recipient: rfc822; ann@customer.test\nAction: failed\nStatus: 5.1.1',
      'Diagnostic-Code: smtp; 550 5.1.1 no such user\n',
      `--r\nContent-Type: message/rfc822\n\nMessage-ID: <${id}>\n\nhello\n--r--`,
    ].join('\n'),
  })

describe('lessons 19 and 27: a reply written in the mailbox itself', () => {
  it('is a message of ours on its ticket: by the mailbox, sent, nobody new in the contacts, the ticket not reopened', async () => {
    const d = await desk()
    const row = await d.sent({ id: 'ui@gmail', inReplyTo: 'a@customer', headers: ['Bcc: Boss <boss@acme.test>'] })
    expect(row).toMatchObject({
      disposition: 'reply_added',
      reason: 'in_reply_to',
      role: 'sent',
      ticket_id: d.ticketId,
    })
    const ticket = await d.ticket()
    expect(ticket).toMatchObject({ status: 'resolved', messageCount: 2, contact: { email: 'ann@customer.test' } })
    expect(ticket.messages.find((message) => message.direction === 'outbound')).toMatchObject({
      from: { name: 'Support', email: d.world.address },
      to: [{ name: 'Ann', email: 'ann@customer.test' }],
      bcc: [{ name: 'Boss', email: 'boss@acme.test' }],
      text: expect.stringContaining('Use water.'),
      authorId: null,
      messageId: 'ui@gmail',
      hasOriginal: true,
      delivery: { state: 'sent', attempts: 0, sentAt: new Date(d.world.now).toISOString(), nextAttemptAt: null },
      trace: { matchedBy: 'in_reply_to' },
    })
    expect(await d.contacts()).toEqual([{ email: 'ann@customer.test' }])
  })

  it('without any header that names the ticket is found by the provider’s conversation', async () => {
    const d = await desk()
    expect(await d.sent({}, { thread: 't1' })).toMatchObject({
      disposition: 'reply_added',
      reason: 'provider_thread',
      ticket_id: d.ticketId,
    })
  })

  it('is what the customer answers: that answer threads by its Message-ID', async () => {
    const d = await desk()
    await d.sent({ id: 'ui@gmail', references: ['a@customer'] })
    const answer = await take(d.world, eml({ from: 'New Phone <ann@phone.test>', inReplyTo: 'ui@gmail' }))
    expect(answer).toMatchObject({ disposition: 'reply_added', reason: 'in_reply_to', ticket_id: d.ticketId })
    expect((await d.ticket()).status).toBe('open')
  })

  it('together with its answer, a copy by way of a group and its bounce in one batch ends the same', async () => {
    const d = await desk()
    const at = d.world.now + 60_000
    d.world.now = at + 10_000
    const ids = [
      await d.world.store(eml({ id: 'b@customer', inReplyTo: 'ui@gmail' }), { receivedAt: at + 2_000 }),
      await d.world.store(d.ours({ id: 'ui@gmail', inReplyTo: 'a@customer' }), { role: 'sent', receivedAt: at }),
      await d.world.store(d.ours({ id: 'ui@gmail', body: 'By way of a group.' }), { receivedAt: at + 1_000 }),
      await d.world.store(bounceOf('ui@gmail'), { receivedAt: at + 3_000 }),
    ]
    await d.world.ingest(ids)
    const rows = await Promise.all(ids.map((id) => d.world.ledger(id)))
    expect(rows.map((row) => [row.disposition, row.reason])).toEqual([
      ['reply_added', 'in_reply_to'],
      ['reply_added', 'in_reply_to'],
      ['suppressed', 'own_message'],
      ['reply_added', 'bounce'],
    ])
    const { messages } = await d.ticket()
    expect(messages.map((message) => message.direction)).toEqual(['inbound', 'outbound', 'inbound', 'inbound'])
    expect(messages[1]?.delivery).toMatchObject({ state: 'failed', detail: expect.stringContaining('no such user') })
  })

  it('that comes again under another identity is a duplicate', async () => {
    const d = await desk()
    await d.sent({ id: 'ui@gmail', inReplyTo: 'a@customer' })
    expect(await d.sent({ id: 'ui@gmail', inReplyTo: 'a@customer' })).toMatchObject({ disposition: 'duplicate' })
    expect((await d.ticket()).messageCount).toBe(2)
  })

  it('is not sent again with Postroom', async () => {
    const d = await desk()
    const { message_row_id: id } = await d.sent({ inReplyTo: 'a@customer' })
    await env.DB.prepare("UPDATE messages SET delivery_state = 'failed' WHERE id = ?").bind(id).run()
    const jobs = keptJobs()
    await expect(retryMessage({ db: d.db, jobs }, String(id), 1)).rejects.toMatchObject({ code: 'conflict' })
    expect(jobs.sent).toEqual([])
  })
})

describe('a mail written in the mailbox to a stranger', () => {
  it('is suppressed, seen in the ledger, and becomes a ticket of whom it went to when a person releases it', async () => {
    const d = await desk()
    const row = await d.sent({ id: 'offer@gmail', to: 'Zoe <Zoe@else.test>', subject: 'Offer' })
    expect(row).toMatchObject({ disposition: 'suppressed', reason: 'sent_elsewhere', ticket_id: null })
    const ledger = await inboxLedger(d.db, d.world.inboxId, { limit: 10, disposition: 'suppressed' })
    expect(ledger.items).toMatchObject([{ id: row.id, role: 'sent', reason: 'sent_elsewhere', subject: 'Offer' }])

    const released = await releaseMail(d.world.deps, d.db, String(row.id))
    expect(released).toMatchObject({ disposition: 'ticket_created', role: 'sent' })
    expect(await releaseMail(d.world.deps, d.db, String(row.id))).toEqual(released)
    expect(await replayMail(d.world.deps, d.db, String(row.id))).toEqual(released)
    const ticket = await ticketDetail({ db: d.db, blobs: env.BLOBS }, String(released.ticketId), {})
    expect(ticket).toMatchObject({
      subject: 'Offer',
      status: 'waiting',
      contact: { name: 'Zoe', email: 'zoe@else.test' },
      messages: [{ direction: 'outbound', from: { email: d.world.address }, delivery: { state: 'sent' } }],
    })
    expect(await d.contacts()).toEqual([{ email: 'ann@customer.test' }, { email: 'zoe@else.test' }])
    const answer = await take(d.world, eml({ from: 'zoe@else.test', inReplyTo: 'offer@gmail' }))
    expect(answer.ticket_id).toBe(released.ticketId)
  })
})

describe('a mail to oneself', () => {
  it('lies in Sent and in the inbox and so counts as received: a web form’s Reply-To is the contact', async () => {
    const d = await desk()
    const form = eml({ from: d.world.address, to: d.world.address, headers: ['Reply-To: Kim <kim@form.test>'] })
    expect(await take(d.world, form)).toMatchObject({ disposition: 'ticket_created', role: null })
    expect(await d.contacts()).toEqual([{ email: 'ann@customer.test' }, { email: 'kim@form.test' }])
  })
})

describe('what nobody has sent us', () => {
  it.each([
    ['spam', 'provider_spam'],
    ['trash', 'trashed'],
    ['draft', 'draft'],
  ] as const)('in "%s" is suppressed as %s with its original kept, and can be released', async (role, reason) => {
    const d = await desk()
    const row = await take(d.world, eml({ from: 'Zoe <zoe@else.test>', subject: 'Hello' }), { role })
    expect(row).toMatchObject({ disposition: 'suppressed', reason, role, ticket_id: null })
    expect(await env.BLOBS.head(String(row.raw_key))).not.toBeNull()
    expect(await d.contacts()).toEqual([{ email: 'ann@customer.test' }])
    expect(await releaseMail(d.world.deps, d.db, String(row.id))).toMatchObject({ disposition: 'ticket_created' })
  })
})

describe('two tenants with the same mailbox', () => {
  it('never see each other’s sent mail', async () => {
    const [one, two] = [await desk(), await desk()]
    await one.sent({ id: 'ui@gmail', inReplyTo: 'a@customer', from: 'support@shared.test' }, { thread: 't1' })
    const copy = await take(two.world, eml({ from: 'support@shared.test', id: 'ui@gmail' }))
    expect(copy).toMatchObject({ disposition: 'ticket_created' })
    expect((await one.ticket()).messageCount).toBe(2)
    expect((await two.ticket()).messageCount).toBe(1)
  })

  it('nor does one wait for what the other is sending', async () => {
    const [one, two] = [await desk(), await desk()]
    await env.DB.prepare(
      `INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, delivery_state, delivery_due_at, received_at, created_at)
       VALUES ('msg_sending', ?, ?, ?, 'outbound', 'sending', 9e12, ?, ?)`,
    )
      .bind(one.world.tenantId, one.ticketId, two.world.inboxId, one.world.now, one.world.now)
      .run()
    expect(await two.sent({ inReplyTo: 'a@customer' })).toMatchObject({ disposition: 'reply_added' })
  })
})

it('a preview still reads a mail of our own as one that comes in', async () => {
  const d = await desk()
  const body = new Blob([d.ours({ inReplyTo: 'a@customer' })]).stream()
  const deps = { ...d.world.deps, db: d.db }
  expect((await previewMail(deps, d.world.inboxId, body)).plan).toMatchObject({
    disposition: 'reply_added',
    matchedBy: 'in_reply_to',
    ticketId: d.ticketId,
  })
})
