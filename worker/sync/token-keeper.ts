// The access tokens of a connected account: used while they last, renewed by one refresh at a time, stored before anybody gets them.
// Lives in the InboxObject, so that an inbox has one keeper; callers elsewhere ask the object.
import type { ConnectionConfig, GoogleConfig, MicrosoftConfig, OAuthTokens } from '../contract/inboxes'
import type { Clock } from '../platform/clock'
import { type Keyring, KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import type { InboxRow } from '../platform/inbox-answer'
import { OAuthFailure, type TokenSet } from '../providers/oauth'
import { ProviderError, type TokenSource } from '../providers/provider'
import { configOf, loadInbox, replaceTokens, storedTokens } from './credentials'
import { type Failure, failureOf } from './policy'

/** An access token with less life than this is not handed out, ms: a request takes its time too. */
const SPARE = 60_000
/** Times that others may change the row during one refresh before the asking fails. */
const ATTEMPTS = 3

export type TokenKeeperDeps = {
  db: TenantDb
  keyring: Keyring
  clock: Clock
  /** Throws OAuthFailure where the app that issued a grant may not serve it any more, though its token may still be good. */
  assertServes: (grant: Grant) => Promise<void>
  /** New tokens from the very app and authority that issued the grant. Throws OAuthFailure, with a hint where the vendor's ways give one. */
  refresh: (grant: Grant) => Promise<TokenSet>
}
/** A grant as it was given, and what renews it; null where the app asks for itself. */
export type Grant = (GoogleGrant | MicrosoftGrant) & { refreshToken: string | null }
type GoogleGrant = { vendor: 'google' } & GoogleConfig
export type MicrosoftGrant = { vendor: 'microsoft' } & MicrosoftConfig

export type TokenKeeper = {
  /**
   * A token that is good for another minute and is not `refused`, the one a provider has just turned down. Throws ProviderError:
   * `auth_revoked` once the grant is gone (codes oauth_refresh_failed, oauth_client_changed), `rate_limited` where its authority asks for
   * patience, `transient` for all else that may pass.
   */
  accessToken(inboxId: string, refused?: string): Promise<string>
}

/** One keeper: askers at the same time share one refresh. */
export function tokenKeeper(deps: TokenKeeperDeps): TokenKeeper {
  const flights = new Map<string, Promise<string>>()
  const start = (inboxId: string, refused?: string) => {
    const flight = currentToken(deps, inboxId, refused).finally(() => {
      if (flights.get(inboxId) === flight) flights.delete(inboxId)
    })
    flights.set(inboxId, flight)
    return flight
  }
  return {
    async accessToken(inboxId, refused) {
      for (;;) {
        const joined = flights.get(inboxId)
        const token = await (joined ?? start(inboxId, refused))
        // A flight that began before the refusal may land on the refused token itself.
        if (!joined || token !== refused) return token
      }
    },
  }
}

async function currentToken(deps: TokenKeeperDeps, inboxId: string, refused?: string): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { row, grant, tokens } = await stored(deps, inboxId)
    if (tokens.accessToken !== refused && tokens.expiresAt - deps.clock() > SPARE) {
      await judged(deps.assertServes(grant))
      return tokens.accessToken
    }
    const fresh = await judged(deps.refresh(grant))
    const renewed: OAuthTokens = {
      accessToken: fresh.accessToken,
      expiresAt: fresh.expiresAt,
      // An answer without one means that the old one stays good (RFC 6749 section 6).
      refreshToken: fresh.refreshToken ?? tokens.refreshToken,
    }
    if (await replaceTokens(deps.db, deps.keyring, row, renewed)) return renewed.accessToken
    // Somebody reconnected, disconnected or resealed meanwhile: what is stored now wins.
  }
  throw new ProviderError('transient', 'oauth_contended', 'The stored access changed while it was being renewed.')
}

/** The stored grant, read anew each time: a reconnect is seen at once. */
async function stored(
  { db, keyring }: TokenKeeperDeps,
  inboxId: string,
): Promise<{ row: InboxRow; grant: Grant; tokens: OAuthTokens }> {
  const row = (await loadInbox(db, null, inboxId))?.row
  const tokens = row && (await readable(storedTokens(keyring, row)))
  const grant = tokens && grantOf(configOf(row), tokens)
  if (!grant) throw new ProviderError('protocol', 'not_connected', 'This inbox is not connected.')
  return { row, grant, tokens }
}

/** The grant that a connection and its tokens are, or null where the connection is no account. */
export function grantOf(config: ConnectionConfig | null, { refreshToken }: OAuthTokens): Grant | null {
  if (config?.google) return { vendor: 'google', ...config.google, refreshToken }
  if (config?.microsoft) return { vendor: 'microsoft', ...config.microsoft, refreshToken }
  return null
}

async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    if (!(cause instanceof KeyringError)) throw cause
    throw new ProviderError('protocol', 'credentials_unreadable', 'The stored access can no longer be read.', {
      cause,
      hint: 'Connect the account again.',
    })
  }
}

/** What an authority says about a grant, as providers say it. */
async function judged<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking
  } catch (error) {
    if (!(error instanceof OAuthFailure)) throw error
    const { terminal, code, message, hint, reason, retryAfter } = error
    if (terminal) throw new ProviderError('auth_revoked', code, message, { hint: hint ?? 'Reconnect the account.' })
    if (reason === 'http_429' || retryAfter !== undefined)
      throw new ProviderError('rate_limited', 'oauth_rate_limited', SLOW_DOWN, { retryAfter })
    throw new ProviderError('transient', code, message, { hint })
  }
}

const SLOW_DOWN = 'The sign-in service asks us to slow down.'

/** A token, or why there is none, as data: classes of errors do not survive the border of an object. */
export type TokenAnswer = { token: string } | { failure: Failure }

/** Runs `ask` and puts its outcome into an answer. */
export async function tokenAnswer(ask: () => Promise<string>): Promise<TokenAnswer> {
  try {
    return { token: await ask() }
  } catch (error) {
    return { failure: failureOf(error) }
  }
}

/** The tokens of an InboxObject as providers ask for them. */
export function tokenSourceOf(object: { accessToken(refused?: string): Promise<TokenAnswer> }): TokenSource {
  return async (refused) => {
    const answer = await object.accessToken(refused)
    if ('token' in answer) return answer.token
    const { kind, code, message, hint, retryAfter } = answer.failure
    throw new ProviderError(kind === 'internal' ? 'transient' : kind, code, message, {
      ...(hint === null ? {} : { hint }),
      ...(retryAfter === null ? {} : { retryAfter }),
    })
  }
}
