// Google identity: accounts' grants and tokens, and who a request's bearer token speaks for.
import type { Route, SimRequest, SimResponse } from './http.ts'
import type { Account, World } from './world.ts'

/** What the rest of the simulator needs of identity. */
export type Identity = {
  routes: Route[]
  /**
   * The account of the request's access token, if the token is alive and has at least one of the scopes;
   * otherwise Google's 401 or 403 answer, to be returned as it is. Tell them apart with `'account' in result`.
   */
  authenticate(
    request: SimRequest,
    anyOfScopes: readonly string[],
  ): { account: Account; clientId: string } | SimResponse
  /** RS256 JWT of these claims; `foreign` signs with a key that is published nowhere, under the published key's id. */
  signJwt(claims: Record<string, unknown>, options?: { key?: 'published' | 'foreign' }): string
}

export declare function createIdentity(world: World): Identity
