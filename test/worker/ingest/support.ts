// A tenant with an inbox, mails that lie stored in R2 as a fetch leaves them, and ingest with its dependencies under the test's control.
import { env } from 'cloudflare:test'
import type { MailRole } from '../../../worker/contract/inboxes'
import type { Job } from '../../../worker/contract/jobs'
import type { StoredMail } from '../../../worker/contract/pipeline'
import { type IngestDeps, ingestStored } from '../../../worker/ingest/ingest-job'
import type { CloudLink } from '../../../worker/mail/cloud-link'
import { rawKey } from '../../../worker/platform/blobs'
import { tenantDb } from '../../../worker/platform/db'
import { newId, sha256Hex } from '../../../worker/platform/ids'
import { makeTenant, type TestTenant } from '../../support/session'

/** `thread`, `role` and `links` as a provider with conversations, folders and files in a cloud tells them. */
export type StoreOptions = {
  identity?: string
  inboxId?: string
  receivedAt?: number | null
  digest?: null
  thread?: string
  role?: MailRole
  links?: CloudLink[]
}

export type World = TestTenant & {
  /** the address of its inbox */
  address: string
  inboxId: string
  /** what the ingest under test has sent */
  jobs: Job[]
  now: number
  deps: IngestDeps
  /** Puts a raw mail in R2 with its ledger row, as a fetch does. `size` may lie, to be treated as a large mail. */
  store(raw: string | Uint8Array, options?: StoreOptions): Promise<string>
  /** Stores and ingests raw mails, one batch. Returns their ledger ids. */
  deliver(...raws: (string | Uint8Array)[]): Promise<string[]>
  ingest(ids: string[], inboxId?: string): Promise<void>
  rows<T = Record<string, unknown>>(sql: string, ...params: unknown[]): Promise<T[]>
  ledger(id: string): Promise<Record<string, unknown>>
}

export async function makeWorld(): Promise<World> {
  const tenant = await makeTenant()
  const address = `support@${tenant.tenantId.slice(4)}.test`
  const inboxId = await addInbox(tenant.tenantId, address)
  const jobs: Job[] = []
  let serial = 0
  const world: World = {
    ...tenant,
    inboxId,
    address,
    jobs,
    now: Date.UTC(2026, 9, 20, 12),
    deps: {
      db: (tenantId) => tenantDb(env.DB, tenantId),
      blobs: env.BLOBS,
      jobs: { send: async (job) => void jobs.push(job) },
      clock: () => world.now,
      newId,
      authSecret: env.AUTH_SECRET,
      random: () => 0.5,
    },
    async store(raw, options = {}) {
      const bytes = typeof raw === 'string' ? new TextEncoder().encode(raw.replace(/\r?\n/g, '\r\n')) : raw
      const inbox = options.inboxId ?? inboxId
      const identity = options.identity ?? `imap:INBOX:1:${++serial}`
      const id = newId('led')
      const key = await rawKey(tenant.tenantId, inbox, identity)
      await env.BLOBS.put(key, bytes)
      await env.DB.prepare(
        `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, raw_key, size, digest, received_at, role, links, due_at, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, 'stored', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
        .bind(
          ...[
            id,
            tenant.tenantId,
            inbox,
            identity,
            JSON.stringify({ identity, thread: options.thread }),
            key,
            bytes.length,
          ],
          options.digest === null ? null : await sha256Hex(bytes),
          options.receivedAt ?? null,
          options.role ?? null,
          options.links ? JSON.stringify(options.links) : null,
          ...[world.now, world.now, world.now],
        )
        .run()
      return id
    },
    async deliver(...raws) {
      const ids: string[] = []
      for (const raw of raws) ids.push(await world.store(raw))
      await world.ingest(ids)
      return ids
    },
    ingest(ids, inbox = inboxId) {
      const mails: StoredMail[] = ids.map((ledgerId) => ({ ledgerId, bytes: null }))
      return ingestStored(world.deps, tenant.tenantId, inbox, mails)
    },
    async rows<T>(sql: string, ...params: unknown[]) {
      return (
        await env.DB.prepare(sql)
          .bind(tenant.tenantId, ...params)
          .all<T>()
      ).results
    },
    async ledger(id) {
      const [row] = await world.rows('SELECT * FROM ledger WHERE tenant_id = ?1 AND id = ?2', id)
      if (!row) throw new Error(`no ledger row ${id}`)
      return row
    },
  }
  return world
}

export async function addInbox(tenantId: string, address: string): Promise<string> {
  const id = newId('inb')
  await env.DB.prepare(
    `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, created_at, updated_at)
     VALUES (?, ?, 'Support', 'Support', ?, 'imap', 1, 1)`,
  )
    .bind(id, tenantId, address)
    .run()
  return id
}

type Words = {
  from?: string
  to?: string
  cc?: string
  subject?: string
  id?: string | null
  inReplyTo?: string
  references?: string[]
  date?: string
  headers?: string[]
  body?: string
}

/** A plain mail as text; ids without angle brackets. */
export function eml(words: Words = {}): string {
  const id = words.id === undefined ? `${crypto.randomUUID()}@customer.test` : words.id
  const fields = [
    `From: ${words.from ?? 'Ann <ann@customer.test>'}`,
    `To: ${words.to ?? 'support@acme.test'}`,
    ...(words.cc ? [`Cc: ${words.cc}`] : []),
    `Subject: ${words.subject ?? 'Printer on fire'}`,
    `Date: ${words.date ?? 'Tue, 20 Oct 2026 10:00:00 +0000'}`,
    ...(id === null ? [] : [`Message-ID: <${id}>`]),
    ...(words.inReplyTo ? [`In-Reply-To: <${words.inReplyTo}>`] : []),
    ...(words.references ? [`References: ${words.references.map((ref) => `<${ref}>`).join(' ')}`] : []),
    ...(words.headers ?? []),
  ]
  return `${fields.join('\n')}\n\n${words.body ?? 'It burns.'}\n`
}

/** A mail with attachments, base64. */
export function emlWith(files: { name: string; bytes: Uint8Array; type?: string }[], words: Words = {}): string {
  const parts = files.map(
    ({ name, bytes, type }) =>
      `--b\nContent-Type: ${type ?? 'application/octet-stream'}; name="${name}"\nContent-Disposition: attachment; filename="${name}"\nContent-Transfer-Encoding: base64\n\n${Buffer.from(
        bytes,
      )
        .toString('base64')
        .replace(/.{76}/g, '$&\n')}\n`,
  )
  const headers = [...(words.headers ?? []), 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b']
  return eml({
    ...words,
    headers,
    body: `--b\nContent-Type: text/plain\n\n${words.body ?? 'See the files.'}\n${parts.join('')}--b--`,
  })
}
