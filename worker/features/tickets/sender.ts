// What a new outgoing message needs to know before it is written: the inbox it leaves by, our own addresses, usable uploads.
import type { Address } from '../../contract/http'
import { ConnectionConfig } from '../../contract/inboxes'
import { HTTP_LIMITS } from '../../contract/limits'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'

export type Sender = { inboxId: string; from: Address; ownAddresses: ReadonlySet<string> }

type InboxRow = {
  id: string
  displayName: string
  emailAddress: string
  connectionType: string
  config: string | null
  sealed: number
  archivedAt: number | null
}

/**
 * The inbox as a sender. `from` may only be its own address (lessons, row 26). AppError('not_found'), 'invalid_body' for another `from`,
 * 'conflict' where the inbox cannot send, with what to do.
 */
export async function senderOf(db: TenantDb, inboxId: string, from: string | undefined): Promise<Sender> {
  const { results } = await db
    .prepare(
      `SELECT id, display_name AS displayName, email_address AS emailAddress, connection_type AS connectionType, config,
         credentials IS NOT NULL AS sealed, archived_at AS archivedAt FROM inboxes WHERE tenant_id = ?1`,
    )
    .all<InboxRow>()
  const inbox = results.find((row) => row.id === inboxId)
  if (!inbox) throw new AppError('not_found', { detail: 'The inbox of this ticket no longer exists.' })
  if (from !== undefined && from !== inbox.emailAddress) {
    throw new AppError('invalid_body', {
      fields: [{ path: 'from', message: `Replies of this inbox go out as ${inbox.emailAddress}.` }],
    })
  }
  if (inbox.archivedAt !== null) {
    throw new AppError('conflict', { detail: 'This inbox is archived. Restore it to send from it.' })
  }
  if (!inbox.sealed || !canSend(inbox.config)) {
    throw new AppError('conflict', {
      detail: Object.hasOwn(VENDORS, inbox.connectionType)
        ? `${inbox.emailAddress} is not connected to ${VENDORS[inbox.connectionType]}. An admin can connect it under Inboxes.`
        : `${inbox.emailAddress} has no settings for sending yet. An admin can enter its SMTP server under Inboxes.`,
    })
  }
  return {
    inboxId,
    from: { name: inbox.displayName, email: inbox.emailAddress },
    ownAddresses: new Set(results.map((row) => row.emailAddress)),
  }
}

const VENDORS: Record<string, string> = { google: 'Google', microsoft: 'Microsoft' }

/** An account sends by itself; a mailbox read by IMAP needs a server to send through. */
function canSend(config: string | null): boolean {
  const parsed = ConnectionConfig.safeParse(config === null ? null : JSON.parse(config))
  return parsed.success && (parsed.data.smtp ?? parsed.data.google ?? parsed.data.microsoft) !== undefined
}

/** SQL of "an upload of this tenant that no message has and that has not expired", for the ids in a JSON array and the time. */
export const usableUpload = (ids: string, now: string) =>
  `tenant_id = ?1 AND id IN (SELECT value FROM json_each(${ids})) AND message_id IS NULL AND ledger_id IS NULL
   AND state = 'stored' AND expires_at > ${now}`

/** Checks uploads before a message is written; the write checks again. AppError('invalid_body'). */
export async function requireUploads(db: TenantDb, ids: readonly string[], now: number): Promise<void> {
  if (ids.length === 0) return
  const row = await db
    .prepare(
      `SELECT count(*) AS usable, coalesce(sum(size), 0) AS bytes FROM attachments WHERE ${usableUpload('?2', '?3')}`,
      JSON.stringify(ids),
      now,
    )
    .first<{ usable: number; bytes: number }>()
  const message =
    row?.usable !== ids.length
      ? 'One of the files is no longer there. Add it again.'
      : row.bytes > HTTP_LIMITS.replyAttachments
        ? `All files of one mail together can have at most ${HTTP_LIMITS.replyAttachments / 1024 / 1024} MB.`
        : null
  if (message) throw new AppError('invalid_body', { fields: [{ path: 'attachmentIds', message }] })
}
