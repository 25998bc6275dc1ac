// What ingest costs does not grow with the tenant: every statement finds its rows by an index.
import { env } from 'cloudflare:test'
import { expect, it } from 'vitest'
import { runAttachments } from '../../../worker/ingest/attachment-job'
import { runIngest } from '../../../worker/ingest/ingest-job'
import { eml, emlWith, makeWorld } from './support'

/** json_each and what was read from it; FTS5 by its rowid; the messages of one ticket, already looked up. */
const ALLOWED = / VIRTUAL TABLE INDEX \d+:=?$|^SCAN m$|^SCAN \(subquery-\d+\)$|^SCAN candidate$/

it('no statement of facts, apply, claims and attachments scans a table', async () => {
  const world = await makeWorld()
  const seen = new Map<string, (string | number | null)[]>()
  const real = world.deps.db
  world.deps.db = (tenantId) => {
    const db = real(tenantId)
    return {
      ...db,
      prepare(sql, ...params) {
        seen.set(sql, [tenantId, ...params])
        return db.prepare(sql, ...params)
      },
    }
  }
  await world.deliver(eml({ id: 'a@x' }))
  const big = await world.store(emlWith([{ name: 'big.bin', bytes: new Uint8Array(1_200_000) }], { inReplyTo: 'a@x' }))
  await world.store(eml()).then(async (id) => env.BLOBS.delete(String((await world.ledger(id)).raw_key)))
  await env.DB.prepare(
    `INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, message_id, delivery_state, delivery_due_at, received_at, created_at)
     SELECT 'msg_' || id, tenant_id, id, inbox_id, 'outbound', 'ours@x', 'sending', 9e12, 1, 1 FROM tickets WHERE tenant_id = ?`,
  )
    .bind(world.tenantId)
    .run()
  const copy = await world.store(eml({ id: 'ours@x', inReplyTo: 'a@x' }), { role: 'sent' })
  const waiting = await world.store(eml({ inReplyTo: 'a@x' }), { role: 'sent' })
  await world.ingest([big, copy, waiting])
  expect(await world.ledger(copy)).toMatchObject({ reason: 'own_message' })
  expect(await world.ledger(waiting)).toMatchObject({ state: 'stored', attempts: 0 })
  await runIngest(world.deps, { kind: 'ingest', tenantId: world.tenantId, inboxId: world.inboxId })
  for (const job of world.jobs) if (job.kind === 'attachment') await runAttachments(world.deps, job)

  const scans: string[] = []
  for (const [sql, params] of seen) {
    const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...params)
      .all<{ detail: string }>()
    for (const { detail } of results)
      if (detail.startsWith('SCAN') && !ALLOWED.test(detail)) scans.push(`${detail} in ${sql.trim().slice(0, 60)}`)
  }
  expect(scans).toEqual([])
  expect(seen.size).toBeGreaterThan(15)
})
