import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { parseBytes } from '../../../worker/mail/parse'
import { signedMessageId } from '../../../worker/mail/reply-token'
import { newId } from '../../../worker/platform/ids'
import { loadBody } from '../../../worker/platform/message-body'
import { addInbox, eml, emlWith, makeWorld } from './support'

describe('a mail becomes a ticket', () => {
  it('with contact, message, ids, trace and a number of the tenant', async () => {
    const world = await makeWorld()
    const [first, second] = await world.deliver(
      eml({ id: 'a@x', references: ['root@x'], inReplyTo: 'root@x' }),
      eml({ from: 'Bob <bob@other.test>', subject: 'Second' }),
    )
    const tickets = await world.rows(
      'SELECT t.*, c.email, c.name FROM tickets t JOIN contacts c ON c.id = t.contact_id WHERE t.tenant_id = ?1 ORDER BY number',
    )
    expect(tickets).toMatchObject([
      {
        number: 1,
        status: 'open',
        subject: 'Printer on fire',
        email: 'ann@customer.test',
        name: 'Ann',
        message_count: 1,
        last_message_at: Date.UTC(2026, 9, 20, 10),
      },
      { number: 2, subject: 'Second', email: 'bob@other.test', message_count: 1 },
    ])
    const [message] = await world.rows('SELECT * FROM messages WHERE tenant_id = ?1 AND ledger_id = ?2', first)
    expect(message).toMatchObject({
      direction: 'inbound',
      from_email: 'ann@customer.test',
      text: expect.stringContaining('It burns.'),
      message_id: 'a@x',
      in_reply_to: 'root@x',
      body_key: null,
    })
    expect(JSON.parse(String(message?.trace))).toMatchObject({
      matchedBy: 'new_ticket',
      evidence: expect.arrayContaining(['So it is a new ticket.']),
    })
    expect(
      await world.rows(
        'SELECT message_id, kind FROM thread_refs WHERE tenant_id = ?1 AND ticket_id = ?2 ORDER BY kind',
        tickets[0]?.id,
      ),
    ).toEqual([
      { message_id: 'a@x', kind: 'own' },
      { message_id: 'root@x', kind: 'ref' },
    ])
    expect(await world.ledger(String(second))).toMatchObject({
      state: 'done',
      disposition: 'ticket_created',
      due_at: null,
      ticket_id: tickets[1]?.id,
      from_address: 'bob@other.test',
    })
    expect(await world.rows('SELECT last_ticket_number AS n FROM tenants WHERE id = ?1')).toEqual([{ n: 2 }])
  })

  it('and its body is read again from the original', async () => {
    const world = await makeWorld()
    await world.deliver(
      eml({ headers: ['MIME-Version: 1.0', 'Content-Type: text/html'], body: '<p>Hello <b>there</b></p>' }),
    )
    const [row] = await world.rows<{ bodyKey: null; rawKey: string; text: string }>(
      'SELECT body_key AS bodyKey, raw_key AS rawKey, text FROM messages WHERE tenant_id = ?1',
    )
    if (!row) throw new Error('no message')
    expect(await loadBody({ blobs: env.BLOBS, parse: parseBytes }, row)).toMatchObject({
      html: expect.stringContaining('<b>there</b>'),
      text: expect.stringContaining('Hello there'),
    })
  })

  it.each([
    ['nothing at all', ''],
    ['no headers', 'just words'],
    ['a NUL and half a surrogate', 'From: a@x.test\nSubject: a\0b =?utf-16?B?2D0=?=\n\nbody \0'],
    ['no From, no Message-ID, no Date', 'Subject: who am I\n\nhello'],
  ])('even with %s', async (_name, raw) => {
    const world = await makeWorld()
    const [id] = await world.deliver(raw)
    expect(await world.ledger(String(id))).toMatchObject({ state: 'done', disposition: 'ticket_created' })
    expect(await world.rows('SELECT message_count FROM tickets WHERE tenant_id = ?1')).toEqual([{ message_count: 1 }])
  })

  it('of an unknown sender when it names none; all of those share one contact', async () => {
    const world = await makeWorld()
    await world.deliver('Subject: one\n\n1', 'Subject: two\n\n2')
    expect(await world.rows('SELECT name, email FROM contacts WHERE tenant_id = ?1')).toEqual([
      { name: 'Unknown sender', email: '' },
    ])
    expect(await world.rows('SELECT count(*) AS n FROM tickets WHERE tenant_id = ?1')).toEqual([{ n: 2 }])
  })
})

describe('an answer', () => {
  it('joins its ticket, counts, and reopens it; time never runs backwards', async () => {
    const world = await makeWorld()
    await world.deliver(eml({ id: 'a@x' }))
    await env.DB.prepare("UPDATE tickets SET status = 'resolved' WHERE tenant_id = ?").bind(world.tenantId).run()
    await world.deliver(eml({ inReplyTo: 'a@x', date: 'Tue, 20 Oct 2026 08:00:00 +0000' }))
    expect(await world.rows('SELECT status, message_count, last_message_at FROM tickets WHERE tenant_id = ?1')).toEqual(
      [{ status: 'open', message_count: 2, last_message_at: Date.UTC(2026, 9, 20, 10) }],
    )
  })

  it('leaves a ticket in progress in progress', async () => {
    const world = await makeWorld()
    await world.deliver(eml({ id: 'a@x' }))
    await env.DB.prepare("UPDATE tickets SET status = 'in_progress' WHERE tenant_id = ?").bind(world.tenantId).run()
    await world.deliver(eml({ inReplyTo: 'a@x' }))
    expect(await world.rows('SELECT status, message_count FROM tickets WHERE tenant_id = ?1')).toEqual([
      { status: 'in_progress', message_count: 2 },
    ])
  })

  it('with a signed token joins; the same token means nothing in another tenant', async () => {
    const world = await makeWorld()
    const other = await makeWorld()
    await world.deliver(eml())
    const [ticket] = await world.rows<{ id: string }>('SELECT id FROM tickets WHERE tenant_id = ?1')
    const token = await signedMessageId(env.AUTH_SECRET, {
      tenantId: world.tenantId,
      ticketId: String(ticket?.id),
      messageId: newId('msg'),
      domain: 'acme.test',
    })
    const raw = eml({ from: 'stranger@else.test', inReplyTo: token })
    const [here] = await world.deliver(raw)
    const [there] = await other.deliver(raw)
    expect(await world.ledger(String(here))).toMatchObject({
      disposition: 'reply_added',
      reason: 'reply_token',
      ticket_id: ticket?.id,
    })
    expect(await other.ledger(String(there))).toMatchObject({ disposition: 'ticket_created' })
  })

  it('never leaves its tenant by a Message-ID either', async () => {
    const world = await makeWorld()
    const other = await makeWorld()
    await world.deliver(eml({ id: 'a@x' }))
    const [id] = await other.deliver(eml({ inReplyTo: 'a@x', subject: 'Re: [#1]' }))
    expect(await other.ledger(String(id))).toMatchObject({ disposition: 'ticket_created' })
  })

  it('to mail in two inboxes lands in the ticket of the inbox it came to', async () => {
    const world = await makeWorld()
    const sales = await addInbox(world.tenantId, 'sales@acme.test')
    const root = eml({ id: 'both@x' })
    await world.ingest([await world.store(root)])
    await world.ingest([await world.store(root, { inboxId: sales })], sales)
    const reply = await world.store(eml({ inReplyTo: 'both@x' }), { inboxId: sales })
    await world.ingest([reply], sales)
    const [ticket] = await world.rows(
      'SELECT inbox_id FROM tickets WHERE tenant_id = ?1 AND id = ?2',
      (await world.ledger(reply)).ticket_id,
    )
    expect(ticket).toEqual({ inbox_id: sales })
  })
})

describe('lessons 7 and 8: the same mail twice, and two mails that look the same', () => {
  it('UIDVALIDITY changed: every mail comes again under another identity and nothing is doubled', async () => {
    const world = await makeWorld()
    const mails = [eml({ id: 'a@x' }), eml({ id: 'b@x', inReplyTo: 'a@x' }), eml({ id: null, subject: 'no id' })]
    await world.deliver(...mails)
    const again = await world.deliver(...mails)
    for (const id of again)
      expect(await world.ledger(id)).toMatchObject({
        disposition: 'duplicate',
        reason: expect.stringMatching(/^same_as:led_/),
      })
    expect(await world.rows('SELECT count(*) AS n FROM messages WHERE tenant_id = ?1')).toEqual([{ n: 3 }])
  })

  it('twice in one batch', async () => {
    const world = await makeWorld()
    const raw = eml({ id: 'a@x' })
    const ids = await world.deliver(raw, raw, raw)
    const rows = await Promise.all(ids.map((id) => world.ledger(id)))
    expect(rows.map((row) => row.disposition).sort()).toEqual(['duplicate', 'duplicate', 'ticket_created'])
  })

  it('a reused Message-ID with other content is another mail', async () => {
    const world = await makeWorld()
    await world.deliver(eml({ id: 'dhl@x', subject: 'Parcel 1' }))
    await world.deliver(eml({ id: 'dhl@x', subject: 'Parcel 2' }))
    expect(await world.rows('SELECT subject FROM tickets WHERE tenant_id = ?1 ORDER BY number')).toEqual([
      { subject: 'Parcel 1' },
      { subject: 'Parcel 2' },
    ])
  })
})

describe('lessons 15, 16 and 28: automated mail', () => {
  async function withReply() {
    const world = await makeWorld()
    await world.deliver(eml({ id: 'a@x' }))
    await env.DB.batch([
      env.DB.prepare("UPDATE tickets SET status = 'resolved' WHERE tenant_id = ?").bind(world.tenantId),
      env.DB.prepare(
        `INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, from_email, message_id, delivery_state, received_at, created_at)
         SELECT 'msg_out' || id, tenant_id, id, inbox_id, 'outbound', 'support@acme.test', 'ours@acme.test', 'sent', 1, 1 FROM tickets WHERE tenant_id = ?`,
      ).bind(world.tenantId),
      env.DB.prepare(
        "INSERT INTO thread_refs SELECT tenant_id, 'ours@acme.test', id, 'own' FROM tickets WHERE tenant_id = ?",
      ).bind(world.tenantId),
    ])
    return world
  }

  it('an out-of-office answer is added and reopens nothing, however often it comes', async () => {
    const world = await withReply()
    const oof = () =>
      eml({ inReplyTo: 'ours@acme.test', headers: ['Auto-Submitted: auto-replied'], subject: 'Out of office' })
    await world.deliver(oof())
    await world.deliver(oof(), oof())
    expect(await world.rows('SELECT status, message_count FROM tickets WHERE tenant_id = ?1')).toEqual([
      { status: 'resolved', message_count: 4 },
    ])
  })

  it("a bounce marks our message failed with the server's words", async () => {
    const world = await withReply()
    const report = `From: MAILER-DAEMON@mx.test
To: support@acme.test
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce1@mx.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r
Content-Type: text/plain

Sorry.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; ann@customer.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
--r
Content-Type: message/rfc822

Message-ID: <ours@acme.test>
From: support@acme.test
To: ann@customer.test
Subject: Re: Printer on fire

hello
--r--
`
    const [id] = await world.deliver(report)
    expect(await world.ledger(String(id))).toMatchObject({ disposition: 'reply_added', reason: 'bounce' })
    const [sent] = await world.rows(
      "SELECT delivery_state, delivery_detail FROM messages WHERE tenant_id = ?1 AND direction = 'outbound'",
    )
    expect(sent).toMatchObject({
      delivery_state: 'failed',
      delivery_detail: expect.stringContaining('550 5.1.1 no such user'),
    })
    expect(await world.rows('SELECT status FROM tickets WHERE tenant_id = ?1')).toEqual([{ status: 'resolved' }])
  })

  it('our own reply coming back by Cc is suppressed and stays out of the ticket', async () => {
    const world = await withReply()
    const [id] = await world.deliver(eml({ from: 'support@acme.test', id: 'ours@acme.test' }))
    expect(await world.ledger(String(id))).toMatchObject({
      disposition: 'suppressed',
      reason: 'own_message',
      ticket_id: null,
      message_row_id: null,
    })
    expect(await world.rows('SELECT message_count FROM tickets WHERE tenant_id = ?1')).toEqual([{ message_count: 1 }])
  })
})

describe('lessons 12 and 13: attachments', () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000))

  it('of a small mail are stored along with it, byte for byte, under one row each', async () => {
    const world = await makeWorld()
    await world.deliver(
      emlWith([
        { name: 'a.bin', bytes },
        { name: 'b.txt', bytes: new TextEncoder().encode('hi') },
      ]),
    )
    const rows = await world.rows('SELECT * FROM attachments WHERE tenant_id = ?1 ORDER BY id')
    expect(rows).toMatchObject([
      { filename: 'a.bin', state: 'stored', size: 60_000, inline: 0, due_at: null },
      { filename: 'b.txt', state: 'stored', size: 2 },
    ])
    const object = await env.BLOBS.get(String(rows[0]?.blob_key))
    expect(new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer(0))).toEqual(bytes)
    expect(world.jobs).toEqual([])
  })
})
