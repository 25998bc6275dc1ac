// The allow-lists of terminal refusals: nothing that may pass counts, whatever code it comes with.
import { describe, expect, it } from 'vitest'
import { hintFor } from '../../../worker/providers/hints'
import { toProviderError as imapError, isTerminalRefusal as imapTerminal } from '../../../worker/providers/imap/errors'
import { ProviderError } from '../../../worker/providers/provider'
import { spoken } from '../../../worker/providers/server'
import { toProviderError as smtpError, isTerminalRefusal as smtpTerminal } from '../../../worker/providers/smtp/errors'

const server = {
  host: 'mail.example.org',
  port: 993,
  security: 'tls' as const,
  username: 'me',
  password: 'sesame-open',
}

describe('IMAP', () => {
  it.each([
    ['AUTHENTICATIONFAILED', 'Authentication failed.'],
    ['AUTHORIZATIONFAILED', 'Not permitted'],
    ['EXPIRED', 'That password is not valid any more'],
    ['', 'Invalid credentials'],
    ['', 'Invalid login or password'],
    ['', 'LOGIN failed.'],
    ['', 'Username and password not accepted'],
    ['', 'Incorrect login user'],
    ['', 'Application-specific password required'],
  ])('[%s] %s is terminal', (code, text) => {
    expect(imapTerminal(code, text)).toBe(true)
  })

  it.each([
    ['AUTHENTICATIONFAILED', 'Temporary authentication failure'],
    ['AUTHENTICATIONFAILED', 'Authentication failed, try again later'],
    ['UNAVAILABLE', 'Backend down'],
    ['LIMIT', 'Too many connections'],
    ['INUSE', 'Mailbox in use'],
    ['CONTACTADMIN', 'Call us'],
    ['', 'Login failed: internal error'],
    ['', 'Service not available'],
    ['', 'something else entirely'],
    ['', ''],
  ])('[%s] %s is not', (code, text) => {
    expect(imapTerminal(code, text)).toBe(false)
  })

  it('only a refused login can be terminal, whatever else says so', () => {
    const thrown = Object.assign(new Error('Command failed'), {
      responseStatus: 'NO',
      responseText: '[AUTHENTICATIONFAILED] Invalid credentials',
    })
    expect(imapError(thrown, server).kind).toBe('transient')
  })

  it.each([undefined, null, 'text', 42, {}, new Error('boom'), new TypeError('x is not a function')])(
    'anything else thrown (%s) is transient and plain',
    (thrown) => {
      const error = imapError(thrown, server)
      expect([error.kind, error.code]).toEqual(['transient', 'imap_failed'])
    },
  )

  it('a ProviderError stays what it is', () => {
    const error = new ProviderError('too_large', 'x', 'y')
    expect(imapError(error, server)).toBe(error)
    expect(smtpError(error, server)).toBe(error)
  })
})

describe('SMTP', () => {
  it.each([
    '535 5.7.8 Authentication credentials invalid',
    '535 Incorrect authentication data',
    '534 5.7.9 Application-specific password required',
  ])('%s is terminal', (response) => {
    expect(smtpTerminal(response)).toBe(true)
  })

  it.each([
    '454 4.7.0 Temporary authentication failure',
    '535 4.7.0 Temporary server error',
    '535 try again later',
    '421 bye',
    '550 5.7.1 no',
    '5350 odd',
    '',
  ])('%s is not', (response) => {
    expect(smtpTerminal(response)).toBe(false)
  })
})

describe('a server’s words', () => {
  it('are cut to one line without the credentials', () => {
    const plain = Buffer.from('\0me\0sesame-open').toString('base64')
    const text = spoken(
      `no\r\n sesame-open ${plain} ${Buffer.from('sesame-open').toString('base64')} ${'x'.repeat(900)}`,
      server,
    )
    expect(text).not.toMatch(/sesame|c2VzYW1l/)
    expect(text).not.toContain(plain)
    expect(text).not.toMatch(/[\r\n]/)
    expect(text.length).toBeLessThan(310)
  })
})

describe('hints', () => {
  it.each([
    ['imap.gmail.com', 'Invalid credentials', 'app password'],
    ['outlook.office365.com', 'LOGIN failed.', 'Connect this mailbox with Microsoft'],
    ['smtp.office365.com', '535 5.7.139 SmtpClientAuthentication is disabled for the Tenant', 'Authenticated SMTP'],
    ['imap.mail.yahoo.com', '', 'app password'],
    ['imap.mail.me.com', '', 'app-specific'],
    ['imap.gmx.net', '', 'IMAP'],
    ['imap.qq.com', '', 'authorisation code'],
    ['mail.example.org', 'please use an app-specific password', 'app password'],
    ['mail.example.org', 'no', 'user name'],
    ['notgmail.com', 'no', 'user name'],
  ])('for %s saying %j names %s', (host, text, words) => {
    expect(hintFor(host, text)).toContain(words)
  })
})
