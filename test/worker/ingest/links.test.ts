// Files that a mail only points at: rows that say so, once, however often the mail is taken up again, and that nobody ever tries to fetch.
import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { runAttachments } from '../../../worker/ingest/attachment-job'
import { releaseMail, replayMail } from '../../../worker/ingest/ledger-actions'
import { tenantDb } from '../../../worker/platform/db'
import { eml, emlWith, makeWorld, type World } from './support'

const LINKS = [
  { name: 'plan.docx', contentType: null, size: 1_234 },
  { name: 'budget', contentType: null, size: null },
  { name: 'tour', contentType: 'video/mp4', size: 9 },
]
type Row = Record<string, unknown> & { id: string; part: string }
const rowsOf = (world: World) =>
  world.rows<Row>('SELECT * FROM attachments WHERE tenant_id = ?1 ORDER BY created_at, rowid')
const LINK_ROW = {
  state: 'skipped',
  reason: 'cloud_link',
  inline: 0,
  blob_key: null,
  raw_key: null,
  raw_start: null,
  raw_end: null,
  due_at: null,
  attempts: 0,
}
async function withLinks(words: Parameters<typeof eml>[0] = {}) {
  const world = await makeWorld()
  const id = await world.store(eml(words), { links: LINKS })
  await world.ingest([id])
  return { world, id, db: tenantDb(env.DB, world.tenantId) }
}

describe('a mail that points at files', () => {
  it('has a row for each, after the files that are in it', async () => {
    const world = await makeWorld()
    const id = await world.store(emlWith([{ name: 'a.pdf', bytes: new Uint8Array(10), type: 'application/pdf' }]), {
      links: LINKS,
    })
    await world.ingest([id])
    const [message] = await world.rows<{ id: string }>('SELECT id FROM messages WHERE tenant_id = ?1')
    const [file, ...links] = await rowsOf(world)
    expect(file).toMatchObject({ filename: 'a.pdf', state: 'stored' })
    expect(links).toMatchObject([
      { ...LINK_ROW, part: 'link:1', filename: 'plan.docx', size: 1_234, content_type: expect.stringMatching(/word/) },
      { ...LINK_ROW, part: 'link:2', filename: 'budget', size: 0, content_type: 'application/octet-stream' },
      { ...LINK_ROW, part: 'link:3', filename: 'tour', size: 9, content_type: 'video/mp4' },
    ])
    for (const link of links) expect(link).toMatchObject({ message_id: message?.id, ledger_id: id })
    expect(world.jobs).toEqual([])
  })

  it('has them also where it is too large for memory', async () => {
    const world = await makeWorld()
    const id = await world.store(emlWith([{ name: 'big.bin', bytes: new Uint8Array(1_500_000) }]), { links: LINKS })
    await world.ingest([id])
    expect((await rowsOf(world)).map(({ state }) => state)).toEqual(['pending', 'skipped', 'skipped', 'skipped'])
    expect(world.jobs).toMatchObject([{ kind: 'attachment', attachmentIds: [expect.any(String)] }])
  })

  it('has them on its own message where it shares a batch', async () => {
    const world = await makeWorld()
    const ids = [
      await world.store(eml({ id: 'one@x' })),
      await world.store(eml({ id: 'two@x', inReplyTo: 'one@x' }), { links: LINKS.slice(0, 1) }),
    ]
    await world.ingest(ids)
    expect(await rowsOf(world)).toMatchObject([{ ledger_id: ids[1], part: 'link:1' }])
  })

  it.each(['nonsense', '{}', '[{"name":""}]'])('is filed also where the column says %s', async (column) => {
    const world = await makeWorld()
    const id = await world.store(eml(), { links: LINKS })
    await env.DB.prepare('UPDATE ledger SET links = ? WHERE id = ?').bind(column, id).run()
    await world.ingest([id])
    expect(await world.ledger(id)).toMatchObject({ disposition: 'ticket_created' })
    expect(await rowsOf(world)).toEqual([])
  })
})

describe('taken up again', () => {
  it('a mail has no second rows, and a quarantined one that is replayed has them all', async () => {
    const { world, id, db } = await withLinks()
    const before = await rowsOf(world)
    expect(before).toHaveLength(3)
    await replayMail(world.deps, db, id)
    expect(await rowsOf(world)).toEqual(before)
    // Even if everything is done once more over the very rows, as after a restored backup.
    for (const table of ['messages', 'thread_refs', 'tickets'])
      await env.DB.prepare(`DELETE FROM ${table} WHERE tenant_id = ?`).bind(world.tenantId).run()
    await env.DB.prepare("UPDATE ledger SET disposition = 'quarantined', reason = 'ingest_failed' WHERE id = ?")
      .bind(id)
      .run()
    expect(await replayMail(world.deps, db, id)).toMatchObject({ disposition: 'ticket_created' })
    expect(await rowsOf(world)).toEqual(before)
    await env.DB.prepare('DELETE FROM attachments WHERE tenant_id = ?').bind(world.tenantId).run()
    for (const table of ['messages', 'thread_refs', 'tickets'])
      await env.DB.prepare(`DELETE FROM ${table} WHERE tenant_id = ?`).bind(world.tenantId).run()
    await env.DB.prepare("UPDATE ledger SET disposition = 'quarantined' WHERE id = ?").bind(id).run()
    await replayMail(world.deps, db, id)
    expect((await rowsOf(world)).map((row) => row.id)).toEqual(before.map((row) => row.id))
  })

  it('a suppressed mail has none, and all of them once it is released', async () => {
    const { world, id, db } = await withLinks({ headers: ['Auto-Submitted: auto-replied'] })
    expect(await rowsOf(world)).toEqual([])
    await releaseMail(world.deps, db, id)
    await releaseMail(world.deps, db, id)
    expect(await rowsOf(world)).toHaveLength(3)
  })
})

describe('a file in a cloud', () => {
  it('is shown, and refused in words where its bytes are asked for', async () => {
    const { world } = await withLinks()
    const [ticket] = await world.rows<{ id: string }>('SELECT id FROM tickets WHERE tenant_id = ?1')
    const shown = await world.fetch('agent', `/api/tickets/${ticket?.id}`)
    expect(await shown.json()).toMatchObject({
      messages: [{ attachments: [{ filename: 'plan.docx', size: 1_234, ...REFUSED }, REFUSED, REFUSED] }],
    })
    const [link] = await rowsOf(world)
    const opened = await world.fetch('agent', `/api/attachments/${link?.id}`)
    expect(opened.status).toBe(409)
    expect(await opened.json()).toMatchObject({ code: 'attachment_not_stored', detail: WORDS, ...REFUSED })
    const fetched = await world.fetch('agent', `/api/attachments/${link?.id}/fetch`, { method: 'POST' })
    expect(fetched.status).toBe(409)
    expect(await fetched.json()).toMatchObject({ code: 'conflict', detail: WORDS })
    expect((await rowsOf(world))[0]).toMatchObject(LINK_ROW)
  })

  it('is put to work by no job, not even one that names it while it looks due', async () => {
    const { world } = await withLinks()
    const attachmentIds = (await rowsOf(world)).map(({ id }) => id)
    const job = { kind: 'attachment' as const, tenantId: world.tenantId, attachmentIds }
    await runAttachments(world.deps, job)
    expect(await rowsOf(world)).toMatchObject([LINK_ROW, LINK_ROW, LINK_ROW])
    await env.DB.prepare("UPDATE attachments SET state = 'pending', due_at = 1 WHERE tenant_id = ?")
      .bind(world.tenantId)
      .run()
    await runAttachments(world.deps, job)
    expect((await rowsOf(world)).map(({ attempts }) => attempts)).toEqual([0, 0, 0])
  })
})

const REFUSED = { state: 'skipped', reason: 'cloud_link' }
const WORDS = "This file lies in the sender's cloud storage. Open it by the link in the message."
