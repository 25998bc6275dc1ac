// An inbox row as the API shows it. Pure; here because both the inbox CRUD and the connect routes answer with it.
import { AutoResponse, ConnectionConfig, type InboxAnswer, StatusDetail } from '../contract/inboxes'
import type { inboxes } from '../db/inboxes'
import { iso } from './clock'

export type InboxRow = typeof inboxes.$inferSelect
type Context = { now: number; pollSeconds: number; unaccounted: number; mayManage: boolean }

/** A polled inbox without a successful check for this long (ms, or five intervals) is not called connected, whatever its row says. */
const SILENCE = 5 * 60_000

/** The public shape of an inbox. `pollSeconds` is the polling interval, `unaccounted` the ledger rows without a disposition. */
export function inboxAnswer(row: InboxRow, context: Context): InboxAnswer {
  const polled = row.connectionType === 'imap'
  const polling = polled && row.credentials !== null && row.pausedAt === null && row.archivedAt === null
  // Both a check and the login of a connect prove something; 0: nothing ever has.
  const proven = Math.max(row.lastSyncAt ?? 0, row.connectedAt ?? 0)
  const silent =
    polling && row.status === 'connected' && context.now - proven > Math.max(SILENCE, 5 * context.pollSeconds * 1000)
  const config = parsed(ConnectionConfig, row.config)
  return {
    id: row.id,
    name: row.name,
    displayName: row.displayName,
    emailAddress: row.emailAddress,
    connectionType: row.connectionType,
    status: silent ? 'error' : row.status,
    statusDetail: silent
      ? { code: 'no_recent_check', message: `No check has succeeded since ${iso(proven)}.`, action: 'wait' }
      : parsed(StatusDetail, row.statusDetail),
    connectedAt: iso(row.connectedAt),
    lastSyncAt: iso(row.lastSyncAt),
    lastError: row.lastError,
    archivedAt: iso(row.archivedAt),
    pausedAt: iso(row.pausedAt),
    pauseReason: row.pauseReason,
    delivery: {
      mode: polled ? 'poll' : 'push',
      pollSeconds: polled ? context.pollSeconds : null,
      lastPushAt: polled ? null : iso(row.lastSyncAt),
      expiresAt: null,
      nextPollAt: polling ? iso(row.nextPollAt) : null,
      problem: null,
    },
    autoResponse: parsed(AutoResponse, row.autoResponse) ?? { enabled: false, subject: '', body: '' },
    importDays: row.importDays,
    canSend: row.credentials !== null && config?.smtp !== undefined,
    connection: context.mayManage ? config : null,
    unaccounted: context.unaccounted,
  }
}

/** A JSON column read through its schema; what does not fit is null, so that one damaged column never hides an inbox. */
function parsed<T>(
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
  json: string | null,
) {
  if (json === null) return null
  try {
    const result = schema.safeParse(JSON.parse(json))
    return result.success ? result.data : null
  } catch {
    return null
  }
}
