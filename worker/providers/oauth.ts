// OAuth 2 for any vendor, over oauth4webapi: the consent address, the code exchange, the refresh, giving a grant back.
// Building a request and judging its answer are separate; fetch and clock are injected; nothing thrown here carries a secret.
import {
  AuthorizationResponseError,
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  ClientSecretPost,
  calculatePKCECodeChallenge,
  clientCredentialsGrantRequest,
  customFetch,
  OperationProcessingError,
  processAuthorizationCodeResponse,
  processClientCredentialsResponse,
  processRefreshTokenResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
  type TokenEndpointResponse,
  UnsupportedOperationError,
  validateAuthResponse,
} from 'oauth4webapi'
import type { Clock } from '../platform/clock'
import { OAUTH_LIMITS, type OAuthLimits } from './limits'

/** One registered application at one authority. The same authority serves exchange and refresh. */
export type OAuthClient = {
  issuer: string
  authUrl: string
  tokenUrl: string
  /** absent: the authority takes no grant back */
  revokeUrl?: string
  clientId: string
  clientSecret: string
  redirectUri: string
  /** the errors of a refresh that end a grant for good, by the most exact names the authority gives; every other may pass */
  terminal: readonly string[]
}
export type OAuthDeps = { fetch: typeof fetch; clock: Clock; limits?: OAuthLimits }

/** `expiresAt` ms. Null: the answer did not name it. */
export type TokenSet = { accessToken: string; expiresAt: number; refreshToken: string | null; scopes: string[] | null }

/** Life of an access token whose answer names none, ms. */
const UNNAMED_LIFE = 10 * 60_000

/**
 * No tokens. `message` is for people and free of secrets. `terminal`: the grant is gone and only a person can give a new one.
 * Codes: oauth_refresh_failed (terminal), oauth_client_changed (terminal), oauth_denied, oauth_refused, oauth_unreachable.
 */
export class OAuthFailure extends Error {
  override readonly name = 'OAuthFailure'
  readonly code: OAuthFailureCode
  readonly terminal: boolean
  /** the server's own error code and subtype, where they look like one */
  readonly reason: string | undefined
  /** ms */
  readonly retryAfter: number | undefined
  readonly hint: string | undefined

  constructor(
    code: OAuthFailureCode,
    message: string,
    options: { reason?: string | undefined; retryAfter?: number | undefined; hint?: string | undefined } = {},
  ) {
    super(message)
    this.code = code
    this.terminal = code === 'oauth_refresh_failed' || code === 'oauth_client_changed'
    this.reason = options.reason
    this.retryAfter = options.retryAfter
    this.hint = options.hint
  }
}
export type OAuthFailureCode =
  | 'oauth_refresh_failed'
  | 'oauth_client_changed'
  | 'oauth_denied'
  | 'oauth_refused'
  | 'oauth_unreachable'

/** The address where a person consents (RFC 6749 section 4.1.1, PKCE S256). `extra`: the vendor's own parameters. */
export async function authorizationUrl(
  client: OAuthClient,
  request: { scopes: readonly string[]; state: string; verifier: string; extra: Record<string, string> },
): Promise<string> {
  const url = new URL(client.authUrl)
  const parameters = {
    ...request.extra,
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: client.redirectUri,
    scope: request.scopes.join(' '),
    state: request.state,
    code_challenge: await calculatePKCECodeChallenge(request.verifier),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

/**
 * Redeems what came back from the consent page: its whole query, whose state the caller has verified. Throws OAuthFailure:
 * oauth_denied where the person said no, oauth_refused where the server did, oauth_unreachable where trying again may help.
 */
export async function exchangeCode(
  client: OAuthClient,
  deps: OAuthDeps,
  answer: { callback: URLSearchParams; state: string; verifier: string },
): Promise<TokenSet> {
  const as = serverOf(client)
  const app = { client_id: client.clientId }
  return redeemed(deps, client, 'exchange', async (options) => {
    const callback = validateAuthResponse(as, app, answer.callback, answer.state)
    const response = await authorizationCodeGrantRequest(
      as,
      app,
      ClientSecretPost(client.clientSecret),
      callback,
      client.redirectUri,
      answer.verifier,
      options,
    )
    return { response, judge: () => processAuthorizationCodeResponse(as, app, response) }
  })
}

/** A new access token. Throws OAuthFailure: oauth_refresh_failed for the client's terminal errors, else oauth_refused or oauth_unreachable. */
export async function refreshTokens(client: OAuthClient, deps: OAuthDeps, refreshToken: string): Promise<TokenSet> {
  const as = serverOf(client)
  const app = { client_id: client.clientId }
  return redeemed(deps, client, 'refresh', async (options) => {
    const response = await refreshTokenGrantRequest(
      as,
      app,
      ClientSecretPost(client.clientSecret),
      refreshToken,
      options,
    )
    return { response, judge: () => processRefreshTokenResponse(as, app, response) }
  })
}

/** An access token for the application itself (RFC 6749 section 4.4). Throws OAuthFailure as `refreshTokens` does. */
export async function clientCredentials(client: OAuthClient, deps: OAuthDeps, scope: string): Promise<TokenSet> {
  const as = serverOf(client)
  const app = { client_id: client.clientId }
  return redeemed(deps, client, 'refresh', async (options) => {
    const authentication = ClientSecretPost(client.clientSecret)
    const response = await clientCredentialsGrantRequest(as, app, authentication, { scope }, options)
    return { response, judge: () => processClientCredentialsResponse(as, app, response) }
  })
}

/** Gives a grant back (RFC 7009). True where the server says so; never throws. */
export async function revokeToken(client: OAuthClient, deps: OAuthDeps, token: string): Promise<boolean> {
  if (client.revokeUrl === undefined) return false
  try {
    const response = await boundedFetch(deps)(client.revokeUrl, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token }),
    })
    return response.ok
  } catch {
    return false
  }
}

const serverOf = (client: OAuthClient): AuthorizationServer => ({
  issuer: client.issuer,
  authorization_endpoint: client.authUrl,
  token_endpoint: client.tokenUrl,
})

type RequestOptions = { [customFetch]: typeof fetch; [allowInsecureRequests]: boolean }
type Kind = 'exchange' | 'refresh'

async function redeemed(
  deps: OAuthDeps,
  client: OAuthClient,
  kind: Kind,
  ask: (options: RequestOptions) => Promise<{ response: Response; judge: () => Promise<TokenEndpointResponse> }>,
): Promise<TokenSet> {
  let asked: Response | undefined
  try {
    const { response, judge } = await ask({
      [customFetch]: boundedFetch(deps) as typeof fetch,
      // Plain HTTP is for a simulator on this machine; it has to be configured.
      [allowInsecureRequests]: client.tokenUrl.startsWith('http:'),
    })
    asked = response
    return tokenSet(await judge(), deps.clock())
  } catch (error) {
    throw judged(error, kind, client, asked, deps.clock())
  }
}

function tokenSet(answer: TokenEndpointResponse, now: number): TokenSet {
  return {
    accessToken: answer.access_token,
    expiresAt: now + (answer.expires_in === undefined ? UNNAMED_LIFE : answer.expires_in * 1000),
    refreshToken: answer.refresh_token || null,
    scopes: answer.scope === undefined ? null : answer.scope.split(' ').filter(Boolean),
  }
}

/** What a failed redemption means. Only an error that the authority states in so many words is more than `oauth_unreachable`. */
function judged(
  error: unknown,
  kind: Kind,
  client: OAuthClient,
  response: Response | undefined,
  now: number,
): OAuthFailure {
  if (error instanceof AuthorizationResponseError) {
    const reason = named(error.error, numbersIn(error.cause.get('error_description')))
    if (error.error === 'access_denied') return new OAuthFailure('oauth_denied', 'Access was not allowed.', { reason })
    return new OAuthFailure('oauth_refused', 'The sign-in was refused.', { reason })
  }
  const stated = error instanceof ResponseBodyError && (error.status === 400 || error.status === 401)
  if (stated && response) {
    const numbers = numbersIn(error.error_description)
    const reason = named(error.error, numbers.length > 0 ? numbers : [codeLike(error.cause.error_subtype)])
    const exact = numbers.length > 0 ? numbers : [error.error]
    if (kind === 'refresh' && exact.some((name) => client.terminal.includes(name)))
      return new OAuthFailure('oauth_refresh_failed', 'The access to this account has ended.', { reason })
    return new OAuthFailure('oauth_refused', 'The sign-in service refused the request.', { reason })
  }
  // Nothing was asked: what came back to us from the consent page was not an answer to our question.
  if ((error instanceof OperationProcessingError || error instanceof UnsupportedOperationError) && !response)
    return new OAuthFailure('oauth_refused', 'The sign-in did not come back as expected.')
  return new OAuthFailure('oauth_unreachable', 'The sign-in service did not answer as expected.', {
    reason: response ? `http_${response.status}` : undefined,
    retryAfter: response && retryAfter(response, now),
  })
}

/** `<error>: <what it says besides>`, as far as they look like codes. */
function named(error: string, besides: (string | undefined)[]): string | undefined {
  return [codeLike(error), ...besides].filter(Boolean).join(': ') || undefined
}

/** The numbers that Microsoft puts into its descriptions: its own errors are far more exact than OAuth's. */
function numbersIn(description: unknown): string[] {
  return typeof description === 'string' ? [...new Set(description.match(/\bAADSTS\d{4,8}\b/g))] : []
}

/** An error code as servers write them; anything else is not repeated. */
function codeLike(value: unknown): string | undefined {
  return typeof value === 'string' && /^[a-z0-9_]{1,60}$/i.test(value) ? value : undefined
}

/** RFC 9110 section 10.2.3: seconds or a date; ms from now. */
function retryAfter(response: Response, now: number): number | undefined {
  const header = response.headers.get('retry-after')
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return ms > 0 ? ms : undefined
}

/** A fetch whose answer is held to a time and a size, its body included, so that judging it waits for nobody. */
export function boundedFetch({ fetch, limits = OAUTH_LIMITS }: Pick<OAuthDeps, 'fetch' | 'limits'>) {
  return async (url: string, init: RequestInit): Promise<Response> => {
    const timer = new AbortController()
    const timeout = new Promise<never>((_resolve, reject) => {
      timer.signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true })
    })
    // Its end may come when nobody races it any more.
    timeout.catch(() => {})
    const alarm = setTimeout(() => timer.abort(), limits.time)
    try {
      const response = await Promise.race([fetch(url, { ...init, signal: timer.signal }), timeout])
      const body = await Promise.race([bytesUpTo(response, limits.answer), timeout])
      return new Response(body.length > 0 ? body : null, { status: response.status, headers: response.headers })
    } finally {
      clearTimeout(alarm)
      timer.abort()
    }
  }
}

async function bytesUpTo(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (response.body) {
    for await (const chunk of response.body) {
      size += chunk.length
      if (size > limit) throw new Error('the answer is too large')
      chunks.push(chunk)
    }
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
