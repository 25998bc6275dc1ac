// A Google inbox in words: what it needs of a person, how its mail is noticed, when it is throttled.
import { describe, expect, it } from 'vitest'
import { deliveryWords, throttledUntil } from '../../../web/features/inboxes/delivery-words'
import { accessEnded, accessNeeded, isGranted } from '../../../web/features/inboxes/google-access'
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

describe('what a Google inbox asks of a person', () => {
  it('is to be connected first, and to be connected again later', () => {
    expect(accessNeeded(inbox({ status: 'disconnected', connectedAt: null }))).toBe('connect')
    expect(accessNeeded(inbox({ status: 'disconnected' }))).toBe('reconnect')
    const refused = { code: 'oauth_refresh_failed', message: 'Google ended the access.', action: 'reconnect' as const }
    expect(accessNeeded(inbox({ status: 'error', statusDetail: refused }))).toBe('reconnect')
  })

  it('is nothing while it works, waits, is archived or has no Google account', () => {
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
})

describe('how new mail is noticed', () => {
  it('is push only when the server says so', () => {
    expect(deliveryWords(inbox({ delivery: { ...poll, mode: 'push', pollSeconds: null } })).mode).toBe('Push')
    expect(deliveryWords(inbox())).toMatchObject({ mode: 'Polling' })
    expect(deliveryWords(inbox()).text).toContain('every 60 s')
  })

  it('says why it is polling: no topic, no announcement yet, none any more', () => {
    const expiresAt = '2026-11-27T12:00:00.000Z'
    expect(deliveryWords(inbox()).text).toContain('docs/operations.md')
    expect(deliveryWords(inbox({ delivery: { ...poll, expiresAt } })).text).toContain('first announcement')
    const lastPushAt = '2026-11-20T10:00:00.000Z'
    expect(deliveryWords(inbox({ delivery: { ...poll, expiresAt, lastPushAt } })).text).toContain('lately has not')
    expect(deliveryWords(inbox({ delivery: { ...poll, problem: 'No grant.' } })).text).not.toContain('operations.md')
  })

  it('claims neither for an inbox whose checks fail or have stopped', () => {
    const pushed = { ...poll, mode: 'push' as const, pollSeconds: null }
    expect(deliveryWords(inbox({ status: 'error', delivery: pushed }))).toMatchObject({
      mode: null,
      text: expect.stringContaining('goes on trying'),
    })
    for (const stopped of [{ pausedAt: '2026-11-20T11:00:00.000Z' }, { archivedAt: '2026-11-20T11:00:00.000Z' }]) {
      expect(deliveryWords(inbox({ ...stopped, delivery: pushed }))).toMatchObject({
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
