// What the sync tests share: rows in D1, and reading the ledger back.
import { env } from 'cloudflare:test'
import type { OAuthTokens } from '../../../worker/contract/inboxes'
import { settingsOf } from '../../../worker/env'
import { tenantDb } from '../../../worker/platform/db'
import { sealConnection } from '../../../worker/sync/credentials'
import { proofOf } from '../../../worker/sync/push-state'

let counter = 0

/** The tokens an account of these tests has stored. */
export const STORED_TOKENS = {
  accessToken: 'stored-access',
  expiresAt: 4_000_000_000_000,
  refreshToken: 'stored-refresh',
}

/** A connected inbox of a tenant of its own; IMAP where nothing else is said. */
export async function givenInbox(
  columns: {
    type?: 'imap' | 'google' | 'microsoft' | 'forward'
    address?: string
    paused?: boolean
    archived?: boolean
    connected?: boolean
    nextPollAt?: number
    /** the connected Google account; the inbox's own address where absent */
    account?: string
    watchExpiresAt?: number
    subscription?: { id: string; clientState?: string; expiresAt?: number }
    pushProblem?: string
    tokens?: OAuthTokens
    mark?: 'category' | 'read' | 'move'
    markFolder?: string
    markProblem?: string
  } = {},
) {
  const n = `${Date.now().toString(36)}${counter++}`
  const owner = { tenantId: `ten_${n}`, inboxId: `inb_${n}` }
  const address = columns.address ?? `${n}@example.com`
  const account = columns.account ?? address
  const server = {
    host: 'localhost',
    port: 1,
    security: 'tls' as const,
    username: 'u',
    password: 'stored-secret',
  }
  const grant = { clientId: 'client', scopes: [], grantedAt: 1 }
  const microsoft = { kind: 'own' as const, address: account, account, profileId: null, directory: 'common' }
  const connection = {
    google: { google: { ...grant, address: account } },
    microsoft: { microsoft: { ...grant, ...microsoft } },
    imap: { imap: server, smtp: server },
    forward: {},
  }[columns.type ?? 'imap']
  const tokens = columns.type === 'google' || columns.type === 'microsoft'
  const sealed =
    columns.connected === false || columns.type === 'forward'
      ? { config: null, credentials: null }
      : await sealConnection(
          settingsOf(env).keyring,
          owner.tenantId,
          owner.inboxId,
          connection,
          tokens ? (columns.tokens ?? STORED_TOKENS) : undefined,
        )
  await env.DB.batch([
    env.DB.prepare("INSERT INTO tenants (id, name, plan, created_at) VALUES (?, 'T', 'enterprise', 1)").bind(
      owner.tenantId,
    ),
    env.DB.prepare(
      `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, status, config, credentials,
         connected_at, next_poll_at, paused_at, archived_at, google_address, gmail_watch_expires_at, push_problem,
         graph_subscription_id, graph_subscription_expires_at, graph_client_state, mark_processed, mark_folder, mark_problem, created_at, updated_at)
       VALUES (?, ?, 'Support', 'Support', ?, ?, 'connected', ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1)`,
    ).bind(
      owner.inboxId,
      owner.tenantId,
      address,
      columns.type ?? 'imap',
      sealed.config,
      sealed.credentials,
      columns.nextPollAt ?? null,
      columns.paused ? 1 : null,
      columns.archived ? 1 : null,
      columns.type === 'google' && sealed.credentials !== null ? account : null,
      columns.watchExpiresAt ?? null,
      columns.pushProblem ?? null,
      columns.subscription?.id ?? null,
      columns.subscription?.expiresAt ?? null,
      columns.subscription?.clientState === undefined ? null : proofOf(columns.subscription.clientState),
      columns.mark ?? 'none',
      columns.markFolder ?? null,
      columns.markProblem ?? null,
    ),
  ])
  return { ...owner, db: tenantDb(env.DB, owner.tenantId) }
}

export type Row = {
  id: string
  identity: string
  state: string
  disposition: string | null
  reason: string | null
  attempts: number
  due_at: number | null
  raw_key: string | null
  size: number | null
  digest: string | null
  upload: string | null
  error: string | null
  received_at: number | null
  role: string | null
  links: string | null
  mark_due_at: number | null
  mark_attempts: number
}

/** The ledger of an inbox in the order of discovery. */
export async function ledgerOf(owner: { tenantId: string; inboxId: string }): Promise<Row[]> {
  const { results } = await env.DB.prepare('SELECT * FROM ledger WHERE tenant_id = ? AND inbox_id = ? ORDER BY rowid')
    .bind(owner.tenantId, owner.inboxId)
    .all<Row>()
  return results
}

export async function inboxRow(owner: { inboxId: string }) {
  return env.DB.prepare('SELECT * FROM inboxes WHERE id = ?')
    .bind(owner.inboxId)
    .first<Record<string, string | number | null>>()
}

/** Makes every row claimable now, as if its lease or backoff had passed. */
export async function letTimePass(owner: { inboxId: string }): Promise<void> {
  await env.DB.prepare('UPDATE ledger SET due_at = 1 WHERE inbox_id = ? AND due_at IS NOT NULL')
    .bind(owner.inboxId)
    .run()
}
