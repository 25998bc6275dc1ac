// The stored connection of an inbox: hosts, user names and account readable, passwords and tokens sealed. Passwords leave this file
// only as a Connection in memory, tokens only through `storedTokens`: for the token keeper, and to give a grant back.

import { and, eq } from 'drizzle-orm'
import {
  type ConnectionBody,
  ConnectionConfig,
  ConnectionSecrets,
  type GoogleConfig,
  type MicrosoftConfig,
  type OAuthTokens,
  type Server,
} from '../contract/inboxes'
import { inboxes } from '../db/inboxes'
import type { Keyring, SealedField } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'

/** What a provider is made of: servers with their passwords, or an account without its tokens. Never logged, never answered. */
export type Connection = { imap?: Server; smtp?: Server; google?: GoogleConfig; microsoft?: MicrosoftConfig }
/** The part of a connection that is an account. */
export type Account = { google: GoogleConfig } | { microsoft: MicrosoftConfig }
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
  const secrets = await secretsOf(keyring, row)
  return {
    row,
    connection: {
      ...(config.imap ? { imap: { ...config.imap, password: secrets?.imap ?? '' } } : {}),
      ...(config.smtp ? { smtp: { ...config.smtp, password: secrets?.smtp ?? '' } } : {}),
      ...(config.google && secrets?.google ? { google: config.google } : {}),
      ...(config.microsoft && secrets?.microsoft ? { microsoft: config.microsoft } : {}),
    },
  }
}

/** The tokens of the stored grant, or null without one. Throws KeyringError where no key opens them. */
export async function storedTokens(
  keyring: Keyring,
  row: Pick<InboxRow, 'id' | 'tenantId' | 'credentials'>,
): Promise<OAuthTokens | null> {
  const secrets = await secretsOf(keyring, row)
  return secrets?.google ?? secrets?.microsoft ?? null
}

async function secretsOf(
  keyring: Keyring,
  { id, tenantId, credentials }: Pick<InboxRow, 'id' | 'tenantId' | 'credentials'>,
): Promise<ConnectionSecrets | null> {
  if (credentials === null) return null
  return ConnectionSecrets.parse(JSON.parse(await keyring.decrypt(credentials, field(tenantId, id))))
}

/** The readable part of a stored connection; it outlives a disconnect. */
export function configOf(row: InboxRow): ConnectionConfig | null {
  return row.config === null ? null : ConnectionConfig.parse(JSON.parse(row.config))
}

/** The two columns of a connection: its readable part, and its passwords and tokens sealed for this tenant, inbox and field. */
export async function sealConnection(
  keyring: Keyring,
  tenantId: string,
  inboxId: string,
  connection: Connection,
  tokens?: OAuthTokens,
): Promise<{ config: string; credentials: string }> {
  const secrets: ConnectionSecrets = {
    imap: connection.imap?.password,
    smtp: connection.smtp?.password,
    ...(connection.microsoft ? { microsoft: tokens } : { google: tokens }),
  }
  return {
    config: JSON.stringify(ConnectionConfig.parse(connection)),
    credentials: await keyring.encrypt(JSON.stringify(secrets), field(tenantId, inboxId)),
  }
}

/**
 * Stores refreshed tokens of the grant that `row` holds, and leaves every other secret as it is. False, with nothing written, where
 * somebody has stored, resealed or wiped the credentials since `row` was read.
 */
export async function replaceTokens(
  db: TenantDb,
  keyring: Keyring,
  row: Pick<InboxRow, 'id' | 'tenantId' | 'credentials'>,
  tokens: OAuthTokens,
): Promise<boolean> {
  const secrets = await secretsOf(keyring, row)
  if (!secrets) return false
  const vendor = secrets.microsoft ? 'microsoft' : 'google'
  return replaceSecrets(db, keyring, row, { ...secrets, [vendor]: tokens })
}

/**
 * Seals secrets again that were sealed by an older key of the ring, so that the old key can be taken out once every inbox was checked.
 * Does nothing where somebody has stored another connection in the meantime.
 */
export async function resealStale(db: TenantDb, keyring: Keyring, { row }: LoadedInbox): Promise<void> {
  if (row.credentials === null || !keyring.stale(row.credentials)) return
  const secrets = await secretsOf(keyring, row)
  if (secrets) await replaceSecrets(db, keyring, row, secrets)
}

/** Compare and set: writes only over the very credentials that were read. */
async function replaceSecrets(
  db: TenantDb,
  keyring: Keyring,
  { id, credentials }: Pick<InboxRow, 'id' | 'credentials'>,
  secrets: ConnectionSecrets,
): Promise<boolean> {
  if (credentials === null) return false
  const { meta } = await db.orm
    .update(inboxes)
    .set({ credentials: await keyring.encrypt(JSON.stringify(secrets), field(db.tenantId, id)) })
    .where(and(eq(inboxes.tenantId, db.tenantId), eq(inboxes.id, id), eq(inboxes.credentials, credentials)))
  return meta.changes === 1
}

/**
 * What a form means: a side that is not given stays as stored, a blank password is the stored one. A stored password is never
 * sent to another host than the one it was typed for, or a form would be a way to read it.
 */
export function completeConnection(given: ConnectionBody, stored: Connection | null): Connection {
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
  if (before?.google && after.google) return before.google.address !== after.google.address
  if (before?.microsoft && after.microsoft) return before.microsoft.address !== after.microsoft.address
  if (!before?.imap || !after.imap) return false
  return (
    before.imap.host.toLowerCase() !== after.imap.host.toLowerCase() || before.imap.username !== after.imap.username
  )
}
