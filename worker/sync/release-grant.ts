// Gives a Google grant back when an inbox lets go of its account: stops the watch, revokes the refresh token. Best effort: a person
// waits, the credentials are gone already, and what is left at Google ends by itself or in the account's own settings.
import type { GoogleConfig, OAuthTokens } from '../contract/inboxes'
import type { Settings } from '../env'
import type { Clock } from '../platform/clock'
import { KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { log } from '../platform/log'
import type { SystemDb } from '../platform/system-db'
import { revokeToken } from '../providers/oauth'
import { ProviderError, type TokenSource } from '../providers/provider'
import type { InboxControl } from './connect'
import { configOf, loadInbox, storedTokens } from './credentials'
import { configuredGoogle, googleRefresh } from './google-client'
import type { MakeProvider } from './mailbox'

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
 * nothing where another inbox of this deployment, of whatever tenant, still uses the account. Neither throws because of Google.
 */
export async function prepareRelease(deps: ReleaseDeps, inboxId: string): Promise<() => Promise<void>> {
  const row = (await loadInbox(deps.db, null, inboxId))?.row
  const google = row && configOf(row)?.google
  if (!google) return async () => {}
  const tokens = await storedTokens(deps.settings.keyring, row).catch((error) => {
    if (error instanceof KeyringError) return null
    throw error
  })
  if (!tokens) return async () => {}
  return async () => {
    // An inbox that was reconnected meanwhile counts as well: revoking ends the grant of the whole account.
    if (await inUse(deps.system, google.address)) return
    // A renewal of the watch that is under way would outlive its end.
    await attempt(deps, 'stop', inboxId, () => deps.object(inboxId).stop())
    await attempt(deps, 'watch', inboxId, () => stopWatch(deps, google, tokens))
    await attempt(deps, 'revoke', inboxId, () => revoke(deps, tokens))
  }
}

async function inUse(system: SystemDb, address: string): Promise<boolean> {
  const found = await system.d1
    .prepare('SELECT 1 FROM inboxes WHERE google_address = ?1 AND credentials IS NOT NULL LIMIT 1')
    .bind(address)
    .first()
  return found !== null
}

async function stopWatch(deps: ReleaseDeps, google: GoogleConfig, tokens: OAuthTokens): Promise<void> {
  const provider = deps.makeProvider(
    { google },
    { since: Number.POSITIVE_INFINITY, token: lastToken(deps, google, tokens) },
  )
  try {
    await provider.push?.unsubscribe(null)
  } finally {
    await provider.close()
  }
}

/** A token for one last request; nothing is stored, since nothing of this grant is stored any more. */
function lastToken(deps: ReleaseDeps, { clientId, grantedAt }: GoogleConfig, tokens: OAuthTokens): TokenSource {
  return async (refused) => {
    if (refused === undefined && tokens.expiresAt > deps.clock()) return tokens.accessToken
    if (refused !== undefined && refused !== tokens.accessToken)
      throw new ProviderError('transient', 'released', 'This account is no longer connected.')
    const { refreshToken } = tokens
    return (await googleRefresh(deps.settings, deps)({ clientId, grantedAt, refreshToken })).accessToken
  }
}

async function revoke(deps: ReleaseDeps, { refreshToken }: OAuthTokens): Promise<void> {
  const client = configuredGoogle(deps.settings)
  if (client && refreshToken !== null && !(await revokeToken(client, deps, refreshToken)))
    throw new Error('the token was not revoked')
}

async function attempt(
  { patience = PATIENCE }: ReleaseDeps,
  step: string,
  inboxId: string,
  work: () => Promise<void>,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), patience)
  })
  try {
    await Promise.race([work(), timeout])
  } catch (error) {
    log.warn('google.release', { step, inboxId, error })
  } finally {
    clearTimeout(timer)
  }
}
