// An inbox row as the API shows it. Pure; here because both the inbox CRUD and the connect routes answer with it.
import { AutoResponse, ConnectionConfig, type InboxAnswer, MarkProblem, StatusDetail } from '../contract/inboxes'
import type { inboxes } from '../db/inboxes'
import { iso } from './clock'

export type InboxRow = typeof inboxes.$inferSelect
type Context = { now: number; pollSeconds: number; unaccounted: number; mayManage: boolean }

/** Seconds between the checks of an inbox that is told of new mail: a safety net, five intervals, at most a quarter of an hour. */
export function pushPaceSeconds(pollSeconds: number): number {
  return Math.max(pollSeconds, Math.min(5 * pollSeconds, 900))
}

/** A polled inbox without a successful check for this long (ms, or five intervals) is not called connected, whatever its row says. */
const SILENCE = 5 * 60_000

/** The public shape of an inbox. `pollSeconds` is the polling interval, `unaccounted` the ledger rows without a disposition. */
export function inboxAnswer(row: InboxRow, context: Context): InboxAnswer {
  const checked = row.connectionType !== 'forward'
  const checking = checked && row.credentials !== null && row.pausedAt === null && row.archivedAt === null
  const pushed = checked ? checking && row.deliveryMode === 'push' : true
  const pace = pushed ? pushPaceSeconds(context.pollSeconds) : context.pollSeconds
  const stored = repairable(row, parsed(StatusDetail, row.statusDetail))
  // Both a check and the login of a connect prove something; 0: nothing ever has.
  const proven = Math.max(row.lastSyncAt ?? 0, row.connectedAt ?? 0)
  // While a provider wants to be left alone nothing can be proven, and the inbox says so already.
  const throttled = stored?.until !== undefined && Date.parse(stored.until) > context.now
  const marking = parsed(MarkProblem, row.markProblem)
  const silent =
    checking && row.status === 'connected' && !throttled && context.now - proven > Math.max(SILENCE, 5 * pace * 1000)
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
      : stored,
    connectedAt: iso(row.connectedAt),
    lastSyncAt: iso(row.lastSyncAt),
    lastError: row.lastError,
    archivedAt: iso(row.archivedAt),
    pausedAt: iso(row.pausedAt),
    pauseReason: row.pauseReason,
    delivery: {
      mode: pushed ? 'push' : 'poll',
      pollSeconds: pushed ? null : context.pollSeconds,
      lastPushAt: iso(checked ? row.lastPushAt : row.lastSyncAt),
      expiresAt: checking ? iso(row.gmailWatchExpiresAt ?? row.graphSubscriptionExpiresAt) : null,
      nextPollAt: checking ? iso(row.nextPollAt) : null,
      problem: checking ? row.pushProblem : null,
    },
    autoResponse: parsed(AutoResponse, row.autoResponse) ?? { enabled: false, subject: '', body: '' },
    importDays: row.importDays,
    markProcessed: {
      action: row.markProcessed,
      folder: row.markFolder,
      problem: marking?.message ?? null,
      stopped: marking?.stops ?? false,
    },
    canSend: row.credentials !== null && (config?.smtp ?? config?.google ?? config?.microsoft) !== undefined,
    connection: context.mayManage ? config : null,
    unaccounted: context.unaccounted,
  }
}

/** An account has no settings to edit: whatever a person can mend there, a reconnect mends. */
function repairable(row: InboxRow, detail: StatusDetail | null): StatusDetail | null {
  const account = row.connectionType === 'google' || row.connectionType === 'microsoft'
  return account && detail?.action === 'edit_connection' ? { ...detail, action: 'reconnect' } : detail
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
