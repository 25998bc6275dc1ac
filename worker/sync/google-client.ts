// Google's OAuth application as this deployment configures it.
import type { Settings } from '../env'
import { googleCallbackUrl } from '../platform/http/provider-paths'
import { endedHint, googleClient } from '../providers/gmail/oauth'
import { type OAuthClient, type OAuthDeps, OAuthFailure, refreshTokens, type TokenSet } from '../providers/oauth'
import type { Grant } from './token-keeper'

/** The application, or null where GOOGLE_CLIENT_ID or GOOGLE_CLIENT_SECRET is not set. */
export function configuredGoogle(settings: Settings): OAuthClient | null {
  const { GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET } = settings
  if (!GOOGLE_CLIENT_ID || !GOOGLE_CLIENT_SECRET) return null
  return googleClient({
    authUrl: settings.GOOGLE_AUTH_URL,
    tokenUrl: settings.GOOGLE_TOKEN_URL,
    revokeUrl: settings.GOOGLE_REVOKE_URL,
    clientId: GOOGLE_CLIENT_ID,
    clientSecret: GOOGLE_CLIENT_SECRET,
    redirectUri: googleCallbackUrl(settings.APP_URL),
  })
}

/** How a token keeper renews Google's tokens: only with the client that they were issued to. */
export function googleRefresh(
  settings: Settings,
  deps: OAuthDeps,
): (grant: Pick<Grant, 'clientId' | 'refreshToken' | 'grantedAt'>) => Promise<TokenSet> {
  return async ({ clientId, refreshToken, grantedAt }) => {
    const client = configuredGoogle(settings)
    if (client?.clientId !== clientId)
      throw new OAuthFailure(
        'oauth_client_changed',
        'This account was connected with another Google client than the one set up now.',
      )
    try {
      return await refreshTokens(client, deps, refreshToken ?? '')
    } catch (error) {
      if (!(error instanceof OAuthFailure) || !error.terminal) throw error
      const { code, message, reason } = error
      throw new OAuthFailure(code, message, { reason, hint: endedHint(deps.clock() - grantedAt, reason) })
    }
  }
}
