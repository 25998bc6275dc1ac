// Choosing what is done to mail that is on a ticket: who may, what is refused, and what is known at once to keep it from working.
import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { makeTenant, type TestTenant } from '../../support/session'
import { givenMicrosoftInbox, liveTokens } from '../sync/microsoft-rows'

type Given = Parameters<typeof givenMicrosoftInbox>[0]

async function setUp(given: Given = {}) {
  const tenant = await makeTenant()
  const inbox = await givenMicrosoftInbox({ tenantId: tenant.tenantId, ...given })
  return { tenant, inbox, choose: (json: unknown) => patch(tenant, inbox.inboxId, { markProcessed: json }) }
}
const patch = async (tenant: TestTenant, id: string, json: unknown, role: 'admin' | 'agent' = 'admin') => {
  const response = await tenant.fetch(role, `/api/inboxes/${id}`, { method: 'PATCH', json })
  return { status: response.status, body: (await response.json()) as InboxAnswer & { detail?: string } }
}
const writes = { scopes: ['https://graph.microsoft.com/Mail.ReadWrite', 'Mail.Send'] }

const row = (inboxId: string, id: string, dueAt: number | null) =>
  env.DB.prepare(
    `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, mark_due_at, mark_attempts, created_at, updated_at)
     SELECT ?2, tenant_id, id, ?2, '{}', 'done', ?3, 2, 1, 1 FROM inboxes WHERE id = ?1`,
  )
    .bind(inboxId, id, dueAt)
    .run()
const dueOf = async (id: string) =>
  (await env.DB.prepare('SELECT mark_due_at AS due FROM ledger WHERE id = ?').bind(id).first<{ due: number | null }>())
    ?.due

describe('what is done to processed mail', () => {
  it('is nothing, until somebody chooses', async () => {
    const { tenant, inbox } = await setUp()
    const answer = await (await tenant.fetch('agent', `/api/inboxes/${inbox.inboxId}`)).json()
    expect(answer).toMatchObject({ markProcessed: { action: 'none', folder: null, problem: null, stopped: false } })
  })

  it('is stored as chosen; a folder belongs to moving alone', async () => {
    const { choose } = await setUp({ grant: writes })
    for (const [json, stored] of [
      [
        { action: 'move', folder: '  Inbox/Done ' },
        { action: 'move', folder: 'Inbox/Done' },
      ],
      [
        { action: 'category', folder: 'ignored' },
        { action: 'category', folder: null },
      ],
      [{ action: 'read' }, { action: 'read', folder: null }],
    ]) {
      const { status, body } = await choose(json)
      expect(status).toBe(200)
      expect(body.markProcessed).toEqual({ ...stored, problem: null, stopped: false })
    }
  })

  it.each([
    [{ action: 'move' }],
    [{ action: 'move', folder: '  ' }],
    [{ action: 'move', folder: 'x'.repeat(256) }],
    [{ action: 'move', folder: 'a//b' }],
    [{ action: 'move', folder: '/a' }],
    [{ action: 'move', folder: 'a\u0007' }],
    [{ action: 'move', folder: 'Inbox' }],
    [{ action: 'delete' }],
  ])('is refused as %j', async (json) => {
    const { choose, tenant, inbox } = await setUp()
    expect(await choose(json)).toMatchObject({ status: 422, body: { code: 'invalid_body' } })
    expect(await (await tenant.fetch('agent', `/api/inboxes/${inbox.inboxId}`)).json()).toMatchObject({
      markProcessed: { action: 'none' },
    })
  })

  it.each(['imap', 'google', 'forward'])('is refused in words for an inbox of type %s', async (connectionType) => {
    const tenant = await makeTenant()
    const json = { name: 'Other', emailAddress: `${crypto.randomUUID()}@acme.test`, connectionType }
    const made = (await (await tenant.fetch('admin', '/api/inboxes', { method: 'POST', json })).json()) as InboxAnswer
    const { status, body } = await patch(tenant, made.id, { markProcessed: { action: 'read' } })
    expect(status).toBe(409)
    expect(body.detail).toContain('Microsoft')
  })

  it('is for who may manage inboxes, of their own tenant', async () => {
    const { inbox, tenant } = await setUp()
    const json = { markProcessed: { action: 'read' } }
    expect((await patch(tenant, inbox.inboxId, json, 'agent')).status).toBe(403)
    expect((await patch(await makeTenant(), inbox.inboxId, json)).status).toBe(404)
  })
})

describe('an access that may only read', () => {
  it.each<[string, Given, boolean]>([
    ['an own mailbox that was granted reading', {}, true],
    ['an own mailbox that was granted writing', { grant: writes }, false],
    ['a shared mailbox that was granted reading', { kind: 'shared' }, true],
    ['a shared mailbox whose grant writes to the own one only', { kind: 'shared', grant: writes }, true],
    ['a shared mailbox', { kind: 'shared', grant: { scopes: ['Mail.ReadWrite.Shared'] } }, false],
    ['an app, whose permissions its mailbox tells', { kind: 'app', tokens: liveTokens('a', 'app') }, false],
    ['an inbox that is not connected', { tokens: null }, false],
  ])('is told at once: %s', async (_name, given, told) => {
    const { choose } = await setUp(given)
    const { body } = await choose({ action: 'read' })
    expect(body.markProcessed.stopped).toBe(told)
    if (told) expect(body.markProcessed.problem).toMatch(/^Reconnect to let Postroom mark mail/)
    else expect(body.markProcessed.problem).toBeNull()
    expect((await choose({ action: 'none' })).body.markProcessed).toMatchObject({ problem: null, stopped: false })
  })
})

describe('choosing again', () => {
  it('clears what went wrong before', async () => {
    const { choose, inbox } = await setUp({ grant: writes })
    await choose({ action: 'move', folder: 'Done' })
    await env.DB.prepare('UPDATE inboxes SET mark_problem = ? WHERE id = ?')
      .bind('{"message":"No such folder.","stops":true}', inbox.inboxId)
      .run()
    expect((await choose({ action: 'move', folder: 'Other' })).body.markProcessed.problem).toBeNull()
  })

  it('something else keeps mail due; nothing takes it off the list, here and nowhere else', async () => {
    const { choose, inbox, tenant } = await setUp({ grant: writes })
    const other = await givenMicrosoftInbox({ tenantId: tenant.tenantId, profile: null })
    await choose({ action: 'category' })
    const [own, theirs] = [crypto.randomUUID(), crypto.randomUUID()]
    await row(inbox.inboxId, own, 5)
    await row(other.inboxId, theirs, 5)
    await choose({ action: 'read' })
    expect(await dueOf(own)).toBe(5)
    await choose({ action: 'none' })
    expect([await dueOf(own), await dueOf(theirs)]).toEqual([null, 5])
  })
})
