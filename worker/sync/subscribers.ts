// Which inboxes, of whatever tenant, Graph's subscriptions belong to: a notification names a subscription and nothing else. And that they are due.
import { systemDb } from '../platform/system-db'

export type Subscriber = { subscriptionId: string; inboxId: string; proof: string }

/** `?1`: JSON list of subscription ids. */
const BY_ID = 'graph_subscription_id IN (SELECT value FROM json_each(?1)) AND graph_subscription_id IS NOT NULL'
export const SUBSCRIBERS = `SELECT graph_subscription_id AS subscriptionId, id AS inboxId, graph_client_state AS proof FROM inboxes
  WHERE ${BY_ID} AND graph_client_state IS NOT NULL
    AND connection_type = 'microsoft' AND credentials IS NOT NULL AND paused_at IS NULL AND archived_at IS NULL`

/** Every inbox that one of these subscriptions belongs to and that reads its mailbox, by subscription. */
export async function subscribersOf(database: D1Database, ids: string[]): Promise<Map<string, Subscriber[]>> {
  if (ids.length === 0) return new Map()
  const statement = systemDb(database).d1.prepare(SUBSCRIBERS)
  const { results } = await statement.bind(JSON.stringify([...new Set(ids)])).all<Subscriber>()
  return Map.groupBy(results, (row) => row.subscriptionId)
}

/** Those of these subscriptions that some inbox knows, reading or not. */
export async function subscriptionsInUse(database: D1Database, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const statement = systemDb(database).d1.prepare(
    `SELECT graph_subscription_id AS id FROM inboxes WHERE ${BY_ID} AND credentials IS NOT NULL`,
  )
  const { results } = await statement.bind(JSON.stringify(ids)).all<{ id: string }>()
  return new Set(results.map(({ id }) => id))
}

/** Stores that these inboxes are to be checked now, whatever becomes of whoever was to tell them: the sweeper looks after overdue checks. */
export async function markDue(database: D1Database, inboxIds: string[], now: number): Promise<void> {
  if (inboxIds.length === 0) return
  await systemDb(database)
    .d1.prepare(
      `UPDATE inboxes SET next_poll_at = min(coalesce(next_poll_at, ?2), ?2) WHERE id IN (SELECT value FROM json_each(?1))
         AND credentials IS NOT NULL AND paused_at IS NULL AND archived_at IS NULL`,
    )
    .bind(JSON.stringify(inboxIds), now)
    .run()
}
