// The OAuth endpoints that programs call: /token, /revoke, /tokeninfo, userinfo and the certificates.
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { ACCESS_SECONDS, type Grants, type Issued, OAuthRefusal } from './grants.ts'
import type { Identity } from './identity.ts'
import type { Keys } from './keys.ts'
import { parseScopes } from './scopes.ts'
import type { World } from './world.ts'

export const ISSUER = 'https://accounts.google.com'
const EMAIL = 'https://www.googleapis.com/auth/userinfo.email'
const PROFILE = 'https://www.googleapis.com/auth/userinfo.profile'

type Parts = { world: World; grants: Grants; keys: Keys; authenticate: Identity['authenticate'] }

export function tokenRoutes(parts: Parts): Route[] {
  return [
    { method: 'POST', path: '/token', handle: (request) => answering(() => token(parts, request)) },
    { method: 'POST', path: '/revoke', handle: (request) => answering(() => revoke(parts, request)) },
    { method: 'GET', path: '/tokeninfo', handle: (request) => answering(() => tokenInfo(parts, request)) },
    { method: 'POST', path: '/tokeninfo', handle: (request) => answering(() => tokenInfo(parts, request)) },
    {
      method: 'GET',
      path: '/oauth2/v3/certs',
      handle: () => ({
        status: 200,
        headers: { 'cache-control': 'public, max-age=19800, must-revalidate, no-transform' },
        body: parts.keys.jwks,
      }),
    },
    {
      method: 'GET',
      path: '/oauth2/v2/userinfo',
      operation: 'oauth2.userinfo.get',
      handle: (request) => userInfo(parts, request),
    },
  ]
}

const STATUS: Record<string, number> = { invalid_client: 401, unauthorized_client: 401 }

function answering(work: () => SimResponse): SimResponse {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof OAuthRefusal)) throw error
    const body = { error: error.error, error_description: error.message, error_subtype: error.subtype }
    return { status: STATUS[error.error] ?? 400, body }
  }
}

function token(parts: Parts, request: SimRequest): SimResponse {
  const form = formOf(request)
  const clientId = authenticateClient(parts.world, request, form)
  switch (form.get('grant_type')) {
    case 'authorization_code':
      return tokenAnswer(
        parts,
        clientId,
        parts.grants.exchange({
          code: required(form, 'code'),
          clientId,
          redirectUri: required(form, 'redirect_uri'),
          verifier: form.get('code_verifier'),
        }),
      )
    case 'refresh_token': {
      const scope = form.get('scope')
      const input = {
        refreshToken: required(form, 'refresh_token'),
        clientId,
        scopes: scope ? parseScopes(scope) : null,
      }
      return tokenAnswer(parts, clientId, parts.grants.refresh(input))
    }
    case null:
      throw new OAuthRefusal('invalid_request', 'Required parameter is missing: grant_type')
    default:
      throw new OAuthRefusal('unsupported_grant_type', 'Invalid grant_type')
  }
}

function tokenAnswer({ world, keys }: Parts, clientId: string, issued: Issued): SimResponse {
  const user = world.accounts.get(issued.account)
  const now = Math.floor(world.clock() / 1000)
  const identified = issued.scopes.includes('openid') && user
  return {
    status: 200,
    headers: { pragma: 'no-cache', 'cache-control': 'no-cache, no-store, max-age=0, must-revalidate' },
    body: {
      access_token: issued.accessToken,
      expires_in: ACCESS_SECONDS,
      refresh_token: issued.refreshToken ?? undefined,
      scope: issued.scopes.join(' '),
      token_type: 'Bearer',
      id_token: identified
        ? keys.signJwt({
            iss: ISSUER,
            azp: clientId,
            aud: clientId,
            sub: user.id,
            ...(issued.scopes.includes(EMAIL) ? { email: user.email, email_verified: true } : {}),
            ...(issued.scopes.includes(PROFILE) ? { name: user.name } : {}),
            ...(issued.nonce ? { nonce: issued.nonce } : {}),
            iat: now,
            exp: now + 3600,
          })
        : undefined,
      refresh_token_expires_in: issued.refreshExpiresIn ?? undefined,
    },
  }
}

/** The form of a request; a parameter that comes twice is refused (RFC 6749 section 3.2). */
function formOf(request: SimRequest): URLSearchParams {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')) {
    throw new OAuthRefusal('invalid_request', 'The request body must be application/x-www-form-urlencoded.')
  }
  const form = new URLSearchParams(request.body.toString('utf8'))
  const twice = [...form.keys()].find((name) => form.getAll(name).length > 1)
  if (twice) throw new OAuthRefusal('invalid_request', `OAuth 2 parameters can only have a single value: ${twice}`)
  return form
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (!value) throw new OAuthRefusal('invalid_request', `Missing required parameter: ${name}`)
  return value
}

/** The client by HTTP Basic or by body (RFC 6749 section 2.3.1). */
function authenticateClient({ project }: World, request: SimRequest, form: URLSearchParams): string {
  const [scheme, credentials] = (request.headers.authorization ?? '').split(' ')
  let id = form.get('client_id')
  let secret = form.get('client_secret')
  if (scheme?.toLowerCase() === 'basic') {
    const [user, ...rest] = Buffer.from(credentials ?? '', 'base64')
      .toString('utf8')
      .split(':')
    id = formDecode(user ?? '')
    secret = formDecode(rest.join(':'))
  }
  if (!id) throw new OAuthRefusal('invalid_request', 'Could not determine client ID from request.')
  if (id !== project.clientId) throw new OAuthRefusal('invalid_client', 'The OAuth client was not found.')
  if (!secret) throw new OAuthRefusal('invalid_request', 'client_secret is missing.')
  if (secret !== project.clientSecret) throw new OAuthRefusal('invalid_client', 'Unauthorized')
  return id
}

function formDecode(text: string): string {
  return new URLSearchParams(`v=${text}`).get('v') ?? ''
}

function revoke({ grants }: Parts, request: SimRequest): SimResponse {
  const value = request.url.searchParams.get('token') ?? formOf(request).get('token')
  if (!value) throw new OAuthRefusal('invalid_request', 'Missing required parameter: token')
  if (!grants.revokeToken(value)) throw new OAuthRefusal('invalid_token', 'Token expired or revoked')
  return { status: 200, body: {} }
}

function tokenInfo({ world, grants }: Parts, request: SimRequest): SimResponse {
  const form = new URLSearchParams(request.body.toString('utf8'))
  const bearer = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const value = request.url.searchParams.get('access_token') ?? form.get('access_token') ?? bearer
  const held = value ? grants.access(value) : null
  if (!held) throw new OAuthRefusal('invalid_token', 'Invalid Value')
  return {
    status: 200,
    body: {
      azp: held.clientId,
      aud: held.clientId,
      sub: held.user.id,
      scope: held.scopes.join(' '),
      exp: String(Math.floor(held.expiresAt / 1000)),
      expires_in: String(Math.floor((held.expiresAt - world.clock()) / 1000)),
      ...(held.scopes.includes(EMAIL) ? { email: held.user.email, email_verified: 'true' } : {}),
      access_type: held.offline ? 'offline' : 'online',
    },
  }
}

function userInfo({ authenticate }: Parts, request: SimRequest): SimResponse {
  const result = authenticate(request, ['openid', EMAIL, PROFILE])
  if (!('account' in result)) return result
  const { account, scopes } = result
  return {
    status: 200,
    body: {
      id: account.id,
      ...(scopes.includes(EMAIL) ? { email: account.email, verified_email: true } : {}),
      ...(scopes.includes(PROFILE) ? { name: account.name } : {}),
    },
  }
}
