// What an account has allowed, in words, and whether it has to be asked again. Pure.
import type { InboxAnswer, MailboxKind } from '../../../worker/contract/inboxes'
import { type Vendor, vendorOf } from './vendors'

/** The permissions of a connection, by the names that the API uses for them. */
export const PERMISSIONS = ['read', 'send'] as const
export type Permission = (typeof PERMISSIONS)[number]

export const PERMISSION_LABEL: Record<MailboxKind, Record<Permission, string>> = {
  own: { read: 'Read your mail', send: 'Send mail as you' },
  shared: { read: 'Read mail that is shared with you', send: 'Send mail from shared mailboxes' },
  app: { read: 'Read mail', send: 'Send mail' },
}

const MARKED = 'Changing mail is asked for as well, to mark what is on a ticket; nothing is deleted.'
const SENT: Record<Vendor, string> = { google: 'Sent in Gmail', microsoft: 'Sent Items in Outlook' }

/** Why a permission is asked for. `marks`: mail is marked in its mailbox once it is on a ticket. */
export function permissionReason(permission: Permission, vendor: Vendor, marks = false): string {
  return permission === 'read'
    ? `to turn new mail into tickets. ${marks ? MARKED : 'Nothing in the mailbox is changed or deleted.'}`
    : `to send the replies that your team writes. They also appear under ${SENT[vendor]}.`
}

const GOOGLE_SCOPES: Record<Permission, readonly string[]> = {
  read: [
    'https://www.googleapis.com/auth/gmail.readonly',
    'https://www.googleapis.com/auth/gmail.modify',
    'https://mail.google.com/',
  ],
  send: [
    'https://www.googleapis.com/auth/gmail.send',
    'https://www.googleapis.com/auth/gmail.modify',
    'https://mail.google.com/',
  ],
}
/** Graph's names; an answer may put the API's address before them, and spells them as it likes. */
const MICROSOFT_SCOPES: Record<Permission, RegExp> = {
  read: /(^|\/)mail\.read(write)?(\.shared)?$/i,
  send: /(^|\/)mail\.send(\.shared)?$/i,
}

export function isPermission(key: string): key is Permission {
  return PERMISSIONS.some((permission) => permission === key)
}

/** Whether the granted scopes hold a permission. */
export function isGranted(permission: Permission, scopes: readonly string[]): boolean {
  return scopes.some((scope) => GOOGLE_SCOPES[permission].includes(scope) || MICROSOFT_SCOPES[permission].test(scope))
}

type Inbox = Pick<InboxAnswer, 'connectionType' | 'archivedAt' | 'status' | 'statusDetail' | 'connectedAt'>

/** What an account's inbox asks of a person: to be connected for the first time, to be connected again, or nothing. */
export function accessNeeded(inbox: Inbox): 'connect' | 'reconnect' | null {
  if (vendorOf(inbox) === null || inbox.archivedAt) return null
  if (inbox.status !== 'disconnected' && inbox.statusDetail?.action !== 'reconnect') return null
  return inbox.connectedAt ? 'reconnect' : 'connect'
}

/** Whether the vendor lets nothing through any more, so that only connecting helps. */
export function accessEnded(inbox: Pick<InboxAnswer, 'connectionType' | 'status' | 'pauseReason'>): boolean {
  return vendorOf(inbox) !== null && (inbox.status === 'disconnected' || inbox.pauseReason === 'auth_failure')
}
