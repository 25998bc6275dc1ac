import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { StoredMail } from '../../../worker/contract/pipeline'
import { sha256Hex } from '../../../worker/platform/ids'
import { systemDb } from '../../../worker/platform/system-db'
import { type EmailDeps, handleEmail } from '../../../worker/sync/email-entry'
import { largeMail, smallMail } from '../../support/fake-provider'
import { givenInbox, inboxRow, ledgerOf } from './rows'

let n = 0
async function setUp(columns: { archived?: boolean } = {}) {
  const address = `help${n++}@example.com`
  const inbox = await givenInbox({ type: 'forward', address, ...columns })
  const ingested: StoredMail[][] = []
  const deps: EmailDeps = {
    system: systemDb(env.DB),
    blobs: env.BLOBS,
    clock: () => 1_800_000_000_000,
    onStored: async (_tenant, _inbox, mails) => void ingested.push(mails),
  }
  const receive = async (raw: Uint8Array, to = address, changed: Partial<EmailDeps> = {}) => {
    let rejected: string | null = null
    await handleEmail(
      { ...deps, ...changed },
      {
        from: 'sender@example.org',
        to,
        raw: new Response(raw).body ?? new ReadableStream(),
        rawSize: raw.length,
        setReject: (reason) => {
          rejected = reason
        },
      },
    )
    return rejected
  }
  return { inbox, address, ingested, receive, rows: () => ledgerOf(inbox) }
}

const stored = async (key: string | null) =>
  new Uint8Array((await (await env.BLOBS.get(key ?? ''))?.arrayBuffer()) ?? new ArrayBuffer())

describe('a mail for a forwarding inbox', () => {
  it('is stored byte for byte, entered as stored and handed to ingest in the same event', async () => {
    const t = await setUp()
    const { raw } = smallMail(1)
    expect(await t.receive(raw)).toBeNull()
    const [row] = await t.rows()
    const digest = await sha256Hex(raw)
    expect(row).toMatchObject({ identity: `email:${digest}`, state: 'stored', digest, size: raw.length, attempts: 0 })
    expect(await stored(row?.raw_key ?? null)).toEqual(raw)
    expect(t.ingested).toEqual([[{ ledgerId: row?.id, bytes: raw }]])
  })

  it('is evidence that the address receives', async () => {
    const t = await setUp()
    await env.DB.prepare(
      "UPDATE inboxes SET status = 'disconnected', connected_at = NULL, status_detail = '{}' WHERE id = ?",
    )
      .bind(t.inbox.inboxId)
      .run()
    await t.receive(smallMail(1).raw)
    expect(await inboxRow(t.inbox)).toMatchObject({
      status: 'connected',
      status_detail: null,
      connected_at: 1_800_000_000_000,
      last_sync_at: 1_800_000_000_000,
    })
  })

  it('that is large is streamed', async () => {
    const t = await setUp()
    const { raw } = largeMail(9 * 1024 * 1024)
    await t.receive(raw)
    const [row] = await t.rows()
    const digest = await sha256Hex(raw)
    expect(row).toMatchObject({ identity: `email:${digest}`, state: 'stored', size: raw.length, digest })
    expect(await sha256Hex(await stored(row?.raw_key ?? null))).toBe(digest)
    expect(t.ingested).toEqual([[{ ledgerId: row?.id, bytes: null }]])
  })

  it.each([
    ['small', smallMail(1).raw],
    ['of two megabytes', largeMail(2 * 1024 * 1024).raw],
    ['large', largeMail(9 * 1024 * 1024).raw],
  ])('that comes twice counts once and leaves one object (%s)', async (_name, raw) => {
    const t = await setUp()
    await t.receive(raw)
    await t.receive(raw)
    const rows = await t.rows()
    expect(rows).toHaveLength(1)
    expect(t.ingested).toHaveLength(1)
    expect(await sha256Hex(await stored(rows[0]?.raw_key ?? null))).toBe(await sha256Hex(raw))
    expect((await env.BLOBS.list({ prefix: `${t.inbox.tenantId}/` })).objects).toHaveLength(1)
  })

  it('stays for the sweeper when ingest fails, and the sender hears nothing of it', async () => {
    const t = await setUp()
    const onStored = () => Promise.reject(new Error('broken'))
    expect(await t.receive(smallMail(1).raw, t.address, { onStored })).toBeNull()
    expect((await t.rows())[0]).toMatchObject({ state: 'stored', due_at: 1_800_000_060_000 })
  })

  it('that cannot be stored is thrown back, so that the sending server tries again', async () => {
    const t = await setUp()
    const blobs = new Proxy(env.BLOBS, {
      get(target, name) {
        if (name === 'put') return () => Promise.reject(new Error('R2 is down'))
        return Reflect.get(target, name)
      },
    })
    await expect(t.receive(smallMail(1).raw, t.address, { blobs })).rejects.toThrow('R2 is down')
    expect(await t.rows()).toHaveLength(0)
  })

  it('without a byte in it is still a mail', async () => {
    const t = await setUp()
    await t.receive(new Uint8Array())
    expect((await t.rows())[0]).toMatchObject({ state: 'stored', size: 0 })
  })
})

describe('the address', () => {
  it('is found in any case and with a plus part', async () => {
    const t = await setUp()
    const [local, domain] = t.address.split('@')
    await t.receive(smallMail(1).raw, `${local?.toUpperCase()}@${domain}`)
    await t.receive(smallMail(2).raw, `${local}+ticket.token+x@${domain}`)
    expect(await t.rows()).toHaveLength(2)
  })

  it('that nobody has is rejected', async () => {
    const t = await setUp()
    expect(await t.receive(smallMail(1).raw, 'nobody@example.com')).toBe('Unknown address')
    expect(t.ingested).toEqual([])
  })

  it('of an archived inbox is rejected', async () => {
    const t = await setUp({ archived: true })
    expect(await t.receive(smallMail(1).raw)).toBe('Unknown address')
  })

  it('of an IMAP inbox is not a forwarding address', async () => {
    const t = await setUp()
    await givenInbox({ type: 'imap', address: 'imap-only@example.com' })
    expect(await t.receive(smallMail(1).raw, 'imap-only@example.com')).toBe('Unknown address')
  })
})
