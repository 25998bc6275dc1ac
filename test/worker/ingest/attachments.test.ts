import { env } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { runAttachments } from '../../../worker/ingest/attachment-job'
import { parseBytes } from '../../../worker/mail/parse'
import { sha256Hex } from '../../../worker/platform/ids'
import { loadBody } from '../../../worker/platform/message-body'
import { emlWith, makeWorld, type World } from './support'

/** Bytes that no compressor and no off-by-one can hide in. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)))
  return bytes
}

type Row = {
  id: string
  state: string
  size: number
  sha256: string | null
  blob_key: string | null
  reason: string | null
  attempts: number
  due_at: number | null
}
const rowsOf = (world: World) => world.rows<Row>('SELECT * FROM attachments WHERE tenant_id = ?1 ORDER BY id')

/** Runs the jobs that ingest has sent, as the queue would. */
async function runJobs(world: World): Promise<void> {
  for (const job of world.jobs.splice(0)) if (job.kind === 'attachment') await runAttachments(world.deps, job)
}

describe('a large mail', () => {
  // Over 1 MiB raw, so it is read as a stream; the second file takes three multipart parts.
  const files = [
    { name: 'report.pdf', bytes: noise(1_500_000), type: 'application/pdf' },
    { name: 'video.bin', bytes: noise(17 * 1024 * 1024 + 3) },
    { name: 'note.txt', bytes: new TextEncoder().encode('small') },
  ]
  let world: World
  beforeEach(async () => {
    world = await makeWorld()
  })

  it('is a ticket at once; its files follow by job, byte for byte, in one row each', async () => {
    const raw = emlWith(files, { body: 'The big one.' })
    const id = await world.store(raw, { digest: null })
    await world.ingest([id])
    expect(await world.ledger(id)).toMatchObject({
      disposition: 'ticket_created',
      digest: await sha256Hex(raw.replace(/\n/g, '\r\n')),
    })
    expect((await rowsOf(world)).map((row) => row.state)).toEqual(['pending', 'pending', 'pending'])
    expect(world.jobs).toHaveLength(1)

    await runJobs(world)
    const rows = await rowsOf(world)
    for (const [n, { bytes }] of files.entries()) {
      expect(rows[n]).toMatchObject({
        state: 'stored',
        size: bytes.length,
        sha256: await sha256Hex(bytes),
        due_at: null,
        attempts: 1,
      })
      const object = await env.BLOBS.get(String(rows[n]?.blob_key))
      expect(await sha256Hex(new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer(0)))).toBe(
        await sha256Hex(bytes),
      )
    }
    const [message] = await world.rows<{ bodyKey: string; rawKey: string; text: string }>(
      'SELECT body_key AS bodyKey, raw_key AS rawKey, text FROM messages WHERE tenant_id = ?1',
    )
    expect(message?.bodyKey).not.toBeNull()
    expect(
      (await loadBody({ blobs: env.BLOBS, parse: parseBytes }, message ?? { bodyKey: null, rawKey: null, text: '' }))
        .text,
    ).toContain('The big one.')
  }, 60_000)

  it('stores nothing twice when the job comes twice, or while another worker has the row', async () => {
    const id = await world.store(emlWith(files.slice(0, 1)))
    await world.ingest([id])
    const [job] = world.jobs
    if (job?.kind !== 'attachment') throw new Error('no attachment job')
    await env.DB.prepare('UPDATE attachments SET due_at = ? WHERE tenant_id = ?')
      .bind(world.now + 1000, world.tenantId)
      .run()
    await runAttachments(world.deps, job)
    expect(await rowsOf(world)).toMatchObject([{ state: 'pending', attempts: 0 }])
    world.now += 2000
    await Promise.all([runAttachments(world.deps, job), runAttachments(world.deps, job)])
    await runAttachments(world.deps, job)
    expect(await rowsOf(world)).toMatchObject([{ state: 'stored', attempts: 1 }])
  })

  it('keeps its ticket when a file cannot be stored; the row says why after five tries', async () => {
    const id = await world.store(emlWith(files.slice(0, 1)))
    await world.ingest([id])
    const [job] = world.jobs
    if (job?.kind !== 'attachment') throw new Error('no attachment job')
    await env.BLOBS.delete(String((await world.ledger(id)).raw_key))
    for (let tries = 1; tries <= 5; tries++) {
      await runAttachments(world.deps, job)
      expect(await rowsOf(world)).toMatchObject([
        { attempts: tries, reason: 'The stored original of this mail is missing.' },
      ])
      world.now += 60 * 60_000
    }
    expect(await rowsOf(world)).toMatchObject([{ state: 'failed', due_at: null }])
    expect(await world.rows('SELECT status, message_count FROM tickets WHERE tenant_id = ?1')).toEqual([
      { status: 'open', message_count: 1 },
    ])
  })
})

it('a small mail whose file cannot be stored right away leaves it to the job', async () => {
  const world = await makeWorld()
  world.deps.blobs = new Proxy(env.BLOBS, {
    get: (bucket, name) =>
      name === 'put' ? () => Promise.reject(new Error('R2 is away')) : Reflect.get(bucket, name).bind(bucket),
  })
  const [id] = await world.deliver(emlWith([{ name: 'a.bin', bytes: noise(1000) }]))
  expect(await world.ledger(String(id))).toMatchObject({ disposition: 'ticket_created' })
  expect(await rowsOf(world)).toMatchObject([{ state: 'pending' }])
  world.deps.blobs = env.BLOBS
  await runJobs(world)
  expect(await rowsOf(world)).toMatchObject([{ state: 'stored', size: 1000 }])
})
