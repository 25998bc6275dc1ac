// The outbound job: claim, render, send, record. At-least-once in, at most one delivery out: a row is 'sending' only while a server may
// take the mail, so a crash before that is simply tried again, and a crash within it ends as "unknown", never as a second copy.
import { and, eq } from 'drizzle-orm'
import type { OutboundJob } from '../contract/jobs'
import type { SendMime, SendOutcome } from '../contract/pipeline'
import { messages } from '../db/tickets'
import type { Clock } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { log } from '../platform/log'
import { afterAttempt, type DeliveryState, failed, MOST_ATTEMPTS, recordDelivery, UNKNOWN_FATE } from './deliver'
import { type MessageRow, outgoingMime, RenderError, renderMessage } from './render'
import { copyStatements, providerThread } from './sent-copy'

export type OutboundDeps = {
  db(tenantId: string): TenantDb
  blobs: R2Bucket
  clock: Clock
  /** in [0, 1) */
  random(): number
  sendMime: SendMime
}

/** How long a claim is held while the mail is written, and while a server has it. Milliseconds. */
const LEASE = { render: 5 * 60_000, send: 15 * 60_000 }
/** A server's answer is worth more than one try at writing it down. */
const RECORD_TRIES = 3

/** Sends one queued message, if it is still to be sent. Throws only what is worth another delivery of the job. */
export async function runOutbound(deps: OutboundDeps, job: OutboundJob): Promise<void> {
  const db = deps.db(job.tenantId)
  const now = deps.clock()
  const row = await claim(db, job.messageId, now)
  if (!row) return settleAbandoned(db, job.messageId, now)
  const lease = now + LEASE.render
  const rendered = await render(deps, db, row)
  if ('state' in rendered) {
    await recordDelivery(db, row.id, { state: 'queued', dueAt: lease }, rendered, deps.clock())
    return
  }
  const thread = await providerThread(db, row)
  const sendingUntil = deps.clock() + LEASE.send
  if (!(await beginSending(db, row.id, lease, sendingUntil, rendered))) return
  const mime = outgoingMime(deps.blobs, row, rendered, thread)
  const outcome = await deps.sendMime(job.tenantId, row.inboxId, mime).catch((error): SendOutcome => {
    log.error('outbound.send_threw', { messageId: row.id, error })
    return { result: 'unknown', message: '' }
  })
  const next = afterAttempt(outcome, row.deliveryAttempts, deps.clock(), deps.random())
  await recordOutcome(db, row, sendingUntil, next, deps.clock())
  log.info('outbound.attempt', { messageId: row.id, attempt: row.deliveryAttempts, result: outcome.result })
}

/** Takes a due message for the time of rendering it. Null: nothing is due. */
async function claim(db: TenantDb, messageId: string, now: number): Promise<MessageRow | null> {
  const claimed = await db
    .prepare(
      `UPDATE messages SET delivery_due_at = ?4, delivery_attempts = delivery_attempts + 1
       WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = 'queued' AND delivery_due_at <= ?3 RETURNING id`,
      messageId,
      now,
      now + LEASE.render,
    )
    .first()
  if (!claimed) return null
  const [row] = await db.orm
    .select()
    .from(messages)
    .where(and(eq(messages.tenantId, db.tenantId), eq(messages.id, messageId)))
  return row ?? null
}

/** The stored MIME, rendered now unless an earlier attempt did; a state where there is none. */
async function render(
  deps: OutboundDeps,
  db: TenantDb,
  row: MessageRow,
): Promise<{ rawKey: string; rawSize: number } | DeliveryState> {
  if (row.rawKey !== null && row.rawSize !== null) return { rawKey: row.rawKey, rawSize: row.rawSize }
  const attempt = (outcome: SendOutcome) => afterAttempt(outcome, row.deliveryAttempts, deps.clock(), deps.random())
  if (row.deliveryAttempts > MOST_ATTEMPTS) {
    return attempt({
      result: 'failed',
      message: 'Writing the mail stopped the worker each time.',
      hint: 'Try it without its attachments.',
    })
  }
  try {
    return await renderMessage({ db, blobs: deps.blobs }, row)
  } catch (error) {
    log.error('outbound.render_failed', { messageId: row.id, error })
    if (error instanceof RenderError) return attempt({ result: 'failed', message: error.message, hint: null })
    return attempt({
      result: 'transient',
      message: 'The mail could not be written to storage.',
      hint: null,
      retryAfter: null,
    })
  }
}

/** From here on a server may have the mail. False: the claim was lost in the meantime. */
async function beginSending(
  db: TenantDb,
  messageId: string,
  lease: number,
  until: number,
  stored: { rawKey: string; rawSize: number },
): Promise<boolean> {
  const begun = await db
    .prepare(
      `UPDATE messages SET delivery_state = 'sending', delivery_due_at = ?4, raw_key = ?5, raw_size = ?6
       WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = 'queued' AND delivery_due_at = ?3 RETURNING id`,
      messageId,
      lease,
      until,
      stored.rawKey,
      stored.rawSize,
    )
    .first()
  return begun !== null
}

async function recordOutcome(
  db: TenantDb,
  row: MessageRow,
  dueAt: number,
  next: DeliveryState,
  now: number,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const also = next.copy ? copyStatements(db, row, next.copy, now) : []
      await recordDelivery(db, row.id, { state: 'sending', dueAt }, next, now, also)
      return
    } catch (error) {
      if (attempt === RECORD_TRIES) throw error
      log.warn('outbound.record_again', { messageId: row.id, error })
    }
  }
}

/** A message that was being sent when its worker died: nobody knows, so a person decides. */
async function settleAbandoned(db: TenantDb, messageId: string, now: number): Promise<void> {
  const row = await db
    .prepare(
      `SELECT delivery_due_at AS dueAt FROM messages
       WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = 'sending' AND delivery_due_at <= ?3`,
      messageId,
      now,
    )
    .first<{ dueAt: number }>()
  if (!row) return
  await recordDelivery(db, messageId, { state: 'sending', dueAt: row.dueAt }, failed(UNKNOWN_FATE), now)
  log.warn('outbound.abandoned', { messageId })
}
