// The Microsoft application that an account is connected with: the one bound to email, pinned to the client and authority that issued a
// grant. No other application ever renews it, whatever is bound or configured by then.
import type { Settings } from '../env'
import type { TenantDb } from '../platform/db'
import { microsoftCallbackUrl } from '../platform/http/provider-paths'
import { type EmailApp, type MicrosoftApp, resolveEmailApp } from '../platform/microsoft-app'
import { applicationScope, microsoftClient, refusedHint } from '../providers/graph/oauth'
import {
  clientCredentials,
  type OAuthClient,
  type OAuthDeps,
  OAuthFailure,
  refreshTokens,
  type TokenSet,
} from '../providers/oauth'
import type { MicrosoftGrant } from './token-keeper'

/** What a grant is pinned to. */
export type Issuer = Pick<MicrosoftGrant, 'profileId' | 'clientId' | 'directory'>

/** The application at the authority given, which is the grant's own where there is one. */
export function clientOf(settings: Settings, app: MicrosoftApp, directory = app.directory): OAuthClient {
  const { clientId, clientSecret } = app
  return microsoftClient({
    loginUrl: settings.MICROSOFT_LOGIN_URL,
    directory,
    clientId,
    clientSecret,
    redirectUri: microsoftCallbackUrl(settings.APP_URL),
  })
}

/** The application, if a grant is its: the same profile, or the deployment's own, and the same client. */
export function asIssuer(app: EmailApp, issuer: Issuer): MicrosoftApp | null {
  return app.kind !== 'none' && app.profileId === issuer.profileId && app.clientId === issuer.clientId ? app : null
}

/**
 * The application that has issued a grant, as it is now. Throws OAuthFailure: 'oauth_client_changed' where another or none serves email,
 * 'oauth_refused' where the bound profile cannot serve at present. Nothing stands in for it.
 */
export async function issuingApp(db: TenantDb, settings: Settings, issuer: Issuer): Promise<MicrosoftApp> {
  const app = await resolveEmailApp(db, settings)
  const issuing = asIssuer(app, issuer)
  if (issuing) return issuing
  if (app.kind !== 'none')
    throw new OAuthFailure(
      'oauth_client_changed',
      'This account was connected with another Microsoft app than the one that serves email now.',
    )
  switch (app.state) {
    case 'pending_admin_consent':
      throw new OAuthFailure('oauth_refused', "The Microsoft profile waits for its directory's administrator.", {
        hint: 'The link to allow it is under Settings → Integrations → Microsoft.',
      })
    // What it issued is as good as ever once it is mended.
    case 'invalid_profile':
      throw new OAuthFailure(
        'oauth_refused',
        'The Microsoft profile for email is archived, gone or has no usable secret.',
        {
          hint: 'Mend it or choose another one under Settings → Integrations → Microsoft.',
        },
      )
    case 'not_configured':
      throw new OAuthFailure('oauth_client_changed', 'No Microsoft app serves email any more.', {
        hint: 'Bind a profile to email under Settings → Integrations → Microsoft, then reconnect the account.',
      })
  }
}

/** An access token for the application itself, to open any mailbox its administrator allows. Throws OAuthFailure. */
export function applicationToken(settings: Settings, client: OAuthClient, deps: OAuthDeps): Promise<TokenSet> {
  return clientCredentials(client, deps, applicationScope(settings.MICROSOFT_GRAPH_URL))
}

/** New tokens for a grant, from its own application and authority. Throws OAuthFailure with what to do. */
export async function microsoftRefresh(
  settings: Settings,
  deps: OAuthDeps,
  db: TenantDb,
  grant: MicrosoftGrant & { refreshToken: string | null },
): Promise<TokenSet> {
  const client = clientOf(settings, await issuingApp(db, settings, grant), grant.directory)
  try {
    if (grant.kind === 'app') return await applicationToken(settings, client, deps)
    return await refreshTokens(client, deps, grant.refreshToken ?? '')
  } catch (error) {
    if (!(error instanceof OAuthFailure)) throw error
    const { code, message, reason, retryAfter, terminal } = error
    throw new OAuthFailure(code, message, { reason, retryAfter, hint: refusedHint(reason, terminal) })
  }
}
