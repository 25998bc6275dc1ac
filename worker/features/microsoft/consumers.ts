// The one table of consumers: which edition has them, and what a Microsoft app has to be set up with for them. Pure.
import { type MicrosoftConsumer, mailScopes } from '../../contract/microsoft'
import type { Edition } from '../../entitlements/edition'
import { microsoftCalendarCallbackUrl, microsoftCallbackUrl } from '../../platform/http/provider-paths'

type Consumer = {
  /** as people call it, in a sentence */
  name: string
  editions: readonly Edition[]
  redirectUris: (appUrl: string) => string[]
  scopes: readonly string[]
  applicationPermissions: readonly string[]
  /** instead of the above where mail is to be written as well */
  writing?: Pick<Consumer, 'scopes' | 'applicationPermissions'>
}

const EVERY: readonly Edition[] = ['community', 'enterprise']
const mailPermissions = (writesMail: boolean) => ({
  scopes: [...new Set([...mailScopes('own', writesMail), ...mailScopes('shared', writesMail)])],
  applicationPermissions: [writesMail ? 'Mail.ReadWrite' : 'Mail.Read', 'Mail.Send'],
})
const SIGN_IN = ['openid', 'profile', 'email', 'User.Read']

const CONSUMERS: Record<MicrosoftConsumer, Consumer> = {
  msp_sso: {
    name: 'sign-in',
    editions: EVERY,
    redirectUris: (appUrl) => [microsoftCallbackUrl(appUrl)],
    scopes: SIGN_IN,
    applicationPermissions: [],
  },
  email: {
    name: 'email',
    editions: EVERY,
    redirectUris: (appUrl) => [microsoftCallbackUrl(appUrl)],
    ...mailPermissions(false),
    writing: mailPermissions(true),
  },
  calendar: {
    name: 'calendar',
    editions: ['enterprise'],
    redirectUris: (appUrl) => [microsoftCalendarCallbackUrl(appUrl)],
    scopes: ['offline_access', 'User.Read', 'Calendars.ReadWrite'],
    applicationPermissions: [],
  },
  teams: {
    name: 'Teams',
    editions: ['enterprise'],
    redirectUris: (appUrl) => [microsoftCallbackUrl(appUrl)],
    scopes: [...SIGN_IN, 'offline_access', 'TeamsActivity.Send'],
    applicationPermissions: [],
  },
}

/** Whether the edition shows the consumer and lets it be bound. */
export function visibleIn(edition: Edition, consumer: MicrosoftConsumer): boolean {
  return CONSUMERS[consumer].editions.includes(edition)
}

/** "email", "email and calendar", "sign-in, email and Teams". */
export function namesOf(consumers: readonly MicrosoftConsumer[]): string {
  const names = consumers.map((consumer) => CONSUMERS[consumer].name)
  const last = names.pop() ?? ''
  return names.length > 0 ? `${names.join(', ')} and ${last}` : last
}

/**
 * What to enter at the app's registration. `writesMail`: something here asks for writing mail, which is optional else. Lists are empty for a
 * consumer that the edition does not show.
 */
export function registrationOf(edition: Edition, consumer: MicrosoftConsumer, appUrl: string, writesMail = false) {
  if (!visibleIn(edition, consumer))
    return { redirectUris: [], scopes: [], optionalScopes: [], applicationPermissions: [] }
  const { redirectUris, writing, ...usual } = CONSUMERS[consumer]
  const { scopes, applicationPermissions } = writesMail && writing ? writing : usual
  return {
    redirectUris: redirectUris(appUrl),
    scopes: [...scopes],
    optionalScopes: (writing?.scopes ?? []).filter((scope) => !usual.scopes.includes(scope) && !scopes.includes(scope)),
    applicationPermissions: [...applicationPermissions],
  }
}

/** The Application ID URI that Teams wants the app to expose. */
export const applicationIdUri = (appUrl: string, clientId: string) => `api://${new URL(appUrl).host}/${clientId}`

/** Permissions of OpenID Connect belong to no API. */
const OPENID = ['openid', 'profile', 'email', 'offline_access']

type ConsentLink = {
  loginUrl: string
  graphUrl: string
  redirectUri: string
  clientId: string
  directory: string
  scopes: readonly string[]
  /** Whether the app needs application permissions too: those are granted only as registered with it, all together. */
  asRegistered: boolean
  /** null: nobody waits for the answer */
  state: string | null
}

/**
 * Where a directory's administrator agrees for everybody (Microsoft identity platform, "Admin consent"). Personal accounts cannot agree
 * for a directory, so `common` is asked as `organizations`.
 */
export function adminConsentUrl(link: ConsentLink): string {
  const directory = link.directory === 'common' ? 'organizations' : link.directory
  const api = new URL(link.graphUrl).origin
  const scopes = link.asRegistered
    ? [`${api}/.default`]
    : link.scopes.map((scope) => (OPENID.includes(scope) ? scope : `${api}/${scope}`))
  const url = new URL(`${link.loginUrl}/${encodeURIComponent(directory)}/v2.0/adminconsent`)
  url.searchParams.set('client_id', link.clientId)
  url.searchParams.set('redirect_uri', link.redirectUri)
  url.searchParams.set('scope', scopes.join(' '))
  if (link.state !== null) url.searchParams.set('state', link.state)
  return url.href
}
