import { describe, expect, it } from 'vitest'
import { type InboxRow, inboxAnswer, pushPaceSeconds } from '../../../worker/platform/inbox-answer'

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
  graphSubscriptionId: null,
  graphSubscriptionExpiresAt: null,
  graphClientState: null,
  archivedAt: null,
  importDays: 30,
  markProcessed: 'none',
  markFolder: null,
  markProblem: null,
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

describe('a Google inbox', () => {
  const config = JSON.stringify({ google: { address: 'help@example.com', clientId: 'c', scopes: [], grantedAt: 1 } })
  const google = (rest: Partial<InboxRow> = {}) => answer({ connectionType: 'google', config, ...rest })
  const pushed = { deliveryMode: 'push' as const, lastPushAt: NOW - 5_000, gmailWatchExpiresAt: NOW + 6 * 86_400_000 }

  it('can send once its account is connected', () => {
    expect(google().canSend).toBe(true)
    expect(google({ credentials: null }).canSend).toBe(false)
  })

  it('says how new mail is noticed, when the last push came and when the watch ends', () => {
    expect(google(pushed).delivery).toEqual({
      mode: 'push',
      pollSeconds: null,
      lastPushAt: new Date(NOW - 5_000).toISOString(),
      expiresAt: new Date(NOW + 6 * 86_400_000).toISOString(),
      nextPollAt: new Date(NOW + MINUTE).toISOString(),
      problem: null,
    })
    expect(google({ pushProblem: 'The topic is missing.' }).delivery).toMatchObject({
      mode: 'poll',
      pollSeconds: 60,
      problem: 'The topic is missing.',
    })
  })

  it('claims no push while it is paused, archived or disconnected', () => {
    for (const quiet of [{ pausedAt: 1 }, { archivedAt: 1 }, { credentials: null }])
      expect(google({ ...pushed, pushProblem: 'x', ...quiet }).delivery).toMatchObject({
        mode: 'poll',
        expiresAt: null,
        problem: null,
      })
  })

  it('is given the time of its slower checks before it is called silent', () => {
    expect(google({ ...pushed, lastSyncAt: NOW - 20 * MINUTE }).status).toBe('connected')
    expect(google({ ...pushed, lastSyncAt: NOW - 26 * MINUTE }).status).toBe('error')
    expect(google({ lastSyncAt: NOW - 6 * MINUTE }).status).toBe('error')
  })

  it('that is throttled stays connected and says until when, also where that takes long', () => {
    const until = new Date(NOW + 30 * MINUTE).toISOString()
    const statusDetail = JSON.stringify({ code: 'slow', message: 'Slow down.', action: 'wait', until })
    expect(google({ statusDetail, lastSyncAt: NOW - 60 * MINUTE })).toMatchObject({
      status: 'connected',
      statusDetail: { until },
    })
    const over = JSON.stringify({
      code: 'slow',
      message: 'Slow down.',
      action: 'wait',
      until: new Date(NOW - 1).toISOString(),
    })
    expect(google({ statusDetail: over, lastSyncAt: NOW - 60 * MINUTE }).status).toBe('error')
  })

  it('has no settings to edit: what a person can mend, a reconnect mends', () => {
    const statusDetail = JSON.stringify({ code: 'x', message: 'Mend it.', action: 'edit_connection' })
    expect(google({ statusDetail, status: 'error' }).statusDetail?.action).toBe('reconnect')
    expect(answer({ statusDetail, status: 'error' }).statusDetail?.action).toBe('edit_connection')
  })
})

describe('the pace of checks while pushes arrive', () => {
  it('is five intervals, a quarter of an hour at most, and never faster than without them', () => {
    expect([1, 60, 180, 600, 3600].map(pushPaceSeconds)).toEqual([5, 300, 900, 900, 3600])
  })
})

describe('a Microsoft inbox', () => {
  const account = { kind: 'shared', address: 'info@example.com', account: 'anna@example.com', profileId: null }
  const grant = { clientId: 'c', directory: 'common', scopes: [], grantedAt: 1 }
  const config = JSON.stringify({ microsoft: { ...account, ...grant } })
  const microsoft = (rest: Partial<InboxRow> = {}) => answer({ connectionType: 'microsoft', config, ...rest })
  const subscribed = { deliveryMode: 'push' as const, graphSubscriptionExpiresAt: NOW + 6 * 86_400_000 }

  it('can send once its account is connected', () => {
    expect(microsoft().canSend).toBe(true)
    expect(microsoft({ credentials: null }).canSend).toBe(false)
  })

  it('says when its subscription ends, and nothing that names or proves it', () => {
    const shown = microsoft({ ...subscribed, graphSubscriptionId: 'sub-1', graphClientState: 'digest' })
    expect(shown.delivery).toMatchObject({
      mode: 'push',
      pollSeconds: null,
      expiresAt: new Date(NOW + 6 * 86_400_000).toISOString(),
    })
    expect(JSON.stringify(shown)).not.toMatch(/sub-1|digest/)
  })

  it('that Microsoft refuses announcements is polled and says so', () => {
    expect(microsoft({ pushProblem: 'This shared mailbox is polled.' }).delivery).toMatchObject({
      mode: 'poll',
      pollSeconds: 60,
      problem: 'This shared mailbox is polled.',
    })
  })

  it('that is told of new mail is silent only after five of its slower checks', () => {
    expect(microsoft({ ...subscribed, lastSyncAt: NOW - 24 * MINUTE }).status).toBe('connected')
    expect(microsoft({ ...subscribed, lastSyncAt: NOW - 26 * MINUTE }).statusDetail?.code).toBe('no_recent_check')
  })
})
