// What is done to a mail in its Microsoft mailbox once it is on a ticket, in words. Pure.
import type { InboxAnswer, MarkAction } from '../../../worker/contract/inboxes'

export type MarkForm = { action: MarkAction; folder: string }

/** In the order in which they are offered. */
export const MARK_LABEL: Record<MarkAction, string> = {
  none: 'Leave it as it is',
  category: 'Add the category “Postroom/Processed”',
  read: 'Mark it as read',
  move: 'Move it to a folder',
}

export const MARK_MEANING: Record<MarkAction, string> = {
  none: 'Postroom only reads the mailbox.',
  category: 'Other categories stay.',
  read: 'Whoever looks into the mailbox sees what is left to do.',
  move: 'Only mail that still lies in the inbox. The folder is made if it is missing.',
}

/** Reads a choice from outside; what is none is to leave mail alone. */
export function markAction(value: string): MarkAction {
  return Object.hasOwn(MARK_LABEL, value) ? (value as MarkAction) : 'none'
}

/** The body of the API: a folder belongs to moving alone. */
export function markBody({ action, folder }: MarkForm) {
  return { markProcessed: action === 'move' ? { action, folder: folder.trim() } : { action } }
}

export function markForm({ action, folder }: InboxAnswer['markProcessed']): MarkForm {
  return { action, folder: folder ?? '' }
}
