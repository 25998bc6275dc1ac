// Entra put together, and who a request's bearer token speaks for.
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { adminRoutes } from './entra-admin.ts'
import { type Authorizer, authorizeRoutes, createAuthorizer } from './entra-authorize.ts'
import { createGrants, type Grants, type Held } from './entra-grants.ts'
import { tokenRoutes } from './entra-token.ts'
import { accessDenied, graphError } from './graph-error.ts'
import type { World } from './world.ts'

/** Who calls: `account` is null for an app on its own; then `scopes` are its roles. `directory` is an id. */
export type Caller = Held

/** What the rest of the simulator needs of identity. */
export type Entra = {
  routes: Route[]
  grants: Grants
  /** Consents without a browser, for tests. */
  authorizer: Authorizer
  /**
   * Whom the request's access token speaks for, if it is alive and has at least one of the scopes (or, for an app's own token, roles);
   * otherwise Graph's 401 or 403, to be returned as it is. Tell them apart with `'status' in result`.
   */
  authenticate(request: SimRequest, anyOfScopesOrRoles: readonly string[]): Caller | SimResponse
}

export function createEntra(world: World): Entra {
  const grants = createGrants(world)
  const authorizer = createAuthorizer(world, grants)
  world.reports.entra = grants.report
  world.reports.tokens = grants.tokens

  const authenticate: Entra['authenticate'] = (request, anyOfScopesOrRoles) => {
    const value = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const held = value ? grants.access(value) : null
    if (!held) return unauthenticated(value)
    if (!anyOfScopesOrRoles.some((scope) => held.scopes.includes(scope))) return accessDenied()
    return held
  }

  return {
    routes: [...authorizeRoutes(world, authorizer), ...adminRoutes(world), ...tokenRoutes({ world, grants })],
    grants,
    authorizer,
    authenticate,
  }
}

/** Graph's 401, with and without a token in the request. */
function unauthenticated(token: string | undefined): SimResponse {
  const message =
    token === undefined
      ? 'Access token is empty.'
      : /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)
        ? 'Lifetime validation failed, the token is expired.'
        : 'IDX14100: JWT is not well formed, there are no dots (.).'
  return graphError(401, 'InvalidAuthenticationToken', message, {
    'www-authenticate':
      'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"',
  })
}
