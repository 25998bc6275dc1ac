// Google identity put together, and who a request's bearer token speaks for.
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { type Authorizer, authorizeRoutes, createAuthorizer } from './authorize.ts'
import { insufficientScope } from './faults.ts'
import { googleError } from './google-error.ts'
import { createGrants, type Grants } from './grants.ts'
import { createKeys, type Keys } from './keys.ts'
import { tokenRoutes } from './token.ts'
import type { Account, World } from './world.ts'

/** What the rest of the simulator needs of identity. */
export type Identity = {
  routes: Route[]
  grants: Grants
  /** Consents without a browser, for tests. */
  authorizer: Authorizer
  /**
   * The account of the request's access token, if the token is alive and has at least one of the scopes;
   * otherwise Google's 401 or 403 answer, to be returned as it is. Tell them apart with `'account' in result`.
   */
  authenticate(
    request: SimRequest,
    anyOfScopes: readonly string[],
  ): { account: Account; clientId: string; scopes: readonly string[] } | SimResponse
  /** RS256 JWT of these claims; `foreign` signs with a key that is published nowhere, under the published key's id. */
  signJwt: Keys['signJwt']
}

export function createIdentity(world: World): Identity {
  const grants = createGrants(world)
  const keys = createKeys(world)
  const authorizer = createAuthorizer(world, grants)
  world.reports.identity = grants.report
  world.reports.tokens = grants.tokens

  const authenticate: Identity['authenticate'] = (request, anyOfScopes) => {
    const value = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const held = value ? grants.access(value) : null
    if (!held) return unauthenticated(value !== undefined)
    if (!anyOfScopes.some((scope) => held.scopes.includes(scope))) return insufficientScope()
    return { account: held.user, clientId: held.clientId, scopes: held.scopes }
  }

  return {
    routes: [...authorizeRoutes(world, authorizer), ...tokenRoutes({ world, grants, keys, authenticate })],
    grants,
    authorizer,
    authenticate,
    signJwt: keys.signJwt,
  }
}

/** Google's 401, with and without a token in the request. */
function unauthenticated(tokenSent: boolean): SimResponse {
  const about = 'Expected OAuth 2 access token, login cookie or other valid authentication credential.'
  const realm = 'Bearer realm="https://accounts.google.com/"'
  if (tokenSent) {
    return googleError(401, `Request had invalid authentication credentials. ${about}`, {
      reason: 'authError',
      status: 'UNAUTHENTICATED',
      location: { location: 'Authorization', locationType: 'header' },
      headers: { 'www-authenticate': `${realm}, error="invalid_token"` },
    })
  }
  return googleError(401, `Request is missing required authentication credential. ${about}`, {
    reason: 'required',
    status: 'UNAUTHENTICATED',
    location: { location: 'Authorization', locationType: 'header' },
    headers: { 'www-authenticate': realm },
  })
}
