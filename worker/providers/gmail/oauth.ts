// Google's side of OAuth: the application, the scopes Postroom asks for, the consent page's parameters, and whose account it is.
import { boundedFetch, type OAuthClient, type OAuthDeps } from '../oauth'

/** The least that reads mail and sends replies. Reading covers the profile, history and `users.watch`. */
const SCOPES = {
  read: 'https://www.googleapis.com/auth/gmail.readonly',
  send: 'https://www.googleapis.com/auth/gmail.send',
} as const
export const GMAIL_SCOPES: readonly string[] = Object.values(SCOPES)

/** Google's application, at the addresses given. */
export function googleClient(
  settings: Pick<OAuthClient, 'authUrl' | 'tokenUrl' | 'revokeUrl' | 'clientId' | 'clientSecret' | 'redirectUri'>,
): OAuthClient {
  // invalid_grant covers its subtypes (invalid_rapt and others): the only answer of Google's that ends a grant.
  return { ...settings, issuer: 'https://accounts.google.com', terminal: ['invalid_grant'] }
}

/**
 * What Google's consent page is told besides the standard parameters. `offline` and `consent` together make it issue a refresh token
 * each time; `chooseAccount`: after the wrong account was used, so that Google does not silently take the same one.
 */
export function consentParameters(loginHint: string, chooseAccount: boolean): Record<string, string> {
  return {
    access_type: 'offline',
    prompt: chooseAccount ? 'select_account consent' : 'consent',
    login_hint: loginHint,
  }
}

/** The permissions that were not given, by name. Null scopes: the answer named none, so it is what was asked for (RFC 6749 section 5.1). */
export function missingScopes(granted: readonly string[] | null): string[] {
  if (granted === null) return []
  return Object.entries(SCOPES).flatMap(([name, scope]) => (granted.includes(scope) ? [] : name))
}

/** The form in which two spellings of one Google account are equal: case, and what gmail.com ignores (dots, `+detail`, googlemail.com). */
export function accountKey(address: string): string {
  const lower = address.trim().toLowerCase()
  const at = lower.lastIndexOf('@')
  const domain = lower.slice(at + 1)
  if (domain !== 'gmail.com' && domain !== 'googlemail.com') return lower
  return `${(lower.slice(0, at).split('+', 1)[0] ?? '').replaceAll('.', '')}@gmail.com`
}

/** `status`: of the HTTP answer; null where none came that makes sense. */
export type AccountAnswer = { address: string } | { status: number | null }

/** The address of the account that a token speaks for (users.getProfile), lower case. Never throws. */
export async function accountAddress(apiUrl: string, deps: OAuthDeps, accessToken: string): Promise<AccountAnswer> {
  try {
    const response = await boundedFetch(deps)(`${apiUrl}/gmail/v1/users/me/profile`, {
      redirect: 'manual',
      headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
    })
    if (response.status !== 200) return { status: response.status }
    const { emailAddress } = (await response.json()) as { emailAddress?: unknown }
    if (typeof emailAddress === 'string' && /^[^\s@]{1,64}@[^\s@]{1,255}$/.test(emailAddress))
      return { address: emailAddress.toLowerCase() }
  } catch {
    // an answer cut off, too large, too late, or no JSON
  }
  return { status: null }
}

const DAY = 86_400_000

/** What a person can do about a grant that Google has ended. `age` of the grant in ms; `reason` as in OAuthFailure. */
export function endedHint(age: number, reason: string | undefined): string {
  if (reason?.endsWith('invalid_rapt'))
    return 'Your Google Workspace asks people to sign in again after some time. Reconnect; an administrator can trust Postroom so that it lasts.'
  // Grants of an app that is not published end after seven days; it is noticed at the next refresh, up to an hour or a pause later.
  if (age >= 6.5 * DAY && age <= 8.5 * DAY)
    return 'It ended about seven days after it was given, so the likely cause is a consent screen in "Testing": set it to "In production" in Google Cloud, then reconnect.'
  return 'Reconnect the account.'
}
