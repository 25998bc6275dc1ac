import { env } from 'cloudflare:test'
import { beforeAll, describe, expect, it } from 'vitest'
import { HTTP_LIMITS } from '../../../worker/contract/limits'
import type { AttachmentAnswer, TicketAnswer, TicketItem } from '../../../worker/contract/tickets'
import { fetchAttachment } from '../../../worker/features/tickets/attachments'
import { ticketDetail } from '../../../worker/features/tickets/detail'
import { LIMITS } from '../../../worker/mail/limits'
import { tenantDb } from '../../../worker/platform/db'
import { newId } from '../../../worker/platform/ids'
import { makeTenant, type TestTenant } from '../../support/session'
import { keptJobs, seedInbox, seedTickets } from './seed'

let tenant: TestTenant
let other: TestTenant
let inboxId: string
const ticketId = newId('tkt')
const bytes = new TextEncoder().encode('0123456789')

beforeAll(async () => {
  ;[tenant, other] = await Promise.all([makeTenant(), makeTenant()])
  inboxId = newId('inb')
  await seedInbox(tenant.tenantId, inboxId)
  await seedTickets(tenant.tenantId, [
    { id: ticketId, number: 7, inboxId, at: 1_700_000_000_000, texts: ['first', 'second'] },
  ])
})

const agent = (path: string, init?: Parameters<TestTenant['fetch']>[2]) => tenant.fetch('agent', path, init)

/** An attachment row of the ticket's first message, with its file where it is stored. */
async function attach(
  row: Partial<Record<'filename' | 'content_type' | 'state' | 'reason' | 'content_id' | 'raw_key', string>> & {
    inline?: number
    size?: number
  } = {},
) {
  const id = newId('att')
  const key = `${tenant.tenantId}/file/${id}`
  const values = {
    ...{
      id,
      tenant_id: tenant.tenantId,
      message_id: `msg_${ticketId}0`,
      filename: 'a.bin',
      content_type: 'application/pdf',
      size: 10,
    },
    ...{ state: 'stored', blob_key: key, created_at: 1, ...row },
  }
  const names = Object.keys(values)
  await env.BLOBS.put(key, bytes)
  await env.DB.prepare(`INSERT INTO attachments (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
    .bind(...Object.values(values))
    .run()
  return id
}

describe('the list over HTTP', () => {
  it('answers 304 to a poll while nothing has changed', async () => {
    const first = await agent('/api/tickets?status=open')
    const etag = first.headers.get('etag') ?? ''
    const poll = () => agent('/api/tickets?status=open', { headers: { 'if-none-match': etag } })
    const unchanged = await poll()
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ''])
    await agent(`/api/tickets/${ticketId}`, { method: 'PATCH', json: { priority: 'high' } })
    expect((await poll()).status).toBe(200)
  })

  it('counts for the sidebar', async () => {
    expect(await (await agent('/api/tickets/counts')).json()).toMatchObject({
      byStatus: { open: 1 },
      unassigned: 1,
      mine: 0,
    })
  })
})

describe('changing a ticket', () => {
  const change = async (json: object) => {
    const response = await agent(`/api/tickets/${ticketId}`, { method: 'PATCH', json })
    return { status: response.status, body: await response.json<TicketItem & { errors: { path: string }[] }>() }
  }

  it('sets what is given and leaves the rest', async () => {
    const { body } = await change({ tags: ['VIP', 'billing', 'vip'], assigneeId: tenant.users.admin })
    expect(body).toMatchObject({ tags: ['billing', 'vip'], assigneeId: tenant.users.admin, status: 'open' })
    const next = await change({ status: 'in_progress', tags: ['vip'], subject: 'New subject' })
    expect(next.body).toMatchObject({
      tags: ['vip'],
      assigneeId: tenant.users.admin,
      status: 'in_progress',
      subject: 'New subject',
    })
    expect((await change({ assigneeId: null })).body.assigneeId).toBeNull()
    const found = await (await agent('/api/tickets?q=new%20subject&tag=vip')).json<{ items: TicketItem[] }>()
    expect(found.items.map((item) => item.id)).toEqual([ticketId])
  })

  it('assigns only to active people of the same tenant', async () => {
    const gone = await makeTenant()
    await env.DB.prepare('UPDATE users SET tenant_id = ?, disabled_at = 1 WHERE id = ?')
      .bind(tenant.tenantId, gone.users.agent)
      .run()
    for (const assigneeId of [other.users.agent, gone.users.agent, 'usr_none']) {
      const { status, body } = await change({ assigneeId, status: 'closed' })
      expect([status, body.errors[0]?.path]).toEqual([422, 'assigneeId'])
    }
    expect((await change({})).body).toMatchObject({ assigneeId: null, status: 'in_progress' })
  })
})

describe('a ticket', () => {
  it('shows HTML without scripts and remote pictures, inline pictures from our store', async () => {
    const inline = await attach({ content_id: 'logo@x', inline: 1, content_type: 'image/png' })
    const file = await attach({ filename: 'report.pdf' })
    const html = '<p>Hi</p><script>x()</script><img src="cid:logo@x"><img src="https://track.example/p.gif">'
    await env.BLOBS.put('body-1', JSON.stringify({ text: 'Hi', fullText: 'Hi\n> old', html }))
    await env.DB.prepare("UPDATE messages SET body_key = 'body-1' WHERE id = ?").bind(`msg_${ticketId}0`).run()
    const ticket = await (await agent(`/api/tickets/${ticketId}`)).json<TicketAnswer>()
    expect(ticket.messages.map((message) => message.text)).toEqual(['Hi', 'second'])
    expect(ticket.messages[0]).toMatchObject({ fullText: 'Hi\n> old', blockedRemote: 1 })
    expect(ticket.messages[0]?.attachments.map((one) => one.id)).toEqual([file])
    expect(ticket.messages[0]?.html).toContain(`src="/api/attachments/${inline}?inline=1"`)
    expect(ticket.messages[0]?.html).not.toMatch(/script|[^-]src="https:/)
    const remote = await (await agent(`/api/messages/msg_${ticketId}0/html?images=remote`)).json<{
      html: string
      blockedRemote: number
    }>()
    expect(remote.html).toContain('src="https://track.example/p.gif"')
    expect(remote.blockedRemote).toBe(0)
  })

  it('reads a message without a body object from its original', async () => {
    await env.BLOBS.put(
      'raw-2',
      'From: a@b.example\r\nSubject: x\r\nContent-Type: text/html\r\n\r\n<p>From the <b>original</b></p>\r\n',
    )
    await env.DB.prepare("UPDATE messages SET raw_key = 'raw-2' WHERE id = ?").bind(`msg_${ticketId}1`).run()
    const ticket = await (await agent(`/api/tickets/${ticketId}`)).json<TicketAnswer>()
    expect(ticket.messages[1]).toMatchObject({ fullText: 'From the original', hasOriginal: true })
  })

  it('pages a long conversation backwards, each message once', async () => {
    const id = newId('tkt')
    await seedTickets(tenant.tenantId, [
      { id, number: 9, at: 1_600_000_000_000, texts: Array.from({ length: 120 }, (_, i) => `text ${i}`) },
    ])
    const deps = { db: tenantDb(env.DB, tenant.tenantId), blobs: env.BLOBS }
    const seen: string[] = []
    for (let before: string | undefined, more = true; more; ) {
      const page: TicketAnswer = await ticketDetail(deps, id, { before })
      seen.unshift(...page.messages.map((message) => message.text))
      before = page.messages[0]?.id
      more = page.hasEarlier
    }
    expect(seen).toEqual(Array.from({ length: 120 }, (_, i) => `text ${i}`))
  })

  it('degrades where its contact is gone (a dangling reference never stops a ticket)', async () => {
    const id = newId('tkt')
    await seedTickets(tenant.tenantId, [{ id, number: 10, contactId: 'con_gone', at: 1, texts: ['x'] }])
    expect(await (await agent(`/api/tickets/${id}`)).json()).toMatchObject({
      contact: { id: 'con_gone', name: '', email: '' },
    })
  })
})

describe('downloads', () => {
  it('are attachments that a browser neither runs nor guesses at', async () => {
    const id = await attach({ filename: 'Überweisung "1"\r\nX-Evil: 1\u202Efdp.html', content_type: 'text/html' })
    for (const path of [`/api/attachments/${id}`, `/api/attachments/${id}?inline=1`]) {
      const response = await agent(path)
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'text/html',
        'content-disposition': `attachment; filename="_berweisung _1_X-Evil: 1fdp.html"; filename*=UTF-8''%C3%9Cberweisung%20%221%22X-Evil%3A%201fdp.html`,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
        'content-length': '10',
      })
      expect(response.headers.get('x-evil')).toBeNull()
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
    }
  })

  it.each([
    ['image/png', 'inline'],
    ['image/JPEG; name=x', 'inline'],
    ['image/svg+xml', 'attachment'],
    ['text/html', 'attachment'],
    ['application/pdf', 'attachment'],
    ['image/png\r\nX-Evil: 1', 'attachment'],
  ])('with inline=1 show %j as %s', async (content_type, disposition) => {
    const id = await attach({ content_type })
    const response = await agent(`/api/attachments/${id}?inline=1`)
    expect(response.headers.get('content-disposition')?.split(';')[0]).toBe(disposition)
    expect((await agent(`/api/attachments/${id}`)).headers.get('content-disposition')).toMatch(/^attachment;/)
  })

  it.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=5-', 206, '56789', 'bytes 5-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=0-1,4-5', 200, '0123456789', null],
    ['bytes=5-2', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
    ['bytes=-99999999999999999999', 200, '0123456789', null],
  ])('answer range %s with %i', async (range, status, body, contentRange) => {
    const id = await attach()
    const response = await agent(`/api/attachments/${id}`, { headers: { range } })
    const text = new TextDecoder().decode(await response.arrayBuffer())
    expect([response.status, text, response.headers.get('content-range')]).toEqual([status, body, contentRange])
  })

  it('know their ETag', async () => {
    const id = await attach()
    const etag = (await agent(`/api/attachments/${id}`)).headers.get('etag') ?? ''
    expect((await agent(`/api/attachments/${id}`, { headers: { 'if-none-match': etag } })).status).toBe(304)
    const stale = await agent(`/api/attachments/${id}`, { headers: { range: 'bytes=0-1', 'if-range': '"other"' } })
    expect(stale.status).toBe(200)
  })

  it('say the state of what is not stored, and of what has vanished', async () => {
    for (const state of ['pending', 'skipped', 'failed']) {
      const id = await attach({ state, reason: 'too_large' })
      const response = await agent(`/api/attachments/${id}`)
      expect(response.status).toBe(409)
      expect(await response.json()).toMatchObject({ code: 'attachment_not_stored', state, reason: 'too_large' })
    }
    const id = await attach()
    await env.BLOBS.delete(`${tenant.tenantId}/file/${id}`)
    expect((await agent(`/api/attachments/${id}`)).status).toBe(404)
  })

  it('give the original byte for byte', async () => {
    const raw = new Uint8Array([70, 114, 111, 109, 58, 32, 97, 10, 10, 255, 0, 13, 128])
    await env.BLOBS.put('raw-3', raw)
    await env.DB.prepare("UPDATE messages SET raw_key = 'raw-3', subject = 'a/b\r\nX: 1' WHERE id = ?")
      .bind(`msg_${ticketId}1`)
      .run()
    const response = await agent(`/api/messages/msg_${ticketId}1/original`)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(raw)
    expect(response.headers.get('content-type')).toBe('message/rfc822')
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="a/bX: 1.eml"; filename*=UTF-8''a%2FbX%3A%201.eml`,
    )
  })
})

describe('fetching an attachment again', () => {
  it('puts a skipped or failed one to work once, however often it is pressed', async () => {
    const jobs = keptJobs()
    const deps = { db: tenantDb(env.DB, tenant.tenantId), jobs }
    const id = await attach({ state: 'failed', raw_key: 'raw-3' })
    const [answer] = await Promise.all([fetchAttachment(deps, id, 5), fetchAttachment(deps, id, 5)])
    expect((answer as AttachmentAnswer).state).toBe('pending')
    expect(jobs.sent).toEqual([{ kind: 'attachment', tenantId: tenant.tenantId, attachmentIds: [id] }])
    const row = await env.DB.prepare('SELECT state, due_at, attempts FROM attachments WHERE id = ?').bind(id).first()
    expect(row).toEqual({ state: 'pending', due_at: 5, attempts: 0 })
  })

  it('is refused where there is no original or the file is beyond reason', async () => {
    const deps = { db: tenantDb(env.DB, tenant.tenantId), jobs: keptJobs() }
    await expect(fetchAttachment(deps, await attach({ state: 'failed' }), 5)).rejects.toMatchObject({
      code: 'conflict',
    })
    const huge = await attach({ state: 'skipped', raw_key: 'raw-3', size: LIMITS.rawMessage + 1 })
    await expect(fetchAttachment(deps, huge, 5)).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('uploads', () => {
  const upload = (filename: string, body: BodyInit, type = 'text/plain') =>
    agent(`/api/attachments?filename=${encodeURIComponent(filename)}`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    })

  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\a.txt', 'a.txt'],
    ['', 'attachment'],
    ['...', 'attachment'],
    ['\u202Egpj.exe', 'gpj.exe'],
  ])('named %j are kept as %j', async (given, kept) => {
    const response = await upload(given, 'hello')
    expect(response.status).toBe(201)
    expect(await response.json()).toMatchObject({ filename: kept, size: 5, contentType: 'text/plain' })
  })

  it('with line breaks in their name cannot add a header', async () => {
    const { filename } = await (await upload('a\r\nX-Evil: text/html.txt', 'hello')).json<{ filename: string }>()
    expect(filename).toMatch(/^a [^\r\n/:]+\.txt$/)
  })

  it('come back byte for byte, also above one part and without a known length', async () => {
    const large = new Uint8Array(9 * 1024 * 1024).map((_, i) => (i * 31) >> 3)
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    void writer.write(large).then(() => writer.close())
    const { id, size } = await (await upload('large.bin', readable, 'application/x-thing')).json<{
      id: string
      size: number
    }>()
    expect(size).toBe(large.length)
    const back = new Uint8Array(await (await agent(`/api/attachments/${id}`)).arrayBuffer())
    expect(await crypto.subtle.digest('SHA-256', back)).toEqual(await crypto.subtle.digest('SHA-256', large))
  })

  it('over 25 MB are refused, whatever the length says, and leave nothing', async () => {
    const objects = async () => (await env.BLOBS.list({ prefix: `${tenant.tenantId}/file/` })).objects.length
    const before = await objects()
    const endless = () => {
      let left = HTTP_LIMITS.upload + 1
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = new Uint8Array(Math.min(left, 1024 * 1024))
          left -= chunk.length
          if (chunk.length > 0) controller.enqueue(chunk)
          else controller.close()
        },
      })
    }
    const response = await upload('big', endless())
    expect([response.status, (await response.json<{ code: string }>()).code]).toEqual([413, 'body_too_large'])
    expect(await objects()).toBe(before)
  })

  it('of another tenant are not found by anybody else', async () => {
    const { id } = await (await upload('mine.txt', 'secret')).json<{ id: string }>()
    expect((await other.fetch('owner', `/api/attachments/${id}`)).status).toBe(404)
    expect((await other.fetch('owner', `/api/attachments/${id}/fetch`, { method: 'POST' })).status).toBe(404)
  })
})

it('a reply over HTTP answers 202 with the message, its faults by field', async () => {
  const post = (json: object) => agent(`/api/tickets/${ticketId}/replies`, { method: 'POST', json })
  const accepted = await post({ text: 'Hello', cc: ['boss@customer.example'] })
  expect(accepted.status).toBe(202)
  expect(await accepted.json()).toMatchObject({
    direction: 'outbound',
    cc: [{ email: 'boss@customer.example' }],
    delivery: {},
  })
  const refused = await post({ text: 'Hello', to: ['x@y.example\r\nBcc: evil@x.example'] })
  expect(refused.status).toBe(422)
  expect(await refused.json()).toMatchObject({ code: 'invalid_body', errors: [{ path: 'to.0' }] })
})
