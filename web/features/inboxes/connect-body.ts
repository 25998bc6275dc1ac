// What connecting an account asks of the API: made of the inbox and of what a person wants to be different this time. Pure.
import type { InboxAnswer, MailboxKind, StartMicrosoftBody } from '../../../worker/contract/inboxes'
import { accountOf } from './vendors'

/** `kind`: whose mailbox it is; without it the same as before, else the person's own. */
export type ConnectWish = Pick<StartMicrosoftBody, 'useAddress' | 'chooseAccount'> & { kind?: MailboxKind }

/** The kind travels in the page to come back to as well: an attempt that failed is to be tried again as it was. */
export function connectBody(
  inbox: Pick<InboxAnswer, 'id' | 'connectionType' | 'emailAddress' | 'connection'>,
  { kind: wanted, ...wish }: ConnectWish,
): StartMicrosoftBody {
  if (inbox.connectionType !== 'microsoft') return wish
  const stored = accountOf(inbox)
  const kind = wanted ?? stored?.kind ?? 'own'
  if (kind === 'own') return { ...wish, mailbox: { kind } }
  const address = stored?.kind === kind ? stored.address : inbox.emailAddress
  return { ...wish, returnTo: `/inboxes/${inbox.id}?mailbox=${kind}`, mailbox: { kind, address } }
}
