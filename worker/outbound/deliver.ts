// What one attempt to send means for the message's row and its ticket. `afterAttempt` decides (pure), `recordDelivery` writes.
import type { SendOutcome, SentCopy } from '../contract/pipeline'
import type { TenantDb } from '../platform/db'

const MINUTE = 60_000
/** Waits between attempts, about 25 hours together: a mail server that greylists or is down for a night still gets the mail. */
const WAITS = [1, 5, 15, 60, 120, 240, 360, 360, 360].map((minutes) => minutes * MINUTE)
/** Attempts before a message is given up. */
export const MOST_ATTEMPTS = WAITS.length + 1

/** The new state of a message. `dueAt` is set only while queued. */
export type DeliveryState = {
  state: 'queued' | 'sent' | 'failed'
  detail: string
  dueAt: number | null
  sentAt: number | null
  copy: SentCopy | null
}

/** Why a message whose fate nobody knows is not sent again by itself: a second copy is worse than a question. */
export const UNKNOWN_FATE =
  'The connection ended before the mail server confirmed. The mail may have been delivered; send it again only if the customer did not get it.'

/** The state after attempt number `attempts` (1-based). `random` in [0, 1) spreads the retries by up to a fifth. */
export function afterAttempt(outcome: SendOutcome, attempts: number, now: number, random: number): DeliveryState {
  switch (outcome.result) {
    case 'sent':
      return { state: 'sent', detail: acceptance(outcome), dueAt: null, sentAt: now, copy: outcome.copy }
    case 'failed':
      return failed(sentence(outcome.message, outcome.hint))
    case 'unknown':
      return failed(sentence(UNKNOWN_FATE, outcome.message))
    case 'transient': {
      const wait = WAITS[attempts - 1]
      const reason = sentence(outcome.message, outcome.hint)
      if (wait === undefined) return failed(`Given up after ${attempts} attempts in a day. ${reason}`)
      const dueAt = now + Math.max(Math.round(wait * (1 + random / 5)), outcome.retryAfter ?? 0)
      return { state: 'queued', detail: reason, dueAt, sentAt: null, copy: null }
    }
  }
}

/** A message that nobody will send by itself any more. */
export function failed(detail: string): DeliveryState {
  return { state: 'failed', detail, dueAt: null, sentAt: null, copy: null }
}

function acceptance({ response, rejected }: Extract<SendOutcome, { result: 'sent' }>): string {
  if (rejected.length === 0) return response
  const refused = rejected.map((one) => `${one.address} (${one.response})`).join(', ')
  return `${response} Not delivered to ${refused}.`
}

function sentence(message: string, more: string | null): string {
  return more ? `${message} ${more}` : message
}

/**
 * Writes the state, but only while the row is still as this worker left it (`held`), and whatever `also` does in the same batch. A failure puts a ticket that waits or is done back to
 * open, so that somebody sees it (lessons, row 28). Answers whether it was written.
 */
export async function recordDelivery(
  db: TenantDb,
  messageId: string,
  held: { state: 'queued' | 'sending'; dueAt: number },
  next: DeliveryState,
  now: number,
  also: D1PreparedStatement[] = [],
): Promise<boolean> {
  const [written] = await db.batch([
    db.prepare(
      `UPDATE messages SET delivery_state = ?5, delivery_detail = ?6, delivery_due_at = ?7, sent_at = coalesce(?8, sent_at)
       WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = ?3 AND delivery_due_at = ?4 RETURNING id`,
      messageId,
      held.state,
      held.dueAt,
      next.state,
      next.detail.slice(0, 2_000),
      next.dueAt,
      next.sentAt,
    ),
    db.prepare(
      `UPDATE tickets SET updated_at = ?3, status = iif(?4 = 'failed' AND status IN ('waiting', 'resolved', 'closed'), 'open', status)
       WHERE tenant_id = ?1 AND id = (SELECT ticket_id FROM messages WHERE tenant_id = ?1 AND id = ?2 AND delivery_state = ?4)`,
      messageId,
      now,
      next.state,
    ),
    ...also,
  ])
  return written?.results.length === 1
}
