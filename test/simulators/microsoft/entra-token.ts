// The token endpoint: codes, refresh tokens and client credentials, judged in Entra's order and refused in its words.
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { appAt, authorityOf, needed } from './entra-authority.ts'
import { EntraRefusal, refusalAnswer } from './entra-error.ts'
import { ACCESS_SECONDS, type Grants, type Issued, jwt } from './entra-grants.ts'
import { isKnownScope, parseScopes } from './entra-scopes.ts'
import type { App, Directory, World } from './world.ts'

type Parts = { world: World; grants: Grants }

export function tokenRoutes(parts: Parts): Route[] {
  return [
    {
      method: 'POST',
      path: '/:tenant/oauth2/v2.0/token',
      handle(request) {
        try {
          return token(parts, request)
        } catch (error) {
          if (error instanceof EntraRefusal) return refusalAnswer(error, request, parts.world.clock())
          throw error
        }
      },
    },
  ]
}

function token(parts: Parts, request: SimRequest): SimResponse {
  const { world, grants } = parts
  const form = formOf(request)
  const grantType = needed(form, 'grant_type')
  const authority = authorityOf(world, request.params.tenant ?? '')
  const { clientId, secret } = credentials(request, form)
  const app = appAt(world, clientId, authority)
  authenticateApp(world, app, secret)
  const directory = authority?.id ?? null
  switch (grantType) {
    case 'authorization_code': {
      const code = needed(form, 'code')
      const redirectUri = needed(form, 'redirect_uri')
      scopesOf(form, request)
      return answered(
        parts,
        app,
        grants.exchange({ code, app, directory, redirectUri, verifier: form.get('code_verifier') }),
      )
    }
    case 'refresh_token': {
      const refreshToken = needed(form, 'refresh_token')
      return answered(parts, app, grants.refresh({ refreshToken, app, directory, scopes: scopesOf(form, request) }))
    }
    case 'client_credentials':
      return answered(parts, app, grants.appToken(app, ownDirectory(form, request, app, authority)))
    default:
      throw new EntraRefusal(70003, grantType)
  }
}

/** Where an app may sign in as itself: a directory by name, its own or one whose administrator has let it in. */
function ownDirectory(form: URLSearchParams, request: SimRequest, app: App, authority: Directory | null): string {
  const scope = needed(form, 'scope')
  if (!/^\S+\/\.default$/.test(scope)) throw new EntraRefusal(1002012, scope)
  if (parseScopes(scope, request.url.origin)[0] !== '.default') throw new EntraRefusal(70011, scope)
  if (!authority) throw new EntraRefusal(50059)
  const known = authority.id === app.directory || app.adminConsents[authority.id]
  if (!known) throw new EntraRefusal(700016, app.clientId, authority.name)
  return authority.id
}

/** Scopes that were asked for, or null where the request leaves them to the grant. */
function scopesOf(form: URLSearchParams, request: SimRequest): string[] | null {
  const list = form.get('scope')
  if (!list) return null
  const scopes = parseScopes(list, request.url.origin).filter((scope) => scope !== '.default')
  const unknown = scopes.find((scope) => !isKnownScope(scope))
  if (unknown !== undefined) throw new EntraRefusal(70011, unknown)
  return scopes.length > 0 ? scopes : null
}

function answered(
  { world }: Parts,
  app: App,
  { accessToken, refreshToken, scopes, account, identity }: Issued,
): SimResponse {
  const now = Math.floor(world.clock() / 1000)
  return {
    status: 200,
    headers: { pragma: 'no-cache', 'cache-control': 'no-store, no-cache' },
    body: {
      token_type: 'Bearer',
      ...(account ? { scope: scopes.join(' ') } : {}),
      expires_in: ACCESS_SECONDS,
      ext_expires_in: ACCESS_SECONDS,
      access_token: accessToken,
      refresh_token: refreshToken ?? undefined,
      id_token:
        account && identity
          ? jwt({
              aud: app.clientId,
              iss: `https://login.microsoftonline.com/${account.directory}/v2.0`,
              iat: now,
              exp: now + ACCESS_SECONDS,
              name: account.name,
              oid: account.id,
              preferred_username: account.userPrincipalName,
              tid: account.directory,
              ver: '2.0',
            })
          : undefined,
    },
  }
}

function formOf(request: SimRequest): URLSearchParams {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')) {
    throw new EntraRefusal(900144, 'grant_type')
  }
  return new URLSearchParams(request.body.toString('utf8'))
}

/** The app by HTTP Basic or by body (RFC 6749 section 2.3.1). */
function credentials(request: SimRequest, form: URLSearchParams): { clientId: string; secret: string | null } {
  const [scheme, encoded] = (request.headers.authorization ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'basic')
    return { clientId: needed(form, 'client_id'), secret: form.get('client_secret') }
  const [user = '', ...rest] = Buffer.from(encoded ?? '', 'base64')
    .toString('utf8')
    .split(':')
  return { clientId: formDecoded(user), secret: formDecoded(rest.join(':')) }
}

const formDecoded = (text: string): string => new URLSearchParams(`v=${text}`).get('v') ?? ''

function authenticateApp(world: World, app: App, secret: string | null): void {
  if (!secret) throw new EntraRefusal(7000218)
  if (!app.secrets.includes(secret)) throw new EntraRefusal(7000215, app.clientId)
  if (app.secretsExpireAt !== null && app.secretsExpireAt <= world.clock())
    throw new EntraRefusal(7000222, app.clientId)
}
