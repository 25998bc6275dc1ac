import { describe, expect, it } from 'vitest'
import { type InboxRow, inboxAnswer } from '../../../worker/platform/inbox-answer'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const row = (rest: Partial<InboxRow> = {}): InboxRow => ({
  id: 'inb_1',
  tenantId: 'ten_1',
  name: 'Support',
  displayName: 'Support',
  emailAddress: 'help@example.com',
  connectionType: 'imap',
  status: 'connected',
  statusDetail: null,
  config: JSON.stringify({ imap: { host: 'h', port: 993, security: 'tls', username: 'u' } }),
  credentials: 'v1.k.sealed.sealed',
  connectedAt: NOW - 60 * MINUTE,
  lastSyncAt: NOW - MINUTE,
  lastError: null,
  nextPollAt: NOW + MINUTE,
  pausedAt: null,
  pauseReason: null,
  deliveryMode: 'poll',
  lastPushAt: null,
  pushProblem: null,
  googleAddress: null,
  gmailWatchExpiresAt: null,
  archivedAt: null,
  importDays: 30,
  autoResponse: null,
  createdAt: 1,
  updatedAt: 1,
  ...rest,
})
const answer = (rest: Partial<InboxRow> = {}, mayManage = true) =>
  inboxAnswer(row(rest), { now: NOW, pollSeconds: 60, unaccounted: 3, mayManage })

describe('an inbox as the API shows it', () => {
  it('never carries its credentials', () => {
    expect(JSON.stringify(answer())).not.toContain('sealed')
  })

  it('shows hosts and user names only to who may manage it', () => {
    expect(answer().connection?.imap?.host).toBe('h')
    expect(answer({}, false).connection).toBeNull()
  })

  it('is not called connected when no check has succeeded for a while, whatever the row says', () => {
    expect(answer({ lastSyncAt: NOW - 4 * MINUTE }).status).toBe('connected')
    expect(answer({ lastSyncAt: NOW - 6 * MINUTE })).toMatchObject({
      status: 'error',
      statusDetail: { code: 'no_recent_check', action: 'wait' },
    })
  })

  it('counts the login of a fresh connect as proof, also after a long outage', () => {
    expect(answer({ lastSyncAt: 1, connectedAt: NOW - 1 }).status).toBe('connected')
  })

  it('expects no checks of an inbox that is paused, archived, disconnected or forwarding', () => {
    for (const quiet of [
      { pausedAt: 1 },
      { archivedAt: 1 },
      { credentials: null },
      { connectionType: 'forward' as const },
    ]) {
      const { status, delivery } = answer({ ...quiet, lastSyncAt: 1 })
      expect(status).toBe('connected')
      expect(delivery.nextPollAt).toBeNull()
    }
  })

  it('says how mail comes in', () => {
    expect(answer().delivery).toMatchObject({ mode: 'poll', pollSeconds: 60 })
    expect(answer({ connectionType: 'forward' }).delivery).toMatchObject({ mode: 'push', pollSeconds: null })
  })

  it('survives damaged columns', () => {
    expect(answer({ config: '{', statusDetail: '{"code":1}', autoResponse: 'null' })).toMatchObject({
      connection: null,
      statusDetail: null,
      autoResponse: { enabled: false },
    })
  })
})
