// What the ledger's states, outcomes and reasons mean to a person, and the ledger's filter in the URL. Pure.
import type { LedgerQuery } from '../../../worker/contract/inboxes'

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

/** 'too_many_attempts' → 'Too many attempts' */
export function reasonInWords(reason: string): string {
  const words = reason.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The words for a key that came from the server, or the key itself. */
export function labelOf(labels: Record<string, string>, key: string): string {
  return labels[key] ?? reasonInWords(key)
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
