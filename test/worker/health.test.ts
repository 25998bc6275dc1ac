import { env, SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'

it('answers the health question', async () => {
  const response = await SELF.fetch('http://postroom.test/api/health')
  expect(await response.json()).toEqual({ ok: true, version: '0.1.0', edition: 'enterprise' })
})

it('finds new messages by their words, per tenant, through the search triggers', async () => {
  const insert = (id: string, tenant: string, text: string) =>
    env.DB.prepare(
      "INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, text, received_at, created_at) VALUES (?, ?, 't', 'i', 'inbound', ?, 1, 1)",
    ).bind(id, tenant, text)
  await env.DB.batch([insert('m1', 'ten_a', 'Überweisung fehlt'), insert('m2', 'ten_b', 'Uberweisung da')])
  const found = await env.DB.prepare(
    'SELECT m.id FROM message_search s JOIN messages m ON m.rowid = s.rowid WHERE message_search MATCH ?',
  )
    .bind('tenant : "ten_a" AND uberweisung')
    .all()
  expect(found.results).toEqual([{ id: 'm1' }])
})
