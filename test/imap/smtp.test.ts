// Sending: what was said is what arrives, and every way a server can fail ends in a typed error that knows whether the mail may be out.
import { describe, expect, it } from 'vitest'
import type { OutboundMime } from '../../worker/providers/provider'
import type { Security } from '../../worker/providers/server'
import { failing, heardBy, hostile, mailbox, SECRET, SHORT } from '../support/provider-lab'

const BOUND = 8_000
const BODY =
  'Subject: hello\r\nMessage-ID: <a@example.org>\r\n\r\nfirst\r\n.\r\n..two dots\r\n.hidden\r\nlast line without end'

function outgoing(to = ['customer@example.org'], text = BODY, pieces = 1): OutboundMime {
  const bytes = new TextEncoder().encode(text)
  const size = Math.ceil(bytes.length / pieces)
  return {
    envelope: { from: 'agent@example.org', to },
    messageId: 'a@example.org',
    size: bytes.length,
    thread: null,
    open: async () =>
      new ReadableStream({
        start(controller) {
          for (let i = 0; i < bytes.length; i += size) controller.enqueue(bytes.slice(i, i + size))
          controller.close()
        },
      }),
  }
}

const sender = (name: string, server: Parameters<typeof hostile>[2] = {}) =>
  mailbox({ smtp: hostile('smtp', name, server) }, { limits: SHORT })

/** What the server took for the message: dots unstuffed, without the final line break that SMTP adds. */
function received(heard: string): string {
  const text = heard.slice(heard.lastIndexOf('DATA\r\n') + 6, heard.lastIndexOf('\r\n.\r\n'))
  return text.replace(/^\.\./gm, '.')
}

describe('sending', () => {
  it.each([
    ['honest', 'none'],
    ['starttls', 'starttls'],
    ['tls', 'tls'],
  ] satisfies [string, Security][])(
    'to %s with security %s delivers the same bytes, login included',
    async (name, security) => {
      const sent = await sender(name, { security }).send(
        outgoing(['customer@example.org', 'other@example.org'], BODY, 7),
      )
      expect(sent).toMatchObject({ accepted: ['customer@example.org', 'other@example.org'], rejected: [] })
      expect(sent.response).toContain('250 2.0.0 queued as FAKE1')
      const heard = await heardBy('smtp', name)
      const conversation = security === 'none' ? heard.clear : heard.encrypted
      expect(received(conversation)).toBe(BODY)
      expect(conversation).toMatch(
        /MAIL FROM:<agent@example\.org>.*\r\nRCPT TO:<customer@example\.org>\r\nRCPT TO:<other@example\.org>\r\nDATA/s,
      )
      expect(conversation).toContain('AUTH PLAIN')
      if (security !== 'none') expect(heard.clear).not.toContain('AUTH')
    },
  )

  it('streams a large message', async () => {
    const text = `Subject: large\r\n\r\n${'.dots at the start of every line\r\n'.repeat(100_000)}end`
    await sender('honest').send(outgoing(['large@example.org'], text, 50))
    const { clear } = await heardBy('smtp', 'honest')
    expect(received(clear) === text).toBe(true)
  })

  it('without a user name sends without a login', async () => {
    const sent = await sender('no-auth', { username: '', password: '' }).send(outgoing())
    expect(sent.accepted).toHaveLength(1)
    expect((await heardBy('smtp', 'no-auth')).clear).not.toContain('AUTH')
  })

  it('names the recipients that were refused while others are accepted', async () => {
    const sent = await sender('one-recipient-refused').send(outgoing(['good@example.org', 'bad@example.org']))
    expect(sent.accepted).toEqual(['good@example.org'])
    expect(sent.rejected).toEqual([{ address: 'bad@example.org', response: '550 5.1.1 no such user here' }])
  })

  it('without settings for sending is refused', async () => {
    const { error } = await failing(() => mailbox({}).send(outgoing()))
    expect([error.kind, error.code]).toEqual(['rejected', 'smtp_not_configured'])
  })
})

describe('a server that fails', () => {
  it.each([
    ['never-greets', 'transient', 'smtp_silent', 'no'],
    ['greets-garbage', 'transient', 'smtp_garbage', 'no'],
    ['greets-421', 'rate_limited', 'smtp_busy', 'no'],
    ['greets-554', 'transient', 'smtp_deferred', 'no'],
    ['closes-after-ehlo', 'transient', 'smtp_closed', 'no'],
    ['silent-after-ehlo', 'transient', 'smtp_silent', 'no'],
    ['drips-reply', 'transient', 'smtp_timeout', 'no'],
    ['no-auth', 'protocol', 'smtp_auth_not_offered', 'no'],
    ['sender-refused', 'rejected', 'smtp_rejected', 'no'],
    ['all-recipients-refused', 'rejected', 'smtp_rejected', 'no'],
    ['recipients-deferred', 'transient', 'smtp_deferred', 'no'],
    ['data-deferred', 'transient', 'smtp_deferred', 'no'],
    ['data-refused', 'rejected', 'smtp_rejected', 'no'],
    ['closes-at-data', 'transient', 'smtp_closed', 'no'],
    ['421-after-dot', 'transient', 'smtp_busy', 'no'],
    ['closes-after-dot', 'transient', 'smtp_closed', 'unknown'],
    ['silent-after-dot', 'transient', 'smtp_silent', 'unknown'],
    ['garbage-after-dot', 'transient', 'smtp_garbage', 'unknown'],
  ])('%s: %s %s, delivered: %s', async (name, kind, code, delivered) => {
    const { error, ms } = await failing(() => sender(name).send(outgoing()))
    expect([error.kind, error.code, error.delivered]).toEqual([kind, code, delivered])
    expect(error.message).not.toContain(SECRET)
    expect(ms).toBeLessThan(BOUND)
  })

  it('closes in the middle of the content: the mail is not out', async () => {
    const text = `Subject: large\r\n\r\n${'a line of some length\r\n'.repeat(500_000)}`
    const { error } = await failing(() => sender('closes-before-dot').send(outgoing(['a@example.org'], text, 200)))
    expect([error.kind, error.delivered]).toEqual(['transient', 'no'])
  })

  it('accepts less than the message has', async () => {
    const text = `Subject: large\r\n\r\n${'x'.repeat(5_000)}`
    const { error } = await failing(() => sender('too-large').send(outgoing(['a@example.org'], text)))
    expect([error.kind, error.code]).toEqual(['rejected', 'smtp_too_large'])
  })

  it('a closed port is unreachable', async () => {
    const { error } = await failing(() => sender('honest', { port: 1 }).send(outgoing()))
    expect([error.kind, error.code]).toEqual(['transient', 'smtp_unreachable'])
  })
})

describe('a message that fails', () => {
  it('ends early: no final dot, so no half mail is delivered', async () => {
    const mime = { ...outgoing(['half@example.org']), size: 5_000 }
    const { error } = await failing(() => sender('honest').send(mime))
    expect([error.kind, error.code, error.delivered]).toEqual(['transient', 'smtp_source_failed', 'no'])
    const { clear } = await heardBy('smtp', 'honest')
    expect(clear.slice(clear.lastIndexOf('RCPT TO:<half@example.org>'))).not.toContain('\r\n.\r\n')
  })

  it.each(['a@example.org>\r\nRCPT TO:<victim@example.org', 'two words@example.org', '<a@example.org>'])(
    'has a recipient that would inject a command: %j is refused before anything is sent',
    async (address) => {
      const { error } = await failing(() => sender('honest').send(outgoing([address])))
      expect([error.kind, error.code]).toEqual(['rejected', 'smtp_bad_address'])
      expect((await heardBy('smtp', 'honest')).clear).not.toContain('victim')
    },
  )
})

describe('TLS', () => {
  it('that is not offered by STARTTLS fails closed: the password never leaves', async () => {
    const { error } = await failing(() => sender('no-starttls', { security: 'starttls' }).send(outgoing()))
    expect([error.kind, error.code]).toEqual(['protocol', 'smtp_starttls_not_offered'])
    expect((await heardBy('smtp', 'no-starttls')).clear).not.toContain('AUTH ')
  })

  it.each([
    ['starttls-stranger', 'starttls'],
    ['starttls-other-name', 'starttls'],
    ['tls-stranger', 'tls'],
    ['tls-other-name', 'tls'],
  ] satisfies [string, Security][])(
    '%s: a certificate that is not good for the host gets no password',
    async (name, security) => {
      const { error, ms } = await failing(() => sender(name, { security }).send(outgoing()))
      expect(error.kind).toBe('transient')
      expect(ms).toBeLessThan(BOUND)
      const heard = await heardBy('smtp', name)
      expect(heard.clear + heard.encrypted).not.toContain('AUTH ')
    },
  )

  it('an answer smuggled in before the handshake is not believed', async () => {
    const { error } = await failing(() => sender('starttls-injects', { security: 'starttls' }).send(outgoing()))
    expect(error.kind).toBe('transient')
    expect((await heardBy('smtp', 'starttls-injects')).clear).not.toContain('AUTH ')
  })
})
