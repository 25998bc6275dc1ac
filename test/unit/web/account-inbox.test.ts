// An account's inbox in words: what it needs of a person, how its mail is noticed, when it is throttled.
import { describe, expect, it } from 'vitest'
import { accessEnded, accessNeeded, isGranted } from '../../../web/features/inboxes/account-access'
import { connectBody } from '../../../web/features/inboxes/connect-body'
import { deliveryWords, throttledUntil } from '../../../web/features/inboxes/delivery-words'
import { reasonInWords } from '../../../web/features/inboxes/ledger-words'
import type { InboxAnswer } from '../../../worker/contract/inboxes'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const poll: InboxAnswer['delivery'] = {
  mode: 'poll',
  pollSeconds: 60,
  lastPushAt: null,
  expiresAt: null,
  nextPollAt: '2026-11-20T12:01:00.000Z',
  problem: null,
}

function inbox(change: Partial<InboxAnswer> = {}) {
  return {
    connectionType: 'google' as const,
    status: 'connected' as const,
    statusDetail: null,
    connectedAt: '2026-11-20T11:00:00.000Z',
    archivedAt: null,
    pausedAt: null,
    pauseReason: null,
    delivery: poll,
    ...change,
  }
}

describe('what an account asks of a person', () => {
  it('is to be connected first, and to be connected again later', () => {
    expect(accessNeeded(inbox({ status: 'disconnected', connectedAt: null }))).toBe('connect')
    expect(accessNeeded(inbox({ status: 'disconnected' }))).toBe('reconnect')
    const refused = { code: 'oauth_refresh_failed', message: 'Google ended the access.', action: 'reconnect' as const }
    expect(accessNeeded(inbox({ status: 'error', statusDetail: refused }))).toBe('reconnect')
  })

  it('is nothing while it works, waits, is archived or has no account', () => {
    const waits = { code: 'rate_limited', message: 'Slow down.', action: 'wait' as const }
    expect(accessNeeded(inbox())).toBeNull()
    expect(accessNeeded(inbox({ statusDetail: waits }))).toBeNull()
    expect(accessNeeded(inbox({ status: 'disconnected', archivedAt: '2026-11-20T11:00:00.000Z' }))).toBeNull()
    expect(accessNeeded(inbox({ status: 'disconnected', connectionType: 'imap' }))).toBeNull()
  })

  it('has ended only where nothing but connecting helps: not after a refusal that may pass', () => {
    const refused = { code: 'google_api_disabled', message: 'Enable the Gmail API.', action: 'reconnect' as const }
    expect(accessEnded(inbox({ status: 'error', statusDetail: refused }))).toBe(false)
    expect(accessEnded(inbox({ status: 'error', pauseReason: 'auth_failure' }))).toBe(true)
    expect(accessEnded(inbox({ status: 'disconnected' }))).toBe(true)
    expect(accessEnded(inbox({ status: 'disconnected', connectionType: 'imap' }))).toBe(false)
  })

  it('knows the wider scopes that hold a permission', () => {
    expect(isGranted('send', ['https://www.googleapis.com/auth/gmail.readonly'])).toBe(false)
    expect(isGranted('read', ['https://www.googleapis.com/auth/gmail.readonly'])).toBe(true)
    expect(isGranted('send', ['https://mail.google.com/'])).toBe(true)
  })

  it("reads Microsoft's permissions however they are spelled", () => {
    expect(isGranted('read', ['Mail.Read', 'User.Read'])).toBe(true)
    expect(isGranted('read', ['https://graph.microsoft.com/mail.read.shared'])).toBe(true)
    expect(isGranted('read', ['Mail.ReadWrite'])).toBe(true)
    expect(isGranted('send', ['Mail.Send.Shared'])).toBe(true)
    expect(isGranted('send', ['Mail.Read', 'offline_access'])).toBe(false)
    expect(isGranted('read', ['Mail.ReadBasic'])).toBe(false)
  })

  it('is the same of a Microsoft account', () => {
    const refused = { code: 'oauth_refresh_failed', message: 'Sign in again.', action: 'reconnect' as const }
    const microsoft = { connectionType: 'microsoft' as const }
    expect(accessNeeded(inbox({ ...microsoft, status: 'error', statusDetail: refused }))).toBe('reconnect')
    expect(accessEnded(inbox({ ...microsoft, status: 'disconnected' }))).toBe(true)
  })
})

describe('what connecting asks of the API', () => {
  const microsoft = {
    id: 'inb_1',
    connectionType: 'microsoft' as const,
    emailAddress: 'info@contoso.example',
    connection: null,
  }
  const stored = {
    microsoft: {
      kind: 'shared' as const,
      address: 'info@contoso.example',
      account: 'anna@contoso.example',
      profileId: 'msp_1',
      clientId: 'client',
      directory: 'common',
      scopes: [],
      grantedAt: NOW,
    },
  }

  it("is the person's own mailbox where nothing else was said", () => {
    expect(connectBody(microsoft, {})).toEqual({ mailbox: { kind: 'own' } })
  })

  it('is the same mailbox again when it is reconnected', () => {
    expect(connectBody({ ...microsoft, connection: stored }, {})).toEqual({
      returnTo: '/inboxes/inb_1?mailbox=shared',
      mailbox: { kind: 'shared', address: 'info@contoso.example' },
    })
    expect(connectBody({ ...microsoft, connection: stored }, { kind: 'own' }).mailbox).toEqual({ kind: 'own' })
  })

  it("says nothing of mailboxes to Google, which knows none but the account's", () => {
    expect(connectBody({ ...microsoft, connectionType: 'google' }, { chooseAccount: true })).toEqual({
      chooseAccount: true,
    })
  })
})

describe('how new mail is noticed', () => {
  it('is push only when the server says so', () => {
    expect(deliveryWords(inbox({ delivery: { ...poll, mode: 'push', pollSeconds: null } }), 'google').mode).toBe('Push')
    expect(deliveryWords(inbox(), 'google')).toMatchObject({ mode: 'Polling' })
    expect(deliveryWords(inbox(), 'google').text).toContain('every 60 s')
  })

  it('says why it is polling: no topic, no announcement yet, none any more', () => {
    const expiresAt = '2026-11-27T12:00:00.000Z'
    expect(deliveryWords(inbox(), 'google').text).toContain('docs/operations.md')
    expect(deliveryWords(inbox({ delivery: { ...poll, expiresAt } }), 'google').text).toContain('first announcement')
    const lastPushAt = '2026-11-20T10:00:00.000Z'
    expect(deliveryWords(inbox({ delivery: { ...poll, expiresAt, lastPushAt } }), 'google').text).toContain(
      'lately has not',
    )
    expect(deliveryWords(inbox({ delivery: { ...poll, problem: 'No grant.' } }), 'google').text).not.toContain(
      'operations.md',
    )
  })

  it('is told of the vendor that does it', () => {
    const pushed = inbox({ connectionType: 'microsoft', delivery: { ...poll, mode: 'push', pollSeconds: null } })
    expect(deliveryWords(pushed, 'microsoft').text).toContain('Microsoft announces')
    expect(deliveryWords(inbox(), 'microsoft').text).toContain('Microsoft can announce')
  })

  it('claims neither for an inbox whose checks fail or have stopped', () => {
    const pushed = { ...poll, mode: 'push' as const, pollSeconds: null }
    expect(deliveryWords(inbox({ status: 'error', delivery: pushed }), 'google')).toMatchObject({
      mode: null,
      text: expect.stringContaining('goes on trying'),
    })
    for (const stopped of [{ pausedAt: '2026-11-20T11:00:00.000Z' }, { archivedAt: '2026-11-20T11:00:00.000Z' }]) {
      expect(deliveryWords(inbox({ ...stopped, delivery: pushed }), 'google')).toMatchObject({
        mode: null,
        text: expect.stringContaining('nothing looks'),
      })
    }
  })
})

describe('throttling', () => {
  const until = '2026-11-20T12:05:00.000Z'
  const throttled = inbox({ statusDetail: { code: 'rate_limited', message: 'Slow down.', action: 'wait', until } })

  it('lasts until the time that the server names, and no longer', () => {
    expect(throttledUntil(throttled, NOW)).toBe(until)
    expect(throttledUntil(throttled, Date.parse(until))).toBeNull()
    expect(throttledUntil(inbox(), NOW)).toBeNull()
  })

  it('is not shown for a paused inbox', () => {
    expect(throttledUntil({ ...throttled, pausedAt: '2026-11-20T11:00:00.000Z' }, NOW)).toBeNull()
  })
})

it('has words for the reasons that only a provider mailbox brings', () => {
  expect(reasonInWords('draft')).toContain('draft')
  expect(reasonInWords('sent_elsewhere')).toContain('Sent from the mailbox')
  expect(reasonInWords('too_many_attempts')).toBe('Too many attempts')
  expect(reasonInWords('constructor')).toBe('Constructor')
})
