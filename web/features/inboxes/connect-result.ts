// How connecting an account ended: read from the address that the browser comes back to, and said in words. Pure.
import type { ConnectResult, InboxAnswer, MailboxKind } from '../../../worker/contract/inboxes'
import { isEmail } from '../../lib/form'
import { isPermission, PERMISSION_LABEL, type Permission } from './account-access'
import { failureText } from './connect-failures'
import { accountOf, mailboxKind, VENDOR_NAME, vendorOf } from './vendors'

/** The search parameters of a return. Whoever can make a person follow a link can write them: they choose words, nothing else. */
export type ConnectSearch = {
  connect?: ConnectResult
  /** the account that was signed in with, after `mismatch`, `address_taken` and a mailbox that did not open */
  address?: string
  /** the permissions that were not given, after `missing_scopes`, comma-separated */
  missing?: string
  /** a code, after `failed` */
  reason?: string
  /** whose mailbox was asked for, where that was not the person's own */
  mailbox?: MailboxKind
}

/** Every result, once: the contract's own list would bring its schemas onto the first screen. */
const RESULTS: Record<ConnectResult, true> = {
  ok: true,
  denied: true,
  mismatch: true,
  missing_scopes: true,
  address_taken: true,
  expired: true,
  failed: true,
}

function isResult(value: unknown): value is ConnectResult {
  return typeof value === 'string' && Object.hasOwn(RESULTS, value)
}

/** Reads them; what it does not know is left out. */
export function parseConnectSearch(search: Record<string, unknown>): ConnectSearch {
  const { connect, address, missing, reason } = search
  if (!isResult(connect)) return {}
  const mailbox = mailboxKind(search.mailbox)
  return {
    connect,
    ...(typeof address === 'string' && address.length <= 320 && isEmail(address) ? { address } : {}),
    ...(typeof missing === 'string' && missingOf(missing).length > 0 ? { missing: missingOf(missing).join(',') } : {}),
    ...(typeof reason === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(reason) ? { reason } : {}),
    ...(mailbox ? { mailbox } : {}),
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
  /** whether the inbox may be a shared mailbox of the account that signed in */
  asShared: boolean
  /** whether a directory's administrator has to agree first, so that the link for that is shown */
  asksConsent: boolean
}

/**
 * What to tell a person, or null: nothing to tell. "Connected" is only said of an inbox whose status proves it.
 * `inbox` null: the attempt is not known, and so neither is its inbox.
 */
export function connectWords(search: ConnectSearch, inbox: Target | null): ConnectWords | null {
  if (search.connect === 'expired') return EXPIRED
  if (search.connect === 'failed') {
    const text = failureText(search.reason, inbox && vendorOf(inbox))
    if (search.reason === 'admin_consent')
      return { ...PLAIN, title: 'An administrator has to agree first', text, asksConsent: true }
    if (search.reason !== 'mailbox_denied') return { ...PLAIN, title: 'Connecting did not work', text }
    const mailbox = inbox ? mailboxOf(inbox) : 'this mailbox'
    return { ...PLAIN, title: `${search.address ?? 'This account'} may not open ${mailbox}`, text, chooseAccount: true }
  }
  return inbox && aboutInbox(search, inbox)
}

/** The mailbox that an attempt for this inbox opens. */
function mailboxOf(inbox: Target): string {
  const stored = accountOf(inbox)
  return stored && stored.kind !== 'own' ? stored.address : inbox.emailAddress
}

type Target = Pick<InboxAnswer, 'emailAddress' | 'status' | 'connectionType' | 'connection'>
const PLAIN = {
  good: false,
  list: [],
  again: 'Try again',
  chooseAccount: false,
  useAddress: null,
  asShared: false,
  asksConsent: false,
}
const EXPIRED: ConnectWords = {
  ...PLAIN,
  title: 'This sign-in is no longer valid',
  text: 'Connecting has to be finished within ten minutes, once, by the person and in the browser that started it. Nothing has changed.',
}

function aboutInbox({ connect, address, missing, mailbox }: ConnectSearch, inbox: Target): ConnectWords | null {
  const vendor = vendorOf(inbox) ?? 'google'
  const kind = mailbox ?? accountOf(inbox)?.kind ?? 'own'
  switch (connect) {
    case 'ok':
      if (inbox.status !== 'connected') return null
      return {
        ...PLAIN,
        good: true,
        title: `Connected to ${inbox.emailAddress}`,
        text: `New mail becomes tickets by itself, and replies are sent through this ${kind === 'own' ? 'account' : 'mailbox'}.`,
        again: null,
      }
    case 'denied':
      return {
        ...PLAIN,
        title: `${VENDOR_NAME[vendor]} did not give Postroom access`,
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
        }${vendor === 'microsoft' && kind === 'own' ? ` If ${inbox.emailAddress} is a shared mailbox that ${address ?? 'this account'} may open, connect it as one.` : ''}`,
        chooseAccount: true,
        useAddress: address ?? null,
        asShared: vendor === 'microsoft' && kind === 'own',
      }
    case 'missing_scopes':
      return {
        ...PLAIN,
        title: 'A permission is missing',
        text: `Postroom needs all of the permissions it asks for. Nothing was stored. ${MISSING[vendor]}`,
        list: missingOf(missing ?? 'read,send').map((permission) => PERMISSION_LABEL[kind][permission]),
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

const MISSING = {
  google: 'Connect again and leave every box ticked. Not ticked:',
  microsoft: 'Ask an administrator of your directory to allow them, then connect again. Not given:',
}
