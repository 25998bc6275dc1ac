// What the ledger's states, outcomes and reasons mean to a person, and the ledger's filter in the URL. Pure.
import type { LedgerQuery, MailRole } from '../../../worker/contract/inboxes'

export type LedgerFilter = Pick<LedgerQuery, 'disposition' | 'state'>

export const STATE_LABEL: Record<NonNullable<LedgerFilter['state']>, string> = {
  discovered: 'Waiting to be fetched',
  stored: 'Waiting to be sorted',
  done: 'Done',
}

export const DISPOSITION_LABEL: Record<NonNullable<LedgerFilter['disposition']>, string> = {
  ticket_created: 'New ticket',
  reply_added: 'Added to a ticket',
  duplicate: 'Known already',
  suppressed: 'No ticket wanted',
  quarantined: 'Held back',
  gone: 'Gone from the mailbox',
  none: 'Not decided yet',
}

/** What the provider keeps a mail as; nothing is said of ordinary incoming mail. */
export const ROLE_LABEL: Record<MailRole, string> = { sent: 'Sent', spam: 'Spam', trash: 'Trash', draft: 'Draft' }

/** Reasons that need more words than their own name. */
const REASON_LABEL: Record<string, string> = {
  own_message: 'Sent from here; it is on its ticket already',
  auto_reply: 'An automatic answer to no mail of ours',
  unmatched_bounce: 'A delivery report about no mail of ours',
  draft: 'A draft that has not been sent',
  provider_spam: 'The mailbox holds it as spam',
  trashed: 'It was in the trash when it was found',
  sent_elsewhere: 'Sent from the mailbox itself, in no conversation known here',
}

/** 'sent_elsewhere' → its sentence; 'too_many_attempts', which has none → 'Too many attempts' */
export function reasonInWords(reason: string): string {
  const sentence = ownWords(REASON_LABEL, reason)
  if (sentence) return sentence
  const words = reason.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The words for a key that came from the server, or the key itself. */
export function labelOf(labels: Record<string, string>, key: string): string {
  return ownWords(labels, key) ?? reasonInWords(key)
}

function ownWords(labels: Record<string, string>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}

/** Reads the filter of a URL; what it does not know is left out. */
export function parseLedgerFilter(search: Record<string, unknown>): LedgerFilter {
  const { disposition, state } = search
  return {
    ...(isKey(DISPOSITION_LABEL, disposition) ? { disposition } : {}),
    ...(isKey(STATE_LABEL, state) ? { state } : {}),
  }
}

function isKey<K extends string>(labels: Record<K, string>, key: unknown): key is K {
  return typeof key === 'string' && Object.hasOwn(labels, key)
}
