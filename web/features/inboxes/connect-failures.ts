// Why connecting an account failed, by the callback's codes, in words that say what to do. Pure.
import { VENDOR_NAME, type Vendor } from './vendors'

const ANY_VENDOR = new Map([
  ['not_allowed', 'Only owners and admins may connect inboxes.'],
  ['inbox_changed', 'The inbox was archived or changed meanwhile.'],
  [
    'internal',
    'Something went wrong on this server. Try again; if it happens again, ask whoever runs it to look at its log.',
  ],
])

const BY_VENDOR: Record<Vendor, ReadonlyMap<string, string>> = {
  google: new Map([
    [
      'not_configured',
      'Google is not set up on this server. Ask whoever runs it to set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET; see docs/operations.md.',
    ],
    [
      'google_refused',
      'Google refused the sign-in. Try again; if it happens again, whoever runs this server has to check its OAuth client at Google: id, secret and redirect address.',
    ],
    ['google_unreachable', 'Google could not be reached. Try again in a few minutes.'],
    ['admin_policy', 'Your organisation does not allow Postroom. Ask your Google administrator to trust it.'],
    [
      'no_mailbox',
      'Gmail did not open for this account: it has no Gmail mailbox, or the Gmail API is not enabled in the Google project of this server.',
    ],
    [
      'no_refresh_token',
      'Google gave no lasting access. Remove Postroom at myaccount.google.com/connections, then connect again.',
    ],
  ]),
  microsoft: new Map([
    ['not_configured', 'No Microsoft app serves email yet. Set one up under Settings → Integrations → Microsoft.'],
    [
      'microsoft_refused',
      'Microsoft refused the sign-in. Try again; if it happens again, check the Microsoft profile under Settings → Integrations → Microsoft: client id, secret, directory and redirect address.',
    ],
    ['profile_changed', 'Another Microsoft profile came to serve email while you signed in. Start again.'],
    ['microsoft_unreachable', 'Microsoft could not be reached. Try again in a few minutes.'],
    [
      'admin_policy',
      'A policy of your organisation stopped the sign-in. An administrator of your Microsoft directory has to let this account use the app: assign it under Enterprise applications, or allow it in Conditional Access. Their sign-in log names the policy.',
    ],
    [
      'admin_consent',
      'An administrator of your Microsoft directory has to allow Postroom, once for everybody. Send them the consent link, which is under Settings → Integrations → Microsoft as well; when they have agreed, try again.',
    ],
    [
      'no_mailbox',
      'This account has no Exchange Online mailbox. Sign in with an account that has one, or connect a shared mailbox with it.',
    ],
    [
      'mailbox_denied',
      'Ask an Exchange administrator to give the account Full Access and Send As on the mailbox, wait a few minutes, and try again; or sign in with an account that has them.',
    ],
    ['no_refresh_token', 'Microsoft gave no lasting access. Try again and agree to everything that is asked.'],
  ]),
}

/** The sentence for a code; `vendor` null: it is not known whose sign-in it was. Unknown codes are shown, so that they can be looked up. */
export function failureText(reason: string | undefined, vendor: Vendor | null): string {
  const known = ANY_VENDOR.get(reason ?? '') ?? (vendor && BY_VENDOR[vendor].get(reason ?? ''))
  const name = vendor ? VENDOR_NAME[vendor] : 'The provider'
  const text = known ?? `${name} did not finish the sign-in. Try again in a few minutes.`
  return `${text} Nothing has changed.${reason && !known ? ` (${reason})` : ''}`
}
