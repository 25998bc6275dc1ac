// From an inbox row to a provider that reads its mailbox, or the reason why there is none. Used by the pass and by the fetch job.
import { connect } from 'cloudflare:sockets'
import { systemClock } from '../platform/clock'
import { type Keyring, KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import type { InboxRow } from '../platform/inbox-answer'
import { resolveByHttps } from '../providers/dns'
import { openMailbox as openProvider } from '../providers/mailbox'
import { type MailProvider, ProviderError } from '../providers/provider'
import { type Connection, type LoadedInbox, loadInbox, resealStale } from './credentials'

/** Makes the provider of a connection; tests lend a fake. `since`: the oldest mail a first listing wants, ms; Infinity: only new mail. */
export type MakeProvider = (connection: Connection, options: { since: number }) => MailProvider

/** The provider for real servers over Cloudflare's sockets. `dnsUrl` answers why a host cannot be reached. */
export function realProvider(dnsUrl: string): MakeProvider {
  const network = {
    connect,
    clock: systemClock,
    resolve: resolveByHttps({ fetch: (...args) => fetch(...args), dnsUrl }),
  }
  return (connection, { since }) => openProvider({ ...connection, since }, network)
}

export type MailboxDeps = { db: TenantDb; keyring: Keyring; makeProvider: MakeProvider }
export type OpenedMailbox =
  | { open: true; provider: MailProvider; row: InboxRow }
  /** nothing is to be read here until somebody changes the inbox */
  | { open: false; reason: 'gone' | 'archived' | 'paused' | 'not_connected' }

/** Opens the mailbox of an inbox. Touches no network; the provider connects when it is first asked something. */
export async function openMailbox(
  deps: MailboxDeps,
  inboxId: string,
  since: (row: InboxRow) => number,
): Promise<OpenedMailbox> {
  const loaded = await readable(loadInbox(deps.db, deps.keyring, inboxId))
  if (!loaded) return { open: false, reason: 'gone' }
  const { row, connection } = loaded
  if (row.archivedAt !== null) return { open: false, reason: 'archived' }
  if (row.pausedAt !== null) return { open: false, reason: 'paused' }
  if (row.connectionType !== 'imap' || !connection?.imap) return { open: false, reason: 'not_connected' }
  await resealStale(deps.db, deps.keyring, loaded)
  return { open: true, row, provider: deps.makeProvider(connection, { since: since(row) }) }
}

/** A key that was taken out of the ring leaves passwords nobody can read: the person has to type them again. */
async function readable(loading: Promise<LoadedInbox | null>): Promise<LoadedInbox | null> {
  try {
    return await loading
  } catch (cause) {
    if (!(cause instanceof KeyringError)) throw cause
    throw new ProviderError('protocol', 'credentials_unreadable', 'The stored password can no longer be read.', {
      cause,
      hint: 'Type the password again.',
    })
  }
}
