import { env } from 'cloudflare:test'
import { expect, it } from 'vitest'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { makeTenant, type TestTenant } from '../../support/session'

let counter = 0
const address = (name = 'support') => `${name}${++counter}@example.test`

const create = (tenant: TestTenant, json: Record<string, unknown> = {}) =>
  tenant.fetch('admin', '/api/inboxes', {
    method: 'POST',
    json: { name: 'Support', emailAddress: address(), connectionType: 'imap', ...json },
  })
async function made(tenant: TestTenant, json: Record<string, unknown> = {}): Promise<InboxAnswer> {
  return (await (await create(tenant, json)).json()) as InboxAnswer
}
const post = (tenant: TestTenant, path: string) => tenant.fetch('admin', path, { method: 'POST' })
const list = async (tenant: TestTenant, search = '') =>
  ((await (await tenant.fetch('agent', `/api/inboxes${search}`)).json()) as { items: InboxAnswer[] }).items

it('makes an inbox that claims nothing before it is proven', async () => {
  const tenant = await makeTenant()
  const imap = await made(tenant, { emailAddress: ' Help@Example.TEST ' })
  expect(imap).toMatchObject({
    emailAddress: 'help@example.test',
    displayName: 'Support',
    status: 'disconnected',
    connectedAt: null,
    statusDetail: { code: 'never_connected', action: 'edit_connection' },
    unaccounted: 0,
    importDays: 30,
  })
  const forward = await made(tenant, { connectionType: 'forward' })
  expect(forward).toMatchObject({
    status: 'disconnected',
    connectedAt: null,
    statusDetail: { code: 'awaiting_first_mail', action: 'none' },
  })
  expect(await list(tenant)).toHaveLength(2)
  expect(await (await tenant.fetch('agent', `/api/inboxes/${imap.id}`)).json()).toMatchObject({ id: imap.id })
})

it('refuses the inbox over the limit, also when many are made at once', async () => {
  const tenant = await makeTenant({ plan: 'starter' })
  const answers = await Promise.all(Array.from({ length: 6 }, () => create(tenant)))
  expect(answers.map((answer) => answer.status).sort()).toEqual([201, 201, 201, 403, 403, 403])
  const refused = answers.find((answer) => answer.status === 403)
  expect(await refused?.json()).toMatchObject({ code: 'inbox_limit_reached', detail: 'Upgrade to add more inboxes' })
  expect(await list(tenant)).toHaveLength(3)
})

it('counts only active inboxes, and holds a restore to the same limit', async () => {
  const tenant = await makeTenant({ plan: 'starter' })
  const [first] = await Promise.all([made(tenant), made(tenant), made(tenant)])
  const path = `/api/inboxes/${first?.id}`
  expect(await (await post(tenant, `${path}/archive`)).json()).toMatchObject({
    archivedAt: expect.stringMatching(/Z$/),
  })
  const fourth = await made(tenant)
  const refused = await post(tenant, `${path}/restore`)
  expect(refused.status).toBe(403)
  expect(await refused.json()).toMatchObject({ code: 'inbox_limit_reached' })

  await post(tenant, `/api/inboxes/${fourth.id}/archive`)
  expect(await (await post(tenant, `${path}/restore`)).json()).toMatchObject({ id: first?.id, archivedAt: null })
  expect((await list(tenant)).map((inbox) => inbox.id)).not.toContain(fourth.id)
  expect((await list(tenant, '?archived=true')).map((inbox) => inbox.id)).toEqual([fourth.id])
  expect(await list(tenant, '?archived=all')).toHaveLength(4)
})

it('stops polling while archived, and is checked at once after a restore', async () => {
  const tenant = await makeTenant()
  const { id } = await made(tenant)
  await env.DB.prepare(
    "UPDATE inboxes SET status = 'connected', credentials = 'sealed', connected_at = 1, next_poll_at = 5 WHERE id = ?",
  )
    .bind(id)
    .run()
  const due = async () =>
    (
      await env.DB.prepare('SELECT next_poll_at AS due FROM inboxes WHERE id = ?')
        .bind(id)
        .first<{ due: number | null }>()
    )?.due
  await post(tenant, `/api/inboxes/${id}/archive`)
  expect(await due()).toBeNull()
  await post(tenant, `/api/inboxes/${id}/restore`)
  expect(await due()).toBeGreaterThan(Date.now() - 10_000)
})

it('refuses an address that is taken in the tenant, and names the inbox that has it', async () => {
  const tenant = await makeTenant()
  const { emailAddress, id } = await made(tenant, { name: 'First' })
  const twice = await create(tenant, { emailAddress })
  expect(twice.status).toBe(409)
  expect(await twice.json()).toMatchObject({ detail: expect.stringContaining('First') })
  await post(tenant, `/api/inboxes/${id}/archive`)
  expect(await (await create(tenant, { emailAddress })).json()).toMatchObject({
    detail: expect.stringContaining('Restore'),
  })
  expect((await create(await makeTenant(), { emailAddress })).status).toBe(201)
})

it('refuses a forwarding address that another tenant has, without telling whose it is', async () => {
  const [one, two] = [await makeTenant({ name: 'Secret GmbH' }), await makeTenant()]
  const { emailAddress } = await made(one, { connectionType: 'forward', name: 'Hidden name' })
  const taken = await create(two, { connectionType: 'forward', emailAddress })
  expect(taken.status).toBe(409)
  const text = await taken.text()
  expect(text).toContain('This address is already in use.')
  expect(text).not.toContain('Hidden name')
  expect(text).not.toContain(one.tenantId)
})

it('makes a Google inbox that claims nothing before its account is connected', async () => {
  const response = await create(await makeTenant(), { connectionType: 'google' })
  expect(response.status).toBe(201)
  expect(await response.json()).toMatchObject({
    status: 'disconnected',
    statusDetail: { code: 'never_connected', message: expect.stringContaining('Google'), action: 'reconnect' },
    connection: null,
    connectedAt: null,
    canSend: false,
  })
})

it('makes a Microsoft inbox that says it has to be connected', async () => {
  const response = await create(await makeTenant(), { connectionType: 'microsoft' })
  expect(response.status).toBe(201)
  expect(await response.json()).toMatchObject({
    connectionType: 'microsoft',
    status: 'disconnected',
    statusDetail: { code: 'never_connected', action: 'reconnect' },
    canSend: false,
  })
})

it('changes what is given and nothing else', async () => {
  const tenant = await makeTenant()
  const { id } = await made(tenant, { displayName: 'Acme Support' })
  await env.DB.prepare("UPDATE inboxes SET credentials = 'sealed', config = ? WHERE id = ?")
    .bind(JSON.stringify({ imap: { host: 'h', port: 993, security: 'tls', username: 'u' } }), id)
    .run()
  const change = (json: object) => tenant.fetch('admin', `/api/inboxes/${id}`, { method: 'PATCH', json })
  expect(await (await change({ name: 'Renamed' })).json()).toMatchObject({
    name: 'Renamed',
    displayName: 'Acme Support',
  })
  const autoResponse = { enabled: true, subject: 'Hello', body: 'We got it.' }
  expect(await (await change({ autoResponse, importDays: 0 })).json()).toMatchObject({
    name: 'Renamed',
    autoResponse,
    importDays: 0,
    connection: { imap: { host: 'h' } },
  })
  expect((await change({})).status).toBe(200)
  const row = await env.DB.prepare('SELECT credentials FROM inboxes WHERE id = ?').bind(id).first()
  expect(row).toEqual({ credentials: 'sealed' })
})

it('shows the connection to who may manage it, and never a credential', async () => {
  const tenant = await makeTenant()
  const { id } = await made(tenant)
  await env.DB.prepare("UPDATE inboxes SET credentials = 'v1.k1.sealed', config = ? WHERE id = ?")
    .bind(JSON.stringify({ imap: { host: 'imap.example.test', port: 993, security: 'tls', username: 'u' } }), id)
    .run()
  const [admin, agent] = await Promise.all(
    (['admin', 'agent'] as const).map(async (role) => (await tenant.fetch(role, `/api/inboxes/${id}`)).text()),
  )
  expect(JSON.parse(admin ?? '').connection.imap.host).toBe('imap.example.test')
  expect(JSON.parse(agent ?? '').connection).toBeNull()
  expect(`${admin}${agent}`).not.toContain('v1.k1.sealed')
})
