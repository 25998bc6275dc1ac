import { env } from 'cloudflare:test'
import PostalMime from 'postal-mime'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { OutgoingMime, SendOutcome } from '../../../worker/contract/pipeline'
import { storeUpload } from '../../../worker/features/tickets/attachments'
import { messageDetail, ticketDetail } from '../../../worker/features/tickets/detail'
import { retryMessage } from '../../../worker/features/tickets/retry'
import { writeNewTicket, writeReply } from '../../../worker/features/tickets/write-message'
import { newPart } from '../../../worker/mail/quote'
import { MOST_ATTEMPTS } from '../../../worker/outbound/deliver'
import { type OutboundDeps, runOutbound } from '../../../worker/outbound/reply-job'
import { tenantDb } from '../../../worker/platform/db'
import { newId } from '../../../worker/platform/ids'
import { makeTenant } from '../../support/session'
import { keptJobs, seedInbox, seedTickets } from '../tickets/seed'

const START = 1_800_000_000_000
const MINUTE = 60_000
const SENT: SendOutcome = { result: 'sent', response: '250 2.0.0 Ok: queued as 4F2A', rejected: [], copy: null }
const LATER: SendOutcome = { result: 'transient', message: '451 Greylisted', hint: null, retryAfter: null }

/** A desk with one ticket, a clock to turn, and a server that answers what it is told and keeps the bytes it got. */
async function desk() {
  const { tenantId, users } = await makeTenant()
  const inboxId = newId('inb')
  const address = await seedInbox(tenantId, inboxId)
  const ticketId = newId('tkt')
  await seedTickets(tenantId, [
    {
      id: ticketId,
      number: 1,
      subject: 'Printer',
      inboxId,
      at: 1_700_000_000_000,
      texts: ['It burns.\n\n<b>Help</b> & hurry'],
    },
  ])
  const db = tenantDb(env.DB, tenantId)
  const world = {
    now: START,
    answers: [] as (SendOutcome | (() => Promise<SendOutcome>))[],
    mails: [] as { mime: OutgoingMime; raw: string }[],
  }
  const jobs = keptJobs()
  const write = { db, blobs: env.BLOBS, jobs, now: START, secret: env.AUTH_SECRET }
  const author = { userId: users.agent, userName: 'The agent' }
  const deps: OutboundDeps = {
    db: () => db,
    blobs: env.BLOBS,
    clock: () => world.now,
    random: () => 0,
    async sendMime(_tenantId, _inboxId, mime) {
      world.mails.push({ mime, raw: await new Response(await mime.open()).text() })
      const answer = world.answers.shift() ?? SENT
      return typeof answer === 'function' ? answer() : answer
    },
  }
  return {
    ...{ tenantId, inboxId, address, ticketId, db, world, deps, write, author, jobs },
    reply: (body: Parameters<typeof writeReply>[3] = { text: 'Use water.' }) =>
      writeReply(write, author, ticketId, body),
    run: (messageId: string) => runOutbound(deps, { kind: 'outbound', tenantId, messageId }),
    shown: (messageId: string) => messageDetail(write, messageId),
    row: (messageId: string) =>
      env.DB.prepare(
        'SELECT delivery_state AS state, delivery_due_at AS due, delivery_attempts AS attempts FROM messages WHERE id = ?',
      )
        .bind(messageId)
        .first(),
    ticket: () => ticketDetail(write, ticketId, {}),
  }
}
let d: Awaited<ReturnType<typeof desk>>
beforeEach(async () => {
  d = await desk()
})

describe('sending a reply', () => {
  it('hands the server one MIME message that threads, and records its answer', async () => {
    const file = await storeUpload(
      d.write,
      { filename: 'Anleitung für Ä.txt', contentType: 'text/plain', body: new Blob(['water']).stream(), userId: 'u' },
      START,
    )
    const id = await d.reply({
      html: '<p>Use <b>water</b>.</p>',
      cc: ['boss@customer.example'],
      bcc: ['hidden@acme.example'],
      attachmentIds: [file.id],
    })
    await d.run(id)
    const message = await d.shown(id)
    expect(message.delivery).toEqual({
      state: 'sent',
      detail: '250 2.0.0 Ok: queued as 4F2A',
      attempts: 1,
      sentAt: new Date(START).toISOString(),
      nextAttemptAt: null,
    })
    expect(message.hasOriginal).toBe(true)
    const [{ mime, raw } = { mime: undefined, raw: '' }] = d.world.mails
    expect(mime).toMatchObject({
      envelope: {
        from: d.address,
        to: ['anna.mueller@customer.example', 'boss@customer.example', 'hidden@acme.example'],
      },
      messageId: message.messageId,
      size: new TextEncoder().encode(raw).length,
    })
    expect(raw).not.toContain('hidden@acme.example')
    const mail = await PostalMime.parse(raw)
    expect(mail).toMatchObject({
      subject: 'Re: Printer',
      messageId: `<${message.messageId}>`,
      inReplyTo: `<${d.ticketId}.0@customer.example>`,
      references: `<${d.ticketId}.0@customer.example>`,
      from: { name: 'Acme Support', address: d.address },
      attachments: [{ filename: 'Anleitung für Ä.txt' }],
    })
    expect(mail.html).toContain('<b>water</b>')
  })

  it('quotes the customer below the reply, escaped, so that our own reader finds the new part again', async () => {
    const id = await d.reply({ html: '<p>Use water.</p>' })
    await d.run(id)
    const mail = await PostalMime.parse(d.world.mails[0]?.raw ?? '')
    expect(mail.text).toContain(
      'On Tue, 14 Nov 2023 at 22:13 UTC, Anna Müller <anna.mueller@customer.example> wrote:\n> It burns.\n>\n> <b>Help</b> & hurry',
    )
    expect(mail.html).toContain('It burns.<br><br>&lt;b&gt;Help&lt;/b&gt; &amp; hurry</blockquote>')
    expect(newPart(mail.text ?? '')).toEqual({ text: 'Use water.', quoted: true })
    expect((await d.shown(id)).text).toBe('Use water.')
  })

  it('quotes nothing in a conversation that we began', async () => {
    const ticketId = await writeNewTicket(d.write, d.author, {
      inboxId: d.inboxId,
      subject: 'Hi',
      to: ['x@y.example'],
      text: 'Hello',
    })
    const [message] = (await ticketDetail(d.write, ticketId, {})).messages
    await d.run(message?.id ?? '')
    expect((await PostalMime.parse(d.world.mails[0]?.raw ?? '')).text?.trim()).toBe('Hello')
  })

  it('lets no subject and no file name start another header', async () => {
    await env.DB.prepare("UPDATE tickets SET subject = 'x\r\nBcc: evil@x.example\r\n\r\nbody' WHERE id = ?")
      .bind(d.ticketId)
      .run()
    const file = await storeUpload(
      d.write,
      { filename: 'a.txt', contentType: 'text/plain', body: null, userId: 'u' },
      START,
    )
    const id = await d.reply({ text: 'x', attachmentIds: [file.id] })
    await env.DB.prepare(
      `UPDATE attachments SET filename = 'a"\r\nX-Evil: 1\r\n\r\n.txt', content_type = 'text/plain\r\nX-Evil: 2' WHERE id = ?`,
    )
      .bind(file.id)
      .run()
    await env.DB.prepare(
      "UPDATE messages SET subject = 'x\r\nBcc: evil@x.example\r\n\r\nbody', from_name = 'A\r\nX-Evil: 3' WHERE id = ?",
    )
      .bind(id)
      .run()
    await d.run(id)
    expect(d.world.mails[0]?.raw).not.toMatch(/^(bcc|x-evil)/im)
    expect(d.world.mails[0]?.mime.envelope.to).toEqual(['anna.mueller@customer.example'])
  })

  it('names who was refused when others were accepted', async () => {
    d.world.answers.push({ ...SENT, rejected: [{ address: 'boss@customer.example', response: '550 No such user' }] })
    const id = await d.reply({ text: 'x', cc: ['boss@customer.example'] })
    await d.run(id)
    expect((await d.shown(id)).delivery).toMatchObject({
      state: 'sent',
      detail: expect.stringContaining('boss@customer.example (550 No such user)'),
    })
  })
})

describe('never twice', () => {
  it('does nothing when the job is delivered again after success, or many times at once', async () => {
    const id = await d.reply()
    await Promise.all([d.run(id), d.run(id), d.run(id)])
    d.world.now += 60 * MINUTE
    await d.run(id)
    expect(d.world.mails).toHaveLength(1)
    expect(await d.row(id)).toEqual({ state: 'sent', due: null, attempts: 1 })
  })

  it('after a crash between the server’s 250 and our note of it: failed, the fate unknown, the ticket open (lessons, row 28)', async () => {
    const id = await d.reply({ text: 'x', status: 'resolved' })
    d.world.answers.push(() => new Promise(() => {}))
    void d.run(id)
    await vi.waitFor(() => expect(d.world.mails).toHaveLength(1))
    expect((await d.shown(id)).delivery?.state).toBe('queued')
    d.world.now += 14 * MINUTE
    await d.run(id)
    expect(await d.row(id)).toMatchObject({ state: 'sending' })
    d.world.now += 2 * MINUTE
    await d.run(id)
    await d.run(id)
    expect(d.world.mails).toHaveLength(1)
    expect((await d.shown(id)).delivery).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('may have been delivered'),
    })
    expect((await d.ticket()).status).toBe('open')
  })

  it('treats a sender that throws as unknown, not as unsent', async () => {
    d.world.answers.push(() => Promise.reject(new Error('socket gone')))
    const id = await d.reply()
    await d.run(id)
    d.world.now += 24 * 60 * MINUTE
    await d.run(id)
    expect(d.world.mails).toHaveLength(1)
    expect((await d.shown(id)).delivery?.state).toBe('failed')
  })

  it('notes the answer even when the database fails at first', async () => {
    const id = await d.reply()
    let failures = 2
    const flaky = {
      ...d.db,
      batch: (statements: D1PreparedStatement[]) =>
        failures-- > 0 ? Promise.reject(new Error('D1 down')) : d.db.batch(statements),
    }
    await runOutbound({ ...d.deps, db: () => flaky }, { kind: 'outbound', tenantId: d.tenantId, messageId: id })
    expect(await d.row(id)).toMatchObject({ state: 'sent' })
  })
})

describe('a crash before the server had anything', () => {
  it('while the mail was written is simply tried again when the lease ends', async () => {
    const id = await d.reply()
    const hanging = { ...d.deps, blobs: { ...env.BLOBS, get: () => new Promise(() => {}) } as unknown as R2Bucket }
    void runOutbound(hanging, { kind: 'outbound', tenantId: d.tenantId, messageId: id })
    await vi.waitFor(async () => expect(await d.row(id)).toMatchObject({ attempts: 1, state: 'queued' }))
    await d.run(id)
    expect(d.world.mails).toHaveLength(0)
    d.world.now += 5 * MINUTE
    await d.run(id)
    expect(d.world.mails).toHaveLength(1)
    expect(await d.row(id)).toEqual({ state: 'sent', due: null, attempts: 2 })
  })

  it('each time ends as failed, not as a loop', async () => {
    const id = await d.reply()
    await env.DB.prepare('UPDATE messages SET delivery_attempts = ? WHERE id = ?').bind(MOST_ATTEMPTS, id).run()
    await d.run(id)
    expect(d.world.mails).toHaveLength(0)
    expect(await d.row(id)).toMatchObject({ state: 'failed', due: null })
  })
})

describe('a transient failure', () => {
  it('sends the same bytes under the same Message-ID later, and only then', async () => {
    d.world.answers.push(LATER)
    const id = await d.reply()
    await d.run(id)
    expect(await d.row(id)).toEqual({ state: 'queued', due: START + MINUTE, attempts: 1 })
    expect((await d.shown(id)).delivery).toMatchObject({
      state: 'queued',
      detail: '451 Greylisted',
      nextAttemptAt: new Date(START + MINUTE).toISOString(),
    })
    await env.DB.prepare("UPDATE tickets SET subject = 'changed' WHERE id = ?").bind(d.ticketId).run()
    await d.run(id)
    expect(d.world.mails).toHaveLength(1)
    d.world.now += MINUTE
    await d.run(id)
    expect(d.world.mails[1]?.raw).toBe(d.world.mails[0]?.raw)
    expect(await d.row(id)).toMatchObject({ state: 'sent' })
  })

  it('is given up after a day, with the last answer, and opens the ticket', async () => {
    const id = await d.reply()
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      d.world.answers.push(LATER)
      await d.run(id)
      const row = await d.row(id)
      d.world.now = Number(row?.due ?? d.world.now)
    }
    expect(d.world.now - START).toBeGreaterThan(24 * 60 * MINUTE)
    expect((await d.shown(id)).delivery).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('451 Greylisted'),
    })
    expect((await d.ticket()).status).toBe('open')
  })
})

describe('a permanent failure (lessons, row 28)', () => {
  it('shows the server’s words and what to do, opens the ticket, and can be sent again by hand', async () => {
    d.world.answers.push({
      result: 'failed',
      message: '535 5.7.139 Authentication unsuccessful',
      hint: 'SMTP AUTH is switched off for this mailbox.',
    })
    const id = await d.reply()
    expect((await d.ticket()).status).toBe('waiting')
    await d.run(id)
    expect((await d.shown(id)).delivery).toMatchObject({
      state: 'failed',
      detail: '535 5.7.139 Authentication unsuccessful SMTP AUTH is switched off for this mailbox.',
    })
    expect((await d.ticket()).status).toBe('open')
    d.world.now += MINUTE
    await d.run(id)
    expect(d.world.mails).toHaveLength(1)
    await retryMessage(d.write, id, d.world.now)
    await d.run(id)
    expect(d.world.mails[1]?.raw).toBe(d.world.mails[0]?.raw)
    expect((await d.shown(id)).delivery?.state).toBe('sent')
  })

  it('leaves a ticket that somebody works on as it is', async () => {
    d.world.answers.push({ result: 'failed', message: '550 no', hint: null })
    const id = await d.reply({ text: 'x', status: 'in_progress' })
    await d.run(id)
    expect((await d.ticket()).status).toBe('in_progress')
  })

  it('is one that cannot be written: a file that vanished, a text that vanished', async () => {
    const file = await storeUpload(
      d.write,
      { filename: 'a.txt', contentType: 'text/plain', body: new Blob(['x']).stream(), userId: 'u' },
      START,
    )
    const id = await d.reply({ text: 'x', attachmentIds: [file.id] })
    await env.BLOBS.delete(`${d.tenantId}/file/${file.id}`)
    const other = await d.reply()
    await env.BLOBS.delete(`${d.tenantId}/body/${other}.json`)
    await d.run(id)
    await d.run(other)
    expect(d.world.mails).toHaveLength(0)
    expect((await d.shown(id)).delivery).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('attachment'),
    })
    expect((await d.shown(other)).delivery).toMatchObject({ state: 'failed', detail: expect.stringContaining('text') })
  })
})

it('storage that fails is tried again, nothing half-written is sent', async () => {
  const id = await d.reply()
  const broken = {
    ...d.deps,
    blobs: { ...env.BLOBS, get: () => Promise.reject(new Error('R2 down')) } as unknown as R2Bucket,
  }
  await runOutbound(broken, { kind: 'outbound', tenantId: d.tenantId, messageId: id })
  expect(await d.row(id)).toEqual({ state: 'queued', due: START + MINUTE, attempts: 1 })
  d.world.now += MINUTE
  await d.run(id)
  expect(await d.row(id)).toMatchObject({ state: 'sent' })
})

it('a job of another tenant, for a note, or for nothing does nothing', async () => {
  const id = await d.reply()
  await runOutbound(
    { ...d.deps, db: () => tenantDb(env.DB, 'ten_other') },
    { kind: 'outbound', tenantId: 'ten_other', messageId: id },
  )
  await d.run('msg_none')
  await d.run(`msg_${d.ticketId}0`)
  expect(d.world.mails).toHaveLength(0)
})
