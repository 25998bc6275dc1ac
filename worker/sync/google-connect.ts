// Google's part of connecting an account: its consent page, all permissions or none, and the account that the inbox is for.
import type { GoogleConfig, OAuthTokens, StartConnectBody } from '../contract/inboxes'
import { KeyringError } from '../platform/crypto'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'
import { log } from '../platform/log'
import { accountAddress, accountKey, consentParameters, GMAIL_SCOPES, missingScopes } from '../providers/gmail/oauth'
import {
  authorizationUrl,
  exchangeCode,
  type OAuthClient,
  type OAuthFailure,
  refreshTokens,
  type TokenSet,
} from '../providers/oauth'
import {
  type AccountConnectDeps,
  beginConnect,
  connectable,
  failed,
  finishConnect,
  type Outcome,
  type Returned,
  refuseTaken,
  storeAccount,
  type VendorConnect,
} from './account-connect'
import { configOf, storedTokens } from './credentials'
import { configuredGoogle } from './google-client'

/**
 * Begins an attempt and answers Google's address for it. AppError('conflict') where this inbox cannot be connected to Google, or the
 * address it should take is another inbox's; 'invalid_body' where `returnTo` is no page of the app.
 */
export async function startGoogleConnect(
  deps: AccountConnectDeps,
  { inboxId, userId, body }: { inboxId: string; userId: string; body: StartConnectBody },
): Promise<{ url: string }> {
  const row = await connectable(deps.db, inboxId, 'google')
  const client = configuredGoogle(deps.settings)
  if (!client)
    throw new AppError('conflict', {
      detail:
        'Google is not set up on this server. Whoever operates it has to set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.',
    })
  const { useAddress, returnTo, chooseAccount } = body
  if (useAddress) await refuseTaken(deps.db, inboxId, useAddress)
  const address = useAddress ?? row.emailAddress
  const attempt = { userId, provider: 'google', address, returnTo, details: null } as const
  const { state, verifier } = await beginConnect(deps, row, attempt)
  const extra = consentParameters(address, chooseAccount === true || useAddress !== undefined)
  return { url: await authorizationUrl(client, { scopes: GMAIL_SCOPES, state, verifier, extra }) }
}

/** Finishes an attempt: see `finishConnect`. */
export function finishGoogleConnect(deps: AccountConnectDeps, returned: Returned): Promise<string> {
  return finishConnect(deps, returned, { vendor: 'google', connect: connect(deps), outcomeOf })
}

function outcomeOf({ code, reason }: OAuthFailure): Outcome {
  switch (code) {
    case 'oauth_denied':
      return { connect: 'denied' }
    case 'oauth_unreachable':
      return failed('google_unreachable')
    case 'oauth_refused':
      return failed(reason === 'admin_policy_enforced' || reason === 'org_internal' ? 'admin_policy' : 'google_refused')
    // Only a stored refresh token is ever redeemed here: the one that should have stood in for a new one.
    case 'oauth_refresh_failed':
    case 'oauth_client_changed':
      return failed('no_refresh_token')
  }
}

const connect =
  (deps: AccountConnectDeps): VendorConnect['connect'] =>
  async (row, attempt, answer) => {
    const client = configuredGoogle(deps.settings)
    if (!client) return failed('not_configured')
    const tokens = await exchangeCode(client, deps, answer)
    const missing = missingScopes(tokens.scopes)
    if (missing.length > 0) return { connect: 'missing_scopes', missing: missing.join(',') }
    const account = await accountAddress(deps.settings.GMAIL_API_URL, deps, tokens.accessToken)
    if (!('address' in account)) {
      const { status } = account
      log.warn('google.connect.profile', { inboxId: row.id, status })
      return failed(status !== null && status >= 400 && status < 500 ? 'no_mailbox' : 'google_unreachable')
    }
    // The grant is left alone: revoking it would end it for every inbox that reads this account already.
    if (accountKey(account.address) !== accountKey(attempt.address))
      return { connect: 'mismatch', address: account.address }
    const lasting = await lastingTokens(deps, client, row, tokens, account.address)
    if (!lasting) return failed('no_refresh_token')
    const google: GoogleConfig = {
      address: account.address,
      clientId: client.clientId,
      scopes: tokens.scopes ?? [...GMAIL_SCOPES],
      grantedAt: deps.clock(),
    }
    // Another spelling of the account's address (case, dots, googlemail.com) stays as somebody has written it.
    const keeps = accountKey(row.emailAddress) === accountKey(google.address)
    const address = keeps ? row.emailAddress : google.address
    return storeAccount(deps, row, { account: { google }, tokens: lasting, address })
  }

/**
 * The tokens to store. Where Google gave no refresh token, the stored one of the same account stands in, if it proves to be alive:
 * a dead one would look like a connection and be none. Null: there is none. Throws OAuthFailure.
 */
async function lastingTokens(
  deps: AccountConnectDeps,
  client: OAuthClient,
  row: InboxRow,
  fresh: TokenSet,
  address: string,
): Promise<OAuthTokens | null> {
  const { accessToken, expiresAt, refreshToken } = fresh
  if (refreshToken) return { accessToken, expiresAt, refreshToken }
  const before = configOf(row)?.google
  if (before?.address !== address || before.clientId !== client.clientId) return null
  const stored = await storedTokens(deps.settings.keyring, row).catch((error) => {
    if (error instanceof KeyringError) return null
    throw error
  })
  if (!stored?.refreshToken) return null
  const renewed = await refreshTokens(client, deps, stored.refreshToken)
  return {
    accessToken: renewed.accessToken,
    expiresAt: renewed.expiresAt,
    refreshToken: renewed.refreshToken ?? stored.refreshToken,
  }
}
