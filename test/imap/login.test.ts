// What refused logins mean. Only terminal, allow-listed causes may ever pause an inbox; no error repeats a password.
import { describe, expect, it } from 'vitest'
import { LOGIN_ANSWERS } from '../support/hostile-imap'
import { AUTH_ANSWERS } from '../support/hostile-smtp'
import { failing, hostile, mailbox, SECRET, SHORT } from '../support/provider-lab'

const IMAP: Record<string, string> = {
  'gmail-wrong': 'auth_revoked',
  'gmail-app': 'auth_revoked',
  'gmail-connections': 'rate_limited',
  'gmail-web': 'transient',
  outlook: 'auth_revoked',
  'outlook-busy': 'transient',
  'outlook-backend': 'transient',
  yahoo: 'auth_revoked',
  'yahoo-limit': 'rate_limited',
  dovecot: 'auth_revoked',
  'dovecot-temporary': 'transient',
  'dovecot-connections': 'rate_limited',
  'authorisation-failed': 'auth_revoked',
  'in-use': 'transient',
  courier: 'auth_revoked',
  qq: 'rate_limited',
  'bad-command': 'transient',
  'code-but-temporary': 'transient',
}

const SMTP: Record<string, string> = {
  'microsoft-disabled': 'auth_revoked',
  'microsoft-basic': 'auth_revoked',
  gmail: 'auth_revoked',
  'gmail-app': 'auth_revoked',
  plain: 'auth_revoked',
  temporary: 'transient',
  'temporary-535': 'transient',
  mechanism: 'protocol',
  'too-many': 'rate_limited',
}

const mime = {
  envelope: { from: 'agent@example.org', to: ['customer@example.org'] },
  messageId: 'x@example.org',
  size: 12,
  thread: null,
  open: async () => new Blob(['Subject: x\r\n']).stream(),
}

describe('a refused IMAP login', () => {
  it('has a verdict for every collected answer', () => {
    expect(Object.keys(IMAP)).toEqual(Object.keys(LOGIN_ANSWERS))
  })

  it.each(Object.entries(IMAP))('%s is %s', async (username, kind) => {
    const provider = mailbox({ imap: hostile('imap', 'login-answers', { username }) }, { limits: SHORT })
    const { error } = await failing(() => provider.changes(null, 1))
    expect(error.kind).toBe(kind)
    expect(error.hint === undefined).toBe(kind !== 'auth_revoked')
    expect(error.message).not.toContain(SECRET)
  })

  it('that repeats the password does not get it into the error', async () => {
    const provider = mailbox({ imap: hostile('imap', 'login-repeats-password') }, { limits: SHORT })
    const { error } = await failing(() => provider.changes(null, 1))
    expect(error.message).toContain('[hidden]')
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain(SECRET)
  })
})

describe('a refused SMTP login', () => {
  it('has a verdict for every collected answer', () => {
    expect(Object.keys(SMTP)).toEqual(Object.keys(AUTH_ANSWERS))
  })

  it.each(Object.entries(SMTP))('%s is %s', async (username, kind) => {
    const provider = mailbox({ smtp: hostile('smtp', 'auth-answers', { username }) }, { limits: SHORT })
    const { error } = await failing(() => provider.send(mime))
    expect(error.kind).toBe(kind)
    expect(error.delivered).toBe('no')
    expect(error.message).not.toContain(SECRET)
  })

  it('says when SMTP AUTH is switched off for the organisation', async () => {
    const provider = mailbox(
      { smtp: hostile('smtp', 'auth-answers', { username: 'microsoft-disabled' }) },
      { limits: SHORT },
    )
    const { error } = await failing(() => provider.send(mime))
    expect(error.code).toBe('smtp_auth_disabled')
    expect(error.hint).toContain('Authenticated SMTP')
  })

  it('that repeats the password does not get it into the error', async () => {
    const provider = mailbox({ smtp: hostile('smtp', 'auth-repeats-password') }, { limits: SHORT })
    const { error } = await failing(() => provider.send(mime))
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain(SECRET)
  })
})
