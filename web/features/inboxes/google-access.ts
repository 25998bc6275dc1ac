// What a Google account has allowed, in words, and whether it has to be asked again. Pure.
import type { InboxAnswer } from '../../../worker/contract/inboxes'

/** The permissions of a connection, by the names that the API uses for them. */
export const PERMISSION_LABEL = { read: 'Read your mail', send: 'Send mail as you' }
export type Permission = keyof typeof PERMISSION_LABEL

/** Why each is asked for. */
export const PERMISSION_REASON: Record<Permission, string> = {
  read: 'to turn new mail into tickets. Nothing in the mailbox is changed or deleted.',
  send: 'to send the replies that your team writes. They also appear under Sent in Gmail.',
}
export const PERMISSIONS: readonly Permission[] = ['read', 'send']

const SCOPES: Record<Permission, readonly string[]> = {
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

export function isPermission(key: string): key is Permission {
  return Object.hasOwn(PERMISSION_LABEL, key)
}

/** Whether the granted scopes hold a permission. */
export function isGranted(permission: Permission, scopes: readonly string[]): boolean {
  return SCOPES[permission].some((scope) => scopes.includes(scope))
}

/** What a Google inbox asks of a person: to be connected for the first time, to be connected again, or nothing. */
export function accessNeeded(
  inbox: Pick<InboxAnswer, 'connectionType' | 'archivedAt' | 'status' | 'statusDetail' | 'connectedAt'>,
): 'connect' | 'reconnect' | null {
  if (inbox.connectionType !== 'google' || inbox.archivedAt) return null
  if (inbox.status !== 'disconnected' && inbox.statusDetail?.action !== 'reconnect') return null
  return inbox.connectedAt ? 'reconnect' : 'connect'
}

/** Whether Google lets nothing through any more, so that only connecting helps. */
export function accessEnded(inbox: Pick<InboxAnswer, 'connectionType' | 'status' | 'pauseReason'>): boolean {
  return inbox.connectionType === 'google' && (inbox.status === 'disconnected' || inbox.pauseReason === 'auth_failure')
}
