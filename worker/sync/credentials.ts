// The stored connection of an inbox: hosts and user names readable, passwords sealed. Secrets leave this file only as a Connection in memory.

import { and, eq } from 'drizzle-orm'
import { ConnectionConfig, ConnectionSecrets, type Server } from '../contract/inboxes'
import { inboxes } from '../db/inboxes'
import type { Keyring, SealedField } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'

/** Both sides of a connection with their passwords. Never logged, never answered. */
export type Connection = { imap?: Server; smtp?: Server }
/** A stored connection and the inbox it belongs to; `connection` is null while there is none. */
export type LoadedInbox = { row: InboxRow; connection: Connection | null }

const field = (tenantId: string, inboxId: string): SealedField => ({ tenantId, record: inboxId, field: 'credentials' })

/**
 * The inbox with its connection decrypted, or null when this tenant has no such inbox. Without a keyring the connection is left closed.
 * Throws KeyringError on a secret that no key opens.
 */
export async function loadInbox(db: TenantDb, keyring: Keyring | null, inboxId: string): Promise<LoadedInbox | null> {
  const [row] = await db.orm
    .select()
    .from(inboxes)
    .where(and(eq(inboxes.tenantId, db.tenantId), eq(inboxes.id, inboxId)))
    .limit(1)
  if (!row) return null
  const config = configOf(row)
  if (!keyring || !row.credentials || !config) return { row, connection: null }
  const secrets = ConnectionSecrets.parse(
    JSON.parse(await keyring.decrypt(row.credentials, field(db.tenantId, inboxId))),
  )
  return {
    row,
    connection: {
      ...(config.imap ? { imap: { ...config.imap, password: secrets.imap ?? '' } } : {}),
      ...(config.smtp ? { smtp: { ...config.smtp, password: secrets.smtp ?? '' } } : {}),
    },
  }
}

/** The readable part of a stored connection; it outlives a disconnect. */
export function configOf(row: InboxRow): ConnectionConfig | null {
  return row.config === null ? null : ConnectionConfig.parse(JSON.parse(row.config))
}

/** The two columns of a connection: its readable part, and its passwords sealed for this tenant, inbox and field. */
export async function sealConnection(
  keyring: Keyring,
  tenantId: string,
  inboxId: string,
  connection: Connection,
): Promise<{ config: string; credentials: string }> {
  const secrets: ConnectionSecrets = { imap: connection.imap?.password, smtp: connection.smtp?.password }
  return {
    config: JSON.stringify(ConnectionConfig.parse(connection)),
    credentials: await keyring.encrypt(JSON.stringify(secrets), field(tenantId, inboxId)),
  }
}

/**
 * Seals a connection again that was sealed by an older key of the ring, so that the old key can be taken out once every inbox was checked.
 * Does nothing where somebody has stored another connection in the meantime.
 */
export async function resealStale(db: TenantDb, keyring: Keyring, { row, connection }: LoadedInbox): Promise<void> {
  if (!connection || row.credentials === null || !keyring.stale(row.credentials)) return
  const { credentials } = await sealConnection(keyring, db.tenantId, row.id, connection)
  await db.orm
    .update(inboxes)
    .set({ credentials })
    .where(and(eq(inboxes.tenantId, db.tenantId), eq(inboxes.id, row.id), eq(inboxes.credentials, row.credentials)))
}

/**
 * What a form means: a side that is not given stays as stored, a blank password is the stored one. A stored password is never
 * sent to another host than the one it was typed for, or a form would be a way to read it.
 */
export function completeConnection(given: Connection, stored: Connection | null): Connection {
  const side = (name: 'imap' | 'smtp') => {
    const server = given[name]
    const before = stored?.[name]
    if (!server) return before
    if (server.password !== '' || !before) return server
    if (server.host.toLowerCase() !== before.host.toLowerCase())
      throw new AppError('invalid_body', {
        fields: [{ path: `${name}.password`, message: 'Type the password again: the server has changed.' }],
      })
    return { ...server, password: before.password }
  }
  const imap = side('imap')
  const smtp = side('smtp')
  return { ...(imap ? { imap } : {}), ...(smtp ? { smtp } : {}) }
}

/** Whether two connections read different mailboxes, so that cursor and UIDs of one mean nothing in the other. */
export function otherMailbox(before: ConnectionConfig | null, after: ConnectionConfig): boolean {
  if (!before?.imap || !after.imap) return false
  return (
    before.imap.host.toLowerCase() !== after.imap.host.toLowerCase() || before.imap.username !== after.imap.username
  )
}
