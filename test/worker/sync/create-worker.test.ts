// The Worker's queue, cron and email entries: what each job's end means for its message, and a mail's whole way in.
import { createExecutionContext, createMessageBatch, env, getQueueResult } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { createWorker } from '../../../worker/create-worker'
import type { Env } from '../../../worker/env'
import { smallMail } from '../../support/fake-provider'
import { givenInbox, ledgerOf } from './rows'

const worker = createWorker([])

async function consume(bodies: unknown[], bindings: Env = env as Env) {
  const messages = bodies.map((body, n) => ({ id: `m${n}`, timestamp: new Date(1), attempts: 1, body }))
  const batch = createMessageBatch('mail-fetch', messages)
  await worker.queue?.(batch, bindings, createExecutionContext())
  const result = await getQueueResult(batch, createExecutionContext())
  return { acked: result.explicitAcks, retried: result.retryMessages.map((message) => message.msgId) }
}

const withoutD1 = () =>
  new Proxy(env, {
    get(target, name) {
      if (name !== 'DB') return Reflect.get(target, name)
      return new Proxy(env.DB, {
        get() {
          throw new Error('D1 is down')
        },
      })
    },
  }) as Env

describe('the queue', () => {
  it('acknowledges a job it does not know, so that it blocks nobody', async () => {
    const unknown = [{ kind: 'nonsense' }, 'text', null, { kind: 'fetch' }]
    expect(await consume(unknown)).toEqual({ acked: ['m0', 'm1', 'm2', 'm3'], retried: [] })
  })

  it('acknowledges jobs for what is not there (any more)', async () => {
    const tenantId = 'ten_gone'
    expect(
      await consume([
        { kind: 'fetch', tenantId, inboxId: 'inb_gone' },
        { kind: 'ingest', tenantId, inboxId: 'inb_gone' },
        { kind: 'attachment', tenantId, attachmentIds: ['att_gone'] },
        { kind: 'outbound', tenantId, messageId: 'msg_gone' },
      ]),
    ).toEqual({ acked: ['m0', 'm1', 'm2', 'm3'], retried: [] })
  })

  it('retries a job when the platform fails, and settles the others of its batch on their own', async () => {
    const job = { kind: 'ingest', tenantId: 'ten_a', inboxId: 'inb_a' }
    expect(await consume([job, { kind: 'nonsense' }], withoutD1())).toEqual({ acked: ['m1'], retried: ['m0'] })
  })
})

describe('a mail from Email Routing', () => {
  it('is a ticket when the event ends', async () => {
    const inbox = await givenInbox({ type: 'forward', address: 'whole-way@example.com' })
    const { raw } = smallMail(7)
    await worker.email?.(
      {
        from: 'a@example.com',
        to: 'whole-way@example.com',
        raw: new Response(raw).body ?? new ReadableStream(),
        rawSize: raw.length,
        setReject: (reason: string) => {
          throw new Error(reason)
        },
      } as unknown as ForwardableEmailMessage,
      env as Env,
      createExecutionContext(),
    )
    expect((await ledgerOf(inbox)).map((row) => [row.state, row.disposition])).toEqual([['done', 'ticket_created']])
    const ticket = await env.DB.prepare('SELECT subject FROM tickets WHERE tenant_id = ?').bind(inbox.tenantId).first()
    expect(ticket).toEqual({ subject: 'Mail 7' })
  })
})

describe('the cron', () => {
  it('has a stored mail ingested whose first ingest was lost', async () => {
    const inbox = await givenInbox({ type: 'forward' })
    const { raw } = smallMail(8)
    await env.BLOBS.put('k', raw)
    await env.DB.prepare(
      `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, raw_key, size, due_at, created_at, updated_at)
       VALUES ('led_lost', ?, ?, 'x', '{}', 'stored', 'k', ?, 1, 1, 1)`,
    )
      .bind(inbox.tenantId, inbox.inboxId, raw.length)
      .run()
    const controller = { scheduledTime: Date.now(), cron: '* * * * *', noRetry: () => {} }
    await worker.scheduled?.(controller as ScheduledController, env as Env, createExecutionContext())
    await expect.poll(async () => (await ledgerOf(inbox))[0]?.disposition, { timeout: 10_000 }).toBe('ticket_created')
  })
})
