// Sending a failed message again, by hand.
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import type { JobSender } from '../../platform/jobs'
import { readMessage } from './detail'

/**
 * Puts a failed message back into the queue; its stored MIME and Message-ID stay. Pressing twice queues it once.
 * AppError('not_found'), 'conflict' for a message that was sent, was written elsewhere or is none of ours.
 */
export async function retryMessage(
  { db, jobs }: { db: TenantDb; jobs: JobSender },
  id: string,
  now: number,
): Promise<void> {
  const message = await readMessage(db, id)
  if (message.direction !== 'outbound') throw new AppError('conflict', { detail: 'Only a reply can be sent again.' })
  if (message.ledgerId !== null) {
    throw new AppError('conflict', {
      detail: 'This was written in the mailbox itself. Send it again from there, or write a new reply.',
    })
  }
  if (message.deliveryState === 'sent') throw new AppError('conflict', { detail: 'This reply has been sent already.' })
  const [queued] = await db.batch([
    db.prepare(
      `UPDATE messages SET delivery_state = 'queued', delivery_due_at = ?3, delivery_attempts = 0, delivery_detail = NULL
       WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = 'failed' RETURNING id`,
      id,
      now,
    ),
    db.prepare('UPDATE tickets SET updated_at = ?3 WHERE tenant_id = ?1 AND id = ?2', message.ticketId, now),
  ])
  if (queued?.results.length === 1) await jobs.send({ kind: 'outbound', tenantId: db.tenantId, messageId: id })
}
