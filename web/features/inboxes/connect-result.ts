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

const FAILED = 'Google did not finish the sign-in. Try again in a few minutes.'
/** Codes of `failed` for which more can be said than that. */
const REASONS = new Map([
  [
    'no_refresh_token',
    'Google gave no lasting access. Remove Postroom at myaccount.google.com/connections, then connect again.',
  ],
  ['not_configured', 'Google is not set up on this server. Ask whoever runs it; docs/operations.md says how.'],
])

/** What to tell a person, or null: nothing to tell. "Connected" is only said of an inbox whose status proves it. */
export function connectWords(
  { connect, address, missing, reason }: ConnectSearch,
  inbox: Pick<InboxAnswer, 'emailAddress' | 'status' | 'pausedAt'>,
): ConnectWords | null {
  const plain = { good: false, list: [], again: 'Try again', chooseAccount: false, useAddress: null }
  switch (connect) {
    case undefined:
      return null
    case 'ok':
      if (inbox.status !== 'connected') return null
      return {
        ...plain,
        good: true,
        title: `Connected to ${inbox.emailAddress}`,
        text: 'New mail becomes tickets by itself, and replies are sent through this account.',
        again: null,
      }
    case 'denied':
      return {
        ...plain,
        title: 'Google did not give Postroom access',
        text: 'The sign-in was cancelled, or an administrator of your organisation does not allow it. Nothing has changed.',
      }
    case 'mismatch':
      return {
        ...plain,
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
        ...plain,
        title: 'A permission is missing',
        text: 'Postroom needs all of the permissions it asks for. Nothing was stored. Connect again and leave every box ticked. Not ticked:',
        list: missingOf(missing ?? 'read,send').map((permission) => PERMISSION_LABEL[permission]),
        again: 'Connect again',
      }
    case 'address_taken':
      return {
        ...plain,
        title: 'Another inbox has this address',
        text: `${address ?? 'The address of this account'} already belongs to another inbox of your workspace, so nothing was stored. Use that inbox, or try again with the account ${inbox.emailAddress}.`,
        chooseAccount: true,
      }
    case 'expired':
      return {
        ...plain,
        title: 'This sign-in is no longer valid',
        text: 'Connecting has to be finished within ten minutes, once, by the person and in the browser that started it. Nothing has changed.',
      }
    case 'failed': {
      const known = reason && REASONS.get(reason)
      return {
        ...plain,
        title: 'Connecting did not work',
        text: `${known || FAILED} Nothing has changed.${reason && !known ? ` (${reason})` : ''}`,
      }
    }
  }
}
