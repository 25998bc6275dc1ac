// How connecting an account ended: read from the address that the browser comes back to, and said in words. Pure.
import { CONNECT_RESULTS, type ConnectResult, type InboxAnswer } from '../../../worker/contract/inboxes'
import { isEmail } from '../../lib/form'
import { isPermission, PERMISSION_LABEL, type Permission } from './google-access'

/** The search parameters of a return. Whoever can make a person follow a link can write them: they choose words, nothing else. */
export type ConnectSearch = {
  connect?: ConnectResult
  /** the account that was signed in with, after `mismatch` and `address_taken` */
  address?: string
  /** the permissions that were not given, after `missing_scopes`, comma-separated */
  missing?: string
  /** a code, after `failed` */
  reason?: string
}

/** Reads them; what it does not know is left out. */
export function parseConnectSearch(search: Record<string, unknown>): ConnectSearch {
  const { connect, address, missing, reason } = search
  const result = CONNECT_RESULTS.find((known) => known === connect)
  if (!result) return {}
  return {
    connect: result,
    ...(typeof address === 'string' && address.length <= 320 && isEmail(address) ? { address } : {}),
    ...(typeof missing === 'string' && missingOf(missing).length > 0 ? { missing: missingOf(missing).join(',') } : {}),
    ...(typeof reason === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(reason) ? { reason } : {}),
  }
}

function missingOf(missing: string): Permission[] {
  return missing.split(',').filter(isPermission)
}

export type ConnectWords = {
  good: boolean
  title: string
  text: string
  /** permissions by name, to be listed */
  list: string[]
  /** the button that starts again; null where there is nothing to start */
  again: string | null
  /** whether starting again has to offer a choice of accounts: the one that is signed in was the wrong one */
  chooseAccount: boolean
  /** the address that the inbox may take instead; null where that is no choice */
  useAddress: string | null
}

/** Why connecting failed, by the callback's codes. */
const REASONS = new Map([
  [
    'not_configured',
    'Google is not set up on this server. Ask whoever runs it to set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET; see docs/operations.md.',
  ],
  ['not_allowed', 'Only owners and admins may connect inboxes.'],
  ['inbox_changed', 'The inbox was archived or changed meanwhile.'],
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
  [
    'internal',
    'Something went wrong on this server. Try again; if it happens again, ask whoever runs it to look at its log.',
  ],
])
const UNKNOWN_REASON = 'Google did not finish the sign-in. Try again in a few minutes.'

/**
 * What to tell a person, or null: nothing to tell. "Connected" is only said of an inbox whose status proves it.
 * `inbox` null: the attempt is not known, and so neither is its inbox.
 */
export function connectWords(search: ConnectSearch, inbox: Target | null): ConnectWords | null {
  if (search.connect === 'expired') return EXPIRED
  if (search.connect === 'failed') return failure(search.reason)
  return inbox && aboutInbox(search, inbox)
}

type Target = Pick<InboxAnswer, 'emailAddress' | 'status'>
const PLAIN = { good: false, list: [], again: 'Try again', chooseAccount: false, useAddress: null }
const EXPIRED: ConnectWords = {
  ...PLAIN,
  title: 'This sign-in is no longer valid',
  text: 'Connecting has to be finished within ten minutes, once, by the person and in the browser that started it. Nothing has changed.',
}

function failure(reason: string | undefined): ConnectWords {
  const known = REASONS.get(reason ?? '')
  return {
    ...PLAIN,
    title: 'Connecting did not work',
    text: `${known ?? UNKNOWN_REASON} Nothing has changed.${reason && !known ? ` (${reason})` : ''}`,
  }
}

function aboutInbox({ connect, address, missing }: ConnectSearch, inbox: Target): ConnectWords | null {
  switch (connect) {
    case 'ok':
      if (inbox.status !== 'connected') return null
      return {
        ...PLAIN,
        good: true,
        title: `Connected to ${inbox.emailAddress}`,
        text: 'New mail becomes tickets by itself, and replies are sent through this account.',
        again: null,
      }
    case 'denied':
      return {
        ...PLAIN,
        title: 'Google did not give Postroom access',
        text: 'The sign-in was cancelled, or an administrator of your organisation does not allow it. Nothing has changed.',
      }
    case 'mismatch':
      return {
        ...PLAIN,
        title: address ? `You signed in as ${address}` : 'You signed in with another account',
        text: `This inbox is for ${inbox.emailAddress}. Nothing was stored. ${
          address
            ? 'Give the inbox the other address, or try again and choose the right account.'
            : 'Try again and choose the right account.'
        }`,
        chooseAccount: true,
        useAddress: address ?? null,
      }
    case 'missing_scopes':
      return {
        ...PLAIN,
        title: 'A permission is missing',
        text: 'Postroom needs all of the permissions it asks for. Nothing was stored. Connect again and leave every box ticked. Not ticked:',
        list: missingOf(missing ?? 'read,send').map((permission) => PERMISSION_LABEL[permission]),
        again: 'Connect again',
      }
    case 'address_taken':
      return {
        ...PLAIN,
        title: 'Another inbox has this address',
        text: `${address ?? 'The address of this account'} already belongs to another inbox of your workspace, so nothing was stored. Use that inbox, or try again with the account ${inbox.emailAddress}.`,
        chooseAccount: true,
      }
    default:
      return null
  }
}
