// How new mail of a Google inbox is noticed, and what holds it up, in words. Pure; the current time is passed in.
import type { InboxAnswer } from '../../../worker/contract/inboxes'

type Inbox = Pick<InboxAnswer, 'delivery' | 'status' | 'statusDetail' | 'pausedAt' | 'archivedAt'>

export type DeliveryWords = {
  /** what is at work; null where nothing is */
  mode: 'Push' | 'Polling' | null
  text: string
}

/** What is known to work: push only once Google has announced something, and nothing while checks fail. */
export function deliveryWords(inbox: Inbox): DeliveryWords {
  if (!isChecked(inbox)) {
    const retried = inbox.status === 'error' && !inbox.pausedAt && !inbox.archivedAt
    const text = retried
      ? 'The last check failed; Postroom goes on trying.'
      : 'At present nothing looks for new mail here.'
    return { mode: null, text }
  }
  const { mode, pollSeconds, expiresAt, problem, lastPushAt } = inbox.delivery
  if (mode === 'push') {
    return { mode: 'Push', text: 'Google announces new mail, so it arrives within seconds.' }
  }
  const every = pollSeconds ? `Postroom checks for new mail every ${pollSeconds} s.` : 'Postroom checks for new mail.'
  const why = problem
    ? ''
    : expiresAt === null
      ? ' Google can announce it within seconds once push is set up on this server; docs/operations.md says how.'
      : lastPushAt === null
        ? ' Push is set up and waits for its first announcement.'
        : ' Google was asked to announce it, but lately has not; checking goes on until it does.'
  return { mode: 'Polling', text: `${every}${why}` }
}

/** Whether the inbox is being checked for mail, by whatever way. */
function isChecked(inbox: Inbox): boolean {
  return inbox.status === 'connected' && !inbox.pausedAt && !inbox.archivedAt
}

/** When the provider may be asked again (ISO 8601), while it has asked us to wait; else null. `now` in ms. */
export function throttledUntil(inbox: Inbox, now: number): string | null {
  const until = inbox.statusDetail?.until
  return until && isChecked(inbox) && Date.parse(until) > now ? until : null
}
