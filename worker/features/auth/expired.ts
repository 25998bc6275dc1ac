// Housekeeping of the auth slice: what has run out is removed. Nothing depends on it but the size of the tables.
import type { SystemDb } from '../../platform/system-db'

const DAY = 86_400_000
/** rows of each table in one run */
const BATCH = 500

/** Removes ended sessions, forgotten counters and invitations that nobody accepted; a bounded number each time. */
export async function removeExpired({ d1 }: SystemDb, now: number): Promise<void> {
  const remove = (table: string, column: string, before: number) =>
    d1
      .prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${column} < ?1 LIMIT ${BATCH})`)
      .bind(before)
  await d1.batch([
    remove('sessions', 'expires_at', now),
    remove('rate_limits', 'window_start', now - DAY),
    remove('invitations', 'expires_at', now - 30 * DAY),
  ])
}
