// One record of every kind that a route's path may name, for the refusal tests. A new kind of path parameter is added here.
import { env } from 'cloudflare:test'
import { newId, sha256Hex } from '../../worker/platform/ids'
import type { TestTenant } from './session'

let number = 0

/** Keys are the path segments before a parameter: `inboxes` for /api/inboxes/:id. */
export type Records = Record<string, string>

/** Writes an inbox with a ticket, its message, an attachment and a ledger row, a user to change, an invitation, a Microsoft app; with their objects. */
export async function makeRecords(tenant: TestTenant): Promise<Records> {
  const { tenantId } = tenant
  const inbox = newId('inb')
  const ticket = newId('tkt')
  const message = newId('msg')
  const attachment = newId('att')
  const ledger = newId('led')
  const invitation = newId('inv')
  const contact = newId('con')
  const profile = newId('msp')
  const rawKey = `${tenantId}/raw/${ledger}.eml`
  const blobKey = `${tenantId}/file/${attachment}`
  const mail = `From: customer@example.test\r\nTo: ${inbox}@example.test\r\nSubject: Hello\r\nMessage-ID: <${ledger}@example.test>\r\n\r\nHello\r\n`
  await Promise.all([env.BLOBS.put(rawKey, mail), env.BLOBS.put(blobKey, 'file')])
  const insert = (table: string, row: Record<string, string | number | null>) =>
    env.DB.prepare(
      `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
        .map(() => '?')
        .join(', ')})`,
    ).bind(...Object.values(row))
  await env.DB.batch([
    insert('inboxes', {
      id: inbox,
      tenant_id: tenantId,
      name: 'Support',
      display_name: 'Support',
      email_address: `${inbox}@example.test`,
      connection_type: 'imap',
      created_at: 1,
      updated_at: 1,
    }),
    insert('contacts', {
      id: contact,
      tenant_id: tenantId,
      name: 'Customer',
      email: `${contact}@example.test`,
      created_at: 1,
    }),
    insert('tickets', {
      id: ticket,
      tenant_id: tenantId,
      number: ++number,
      subject: 'Hello',
      status: 'open',
      inbox_id: inbox,
      contact_id: contact,
      last_message_at: 1,
      created_at: 1,
      updated_at: 1,
    }),
    insert('messages', {
      id: message,
      tenant_id: tenantId,
      ticket_id: ticket,
      inbox_id: inbox,
      direction: 'outbound',
      raw_key: rawKey,
      raw_size: mail.length,
      delivery_state: 'failed',
      received_at: 1,
      created_at: 1,
    }),
    insert('attachments', {
      id: attachment,
      tenant_id: tenantId,
      inbox_id: inbox,
      message_id: message,
      filename: 'a.txt',
      content_type: 'text/plain',
      size: 4,
      state: 'stored',
      blob_key: blobKey,
      created_at: 1,
    }),
    insert('ledger', {
      id: ledger,
      tenant_id: tenantId,
      inbox_id: inbox,
      identity: 'imap:INBOX:1:1',
      ref: '{}',
      state: 'done',
      disposition: 'quarantined',
      raw_key: rawKey,
      size: mail.length,
      created_at: 1,
      updated_at: 1,
    }),
    insert('invitations', {
      id: invitation,
      tenant_id: tenantId,
      email: `${invitation}@example.test`,
      role: 'agent',
      token_hash: invitation,
      created_at: Date.now(),
      expires_at: Date.now() + 60_000,
    }),
    insert('microsoft_profiles', {
      id: profile,
      tenant_id: tenantId,
      display_name: profile,
      client_id: 'client',
      secret: 'sealed',
      directory_tenant: 'organizations',
      created_at: 1,
      updated_at: 1,
    }),
  ])
  return {
    inboxes: inbox,
    tickets: ticket,
    messages: message,
    attachments: attachment,
    ledger,
    invitations: invitation,
    profiles: profile,
    users: tenant.users.agent,
    sessions: (await sha256Hex(tenant.cookie.owner.split('=')[1] ?? '')).slice(0, 24),
  }
}

/** Every row a tenant has, table by table, to prove that nothing changed. */
export async function rowsOf(tenantId: string): Promise<Record<string, unknown[]>> {
  const { results: tables } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%tenant_id%' ORDER BY name",
  ).all<{ name: string }>()
  const read = await env.DB.batch(
    tables.map(({ name }) => env.DB.prepare(`SELECT * FROM ${name} WHERE tenant_id = ?`).bind(tenantId)),
  )
  return Object.fromEntries(tables.map(({ name }, i) => [name, read[i]?.results ?? []]))
}
