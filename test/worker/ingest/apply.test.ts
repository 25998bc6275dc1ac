// The zero-rows path: a plan whose assumptions no longer hold writes nothing, whoever overtook it.
import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { applyPlans } from '../../../worker/ingest/apply'
import { gatherFacts } from '../../../worker/ingest/facts'
import type { MailItem } from '../../../worker/ingest/mail-item'
import { planBatch } from '../../../worker/ingest/plan-batch'
import { tenantDb } from '../../../worker/platform/db'
import { newId } from '../../../worker/platform/ids'
import { mail } from '../../unit/ingest/support'
import { eml, makeWorld, type World } from './support'

/** Plans mails of stored rows now, to be applied later. */
async function planned(world: World, items: MailItem[]) {
  const db = tenantDb(env.DB, world.tenantId)
  const plans = planBatch(items, await gatherFacts(db, world.inboxId, items), world.inboxId, world.now)
  const ready = plans.map((plan) => ({ ...plan, rawKey: 'k', rawSize: 1, bodyKey: null, attachments: [] }))
  return { kinds: plans.map(({ plan }) => plan.kind), apply: () => applyPlans({ db, newId }, ready, world.now) }
}

const counts = (world: World) =>
  world.rows(
    `SELECT (SELECT count(*) FROM tickets WHERE tenant_id = ?1) AS tickets, (SELECT count(*) FROM messages WHERE tenant_id = ?1) AS messages,
       (SELECT count(*) FROM contacts WHERE tenant_id = ?1) AS contacts, (SELECT count(*) FROM thread_refs WHERE tenant_id = ?1) AS refs,
       (SELECT last_ticket_number FROM tenants WHERE id = ?1) AS numbered`,
  )

describe('a plan that was overtaken writes nothing', () => {
  it('when the row has been ended by another delivery', async () => {
    const world = await makeWorld()
    const id = await world.store(eml())
    const one = await planned(world, [mail({ id })])
    const two = await planned(world, [mail({ id })])
    expect([...(await one.apply())]).toEqual([id])
    const before = await counts(world)
    expect([...(await two.apply())]).toEqual([])
    expect(await counts(world)).toEqual(before)
  })

  it('when two applies of the same rows run at once: one wins all of them', async () => {
    const world = await makeWorld()
    const ids = [await world.store(eml()), await world.store(eml())]
    const items = ids.map((id) => mail({ id }))
    const [one, two] = [await planned(world, items), await planned(world, items)]
    const won = await Promise.all([one.apply(), two.apply()])
    expect(won.map((set) => set.size).sort()).toEqual([0, 2])
    expect(await counts(world)).toEqual([{ tickets: 2, messages: 2, contacts: 1, refs: 2, numbered: 2 }])
  })

  it("when a new ticket's thread has appeared in the meantime", async () => {
    const world = await makeWorld()
    const [root, answer] = [await world.store(eml()), await world.store(eml())]
    const late = await planned(world, [mail({ id: answer, inReplyTo: ['root@x'] })])
    expect(late.kinds).toEqual(['new_ticket'])
    await (await planned(world, [mail({ id: root, messageId: 'root@x' })])).apply()
    expect([...(await late.apply())]).toEqual([])
    expect((await planned(world, [mail({ id: answer, inReplyTo: ['root@x'] })])).kinds).toEqual(['reply'])
    expect(await counts(world)).toEqual([{ tickets: 1, messages: 1, contacts: 1, refs: 1, numbered: 1 }])
  })

  it('when its ticket has been merged away', async () => {
    const world = await makeWorld()
    await world.deliver(eml({ id: 'root@x' }))
    const id = await world.store(eml())
    const reply = await planned(world, [mail({ id, inReplyTo: ['root@x'] })])
    await env.DB.prepare("UPDATE tickets SET merged_into_id = 'tkt_other' WHERE tenant_id = ?")
      .bind(world.tenantId)
      .run()
    expect([...(await reply.apply())]).toEqual([])
  })

  it('when the mail of the same batch that it builds on has lost', async () => {
    const world = await makeWorld()
    const [root, answer, twin] = [await world.store(eml()), await world.store(eml()), await world.store(eml())]
    const batch = await planned(world, [
      mail({ id: root, messageId: 'root@x', receivedAt: 1e12 }),
      mail({ id: answer, messageId: 'answer@x', digest: 'd', inReplyTo: ['root@x'], receivedAt: 1e12 + 1 }),
      mail({ id: twin, messageId: 'answer@x', digest: 'd', inReplyTo: ['root@x'], receivedAt: 1e12 + 2 }),
    ])
    expect(batch.kinds).toEqual(['new_ticket', 'reply', 'duplicate'])
    await (await planned(world, [mail({ id: root, messageId: 'root@x' })])).apply()
    expect([...(await batch.apply())]).toEqual([])
    expect(await world.ledger(twin)).toMatchObject({ state: 'stored', disposition: null })
  })

  it('and nothing is half written when one statement fails', async () => {
    const world = await makeWorld()
    const id = await world.store(eml())
    const plan = await planned(world, [mail({ id })])
    await env.DB.prepare('UPDATE tenants SET last_ticket_number = 4 WHERE id = ?').bind(world.tenantId).run()
    await env.DB.prepare(
      "INSERT INTO tickets (id, tenant_id, number, subject, status, inbox_id, contact_id, last_message_at, created_at, updated_at) VALUES ('tkt_in_the_way', ?, 5, '', 'open', 'i', 'c', 1, 1, 1)",
    )
      .bind(world.tenantId)
      .run()
    await expect(plan.apply()).rejects.toThrow()
    expect(await world.ledger(id)).toMatchObject({ state: 'stored', disposition: null, apply_token: null })
    expect(await world.rows('SELECT id FROM contacts WHERE tenant_id = ?1')).toEqual([])
  })
})

it('50 mails with long texts, wide characters and long chains go in one apply', async () => {
  const world = await makeWorld()
  const items: MailItem[] = []
  for (let n = 0; n < 50; n++) {
    const item = mail({
      id: await world.store(eml()),
      references: Array.from({ length: 200 }, (_, k) => `${'x'.repeat(150)}${n}-${k}@x`),
    })
    items.push({ ...item, mail: { ...item.mail, text: '€'.repeat(40_000) } })
  }
  expect((await (await planned(world, items)).apply()).size).toBe(50)
  expect(
    await world.rows('SELECT count(*) AS n, max(length(text)) AS longest FROM messages WHERE tenant_id = ?1'),
  ).toEqual([{ n: 50, longest: 32_000 }])
})
