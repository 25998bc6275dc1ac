// Who renews the grant of a connected account: the vendor's application that issued it, and no other.
import type { Settings } from '../env'
import type { TenantDb } from '../platform/db'
import type { OAuthDeps } from '../providers/oauth'
import { googleRefresh } from './google-client'
import { issuingApp, microsoftRefresh } from './microsoft-client'
import type { Grant, TokenKeeperDeps } from './token-keeper'

/** How a token keeper renews, and may go on using, the tokens of either vendor. */
export function grantIssuer(
  settings: Settings,
  deps: OAuthDeps,
  db: TenantDb,
): Pick<TokenKeeperDeps, 'assertServes' | 'refresh'> {
  return {
    // Google's application is the deployment's own and is looked at when it renews; a Microsoft profile is changed by people at any time.
    async assertServes(grant: Grant) {
      if (grant.vendor === 'microsoft') await issuingApp(db, settings, grant)
    },
    refresh: (grant: Grant) =>
      grant.vendor === 'google' ? googleRefresh(settings, deps)(grant) : microsoftRefresh(settings, deps, db, grant),
  }
}
