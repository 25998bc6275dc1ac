// What becomes of the provider's own copy of a reply: outbound and ingest together, in whatever order they hear of it.
import { env } from 'cloudflare:test'
import PostalMime from 'postal-mime'
import { describe, expect, it, vi } from 'vitest'
import type { OutgoingMime, SendOutcome, SentCopy } from '../../../worker/contract/pipeline'
import { ticketDetail } from '../../../worker/features/tickets/detail'
import { writeNewTicket, writeReply } from '../../../worker/features/tickets/write-message'
import { runIngest } from '../../../worker/ingest/ingest-job'
import { releaseMail } from '../../../worker/ingest/ledger-actions'
import { type OutboundDeps, runOutbound } from '../../../worker/outbound/reply-job'
import { tenantDb } from '../../../worker/platform/db'
import { runPass } from '../../../worker/sync/pass'
import { addInbox, eml, makeWorld, type StoreOptions } from '../ingest/support'
import { keptJobs } from '../tickets/seed'

const MINUTE = 60_000
const WIRE = 'CA+wire@mail.gmail.com'
const copyOf = (copy: Partial<SentCopy> = {}): SentCopy => ({
  identity: 'gmail:copy',
  thread: 't1',
  messageId: null,
  ...copy,
})
const sentAs = (copy: SentCopy | null): SendOutcome => ({ result: 'sent', response: 'Accepted.', rejected: [], copy })

/** Gmail without network: a connected inbox, ann's mail on a ticket in conversation t1, and a provider that answers what it is told. */
async function desk() {
  const world = await makeWorld()
  const connect = (inboxId: string) =>
    env.DB.prepare(
      "UPDATE inboxes SET connection_type = 'google', config = ?, credentials = 'v1.k1.sealed' WHERE id = ?",
    )
      .bind(JSON.stringify({ google: { address: world.address, clientId: 'c', scopes: [], grantedAt: 1 } }), inboxId)
      .run()
  await connect(world.inboxId)
  const db = tenantDb(env.DB, world.tenantId)
  const take = async (raw: string, options: StoreOptions = {}) => {
    const id = await world.store(raw, { receivedAt: world.now, ...options })
    await world.ingest([id], options.inboxId)
    return world.ledger(id)
  }
  const first = await take(eml({ id: 'a@customer', to: world.address }), { thread: 't1', identity: 'gmail:a' })
  const ticketId = String(first.ticket_id)
  const handed: { mime: OutgoingMime; raw: string }[] = []
  let answer: () => Promise<SendOutcome> = async () => sentAs(copyOf())
  const outbound: OutboundDeps = {
    db: () => db,
    blobs: env.BLOBS,
    clock: () => world.now,
    random: () => 0,
    async sendMime(_tenantId, _inboxId, mime) {
      handed.push({ mime, raw: await new Response(await mime.open()).text() })
      return answer()
    },
  }
  const write = () => ({ db, blobs: env.BLOBS, jobs: keptJobs(), now: world.now, secret: env.AUTH_SECRET })
  const author = { userId: world.users.agent, userName: 'The agent' }
  const last = () => handed.at(-1)?.raw ?? ''
  return {
    ...{ world, db, ticketId, take, connect, handed, last, write, author },
    answers: (how: () => Promise<SendOutcome>) => {
      answer = how
    },
    reply: () => writeReply(write(), author, ticketId, { text: 'Use water.' }),
    run: (messageId: string) => runOutbound(outbound, { kind: 'outbound', tenantId: world.tenantId, messageId }),
    ticket: () => ticketDetail({ db, blobs: env.BLOBS }, ticketId, {}),
    message: async (id: string) =>
      (await world.rows('SELECT * FROM messages WHERE tenant_id = ?1 AND id = ?2', id))[0] ?? {},
    /** the last mail as it lies in Sent; `wireId` in place of our Message-ID, which `keep` names in Gmail's own field */
    inSent: (wireId?: string, keep = false) =>
      wireId === undefined
        ? last()
        : last().replace(
            /^Message-ID:\s*(<[^>]*>)/im,
            (_field, id) => `Message-ID: <${wireId}>${keep ? `\r\nX-Google-Original-Message-ID: ${id}` : ''}`,
          ),
    /** one pass over a mailbox that lists these messages */
    async discover(...identities: string[]) {
      const jobs = keptJobs()
      const provider = {
        changes: async () => ({ refs: identities.map((identity) => ({ identity })), next: 1, more: false }),
      }
      return runPass(
        { db, jobs, provider, clock: () => world.now },
        { inboxId: world.inboxId, cursor: null, mailbox: 1, live: true },
        async () => {},
      )
    },
    ledgerOf: (identity: string) => world.rows('SELECT * FROM ledger WHERE tenant_id = ?1 AND identity = ?2', identity),
  }
}

/** A reply whose worker is stuck in the middle of sending it; `finish` lets the provider answer. */
async function stuck(d: Awaited<ReturnType<typeof desk>>) {
  let finish: (outcome: SendOutcome) => void = () => {}
  d.answers(() => new Promise((resolve) => (finish = resolve)))
  const id = await d.reply()
  const running = d.run(id)
  await vi.waitFor(() => expect(d.handed).toHaveLength(1))
  return {
    id,
    async finish(outcome: SendOutcome) {
      finish(outcome)
      await running
    },
  }
}

describe('our reply comes back through the history of its mailbox', () => {
  it('under the same Message-ID: it is known, and stays one message', async () => {
    const d = await desk()
    const id = await d.reply()
    await d.run(id)
    const row = await d.take(d.inSent(), { role: 'sent', thread: 't1', identity: 'gmail:other' })
    expect(row).toMatchObject({ disposition: 'suppressed', reason: 'own_message', ticket_id: null })
    expect((await d.ticket()).messageCount).toBe(2)
  })

  it('under another Message-ID that names ours: the customer’s answer to either one threads', async () => {
    const d = await desk()
    d.answers(async () => sentAs(null))
    const id = await d.reply()
    await d.run(id)
    const ours = String((await d.message(id)).message_id)
    const row = await d.take(d.inSent(WIRE, true), { role: 'sent', thread: 't2', identity: 'gmail:copy' })
    expect(row).toMatchObject({ disposition: 'suppressed', reason: 'own_message' })
    expect(await d.message(id)).toMatchObject({
      message_id: WIRE,
      delivery_state: 'sent',
      delivery_detail: 'Accepted.',
    })
    for (const inReplyTo of [WIRE, ours]) {
      const answer = await d.take(eml({ from: 'ann@phone.test', inReplyTo }))
      expect(answer).toMatchObject({ disposition: 'reply_added', ticket_id: d.ticketId })
    }
    const byThread = await d.take(eml({ subject: 'No header at all' }), { thread: 't2' })
    expect(byThread).toMatchObject({ reason: 'provider_thread', ticket_id: d.ticketId })
  })

  it('under another Message-ID that nobody could tell us: it is known by when it was written', async () => {
    const d = await desk()
    const id = await d.reply()
    await d.run(id)
    const row = await d.take(d.inSent(WIRE), { role: 'sent', thread: 't1', identity: 'gmail:copy@2' })
    expect(row).toMatchObject({ disposition: 'suppressed', reason: 'own_message' })
    expect(await d.message(id)).toMatchObject({ message_id: WIRE, delivery_detail: 'Accepted.' })
  })

  it('under another Message-ID and without the headers that tie it to the ticket: whom it went to and when does', async () => {
    const d = await desk()
    const id = await d.reply()
    await d.run(id)
    const bare = d.inSent(WIRE).replace(/^(In-Reply-To|References):.*\r\n([ \t].*\r\n)*/gim, '')
    expect(bare).not.toMatch(/^(In-Reply-To|References):/im)
    const other = bare.replace(/^Date: .*$/m, 'Date: Tue, 20 Oct 2026 09:00:00 +0000')
    expect(await d.take(other, { role: 'sent', identity: 'gmail:other' })).toMatchObject({ reason: 'sent_elsewhere' })
    expect(await d.take(bare, { role: 'sent', thread: 't2', identity: 'gmail:copy@2' })).toMatchObject({
      disposition: 'suppressed',
      reason: 'own_message',
    })
    expect(await d.message(id)).toMatchObject({ message_id: WIRE })
    expect(await d.take(eml({ from: 'ann@phone.test', inReplyTo: WIRE }))).toMatchObject({ ticket_id: d.ticketId })
  })

  it('is one: what is written in Gmail within the same second is a message of its own', async () => {
    const d = await desk()
    d.answers(async () => sentAs(copyOf({ messageId: WIRE })))
    await d.run(await d.reply())
    const row = await d.take(d.inSent('ui@gmail'), { role: 'sent', thread: 't1', identity: 'gmail:ui' })
    expect(row).toMatchObject({ disposition: 'reply_added' })
    expect((await d.ticket()).messageCount).toBe(3)
  })

  it('after its sending was recorded: no second row, and nothing to fetch', async () => {
    const d = await desk()
    d.answers(async () => sentAs(copyOf({ messageId: WIRE })))
    await d.run(await d.reply())
    expect(await d.discover('gmail:copy')).toMatchObject({ found: 1, queued: 0 })
    expect(await d.ledgerOf('gmail:copy')).toMatchObject([
      {
        ...{ state: 'done', disposition: 'suppressed', reason: 'own_message', role: 'sent', due_at: null },
        ...{
          message_id: WIRE,
          from_address: d.world.address,
          subject: 'Re: Printer on fire',
          inbox_id: d.world.inboxId,
        },
      },
    ])
    const [row] = await d.ledgerOf('gmail:copy')
    await expect(releaseMail(d.world.deps, d.db, String(row?.id))).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('in its ticket already'),
    })
  })

  it('listed, but not fetched, before its sending was recorded: the row ends there', async () => {
    const d = await desk()
    const sending = await stuck(d)
    expect(await d.discover('gmail:copy')).toMatchObject({ queued: 1 })
    await sending.finish(sentAs(copyOf({ messageId: WIRE })))
    expect(await d.ledgerOf('gmail:copy')).toMatchObject([{ state: 'done', reason: 'own_message', due_at: null }])
  })

  it('of another tenant’s mailbox with the same identity ends nothing here', async () => {
    const [one, two] = [await desk(), await desk()]
    await two.discover('gmail:copy')
    await one.run(await one.reply())
    expect(await two.ledgerOf('gmail:copy')).toMatchObject([{ state: 'discovered' }])
  })
})

describe('the copy shows up while the reply is still being sent', () => {
  it('and is known by its Message-ID at once; the answer that comes later changes nothing', async () => {
    const d = await desk()
    const sending = await stuck(d)
    await d.take(d.inSent(), { role: 'sent', thread: 't1', identity: 'gmail:copy' })
    expect(await d.message(sending.id)).toMatchObject({ delivery_state: 'sent', delivery_due_at: null })
    await sending.finish({ result: 'unknown', message: 'Timed out.' })
    expect(await d.message(sending.id)).toMatchObject({ delivery_state: 'sent', sent_at: d.world.now })
    expect(await d.ledgerOf('gmail:copy')).toMatchObject([{ disposition: 'suppressed', reason: 'own_message' }])
  })

  /** Nothing left that could be recognised: another Message-ID, another Date. */
  const disguised = (d: Awaited<ReturnType<typeof desk>>) =>
    d.inSent(WIRE).replace(/^Date: .*$/m, 'Date: Tue, 20 Oct 2026 09:00:00 +0000')

  it('under a Message-ID that nobody knows: it waits, costs no try, and ends with the sending', async () => {
    const d = await desk()
    const sending = await stuck(d)
    for (let round = 0; round < 10; round++) {
      if (round === 0) await d.take(disguised(d), { role: 'sent', thread: 't1', identity: 'gmail:copy' })
      d.world.now += 10_000
      await runIngest(d.world.deps, { kind: 'ingest', tenantId: d.world.tenantId, inboxId: d.world.inboxId })
      const [row] = await d.ledgerOf('gmail:copy')
      expect(row).toMatchObject({ state: 'stored', attempts: 0, due_at: d.world.now + 5_000 })
    }
    await sending.finish(sentAs(copyOf({ messageId: WIRE })))
    expect(await d.ledgerOf('gmail:copy')).toMatchObject([
      { state: 'done', disposition: 'suppressed', reason: 'own_message' },
    ])
    expect((await d.ticket()).messageCount).toBe(2)
  })

  it('and is then known by the id on the wire where its identity was not', async () => {
    const d = await desk()
    const sending = await stuck(d)
    await d.take(disguised(d), { role: 'sent', thread: 't1', identity: 'gmail:copy@2' })
    await sending.finish(sentAs(copyOf({ messageId: WIRE })))
    d.world.now += 10_000
    await runIngest(d.world.deps, { kind: 'ingest', tenantId: d.world.tenantId, inboxId: d.world.inboxId })
    expect(await d.ledgerOf('gmail:copy@2')).toMatchObject([{ disposition: 'suppressed', reason: 'own_message' }])
    expect((await d.ticket()).messageCount).toBe(2)
  })

  it('a reply written in Gmail meanwhile waits too, and is then recorded', async () => {
    const d = await desk()
    const sending = await stuck(d)
    const raw = eml({ from: d.world.address, to: 'ann@customer.test', id: 'ui@gmail', inReplyTo: 'a@customer' })
    expect(await d.take(raw, { role: 'sent', identity: 'gmail:ui' })).toMatchObject({ state: 'stored' })
    await sending.finish(sentAs(copyOf()))
    d.world.now += 10_000
    await runIngest(d.world.deps, { kind: 'ingest', tenantId: d.world.tenantId, inboxId: d.world.inboxId })
    expect(await d.ledgerOf('gmail:ui')).toMatchObject([{ disposition: 'reply_added', reason: 'in_reply_to' }])
    expect((await d.ticket()).messageCount).toBe(3)
  })
})

describe('a crash in the middle of a send', () => {
  it.each([
    ['its Message-ID', undefined, false],
    ['the Message-ID Gmail took away', WIRE, true],
    ['when it was written', WIRE, false],
  ])('is settled by the copy in Sent, known by %s: it was sent', async (_how, wireId, keep) => {
    const d = await desk()
    const { id } = await stuck(d)
    d.world.now += 16 * MINUTE
    await d.run(id)
    expect(await d.message(id)).toMatchObject({ delivery_state: 'failed', sent_at: null })
    expect((await d.ticket()).status).toBe('open')
    const row = await d.take(d.inSent(wireId, keep), { role: 'sent', thread: 't1', identity: 'gmail:copy' })
    expect(row).toMatchObject({ disposition: 'suppressed', reason: 'own_message' })
    expect(await d.message(id)).toMatchObject({ delivery_state: 'sent', sent_at: d.world.now })
    const { messages } = await d.ticket()
    expect(messages.filter((message) => message.direction === 'outbound')).toMatchObject([
      { delivery: { state: 'sent', detail: expect.stringContaining('sent mail') } },
    ])
    await d.run(id)
    expect(d.handed).toHaveLength(1)
  })

  it('is settled by no mail that only looks like it: a bounced reply stays failed', async () => {
    const d = await desk()
    const id = await d.reply()
    await d.run(id)
    await env.DB.prepare(
      "UPDATE messages SET delivery_state = 'failed', delivery_detail = 'No such user.' WHERE id = ?",
    )
      .bind(id)
      .run()
    await d.take(d.inSent(), { role: 'sent', identity: 'gmail:again' })
    expect(await d.message(id)).toMatchObject({ delivery_state: 'failed', delivery_detail: 'No such user.' })
  })
})

describe('lesson 19: the Message-ID on the wire', () => {
  it('is what the customer’s answer names, and what our later replies name', async () => {
    const d = await desk()
    d.answers(async () => sentAs(copyOf({ messageId: WIRE })))
    await d.run(await d.reply())
    const answer = await d.take(eml({ id: 'b@customer', from: 'ann@phone.test', inReplyTo: WIRE }))
    expect(answer).toMatchObject({ reason: 'in_reply_to', ticket_id: d.ticketId })
    d.world.now += MINUTE
    await d.run(await d.reply())
    const next = await PostalMime.parse(d.last())
    expect(next.inReplyTo).toBe('<b@customer>')
    expect(next.references).toContain(`<${WIRE}>`)
  })

  it('that could not be read changes nothing: ours stays', async () => {
    const d = await desk()
    const id = await d.reply()
    const before = (await d.message(id)).message_id
    await d.run(id)
    expect(await d.message(id)).toMatchObject({ message_id: before, delivery_state: 'sent' })
  })
})

describe('the conversation a reply is sent into', () => {
  it('is the provider’s latest one of this ticket and inbox', async () => {
    const d = await desk()
    await d.take(eml({ inReplyTo: 'a@customer' }), { thread: 't9' })
    await d.run(await d.reply())
    expect(d.handed[0]?.mime.thread).toBe('t9')
  })

  it('is known of a conversation we began once its first mail was sent', async () => {
    const d = await desk()
    d.answers(async () => sentAs(copyOf({ thread: 't5' })))
    const ticketId = await writeNewTicket(d.write(), d.author, {
      inboxId: d.world.inboxId,
      subject: 'Hi',
      to: ['zoe@else.test'],
      text: 'Hello',
    })
    const [message] = (await ticketDetail({ db: d.db, blobs: env.BLOBS }, ticketId, {})).messages
    await d.run(String(message?.id))
    await d.run(await writeReply(d.write(), d.author, ticketId, { text: 'Still there?' }))
    expect(d.handed.map(({ mime }) => mime.thread)).toEqual([null, 't5'])
  })

  it('is never one that a mail program made up', async () => {
    const d = await desk()
    const index = 'AQHZ0123456789abcdefABCDEF0123456789'
    const row = await d.take(eml({ from: 'zoe@else.test', headers: [`Thread-Index: ${index}`] }))
    expect(
      await d.world.rows(
        "SELECT message_id AS id FROM thread_refs WHERE tenant_id = ?1 AND kind = 'provider_thread' AND ticket_id = ?2",
        row.ticket_id,
      ),
    ).toEqual([{ id: `${d.world.inboxId}:outlook:${index.slice(0, 28)}` }])
    await d.run(await writeReply(d.write(), d.author, String(row.ticket_id), { text: 'x' }))
    expect(d.handed[0]?.mime.thread).toBeNull()
  })

  it('is none where the ticket was transferred to another inbox', async () => {
    const d = await desk()
    const other = await addInbox(d.world.tenantId, `sales@${d.world.tenantId.slice(4)}.test`)
    await d.connect(other)
    await env.DB.prepare('UPDATE tickets SET inbox_id = ? WHERE id = ?').bind(other, d.ticketId).run()
    await d.run(await d.reply())
    expect(d.handed[0]?.mime.thread).toBeNull()
  })

  it('is none where a ticket of another inbox was merged into this one, even when its customer goes on there', async () => {
    const d = await desk()
    const other = await addInbox(d.world.tenantId, `sales@${d.world.tenantId.slice(4)}.test`)
    await d.connect(other)
    const { ticket_id: target } = await d.take(eml({ from: 'zoe@else.test' }), { inboxId: other })
    await env.DB.prepare('UPDATE tickets SET merged_into_id = ? WHERE id = ?').bind(target, d.ticketId).run()
    const more = await d.take(eml({ inReplyTo: 'a@customer' }), { thread: 't1' })
    expect(more.ticket_id).toBe(target)
    await d.run(await writeReply(d.write(), d.author, String(target), { text: 'x' }))
    expect(d.handed[0]?.mime.thread).toBeNull()
  })
})

it('a reply over the provider’s limit fails in the provider’s words', async () => {
  const d = await desk()
  d.answers(async () => ({
    result: 'failed',
    message: 'Gmail takes mails of up to 35 MB.',
    hint: 'Send a smaller file.',
  }))
  const id = await d.reply()
  await d.run(id)
  expect(await d.message(id)).toMatchObject({
    delivery_state: 'failed',
    delivery_detail: 'Gmail takes mails of up to 35 MB. Send a smaller file.',
  })
})
