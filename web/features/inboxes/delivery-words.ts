// How new mail of an account's inbox is noticed, and what holds it up, in words. Pure; the current time is passed in.
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { VENDOR_NAME, type Vendor } from './vendors'

type Inbox = Pick<InboxAnswer, 'delivery' | 'status' | 'statusDetail' | 'pausedAt' | 'archivedAt'>

export type DeliveryWords = {
  /** what is at work; null where nothing is */
  mode: 'Push' | 'Polling' | null
  text: string
}

/** What is known to work: push only once the vendor has proven that it can announce something, and nothing while checks fail. */
export function deliveryWords(inbox: Inbox, vendor: Vendor): DeliveryWords {
  const name = VENDOR_NAME[vendor]
  if (!isChecked(inbox)) {
    const retried = inbox.status === 'error' && !inbox.pausedAt && !inbox.archivedAt
    const text = retried
      ? 'The last check failed; Postroom goes on trying.'
      : 'At present nothing looks for new mail here.'
    return { mode: null, text }
  }
  const { mode, pollSeconds, expiresAt, problem, lastPushAt } = inbox.delivery
  if (mode === 'push') {
    return { mode: 'Push', text: `${name} announces new mail, so it arrives within seconds.` }
  }
  const every = pollSeconds ? `Postroom checks for new mail every ${pollSeconds} s.` : 'Postroom checks for new mail.'
  const why = problem
    ? ''
    : expiresAt === null
      ? ` ${name} can announce it within seconds ${ONCE[vendor]}`
      : lastPushAt === null
        ? ' Push is set up and waits for its first announcement.'
        : ` ${name} was asked to announce it, but lately has not; checking goes on until it does.`
  return { mode: 'Polling', text: `${every}${why}` }
}

/** What has to be so before the vendor can announce anything. */
const ONCE: Record<Vendor, string> = {
  google: 'once push is set up on this server; docs/operations.md says how.',
  microsoft: 'where it can reach this server; docs/operations.md says how.',
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
