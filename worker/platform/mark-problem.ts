// Whether the access of an inbox lets Postroom mark mail in its mailbox, and what people are told where it does not. Pure.
import { ConnectionConfig, type MarkProblem, type MicrosoftConfig } from '../contract/inboxes'
import type { InboxRow } from './inbox-answer'

/** The stored permissions are too few; what an app may do by itself is not stored, so there the mailbox says it. */
export function grantProblem({ kind, scopes }: Pick<MicrosoftConfig, 'kind' | 'scopes'>): MarkProblem | null {
  if (kind === 'app') return null
  const needed = kind === 'shared' ? 'mail.readwrite.shared' : 'mail.readwrite'
  // Entra names a scope with or without its resource.
  const granted = scopes.map((scope) => scope.slice(scope.lastIndexOf('/') + 1).toLowerCase())
  return granted.includes(needed) ? null : MAY_NOT_WRITE
}

/** What keeps this inbox from marking mail as it is connected now; null where nothing is known to. */
export function markProblemOf(row: Pick<InboxRow, 'config' | 'credentials'>): MarkProblem | null {
  if (row.config === null || row.credentials === null) return null
  const { microsoft } = ConnectionConfig.parse(JSON.parse(row.config))
  return microsoft ? grantProblem(microsoft) : null
}

const MAY_NOT_WRITE: MarkProblem = {
  message: 'Reconnect to let Postroom mark mail: so far Microsoft has only allowed reading and sending it.',
  stops: true,
}
