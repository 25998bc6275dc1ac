// The vendors whose accounts are connected by signing in, and whose mailbox a Microsoft sign-in may open. Pure.
import type { InboxAnswer, MailboxKind } from '../../../worker/contract/inboxes'

export type Vendor = 'google' | 'microsoft'
export const VENDOR_NAME: Record<Vendor, string> = { google: 'Google', microsoft: 'Microsoft' }

/** The vendor of an inbox's account; null where it has none (IMAP, forwarding). */
export function vendorOf(inbox: Pick<InboxAnswer, 'connectionType'>): Vendor | null {
  return isVendor(inbox.connectionType) ? inbox.connectionType : null
}

/** Whether a type of connection is an account that is signed in to. */
export function isVendor(type: InboxAnswer['connectionType']): type is Vendor {
  return Object.hasOwn(VENDOR_NAME, type)
}

/** The account that is stored for an inbox, as far as both vendors know it alike; null: none is. */
export function accountOf({ connection }: Pick<InboxAnswer, 'connection'>): Account | null {
  if (connection?.google) return { ...connection.google, kind: 'own', account: connection.google.address }
  return connection?.microsoft ?? null
}
type Account = {
  kind: MailboxKind
  /** the mailbox */
  address: string
  /** who signed in; null: nobody, the app itself */
  account: string | null
  scopes: string[]
  grantedAt: number
}

export const MAILBOX_KIND_LABEL: Record<MailboxKind, string> = {
  own: 'My own mailbox',
  shared: 'A shared mailbox',
  app: 'Any mailbox, by the app itself',
}

/** What each kind needs, for somebody who is choosing. */
export const MAILBOX_KIND_MEANING: Record<MailboxKind, string> = {
  own: 'You sign in as the mailbox itself. No administrator is needed where people may agree for themselves.',
  shared:
    'You sign in with your own account, which has Full Access and Send As on the mailbox. The inbox depends on that account: if it is closed, somebody else has to connect it again.',
  app: 'Nobody signs in, so it depends on no person. An administrator has to give the app Mail.Read and Mail.Send as application permissions, and should limit it to the mailboxes meant.',
}

/** Reads a kind from outside; undefined: it is none. */
export function mailboxKind(value: unknown): MailboxKind | undefined {
  return typeof value === 'string' && Object.hasOwn(MAILBOX_KIND_LABEL, value) ? (value as MailboxKind) : undefined
}
