import { env } from 'cloudflare:test'
import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { type Env, settingsOf } from '../../../worker/env'
import { inboxRoutes } from '../../../worker/features/inboxes/routes'
import type { AppEnv } from '../../../worker/platform/http/context'
import { problemResponse } from '../../../worker/platform/http/problem'
import { newId } from '../../../worker/platform/ids'
import { makeTenant, type TestTenant } from '../../support/session'

let number = 0

async function makeInbox(tenant: TestTenant): Promise<string> {
  const id = newId('inb')
  await env.DB.prepare(
    `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, credentials, created_at, updated_at)
     VALUES (?, ?, 'Support', 'Support', ?, 'imap', 'sealed', 1, 1)`,
  )
    .bind(id, tenant.tenantId, `${id}@example.test`)
    .run()
  return id
}
async function makeTicket(tenant: TestTenant, inboxId: string, status: string): Promise<string> {
  const id = newId('tkt')
  await env.DB.prepare(
    `INSERT INTO tickets (id, tenant_id, number, subject, status, inbox_id, contact_id, last_message_at, created_at, updated_at)
     VALUES (?, ?, ?, 'Hello', ?, ?, 'con_1', 1, 1, 1)`,
  )
    .bind(id, tenant.tenantId, ++number, status, inboxId)
    .run()
  return id
}
const remove = (tenant: TestTenant, id: string, json?: object) =>
  tenant.fetch('admin', `/api/inboxes/${id}`, { method: 'DELETE', json })
const ticket = (id: string) =>
  env.DB.prepare('SELECT status, inbox_id AS inboxId FROM tickets WHERE id = ?').bind(id).first()
const exists = async (id: string) =>
  (await env.DB.prepare('SELECT 1 FROM inboxes WHERE id = ?').bind(id).first()) !== null

it('deletes an inbox without open tickets and its credentials with it', async () => {
  const tenant = await makeTenant()
  const inbox = await makeInbox(tenant)
  const closed = await makeTicket(tenant, inbox, 'closed')
  expect((await remove(tenant, inbox)).status).toBe(204)
  expect(await exists(inbox)).toBe(false)
  expect(await ticket(closed)).toEqual({ status: 'closed', inboxId: inbox })
  expect((await remove(tenant, inbox)).status).toBe(404)
})

it('asks what becomes of open tickets and tells how many there are', async () => {
  const tenant = await makeTenant()
  const inbox = await makeInbox(tenant)
  for (const status of ['open', 'in_progress', 'waiting', 'resolved']) await makeTicket(tenant, inbox, status)
  const refused = await remove(tenant, inbox, {})
  expect(refused.status).toBe(409)
  expect(await refused.json()).toMatchObject({ openTicketCount: 3, detail: expect.stringContaining('3 open tickets') })
  expect(await exists(inbox)).toBe(true)
})

it('moves open tickets to another inbox', async () => {
  const tenant = await makeTenant()
  const [inbox, target] = [await makeInbox(tenant), await makeInbox(tenant)]
  const open = await makeTicket(tenant, inbox, 'waiting')
  const closed = await makeTicket(tenant, inbox, 'closed')
  const response = await remove(tenant, inbox, { openTickets: { action: 'transfer', toInboxId: target } })
  expect(response.status).toBe(204)
  expect(await ticket(open)).toEqual({ status: 'waiting', inboxId: target })
  expect(await ticket(closed)).toEqual({ status: 'closed', inboxId: inbox })
})

it('closes open tickets where that was chosen', async () => {
  const tenant = await makeTenant()
  const inbox = await makeInbox(tenant)
  const open = await makeTicket(tenant, inbox, 'open')
  expect((await remove(tenant, inbox, { openTickets: { action: 'close' } })).status).toBe(204)
  expect(await ticket(open)).toEqual({ status: 'closed', inboxId: inbox })
})

it('moves nothing to itself, to an archived inbox or to an inbox of another tenant', async () => {
  const [tenant, other] = [await makeTenant(), await makeTenant()]
  const [inbox, archived, foreign] = [await makeInbox(tenant), await makeInbox(tenant), await makeInbox(other)]
  await env.DB.prepare('UPDATE inboxes SET archived_at = 1 WHERE id = ?').bind(archived).run()
  const open = await makeTicket(tenant, inbox, 'open')
  for (const toInboxId of [inbox, archived, foreign, 'inb_nothing']) {
    const response = await remove(tenant, inbox, { openTickets: { action: 'transfer', toInboxId } })
    expect(response.status).toBe(422)
  }
  expect(await ticket(open)).toEqual({ status: 'open', inboxId: inbox })
  expect(await exists(inbox)).toBe(true)
})

it('accounts for mail that was on its way and fails replies that were not sent', async () => {
  const tenant = await makeTenant()
  const inbox = await makeInbox(tenant)
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, disposition, due_at, created_at, updated_at)
       VALUES ('l1', ?1, ?2, 'imap:1', '{}', 'discovered', NULL, 5, 1, 1), ('l2', ?1, ?2, 'imap:2', '{}', 'stored', NULL, 5, 1, 1),
              ('l3', ?1, ?2, 'imap:3', '{}', 'done', 'ticket_created', NULL, 1, 1)`,
    ).bind(tenant.tenantId, inbox),
    env.DB.prepare(
      `INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, received_at, created_at, delivery_state, delivery_due_at)
       VALUES ('m1', ?1, 't1', ?2, 'outbound', 1, 1, 'queued', 5), ('m2', ?1, 't1', ?2, 'outbound', 1, 1, 'sent', NULL)`,
    ).bind(tenant.tenantId, inbox),
  ])
  expect((await remove(tenant, inbox)).status).toBe(204)
  const rows = await env.DB.prepare(
    'SELECT id, state, disposition, due_at AS due FROM ledger WHERE inbox_id = ? ORDER BY id',
  )
    .bind(inbox)
    .all()
  expect(rows.results).toEqual([
    { id: 'l1', state: 'done', disposition: 'gone', due: null },
    { id: 'l2', state: 'done', disposition: 'gone', due: null },
    { id: 'l3', state: 'done', disposition: 'ticket_created', due: null },
  ])
  const messages = await env.DB.prepare(
    'SELECT id, delivery_state AS state, delivery_due_at AS due FROM messages WHERE inbox_id = ? ORDER BY id',
  )
    .bind(inbox)
    .all()
  expect(messages.results).toEqual([
    { id: 'm1', state: 'failed', due: null },
    { id: 'm2', state: 'sent', due: null },
  ])
})

/** Deletes through the route with a service that notes when it is called. */
async function removeNoting(tenant: TestTenant, id: string, json: object) {
  const heard: string[] = []
  const note = async (what: string) => void heard.push(`${what} while ${(await exists(id)) ? 'there' : 'gone'}`)
  const app = new Hono<AppEnv>()
    .use(async (c, next) => {
      c.set('settings', settingsOf(c.env))
      c.set('clock', Date.now)
      c.set('session', {
        tenantId: tenant.tenantId,
        userId: tenant.users.admin,
        role: 'admin',
      } as AppEnv['Variables']['session'])
      c.set('releaseConnection', async (db, inboxId) => {
        await note(`prepared ${db.tenantId === tenant.tenantId && inboxId === id}`)
        return () => note('given back')
      })
      await next()
    })
    .route('/api', inboxRoutes)
  app.onError((error) => problemResponse(error))
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'DELETE', headers, body: JSON.stringify(json) }
  const response = await app.request(`/api/inboxes/${id}`, init, env as Env)
  return { status: response.status, heard }
}

it('gives the account back once the inbox is gone', async () => {
  const tenant = await makeTenant()
  const inbox = await makeInbox(tenant)
  expect(await removeNoting(tenant, inbox, {})).toEqual({
    status: 204,
    heard: ['prepared true while there', 'given back while gone'],
  })
})

it('keeps the account of an inbox that stays for its open tickets', async () => {
  const tenant = await makeTenant()
  const inbox = await makeInbox(tenant)
  await makeTicket(tenant, inbox, 'open')
  expect(await removeNoting(tenant, inbox, {})).toEqual({ status: 409, heard: ['prepared true while there'] })
})
