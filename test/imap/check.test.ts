// "Test connection": stops at the step that failed and says what to do; never throws, never shows a password to a server it should not.
import { describe, expect, it } from 'vitest'
import type { CheckStep } from '../../worker/providers/provider'
import type { Resolve } from '../../worker/providers/server'
import { deliver, dovecotServer, heardBy, hostile, mailbox, newUser, SHORT } from '../support/provider-lab'

type Options = Parameters<typeof hostile>[2] & { resolve?: Resolve }

async function check(side: 'imap' | 'smtp', name: string, { resolve, ...server }: Options = {}): Promise<CheckStep[]> {
  const { steps, ok } = await mailbox({ [side]: hostile(side, name, server) }, { limits: SHORT, resolve }).check()
  expect(ok).toBe(steps.every((step) => step.status !== 'fail'))
  return steps
}

const summary = (steps: CheckStep[]) => steps.map((step) => `${step.name.split(': ')[1]} ${step.status}`)
const REACHED = ['Resolve name pass', 'Reach port pass']

describe('a connection that works', () => {
  it('shows every step of receiving and sending, with the number of messages', async () => {
    const user = newUser()
    await deliver(user, 'Subject: one\r\n\r\n')
    const imap = dovecotServer(user)
    const before = (await heardBy('smtp', 'tls')).encrypted.length
    const { ok, steps } = await mailbox({ imap, smtp: hostile('smtp', 'tls', { security: 'tls' }) }).check()
    expect(ok).toBe(true)
    expect(steps.map((step) => step.name)).toEqual([
      ...['Resolve name', 'Reach port', 'TLS', 'Log in', 'Open INBOX'].map((name) => `IMAP: ${name}`),
      ...['Resolve name', 'Reach port', 'TLS', 'Log in'].map((name) => `SMTP: ${name}`),
    ])
    expect(steps[4]?.detail).toBe('INBOX holds 1 message.')
    expect((await heardBy('smtp', 'tls')).encrypted.slice(before)).not.toContain('MAIL FROM')
  })

  it('warns before a password goes over an unencrypted connection', async () => {
    const steps = await check('imap', 'honest')
    expect(summary(steps)).toEqual([...REACHED, 'TLS warn', 'Log in pass', 'Open INBOX pass'])
    expect(summary(await check('smtp', 'honest'))).toEqual([...REACHED, 'TLS warn', 'Log in pass'])
  })

  it('does not depend on a name server that answers', async () => {
    const broken: Resolve = async () => {
      throw new Error('offline')
    }
    expect(summary(await check('imap', 'tls', { security: 'tls', resolve: broken }))[0]).toBe('Resolve name pass')
  })
})

describe('a wrong address', () => {
  it('says that the name does not exist where somebody knows', async () => {
    const steps = await check('imap', 'honest', { host: 'no-such-host.invalid', resolve: async () => [] })
    expect(summary(steps)).toEqual(['Resolve name fail'])
    expect(steps[0]?.hint).toContain('spelling')
  })

  it('says that nothing answers on the port', async () => {
    const steps = await check('imap', 'honest', { port: 1, resolve: async () => ['127.0.0.1'] })
    expect(summary(steps)).toEqual(['Resolve name pass', 'Reach port fail'])
    expect(steps.at(-1)?.hint).toContain('port')
  })

  it('claims nothing about the name where nobody knows', async () => {
    expect(summary(await check('smtp', 'honest', { host: 'no-such-host.invalid' }))).toEqual(['Reach port fail'])
  })
})

describe('a wrong choice of security', () => {
  it.each([
    ['imap', 'starttls'],
    ['smtp', 'starttls'],
  ] as const)('%s: TLS on a port that starts in clear names STARTTLS', async (side, name) => {
    const steps = await check(side, name, { security: 'tls' })
    expect(summary(steps)).toEqual([...REACHED, 'TLS fail'])
    expect(steps[2]?.hint).toContain('STARTTLS')
  })

  it.each(['imap', 'smtp'] as const)(
    '%s: STARTTLS on a port that is encrypted from the start names TLS',
    async (side) => {
      const steps = await check(side, 'tls', { security: 'starttls' })
      expect(summary(steps)).toEqual([...REACHED, 'TLS fail'])
      expect(steps[2]?.hint).toContain('Choose the security TLS')
    },
  )

  it.each(['imap', 'smtp'] as const)('%s: STARTTLS that is not offered fails closed', async (side) => {
    const steps = await check(side, 'no-starttls', { security: 'starttls' })
    expect(summary(steps)).toEqual([...REACHED, 'TLS fail'])
    expect(steps[2]?.detail).toContain('password was not sent')
    expect((await heardBy(side, 'no-starttls')).clear).not.toMatch(/AUTH(ENTICATE)? |LOGIN/)
  })

  it.each([
    ['imap', 'starttls-other-name', 'starttls'],
    ['smtp', 'starttls-stranger', 'starttls'],
    ['imap', 'tls-stranger', 'tls'],
    ['smtp', 'tls-other-name', 'tls'],
  ] as const)('%s %s: a bad certificate is named as the cause', async (side, name, security) => {
    const steps = await check(side, name, { security })
    expect(summary(steps)).toEqual([...REACHED, 'TLS fail'])
    expect(steps[2]?.hint).toContain('certificate')
  })

  it('IMAP settings on an SMTP port are recognised', async () => {
    const { port } = hostile('smtp', 'honest')
    const steps = await check('imap', 'honest', { port, security: 'starttls' })
    expect(steps.at(-1)?.detail).toContain('an SMTP server')
  })
})

describe('a refused login', () => {
  it.each([
    ['imap', 'login-answers', 'gmail-app', 'app password'],
    ['imap', 'login-answers', 'dovecot', 'user name'],
    ['smtp', 'auth-answers', 'microsoft-disabled', 'Authenticated SMTP'],
    ['smtp', 'auth-answers', 'microsoft-basic', 'Connect this mailbox with Microsoft'],
  ] as const)('%s %s as %s says what to do', async (side, name, username, words) => {
    const steps = await check(side, name, { username })
    expect(summary(steps)).toEqual([...REACHED, 'TLS warn', 'Log in fail'])
    expect(steps.at(-1)?.hint).toContain(words)
  })
})

describe('a server that misbehaves', () => {
  it.each([
    ['imap', 'never-greets'],
    ['imap', 'greets-garbage'],
    ['imap', 'closes-at-once'],
    ['imap', 'greets-noise'],
    ['imap', 'silent-after-login'],
    ['imap', 'no-uidvalidity'],
    ['smtp', 'never-greets'],
    ['smtp', 'greets-garbage'],
    ['smtp', 'greets-421'],
    ['smtp', 'closes-after-ehlo'],
    ['smtp', 'drips-reply'],
  ] as const)('%s %s ends in one failed step, in time', async (side, name) => {
    const started = Date.now()
    const steps = await check(side, name)
    expect(steps.filter((step) => step.status === 'fail')).toHaveLength(1)
    expect(steps.at(-1)?.status).toBe('fail')
    expect(Date.now() - started).toBeLessThan(8_000)
  })
})
