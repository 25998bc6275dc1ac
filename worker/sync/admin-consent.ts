// The browser of a directory's administrator, coming back from Microsoft's admin consent page: the word is noted, the bindings page tells.
import type { ConsentResult } from '../contract/microsoft'
import type { Settings } from '../env'
import type { Clock } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { log } from '../platform/log'
import { recordAdminConsent } from '../platform/microsoft-consent'
import { returnAddress } from './return-to'

const BINDINGS_PAGE = '/settings/integrations/microsoft'

type Deps = { db: TenantDb; settings: Settings; clock: Clock }

/** Answers the page to go to, the outcome in its address; never throws, since a person waits at the redirect. */
export async function finishAdminConsent(
  { db, settings, clock }: Deps,
  { callback }: { callback: URLSearchParams },
): Promise<string> {
  let consent: ConsentResult
  try {
    consent = await recordAdminConsent({ db, secret: settings.AUTH_SECRET, now: clock() }, callback)
  } catch (error) {
    log.error('microsoft.consent.failed', { error })
    consent = 'failed'
  }
  log.info('microsoft.consent', { result: consent })
  return returnAddress(settings.APP_URL, BINDINGS_PAGE, { consent })
}
