// Gives a grant back when an inbox lets go of its account: ends push, and revokes the refresh token where the vendor takes it. Best effort:
// a person waits, the credentials are gone already, and what is left at the vendor ends by itself or in the account's own settings.
import type { ConnectionConfig, OAuthTokens } from '../contract/inboxes'
import type { Settings } from '../env'
import type { Clock } from '../platform/clock'
import { KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import type { InboxRow } from '../platform/inbox-answer'
import { log } from '../platform/log'
import type { SystemDb } from '../platform/system-db'
import { revokeToken } from '../providers/oauth'
import { type Lease, ProviderError, type TokenSource } from '../providers/provider'
import type { InboxControl } from './connect'
import { configOf, loadInbox, storedTokens } from './credentials'
import { configuredGoogle } from './google-client'
import { grantIssuer } from './grant-issuer'
import type { MakeProvider } from './mailbox'
import { subscriptionsInUse } from './subscribers'
import { type Grant, grantOf } from './token-keeper'

/** For each step, ms: a person waits. */
const PATIENCE = 5_000

export type ReleaseDeps = {
  db: TenantDb
  system: SystemDb
  settings: Settings
  clock: Clock
  fetch: typeof fetch
  makeProvider: MakeProvider
  object: (inboxId: string) => Pick<InboxControl, 'stop'>
  /** for each step, ms */
  patience?: number
}

/**
 * Reads what giving the grant back needs while it is still stored. Run the answer once the row no longer holds the credentials: it does
 * nothing where they are still in use. Neither throws because of the vendor.
 */
export async function prepareRelease(deps: ReleaseDeps, inboxId: string): Promise<() => Promise<void>> {
  const row = (await loadInbox(deps.db, null, inboxId))?.row
  const tokens =
    row &&
    (await storedTokens(deps.settings.keyring, row).catch((error) => {
      if (error instanceof KeyringError) return null
      throw error
    }))
  const config = row ? configOf(row) : null
  const grant = tokens && grantOf(config, tokens)
  if (!row || !config || !grant) return async () => {}
  const { vendor } = grant
  return async () => {
    if (await inUse(deps, inboxId, grant)) return
    const during = (step: string, work: () => Promise<void>) => attempt(deps, { vendor, step, inboxId }, work)
    // A renewal of push that is under way would outlive its end.
    await during('stop', () => deps.object(inboxId).stop())
    await during('push', () => endPush(deps, config, standingOf(row), lastToken(deps, grant, tokens)))
    // Microsoft takes no single grant back: it ends unused, or in the account's own settings.
    if (vendor === 'google') await during('revoke', () => revoke(deps, tokens))
  }
}

/**
 * Whether somebody still needs what would be ended. Revoking at Google ends the grant of the whole account, for every inbox of this
 * deployment, of whatever tenant. At Microsoft only this inbox's own subscription ends, which matters if it was connected again meanwhile.
 */
async function inUse({ db, system }: ReleaseDeps, inboxId: string, { vendor, address }: Grant): Promise<boolean> {
  if (vendor === 'microsoft') {
    const row = (await loadInbox(db, null, inboxId))?.row
    return row !== undefined && row.credentials !== null && configOf(row)?.microsoft?.address === address
  }
  const found = await system.d1
    .prepare('SELECT 1 FROM inboxes WHERE google_address = ?1 AND credentials IS NOT NULL LIMIT 1')
    .bind(address)
    .first()
  return found !== null
}

/** The subscription that is known to stand; what ends it is its id alone. */
function standingOf({ graphSubscriptionId: id, graphSubscriptionExpiresAt: expiresAt }: InboxRow): Lease | null {
  return id === null ? null : { expiresAt: expiresAt ?? 0, subscription: { id, clientState: '' } }
}

async function endPush(
  deps: ReleaseDeps,
  { google, microsoft }: ConnectionConfig,
  standing: Lease | null,
  token: TokenSource,
): Promise<void> {
  const account = { ...(google && { google }), ...(microsoft && { microsoft }) }
  const provider = deps.makeProvider(account, {
    since: Number.POSITIVE_INFINITY,
    token,
    subscriptionsInUse: (ids) => subscriptionsInUse(deps.system.d1, ids),
  })
  try {
    await provider.push?.unsubscribe(standing)
  } finally {
    await provider.close()
  }
}

/** A token for one last request; nothing is stored, since nothing of this grant is stored any more. */
function lastToken(deps: ReleaseDeps, grant: Grant, tokens: OAuthTokens): TokenSource {
  return async (refused) => {
    if (refused === undefined && tokens.expiresAt > deps.clock()) return tokens.accessToken
    if (refused !== undefined && refused !== tokens.accessToken)
      throw new ProviderError('transient', 'released', 'This account is no longer connected.')
    return (await grantIssuer(deps.settings, deps, deps.db).refresh(grant)).accessToken
  }
}

async function revoke(deps: ReleaseDeps, { refreshToken }: OAuthTokens): Promise<void> {
  const client = configuredGoogle(deps.settings)
  if (client && refreshToken !== null && !(await revokeToken(client, deps, refreshToken)))
    throw new Error('the token was not revoked')
}

async function attempt(
  { patience = PATIENCE }: ReleaseDeps,
  { vendor, ...about }: { vendor: Grant['vendor']; step: string; inboxId: string },
  work: () => Promise<void>,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), patience)
  })
  try {
    await Promise.race([work(), timeout])
  } catch (error) {
    log.warn(`${vendor}.release`, { ...about, error })
  } finally {
    clearTimeout(timer)
  }
}
