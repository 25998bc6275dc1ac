import { env } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { HTTP_LIMITS } from '../../../worker/contract/limits'
import { storeUpload } from '../../../worker/features/tickets/attachments'
import { messageDetail, ticketDetail } from '../../../worker/features/tickets/detail'
import { retryMessage } from '../../../worker/features/tickets/retry'
import { writeNewTicket, writeNote, writeReply } from '../../../worker/features/tickets/write-message'
import { readToken } from '../../../worker/mail/reply-token'
import { tenantDb } from '../../../worker/platform/db'
import { newId } from '../../../worker/platform/ids'
import { makeTenant } from '../../support/session'
import { keptJobs, seedInbox, seedTickets } from './seed'

const NOW = 1_800_000_000_000
const CUSTOMER = 'anna.mueller@customer.example'

async function desk(options: { smtp?: boolean } = {}) {
  const tenant = await makeTenant()
  const inboxId = newId('inb')
  const address = await seedInbox(tenant.tenantId, inboxId, options)
  const ticketId = newId('tkt')
  await seedTickets(tenant.tenantId, [
    {
      id: ticketId,
      number: 1,
      subject: 'AW: Re: Printer on fire',
      inboxId,
      at: 1_700_000_000_000,
      texts: ['It burns', 'Still burning'],
    },
  ])
  await env.DB.prepare(`UPDATE messages SET references_json = '["root@customer.example"]' WHERE ticket_id = ?`)
    .bind(ticketId)
    .run()
  const db = tenantDb(env.DB, tenant.tenantId)
  const jobs = keptJobs()
  const deps = { db, blobs: env.BLOBS, jobs, now: NOW, secret: env.AUTH_SECRET }
  const author = { userId: tenant.users.agent, userName: 'The agent' }
  const upload = (filename: string, bytes = 4) =>
    storeUpload(
      deps,
      { filename, contentType: 'text/plain', body: new Blob(['x'.repeat(bytes)]).stream(), userId: author.userId },
      NOW,
    )
  return { tenant, inboxId, address, ticketId, db, jobs, deps, author, upload }
}
let d: Awaited<ReturnType<typeof desk>>
beforeEach(async () => {
  d = await desk()
})
const reply = (body: Parameters<typeof writeReply>[3], key?: string) =>
  writeReply(d.deps, d.author, d.ticketId, body, key)
const fieldOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error) => error.fields?.[0]?.path ?? error.code,
  )

describe('a reply', () => {
  it('is queued with a signed Message-ID, the parent and the full chain, and wakes the sender', async () => {
    const id = await reply({ text: 'Use water.' })
    const shown = await messageDetail(d.deps, id)
    expect(shown).toMatchObject({
      direction: 'outbound',
      from: { name: 'Acme Support', email: d.address },
      to: [{ name: 'Anna Müller', email: CUSTOMER }],
      subject: 'Re: Printer on fire',
      text: 'Use water.',
      html: null,
      inReplyTo: `${d.ticketId}.1@customer.example`,
      delivery: { state: 'queued', attempts: 0 },
      authorId: d.author.userId,
    })
    expect(await readToken(env.AUTH_SECRET, d.tenant.tenantId, shown.messageId ?? '')).toEqual({ ticketId: d.ticketId })
    expect(await readToken(env.AUTH_SECRET, 'ten_other', shown.messageId ?? '')).toBeNull()
    const row = await env.DB.prepare(
      'SELECT references_json AS refs, delivery_due_at AS due FROM messages WHERE id = ?',
    )
      .bind(id)
      .first()
    expect(row).toEqual({
      refs: JSON.stringify([
        'root@customer.example',
        `${d.ticketId}.0@customer.example`,
        `${d.ticketId}.1@customer.example`,
      ]),
      due: NOW,
    })
    expect(d.jobs.sent).toEqual([{ kind: 'outbound', tenantId: d.tenant.tenantId, messageId: id }])
    const refs = await env.DB.prepare('SELECT message_id AS id, kind FROM thread_refs WHERE ticket_id = ?')
      .bind(d.ticketId)
      .all()
    expect(refs.results).toEqual([{ id: shown.messageId, kind: 'own' }])
  })

  it('counts as activity and lets an open ticket wait, or leaves it as asked', async () => {
    await reply({ text: 'One' })
    expect(await ticketDetail(d.deps, d.ticketId, {})).toMatchObject({
      status: 'waiting',
      messageCount: 3,
      lastMessageAt: new Date(NOW).toISOString(),
    })
    await reply({ text: 'Two', status: 'resolved' })
    expect(await ticketDetail(d.deps, d.ticketId, {})).toMatchObject({ status: 'resolved', messageCount: 4 })
    await reply({ text: 'Three' })
    expect(await ticketDetail(d.deps, d.ticketId, {})).toMatchObject({ status: 'resolved' })
  })

  it('makes the text from sanitised HTML where only HTML is given', async () => {
    const id = await reply({ html: '<p>Hello <b>Anna</b></p><script>alert(1)</script><img src=x onerror=alert(1)>' })
    const shown = await messageDetail(d.deps, id)
    expect(shown.text).toBe('Hello Anna')
    expect(shown.html).toContain('<b>Anna</b>')
    expect(shown.html).not.toMatch(/script|onerror/)
  })

  it('goes out only as the inbox itself (lessons, row 26)', async () => {
    expect(await fieldOf(reply({ text: 'x', from: 'ceo@acme.example' }))).toBe('from')
    await reply({ text: 'x', from: d.address })
  })

  it('never goes to one of our own inboxes (lessons, rows 15 and 26)', async () => {
    const second = await seedInbox(d.tenant.tenantId, newId('inb'))
    expect(await fieldOf(reply({ text: 'x', to: [second] }))).toBe('to')
    expect(await fieldOf(reply({ text: 'x', cc: [d.address] }))).toBe('cc')
    await env.DB.prepare('UPDATE contacts SET email = ? WHERE tenant_id = ?').bind(d.address, d.tenant.tenantId).run()
    expect(await fieldOf(reply({ text: 'x' }))).toBe('to')
  })

  it('needs words, and an address where the customer has none', async () => {
    expect(await fieldOf(reply({}))).toBe('text')
    expect(await fieldOf(reply({ text: '  ', html: '<p> </p>' }))).toBe('text')
    await env.DB.prepare("UPDATE contacts SET email = '' WHERE tenant_id = ?").bind(d.tenant.tenantId).run()
    expect(await fieldOf(reply({ text: 'x' }))).toBe('to')
    await reply({ text: 'x', to: ['someone@else.example'] })
  })

  it('is refused with what to do where the inbox cannot send', async () => {
    d = await desk({ smtp: false })
    await expect(reply({ text: 'x' })).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('SMTP'),
    })
    d = await desk()
    await env.DB.prepare('UPDATE inboxes SET credentials = NULL WHERE id = ?').bind(d.inboxId).run()
    await expect(reply({ text: 'x' })).rejects.toMatchObject({ code: 'conflict' })
    await env.DB.prepare("UPDATE inboxes SET credentials = 'x', archived_at = 1 WHERE id = ?").bind(d.inboxId).run()
    await expect(reply({ text: 'x' })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('is written once for two clicks with one idempotency key', async () => {
    const ids = await Promise.all([reply({ text: 'x' }, 'click-1'), reply({ text: 'x' }, 'click-1')])
    expect(await reply({ text: 'x' }, 'click-1')).toBe(ids[0])
    expect(new Set(ids).size).toBe(1)
    expect((await ticketDetail(d.deps, d.ticketId, {})).messageCount).toBe(3)
    expect(await reply({ text: 'x' }, 'click-2')).not.toBe(ids[0])
  })

  it('is not lost when the wake-up is: the row itself is due', async () => {
    const broken = { ...d.deps, jobs: { send: () => Promise.reject(new Error('queue down')) } }
    const id = await writeReply(broken, d.author, d.ticketId, { text: 'x' })
    expect(await messageDetail(d.deps, id)).toMatchObject({ delivery: { state: 'queued' } })
  })
})

describe('uploads in a reply', () => {
  it('belong to it once and expire no longer', async () => {
    const [a, b] = [await d.upload('a.txt'), await d.upload('b.txt')]
    const id = await reply({ text: 'x', attachmentIds: [a.id, b.id, a.id] })
    const shown = await messageDetail(d.deps, id)
    expect(shown.attachments.map((file) => file.filename)).toEqual(['a.txt', 'b.txt'])
    expect(await fieldOf(reply({ text: 'again', attachmentIds: [a.id] }))).toBe('attachmentIds')
    const row = await env.DB.prepare('SELECT expires_at FROM attachments WHERE id = ?').bind(a.id).first()
    expect(row).toEqual({ expires_at: null })
  })

  it('of another tenant, expired, unknown or too many bytes are refused and nothing is written', async () => {
    const other = await desk()
    const foreign = await other.upload('secret.txt')
    const expired = await d.upload('old.txt')
    await env.DB.prepare('UPDATE attachments SET expires_at = ? WHERE id = ?').bind(NOW, expired.id).run()
    const large = await d.upload('large.bin')
    await env.DB.prepare('UPDATE attachments SET size = ? WHERE id = ?')
      .bind(HTTP_LIMITS.replyAttachments + 1, large.id)
      .run()
    for (const id of [foreign.id, expired.id, large.id, 'att_none']) {
      expect(await fieldOf(reply({ text: 'x', attachmentIds: [id] }))).toBe('attachmentIds')
    }
    expect((await ticketDetail(d.deps, d.ticketId, {})).messageCount).toBe(2)
    const row = await env.DB.prepare('SELECT message_id FROM attachments WHERE id = ?').bind(foreign.id).first()
    expect(row).toEqual({ message_id: null })
  })

  it('go to one of two replies that race for them', async () => {
    const file = await d.upload('one.txt')
    const results = await Promise.allSettled([1, 2].map((n) => reply({ text: `${n}`, attachmentIds: [file.id] })))
    expect(results.map((result) => result.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect((await ticketDetail(d.deps, d.ticketId, {})).messageCount).toBe(3)
  })
})

describe('a new conversation', () => {
  const start = (body: Partial<Parameters<typeof writeNewTicket>[2]> = {}) =>
    writeNewTicket(d.deps, d.author, {
      inboxId: d.inboxId,
      subject: 'Your\r\nBcc: evil@x.example order',
      to: ['new@customer.example'],
      text: 'Hi',
      ...body,
    })

  it('makes contact, ticket and queued message in one go', async () => {
    await env.DB.prepare('UPDATE tenants SET last_ticket_number = 41 WHERE id = ?').bind(d.tenant.tenantId).run()
    const ticket = await ticketDetail(d.deps, await start(), {})
    expect(ticket).toMatchObject({
      number: 42,
      subject: 'Your Bcc: evil@x.example order',
      status: 'waiting',
      assigneeId: d.author.userId,
      contact: { email: 'new@customer.example' },
      messageCount: 1,
      messages: [{ direction: 'outbound', subject: 'Your Bcc: evil@x.example order', delivery: { state: 'queued' } }],
    })
    expect(await ticketDetail(d.deps, await start(), {})).toMatchObject({
      number: 43,
      contact: { id: ticket.contact.id },
    })
  })

  it('leaves nothing behind when its upload is gone', async () => {
    const file = await d.upload('a.txt')
    await reply({ text: 'x', attachmentIds: [file.id] })
    expect(await fieldOf(start({ attachmentIds: [file.id] }))).toBe('attachmentIds')
    const count = await env.DB.prepare('SELECT count(*) AS n FROM tickets WHERE tenant_id = ?')
      .bind(d.tenant.tenantId)
      .first()
    expect(count).toEqual({ n: 1 })
  })
})

it('a note is for the team: no address, no delivery, no change of activity', async () => {
  const text = `For us. ${'long '.repeat(10_000)}`
  const id = await writeNote(d.deps, d.author, d.ticketId, text)
  expect(await messageDetail(d.deps, id)).toMatchObject({
    direction: 'note',
    text,
    to: [],
    delivery: null,
    from: { name: 'The agent' },
  })
  const ticket = await ticketDetail(d.deps, d.ticketId, {})
  expect(ticket).toMatchObject({
    status: 'open',
    messageCount: 3,
    lastMessageAt: new Date(1_700_000_000_000).toISOString(),
  })
  expect(d.jobs.sent).toEqual([])
})

describe('sending again by hand', () => {
  it('queues a failed reply once for two clicks and keeps its Message-ID', async () => {
    const id = await reply({ text: 'x' })
    const before = await messageDetail(d.deps, id)
    await env.DB.prepare(
      "UPDATE messages SET delivery_state = 'failed', delivery_due_at = NULL, delivery_attempts = 10 WHERE id = ?",
    )
      .bind(id)
      .run()
    d.jobs.sent.length = 0
    await Promise.all([retryMessage(d.deps, id, NOW + 5), retryMessage(d.deps, id, NOW + 5)])
    await retryMessage(d.deps, id, NOW + 6)
    expect(d.jobs.sent).toHaveLength(1)
    expect(await messageDetail(d.deps, id)).toMatchObject({
      messageId: before.messageId,
      delivery: { state: 'queued', attempts: 0 },
    })
  })

  it('refuses what was sent, what was received, and what is not there', async () => {
    const id = await reply({ text: 'x' })
    await env.DB.prepare("UPDATE messages SET delivery_state = 'sent' WHERE id = ?").bind(id).run()
    await expect(retryMessage(d.deps, id, NOW)).rejects.toMatchObject({ code: 'conflict' })
    await expect(retryMessage(d.deps, `msg_${d.ticketId}0`, NOW)).rejects.toMatchObject({ code: 'conflict' })
    await expect(retryMessage({ ...d.deps, db: tenantDb(env.DB, 'ten_other') }, id, NOW)).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})
