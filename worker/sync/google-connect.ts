// Connecting a Google account in the browser: off to the consent page, and back. Nothing is stored before Google has said, for this very
// grant, that all permissions are there and that the account is the one the inbox is for.
import type { ConnectResult, GoogleConfig, OAuthTokens, StartConnectBody } from '../contract/inboxes'
import type { Settings } from '../env'
import type { Clock } from '../platform/clock'
import { KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'
import { log } from '../platform/log'
import { accountAddress, accountKey, consentParameters, GMAIL_SCOPES, missingScopes } from '../providers/gmail/oauth'
import {
  authorizationUrl,
  exchangeCode,
  type OAuthClient,
  OAuthFailure,
  refreshTokens,
  type TokenSet,
} from '../providers/oauth'
import type { ConnectDeps, InboxControl } from './connect'
import { configOf, loadInbox, otherMailbox, sealConnection, storedTokens } from './credentials'
import { configuredGoogle } from './google-client'
import { type AttemptDeps, beginAttempt, type TakenAttempt, takeAttempt } from './oauth-state'
import { pageOf, returnAddress } from './return-to'

export type GoogleConnectDeps = {
  db: TenantDb
  settings: Settings
  clock: Clock
  fetch: typeof fetch
  object: (inboxId: string) => Pick<InboxControl, 'start'>
  /** as ConnectDeps has it */
  release: ConnectDeps['release']
}

/** Why it `failed`, for the UI to put into words. */
type FailureReason =
  | 'not_configured'
  | 'not_allowed'
  | 'inbox_changed'
  | 'google_refused'
  | 'google_unreachable'
  | 'admin_policy'
  | 'no_mailbox'
  | 'no_refresh_token'
  | 'internal'
/** The search parameters of the page the browser comes back to: a result and what it names; never anything secret. */
type Outcome = { connect: ConnectResult; address?: string; missing?: string; reason?: FailureReason }

const failed = (reason: FailureReason): Outcome => ({ connect: 'failed', reason })

/** Where to send somebody whose attempt is not known. */
const LIST = '/inboxes'

/**
 * Begins an attempt and answers Google's address for it. AppError('conflict') where this inbox cannot be connected to Google, or the
 * address it should take is another inbox's; 'invalid_body' where `returnTo` is no page of the app.
 */
export async function startGoogleConnect(
  deps: GoogleConnectDeps,
  { inboxId, userId, body }: { inboxId: string; userId: string; body: StartConnectBody },
): Promise<{ url: string }> {
  const row = (await loadInbox(deps.db, null, inboxId))?.row
  if (!row) throw new AppError('not_found')
  if (row.connectionType !== 'google') throw conflict('This inbox is not of the kind that connects to Google.')
  if (row.archivedAt !== null) throw conflict('This inbox is archived. Restore it first.')
  const client = configuredGoogle(deps.settings)
  if (!client)
    throw conflict(
      'Google is not set up on this server. Whoever operates it has to set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.',
    )
  const { useAddress } = body
  if (useAddress && (await addressTaken(deps.db, inboxId, useAddress)))
    throw conflict(`Another inbox already has the address ${useAddress}.`)
  const returnTo = pageOf(body.returnTo ?? `/inboxes/${inboxId}`, deps.settings.APP_URL)
  if (returnTo === null)
    throw new AppError('invalid_body', { fields: [{ path: 'returnTo', message: 'must be a page of this app' }] })

  const address = useAddress ?? row.emailAddress
  const { state, verifier } = await beginAttempt(attemptDeps(deps), {
    userId,
    inboxId,
    provider: 'google',
    address,
    returnTo,
  })
  const extra = consentParameters(address, body.chooseAccount === true || useAddress !== undefined)
  return { url: await authorizationUrl(client, { scopes: GMAIL_SCOPES, state, verifier, extra }) }
}

/** Where a browser goes that came back without being allowed to finish: nothing was looked at. */
export function turnedAway(settings: Settings, why: 'signed_out' | 'not_allowed'): string {
  const outcome: Outcome = why === 'signed_out' ? { connect: 'expired' } : failed('not_allowed')
  return returnAddress(settings.APP_URL, LIST, outcome)
}

/**
 * Finishes an attempt with the query Google has sent the browser back with. Answers the page to go to, the outcome in its address;
 * never throws, since a person waits at the redirect. `userId`: of the session, which has to be the one that began it.
 */
export async function finishGoogleConnect(deps: GoogleConnectDeps, returned: Returned): Promise<string> {
  let attempt: TakenAttempt | null = null
  let outcome: Outcome
  try {
    attempt = await takeAttempt(attemptDeps(deps), { ...returned, state: stateOf(returned), provider: 'google' })
    outcome = attempt?.alive ? await connect(deps, attempt, returned) : { connect: 'expired' }
  } catch (error) {
    outcome = troubled(error)
  }
  log.info('google.connect', { inboxId: attempt?.inboxId, result: outcome.connect, reason: outcome.reason })
  return returnAddress(deps.settings.APP_URL, attempt?.returnTo ?? LIST, outcome)
}

type Returned = { userId: string; callback: URLSearchParams }

/** Named once or not at all: of two, nobody could say which was verified. */
function stateOf({ callback }: Returned): string {
  const [state = '', ...more] = callback.getAll('state')
  return more.length > 0 ? '' : state
}

function troubled(error: unknown): Outcome {
  if (error instanceof OAuthFailure) {
    log.warn('google.connect.oauth', { code: error.code, reason: error.reason })
    return outcomeOf(error)
  }
  log.error('google.connect.failed', { error })
  return failed('internal')
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

async function connect(deps: GoogleConnectDeps, attempt: TakenAttempt, returned: Returned): Promise<Outcome> {
  const row = (await loadInbox(deps.db, null, attempt.inboxId))?.row
  if (row?.connectionType !== 'google' || row.archivedAt !== null) return failed('inbox_changed')
  const client = configuredGoogle(deps.settings)
  if (!client) return failed('not_configured')

  const tokens = await exchangeCode(client, deps, {
    callback: returned.callback,
    state: stateOf(returned),
    verifier: attempt.verifier,
  })
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
  return store(deps, row, google, lasting)
}

/**
 * The tokens to store. Where Google gave no refresh token, the stored one of the same account stands in, if it proves to be alive:
 * a dead one would look like a connection and be none. Null: there is none. Throws OAuthFailure.
 */
async function lastingTokens(
  deps: GoogleConnectDeps,
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

/** One statement: an inbox archived or deleted meanwhile, or an address taken meanwhile, leaves everything as it was. */
async function store(
  deps: GoogleConnectDeps,
  row: InboxRow,
  google: GoogleConfig,
  tokens: OAuthTokens,
): Promise<Outcome> {
  const { db, settings } = deps
  const sealed = await sealConnection(settings.keyring, db.tenantId, row.id, { google }, tokens)
  // Another spelling of the account's address (case, dots, googlemail.com) stays as somebody has written it.
  const keeps = accountKey(row.emailAddress) === accountKey(google.address)
  const newMailbox = otherMailbox(configOf(row), { google })
  const giveBack = newMailbox ? await deps.release(row.id) : null
  const { meta } = await db
    .prepare(
      `UPDATE inboxes SET email_address = ?3, google_address = ?4, config = ?5, credentials = ?6, status = 'connected',
         status_detail = NULL, last_error = NULL, connected_at = ?7, next_poll_at = ?7, paused_at = NULL, pause_reason = NULL, updated_at = ?7
       WHERE tenant_id = ?1 AND id = ?2 AND connection_type = 'google' AND archived_at IS NULL AND NOT ${TAKEN}`,
      row.id,
      keeps ? row.emailAddress : google.address,
      google.address,
      sealed.config,
      sealed.credentials,
      google.grantedAt,
    )
    .run()
  if (meta.changes !== 1) {
    if (await addressTaken(db, row.id, google.address)) return { connect: 'address_taken', address: google.address }
    return failed('inbox_changed')
  }
  // The account that was read before is let go first: that stops the checks, which then start anew.
  await giveBack?.()
  await deps.object(row.id).start({ tenantId: db.tenantId, inboxId: row.id }, { newMailbox })
  return { connect: 'ok' }
}

/** Another inbox of the tenant has the address ?4, or reads that very account: two inboxes on one mailbox would double every ticket. */
const TAKEN = `EXISTS (SELECT 1 FROM inboxes o WHERE o.tenant_id = ?1 AND o.id <> ?2
  AND (o.email_address = ?4 OR (o.google_address = ?4 AND o.credentials IS NOT NULL)))`

async function addressTaken(db: TenantDb, inboxId: string, address: string): Promise<boolean> {
  return (await db.prepare(`SELECT 1 WHERE ${TAKEN.replaceAll('?4', '?3')}`, inboxId, address).first()) !== null
}

const attemptDeps = ({ db, settings, clock }: GoogleConnectDeps): AttemptDeps => ({
  db,
  keyring: settings.keyring,
  secret: settings.AUTH_SECRET,
  now: clock(),
})

const conflict = (detail: string) => new AppError('conflict', { detail })
