// Which mail is to be marked in its mailbox: received mail that an apply has put on a ticket, where the inbox asked for that by then.
import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { releaseMail } from '../../../worker/ingest/ledger-actions'
import { tenantDb } from '../../../worker/platform/db'
import { addInbox, eml, makeWorld, type World } from './support'

const want = (inboxId: string, action: string) =>
  env.DB.prepare('UPDATE inboxes SET mark_processed = ? WHERE id = ?').bind(action, inboxId).run()
const due = async (world: World, id: string) => (await world.ledger(id)).mark_due_at

describe('mail that has just been filed', () => {
  it('is due at once as a ticket, as a reply and as a duplicate', async () => {
    const world = await makeWorld()
    await want(world.inboxId, 'category')
    const [ticket = ''] = await world.deliver(eml({ id: 'a@x' }))
    const [reply = '', copy = ''] = await world.deliver(eml({ inReplyTo: 'a@x' }), eml({ id: 'a@x' }))
    for (const [id, disposition] of [
      [ticket, 'ticket_created'],
      [reply, 'reply_added'],
      [copy, 'duplicate'],
    ] as const)
      expect(await world.ledger(id)).toMatchObject({ disposition, mark_due_at: world.now, mark_attempts: 0 })
  })

  it('is not, where the inbox asks for nothing; nor when it asks only afterwards', async () => {
    const world = await makeWorld()
    const other = await addInbox(world.tenantId, 'other@acme.test')
    await want(other, 'read')
    const [id = ''] = await world.deliver(eml())
    await want(world.inboxId, 'read')
    expect(await due(world, id)).toBeNull()
  })

  it('is not, where it was suppressed or lies in Sent', async () => {
    const world = await makeWorld()
    await want(world.inboxId, 'read')
    const loop = await world.store(eml({ from: world.address, headers: ['Auto-Submitted: auto-replied'] }))
    const sent = await world.store(eml({ from: world.address, to: 'b@customer.test' }), { role: 'sent' })
    await world.ingest([loop, sent])
    for (const id of [loop, sent]) expect(await world.ledger(id)).toMatchObject({ state: 'done', mark_due_at: null })
  })

  it('is due when a person releases it', async () => {
    const world = await makeWorld()
    await want(world.inboxId, 'read')
    const loop = await world.store(eml({ from: world.address, headers: ['Auto-Submitted: auto-replied'] }))
    await world.ingest([loop])
    world.now += 1_000
    await releaseMail(world.deps, tenantDb(env.DB, world.tenantId), loop)
    expect(await world.ledger(loop)).toMatchObject({ disposition: 'ticket_created', mark_due_at: world.now })
  })
})
