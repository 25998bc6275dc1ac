// What the provider made of a sent message: the conversation it put it into, the Message-ID it gave it, and its own copy, which the next look at
// the mailbox would otherwise fetch as if it were mail.
import type { SentCopy } from '../contract/pipeline'
import { OUTLOOK_THREAD, threadKey } from '../mail/thread'
import type { TenantDb } from '../platform/db'
import { newId } from '../platform/ids'
import type { MessageRow } from './render'

/** The provider's conversation of a ticket in the inbox its reply leaves by, the latest of several; never one that a mail program made up. */
export async function providerThread(
  db: TenantDb,
  { ticketId, inboxId }: Pick<MessageRow, 'ticketId' | 'inboxId'>,
): Promise<string | null> {
  const row = await db
    .prepare(
      `SELECT substr(message_id, length(?3) + 1) AS thread FROM thread_refs
       WHERE tenant_id = ?1 AND ticket_id = ?2 AND kind = 'provider_thread'
         AND substr(message_id, 1, length(?3)) = ?3 AND substr(message_id, 1, length(?4)) <> ?4
       ORDER BY rowid DESC LIMIT 1`,
      ticketId,
      threadKey(inboxId, ''),
      threadKey(inboxId, OUTLOOK_THREAD),
    )
    .first<{ thread: string }>()
  return row?.thread ?? null
}

/**
 * Statements that note the copy of a message once it is `sent`: answers thread by the Message-ID they saw, later replies name it, and discovery
 * passes the copy over. A copy that discovery was faster to list ends here, unless it has been recognised already.
 */
export function copyStatements(
  db: TenantDb,
  message: Pick<MessageRow, 'id' | 'inboxId' | 'ticketId' | 'messageId' | 'fromEmail' | 'subject'>,
  copy: SentCopy,
  now: number,
): D1PreparedStatement[] {
  const sent = `EXISTS (SELECT 1 FROM messages WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = 'sent')`
  const ref = (id: string, kind: 'own' | 'provider_thread') =>
    db.prepare(
      `INSERT OR IGNORE INTO thread_refs (tenant_id, message_id, ticket_id, kind) SELECT ?1, ?3, ?4, ?5 WHERE ${sent}`,
      message.id,
      id,
      message.ticketId,
      kind,
    )
  const rename = (wireId: string) =>
    db.prepare(
      `UPDATE messages SET message_id = ?3 WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = 'sent'`,
      message.id,
      wireId,
    )
  return [
    ...(copy.messageId === null ? [] : [rename(copy.messageId), ref(copy.messageId, 'own')]),
    ...(copy.thread === null ? [] : [ref(threadKey(message.inboxId, copy.thread), 'provider_thread')]),
    db.prepare(
      `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, disposition, reason, role, message_id, from_address, subject, received_at,
         created_at, updated_at)
       SELECT ?3, ?1, ?4, ?5, ?6, 'done', 'suppressed', 'own_message', 'sent', ?7, ?8, ?9, ?10, ?10, ?10 WHERE ${sent}
       ON CONFLICT (tenant_id, inbox_id, identity) DO UPDATE SET state = 'done', disposition = 'suppressed', reason = 'own_message', role = 'sent',
         message_id = excluded.message_id, from_address = excluded.from_address, subject = excluded.subject,
         received_at = coalesce(ledger.received_at, excluded.received_at), due_at = NULL, upload = NULL, error = NULL, updated_at = excluded.updated_at
       WHERE ledger.state <> 'done'`,
      message.id,
      newId('led', now),
      message.inboxId,
      copy.identity,
      JSON.stringify({ identity: copy.identity, ...(copy.thread === null ? {} : { thread: copy.thread }) }),
      // Only an id that was read: a copy whose id nobody knows may still come under another identity.
      copy.messageId,
      message.fromEmail,
      message.subject,
      now,
    ),
  ]
}
