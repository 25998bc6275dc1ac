// How new mail of a Google inbox is noticed, and what holds it up, in words. Pure; the current time is passed in.
import type { InboxAnswer } from '../../../worker/contract/inboxes'

type Inbox = Pick<InboxAnswer, 'delivery' | 'status' | 'statusDetail' | 'pausedAt' | 'archivedAt'>

export type DeliveryWords = {
  /** one or two words for lists */
  short: 'Push' | 'Polling'
  text: string
}

/** What is known to work: push only once Google has announced something. `null` where nothing is checked at all. */
export function deliveryWords(inbox: Inbox): DeliveryWords | null {
  if (!isChecked(inbox)) return null
  const { mode, pollSeconds, expiresAt, problem, lastPushAt } = inbox.delivery
  if (mode === 'push') {
    return { short: 'Push', text: 'Google announces new mail, so it arrives within seconds.' }
  }
  const every = pollSeconds ? `Postroom checks for new mail every ${pollSeconds} s.` : 'Postroom checks for new mail.'
  const why = problem
    ? ''
    : expiresAt === null
      ? ' Google can announce it within seconds once push is set up on this server; docs/operations.md says how.'
      : lastPushAt === null
        ? ' Push is set up and waits for its first announcement.'
        : ' Google was asked to announce it, but lately has not; checking goes on until it does.'
  return { short: 'Polling', text: `${every}${why}` }
}

/** Whether the inbox is being checked for mail, by whatever way. */
export function isChecked(inbox: Inbox): boolean {
  return inbox.status === 'connected' && !inbox.pausedAt && !inbox.archivedAt
}

/** When the provider may be asked again (ISO 8601), while it has asked us to wait; else null. `now` in ms. */
export function throttledUntil(inbox: Inbox, now: number): string | null {
  const until = inbox.statusDetail?.until
  return until && isChecked(inbox) && Date.parse(until) > now ? until : null
}
