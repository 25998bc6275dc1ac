// From an inbox row to a provider that reads its mailbox, or the reason why there is none. Used by the pass and by the fetch job.
import { connect } from 'cloudflare:sockets'
import type { Settings } from '../env'
import { systemClock } from '../platform/clock'
import { type Keyring, KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { graphLifecycleUrl, graphPushUrl } from '../platform/http/provider-paths'
import type { InboxRow } from '../platform/inbox-answer'
import { resolveByHttps } from '../providers/dns'
import { openGmail } from '../providers/gmail/provider'
import { openGraph } from '../providers/graph/provider'
import { openMailbox as openProvider } from '../providers/mailbox'
import { type MailProvider, ProviderError, type TokenSource } from '../providers/provider'
import { type Connection, type LoadedInbox, loadInbox, resealStale } from './credentials'

/** Makes the provider of a connection; tests lend a fake. */
export type MakeProvider = (connection: Connection, options: ProviderOptions) => MailProvider
export type ProviderOptions = {
  /** the oldest mail a first listing wants, ms; Infinity: only new mail */
  since: number
  /** access tokens, for a connection that is an account */
  token: TokenSource
  /** hears the quota units of every call that is not a fetched message */
  spent?: (units: number) => void
  /** those of these subscriptions that belong to some inbox, so that none of a neighbour on the same mailbox is tidied away */
  subscriptionsInUse?: (ids: string[]) => Promise<Set<string>>
  /** mail is to be marked once it is on a ticket */
  marks?: boolean
}

/** For a connection that is no account: nobody asks. */
export const noTokens: TokenSource = () =>
  Promise.reject(new ProviderError('protocol', 'no_account', 'This connection is not an account.'))

/** The provider for real servers: mail servers over Cloudflare's sockets, accounts over fetch. */
export function realProvider(settings: Settings): MakeProvider {
  // Called through a name, since workerd's fetch wants no receiver.
  const io = { fetch: (...args: Parameters<typeof fetch>) => fetch(...args), clock: systemClock }
  const network = { ...io, connect, resolve: resolveByHttps({ fetch: io.fetch, dnsUrl: settings.DNS_URL }) }
  const trustedHosts = settings.TRUSTED_PROVIDER_HOSTS
  return (connection, { since, marks = false, ...account }) => {
    const { google, microsoft } = connection
    if (google) {
      const { GMAIL_API_URL: apiUrl, GMAIL_UNITS_PER_MINUTE: unitsPerMinute } = settings
      const topic = settings.GOOGLE_PUBSUB_TOPIC ?? null
      return openGmail({ since, apiUrl, topic, trustedHosts, unitsPerMinute }, { ...io, ...account })
    }
    if (microsoft)
      return openGraph(
        {
          since,
          apiUrl: settings.MICROSOFT_GRAPH_URL,
          mailbox: { kind: microsoft.kind, address: microsoft.address },
          notificationUrl: graphPushUrl(settings.APP_URL),
          lifecycleUrl: graphLifecycleUrl(settings.APP_URL),
          push: true,
          marks,
          trustedHosts,
        },
        { ...io, ...account },
      )
    return openProvider({ ...connection, since }, network)
  }
}

export type MailboxDeps = {
  db: TenantDb
  keyring: Keyring
  makeProvider: MakeProvider
  /** the access tokens of an inbox */
  tokens: (inboxId: string) => TokenSource
} & Pick<ProviderOptions, 'spent' | 'subscriptionsInUse'>
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
  if (!connection || !readableSide(row, connection)) return { open: false, reason: 'not_connected' }
  await resealStale(deps.db, deps.keyring, loaded)
  const { spent, subscriptionsInUse } = deps
  const options = {
    since: since(row),
    token: deps.tokens(inboxId),
    ...(spent && { spent }),
    ...(subscriptionsInUse && { subscriptionsInUse }),
  }
  return { open: true, row, provider: deps.makeProvider(connection, options) }
}

/** The part of a connection that mail is read through, by the type of its inbox. */
function readableSide({ connectionType }: InboxRow, connection: Connection) {
  switch (connectionType) {
    case 'imap':
      return connection.imap
    case 'google':
      return connection.google
    case 'microsoft':
      return connection.microsoft
    case 'forward':
      return undefined
  }
}

/** A key that was taken out of the ring leaves passwords and tokens nobody can read: the person has to connect again. */
async function readable(loading: Promise<LoadedInbox | null>): Promise<LoadedInbox | null> {
  try {
    return await loading
  } catch (cause) {
    if (!(cause instanceof KeyringError)) throw cause
    throw new ProviderError('protocol', 'credentials_unreadable', 'The stored access can no longer be read.', {
      cause,
      hint: 'Connect the inbox again.',
    })
  }
}
