// The support bundle: everything that helps, nothing that is secret.
import { expect, it } from 'vitest'
import { supportBundle } from '../../../web/features/inboxes/support-bundle'
import type { InboxAnswer } from '../../../worker/contract/inboxes'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const inbox: InboxAnswer = {
  id: 'inb_1',
  name: 'Info',
  displayName: 'Info',
  emailAddress: 'info@contoso.example',
  connectionType: 'microsoft',
  status: 'error',
  statusDetail: { code: 'oauth_refresh_failed', message: 'Sign in again.', action: 'reconnect' },
  connectedAt: '2026-11-20T11:00:00.000Z',
  lastSyncAt: null,
  lastError: null,
  archivedAt: null,
  pausedAt: null,
  pauseReason: null,
  delivery: { mode: 'poll', pollSeconds: 60, lastPushAt: null, expiresAt: null, nextPollAt: null, problem: null },
  autoResponse: { enabled: false, subject: '', body: '' },
  importDays: 30,
  markProcessed: { action: 'none', folder: null, problem: null, stopped: false },
  canSend: true,
  connection: {
    microsoft: {
      kind: 'shared',
      address: 'info@contoso.example',
      account: 'anna@contoso.example',
      profileId: 'msp_1',
      clientId: 'client-1',
      directory: 'contoso.example',
      scopes: ['Mail.Read.Shared'],
      grantedAt: NOW,
    },
  },
  unaccounted: 0,
}
const report = {
  ok: false,
  steps: [
    { name: 'Inbox', status: 'fail' as const, ms: 12, detail: '403 (request-id 7f3a)', hint: 'Give Full Access.' },
  ],
}

it('names the state, the grant and every step with its request id and remedy', () => {
  const text = supportBundle(inbox, report, NOW)
  expect(text).toContain('oauth_refresh_failed: Sign in again.')
  expect(text).toContain('info@contoso.example (shared), account anna@contoso.example')
  expect(text).toContain('directory: contoso.example')
  expect(text).toContain('[fail] Inbox (12 ms): 403 (request-id 7f3a)\n    Give Full Access.')
  expect(text).not.toContain('null')
})

it('takes from a connection only what it names, so that a secret which slips in stays here', () => {
  const leaky = {
    ...inbox,
    connection: {
      imap: { host: 'imap.x.example', port: 993, security: 'tls' as const, username: 'u', password: 'hunter2' },
      microsoft: { ...inbox.connection?.microsoft, refreshToken: 'r3fresh' },
    } as InboxAnswer['connection'],
  }
  expect(supportBundle(leaky, report, NOW)).not.toMatch(/hunter2|r3fresh/)
})
