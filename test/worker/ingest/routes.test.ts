import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { Job } from '../../../worker/contract/jobs'
import { releaseMail, replayMail } from '../../../worker/ingest/ledger-actions'
import { previewMail } from '../../../worker/ingest/preview'
import { tenantDb } from '../../../worker/platform/db'
import { newId } from '../../../worker/platform/ids'
import { eml, emlWith, makeWorld, type World } from './support'

function preview(world: World, raw: string | Uint8Array, inboxId: string | null = world.inboxId) {
  const bytes = typeof raw === 'string' ? new TextEncoder().encode(raw.replace(/\r?\n/g, '\r\n')) : raw
  const deps = { db: tenantDb(env.DB, world.tenantId), blobs: env.BLOBS, newId, authSecret: env.AUTH_SECRET }
  return previewMail(deps, inboxId, new Blob([bytes]).stream())
}

describe('the preview', () => {
  it('says how a mail reads and what would become of it, and writes nothing', async () => {
    const world = await makeWorld()
    await world.deliver(eml({ id: 'a@x' }))
    const dump = () =>
      Promise.all(
        ['ledger', 'tickets', 'messages', 'contacts', 'attachments'].map((table) =>
          world.rows(`SELECT * FROM ${table} WHERE tenant_id = ?1`),
        ),
      )
    const before = await dump()
    const raw = emlWith([{ name: 'a.bin', bytes: new Uint8Array(100) }], {
      id: 'b@x',
      inReplyTo: 'a@x',
      subject: 'Re: Printer',
    })
    const [ticket] = await world.rows<{ id: string }>('SELECT id FROM tickets WHERE tenant_id = ?1')
    expect(await preview(world, raw)).toMatchObject({
      message: {
        subject: 'Re: Printer',
        from: { name: 'Ann', email: 'ann@customer.test' },
        messageId: 'b@x',
        inReplyTo: 'a@x',
        attachments: [{ filename: 'a.bin', size: 100, decision: 'store', inline: false }],
      },
      plan: {
        disposition: 'reply_added',
        matchedBy: 'in_reply_to',
        ticketId: ticket?.id,
        automated: { is: false, rule: null },
      },
    })
    expect(await dump()).toEqual(before)
    expect(world.jobs).toEqual([])
  })

  it('recognises a mail that is there already, and an automatic answer to nothing', async () => {
    const world = await makeWorld()
    const raw = eml({ id: 'a@x' })
    await world.deliver(raw)
    expect((await preview(world, raw)).plan).toMatchObject({ disposition: 'duplicate' })
    expect((await preview(world, eml({ headers: ['Auto-Submitted: auto-replied'] }))).plan).toMatchObject({
      disposition: 'suppressed',
      reason: 'auto_reply',
      automated: { is: true },
    })
  })

  it('reads a mail too large for memory from a temporary object, and removes it', async () => {
    const world = await makeWorld()
    const file = new Uint8Array(6 * 1024 * 1024).fill(7)
    const answer = await preview(world, emlWith([{ name: 'big.bin', bytes: file }], { body: 'Have a look.' }))
    expect(answer.message).toMatchObject({
      attachments: [{ filename: 'big.bin', size: file.length }],
      text: expect.stringContaining('Have a look.'),
    })
    expect((await env.BLOBS.list({ prefix: `${world.tenantId}/preview/` })).objects).toEqual([])
  })

  it.each([
    ['nothing', ''],
    ['one byte', '\0'],
    ['a boundary without end', 'Content-Type: multipart/mixed; boundary="'],
    ['noise', crypto.getRandomValues(new Uint8Array(30_000))],
  ])('answers for %s', async (_name, raw) => {
    const world = await makeWorld()
    expect((await preview(world, raw)).plan.disposition).toBe('ticket_created')
  })

  it('knows no inbox of another tenant', async () => {
    const world = await makeWorld()
    const other = await makeWorld()
    await expect(preview(world, eml(), other.inboxId)).rejects.toMatchObject({ code: 'not_found' })
    expect((await preview(world, eml(), null)).plan.disposition).toBe('ticket_created')
  })
})

describe('over HTTP', () => {
  it('an agent may preview any bytes', async () => {
    const world = await makeWorld()
    for (const body of [eml(), '', new Uint8Array([0, 255, 13, 10])]) {
      const answer = await world.fetch('agent', `/api/messages/preview?inboxId=${world.inboxId}`, {
        method: 'POST',
        body,
      })
      expect(answer.status).toBe(200)
      expect(await answer.json()).toMatchObject({ plan: { disposition: 'ticket_created' } })
    }
  })

  it('only who may change the ledger releases and replays', async () => {
    const world = await makeWorld()
    const [id] = await world.deliver(eml({ headers: ['Auto-Submitted: auto-replied'] }))
    for (const action of ['release', 'replay']) {
      expect((await world.fetch('agent', `/api/ledger/${id}/${action}`, { method: 'POST' })).status).toBe(403)
    }
    const answer = await world.fetch('admin', `/api/ledger/${id}/release`, { method: 'POST' })
    expect(await answer.json()).toMatchObject({ id, disposition: 'ticket_created' })
  })
})

describe('release and replay', () => {
  const act = (world: World, what: typeof releaseMail, id: string) =>
    what(world.deps, tenantDb(env.DB, world.tenantId), id)

  it('release makes a ticket of a suppressed mail, once', async () => {
    const world = await makeWorld()
    const [id] = await world.deliver(eml({ headers: ['Auto-Submitted: auto-replied'] }))
    expect(await world.ledger(String(id))).toMatchObject({ disposition: 'suppressed' })
    const first = await act(world, releaseMail, String(id))
    expect(first).toMatchObject({
      disposition: 'ticket_created',
      state: 'done',
      ticketId: expect.stringMatching(/^tkt_/),
    })
    expect(await act(world, releaseMail, String(id))).toEqual(first)
    expect(await world.rows('SELECT count(*) AS n FROM messages WHERE tenant_id = ?1')).toEqual([{ n: 1 }])
  })

  it('a release that is interrupted is still a release when the retry path takes it up', async () => {
    const world = await makeWorld()
    const [id] = await world.deliver(eml({ headers: ['Auto-Submitted: auto-replied'] }))
    await env.DB.prepare(
      "UPDATE ledger SET state = 'stored', disposition = NULL, reason = 'released', due_at = 0 WHERE id = ?",
    )
      .bind(id)
      .run()
    await world.ingest([String(id)])
    expect(await world.ledger(String(id))).toMatchObject({ disposition: 'ticket_created' })
  })

  it('replay runs a quarantined mail again from its original and leaves finished ones alone', async () => {
    const world = await makeWorld()
    const [done, held] = await world.deliver(eml(), eml())
    await env.DB.prepare(
      "UPDATE ledger SET disposition = 'quarantined', reason = 'ingest_failed', ticket_id = NULL, message_row_id = NULL WHERE id = ?",
    )
      .bind(held)
      .run()
    await env.DB.prepare('DELETE FROM messages WHERE ledger_id = ?').bind(held).run()
    await env.DB.prepare('DELETE FROM thread_refs WHERE ticket_id IN (SELECT id FROM tickets WHERE id LIKE ?)')
      .bind(`%${String(held).slice(4)}`)
      .run()
    await env.DB.prepare('DELETE FROM tickets WHERE id LIKE ?')
      .bind(`%${String(held).slice(4)}`)
      .run()
    expect(await act(world, replayMail, String(held))).toMatchObject({ disposition: 'ticket_created' })
    const before = await world.ledger(String(done))
    expect(await act(world, replayMail, String(done))).toMatchObject({ disposition: 'ticket_created' })
    expect(await world.ledger(String(done))).toEqual(before)
  })

  it('replay of a mail that was never stored asks the mailbox again; there is nothing to release', async () => {
    const world = await makeWorld()
    const id = await world.store(eml())
    await env.DB.prepare(
      "UPDATE ledger SET state = 'done', disposition = 'quarantined', reason = 'fetch_failed', raw_key = NULL, due_at = NULL WHERE id = ?",
    )
      .bind(id)
      .run()
    await expect(act(world, releaseMail, id)).rejects.toMatchObject({ code: 'conflict' })
    expect(await act(world, replayMail, id)).toMatchObject({ state: 'discovered', disposition: null, attempts: 0 })
    expect(world.jobs).toEqual([{ kind: 'fetch', tenantId: world.tenantId, inboxId: world.inboxId } satisfies Job])
  })

  it('a row of another tenant is not there', async () => {
    const [world, other] = [await makeWorld(), await makeWorld()]
    const [id] = await other.deliver(eml())
    await expect(act(world, releaseMail, String(id))).rejects.toMatchObject({ code: 'not_found' })
    await expect(act(world, replayMail, String(id))).rejects.toMatchObject({ code: 'not_found' })
  })
})
