// Rows of the tickets slice for tests, written in bulk.
import { env } from 'cloudflare:test'
import type { Job } from '../../../worker/contract/jobs'
import type { TicketStatus } from '../../../worker/contract/tickets'

export type SeedTicket = {
  id: string
  number: number
  subject?: string
  status?: TicketStatus
  inboxId?: string
  assigneeId?: string | null
  contactId?: string
  at: number
  tags?: string[]
  /** one inbound message a text */
  texts?: string[]
}

/** Writes tickets with their messages and tags; a contact `con_<tenant>` Anna Müller comes with them. */
export async function seedTickets(tenantId: string, tickets: SeedTicket[]): Promise<void> {
  const contactId = `con_${tenantId}`
  const rows = JSON.stringify(tickets.map((ticket) => ({ contactId, inboxId: 'inb_1', status: 'open', ...ticket })))
  const from = (sql: string) => env.DB.prepare(sql).bind(tenantId, rows)
  await env.DB.batch([
    env.DB.prepare(
      'INSERT OR IGNORE INTO contacts (id, tenant_id, name, email, created_at) VALUES (?, ?, ?, ?, 1)',
    ).bind(contactId, tenantId, 'Anna Müller', 'anna.mueller@customer.example'),
    from(
      `UPDATE tenants SET last_ticket_number = max(last_ticket_number, (SELECT max(value ->> 'number') FROM json_each(?2))) WHERE id = ?1`,
    ),
    from(`INSERT INTO tickets (id, tenant_id, number, subject, status, inbox_id, assignee_id, contact_id, message_count, last_message_at, created_at, updated_at)
      SELECT v ->> 'id', ?1, v ->> 'number', coalesce(v ->> 'subject', 'Hello'), v ->> 'status', v ->> 'inboxId', v ->> 'assigneeId', v ->> 'contactId',
        coalesce(json_array_length(v, '$.texts'), 0), v ->> 'at', v ->> 'at', v ->> 'at' FROM (SELECT value AS v FROM json_each(?2))`),
    from(`INSERT INTO messages (id, tenant_id, ticket_id, inbox_id, direction, from_name, from_email, text, message_id, received_at, created_at)
      SELECT 'msg_' || (v ->> 'id') || x.key, ?1, v ->> 'id', v ->> 'inboxId', 'inbound', 'Anna Müller', 'anna.mueller@customer.example', x.value,
        (v ->> 'id') || '.' || x.key || '@customer.example', (v ->> 'at') + x.key, v ->> 'at'
      FROM (SELECT value AS v FROM json_each(?2)) CROSS JOIN json_each(v, '$.texts') x`),
    from(`INSERT INTO ticket_tags (tenant_id, ticket_id, tag)
      SELECT ?1, v ->> 'id', x.value FROM (SELECT value AS v FROM json_each(?2)) CROSS JOIN json_each(v, '$.tags') x`),
  ])
}

/** An inbox that can send, unless `smtp` is false. */
export async function seedInbox(
  tenantId: string,
  id: string,
  options: { smtp?: boolean; email?: string } = {},
): Promise<string> {
  const email = options.email ?? `${id.replace('_', '-')}@acme.example`
  const server = { host: 'smtp.acme.example', port: 465, security: 'tls', username: email }
  const smtp = options.smtp ?? true
  await env.DB.prepare(
    `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, status, config, credentials, created_at, updated_at)
     VALUES (?, ?, 'Support', 'Acme Support', ?, 'imap', 'connected', ?, ?, 1, 1)`,
  )
    .bind(id, tenantId, email, JSON.stringify(smtp ? { smtp: server } : { imap: server }), 'v1.k1.sealed')
    .run()
  return email
}

/** A job sender that keeps what it is given. */
export function keptJobs() {
  const sent: Job[] = []
  return { sent, send: async (job: Job) => void sent.push(job) }
}
