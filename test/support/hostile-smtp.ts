// SMTP servers with every bad habit the sender must survive, chosen by name. Shares no parser with the product.
import type { Certificate, Script, Talk } from './hostile-server'

type Habits = {
  greeting?: string
  /** EHLO lines after the first */
  offers?: string[]
  certificate?: Certificate
  auth?: (user: string, password: string) => string
  rcpt?: (address: string) => string
  data?: string
  /** the answer to the final dot; null: none, then `afterDot` */
  accepted?: string | null
  afterDot?: (talk: Talk) => Promise<void>
  intercept?: (talk: Talk, command: string) => Promise<boolean>
}

const forever = async (talk: Talk) => {
  while (talk.open()) await talk.sleep(200)
}

/** A well-behaved script, apart from its habits. What it received can be read from what the server heard. */
export function smtpScript(habits: Habits = {}): Script {
  return async (talk) => {
    let secure = false
    await talk.write(habits.greeting ?? '220 fake ESMTP\r\n')
    for (;;) {
      const line = await talk.line()
      if (line === null) return
      const upper = line.toUpperCase()
      if (habits.intercept && (await habits.intercept(talk, upper))) continue
      if (upper.startsWith('EHLO')) {
        const offers = [...(habits.offers ?? ['PIPELINING', 'SIZE 50000000', '8BITMIME', 'AUTH PLAIN LOGIN'])]
        if (habits.certificate && !secure) offers.push('STARTTLS')
        const lines = ['fake', ...offers]
        await talk.write(lines.map((text, i) => `250${i === lines.length - 1 ? ' ' : '-'}${text}\r\n`).join(''))
      } else if (upper.startsWith('STARTTLS')) {
        if (!habits.certificate) await talk.write('502 5.5.1 not implemented\r\n')
        else {
          await talk.write('220 go\r\n')
          await talk.startTls(habits.certificate)
          secure = true
        }
      } else if (upper.startsWith('AUTH PLAIN')) {
        const [, user = '', password = ''] = Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0')
        await talk.write(`${habits.auth?.(user, password) ?? '235 2.7.0 welcome'}\r\n`)
      } else if (upper.startsWith('RCPT')) {
        await talk.write(`${habits.rcpt?.(/<(.*)>/.exec(line)?.[1] ?? '') ?? '250 2.1.5 ok'}\r\n`)
      } else if (upper === 'DATA') {
        await talk.write(`${habits.data ?? '354 go on'}\r\n`)
        if (habits.data && !habits.data.startsWith('354')) continue
        for (let text = await talk.line(); text !== '.'; text = await talk.line()) if (text === null) return
        if (habits.accepted !== null) await talk.write(`${habits.accepted ?? '250 2.0.0 queued as FAKE1'}\r\n`)
        await habits.afterDot?.(talk)
      } else if (upper.startsWith('QUIT')) {
        await talk.write('221 bye\r\n')
        talk.end()
        return
      } else await talk.write('250 ok\r\n')
    }
  }
}

/** What refused logins sound like, by user name. */
export const AUTH_ANSWERS: Record<string, string> = {
  'microsoft-disabled':
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled',
  'microsoft-basic': '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.',
  gmail:
    '535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials',
  'gmail-app':
    '534-5.7.9 Application-specific password required.\r\n534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor',
  plain: '535 Authentication failed',
  temporary: '454 4.7.0 Temporary authentication failure',
  'temporary-535': '535 5.7.0 Temporary authentication failure, try again later',
  mechanism: '504 5.7.4 Unrecognized authentication type',
  'too-many': '421 4.7.0 Too many login attempts, please try again later',
}

/** The servers, by the name tests know them by. */
export function smtpServers(certificates: {
  good: Certificate
  stranger: Certificate
  otherName: Certificate
}): Record<string, Script> {
  return {
    honest: smtpScript(),
    starttls: smtpScript({ certificate: certificates.good }),
    'starttls-stranger': smtpScript({ certificate: certificates.stranger }),
    'starttls-other-name': smtpScript({ certificate: certificates.otherName }),
    'no-starttls': smtpScript(),
    'starttls-injects': smtpScript({
      async intercept(talk, command) {
        if (!command.startsWith('STARTTLS')) return false
        await talk.write('220 go\r\n250-fake\r\n250 AUTH PLAIN\r\n')
        await forever(talk)
        return true
      },
    }),
    'no-auth': smtpScript({ offers: ['SIZE 1000000'] }),
    'never-greets': forever,
    'greets-garbage': async (talk) => {
      await talk.write('SSH-2.0-OpenSSH_9.9\r\n')
      await forever(talk)
    },
    'greets-421': async (talk) => {
      await talk.write('421 4.3.2 too many connections, try later\r\n')
      talk.end()
    },
    'greets-554': async (talk) => {
      await talk.write('554 5.7.1 your address is on a block list\r\n')
      talk.end()
    },
    'drips-reply': async (talk) => {
      await talk.write('220 fake\r\n')
      await talk.line()
      while (talk.open()) {
        await talk.write('250-x\r\n')
        await talk.sleep(20)
      }
    },
    'closes-after-ehlo': smtpScript({
      async intercept(talk, command) {
        if (!command.startsWith('EHLO')) return false
        talk.destroy()
        return true
      },
    }),
    'silent-after-ehlo': smtpScript({
      async intercept(_talk, command) {
        return command.startsWith('EHLO')
      },
    }),
    'auth-answers': smtpScript({ auth: (user) => AUTH_ANSWERS[user] ?? '535 who are you' }),
    'auth-repeats-password': smtpScript({ auth: (_, password) => `535 5.7.8 wrong password ${password}` }),
    'one-recipient-refused': smtpScript({
      rcpt: (address) => (address.startsWith('bad') ? '550 5.1.1 no such user here' : '250 ok'),
    }),
    'all-recipients-refused': smtpScript({ rcpt: () => '550 5.1.1 no such user here' }),
    'recipients-deferred': smtpScript({ rcpt: () => '451 4.7.1 greylisted, try again in 5 minutes' }),
    'sender-refused': smtpScript({
      offers: ['AUTH PLAIN'],
      async intercept(talk, command) {
        if (!command.startsWith('MAIL')) return false
        await talk.write('553 5.7.1 you may not send as this address\r\n')
        return true
      },
    }),
    'data-deferred': smtpScript({ accepted: '451 4.3.0 out of space, try later' }),
    'data-refused': smtpScript({ accepted: '554 5.7.1 looks like spam' }),
    'too-large': smtpScript({ offers: ['SIZE 1000', 'AUTH PLAIN'] }),
    'closes-before-dot': smtpScript({
      offers: ['AUTH PLAIN'],
      async intercept(talk, command) {
        if (command !== 'DATA') return false
        await talk.write('354 go on\r\n')
        await talk.line()
        talk.destroy()
        return true
      },
    }),
    'closes-at-data': smtpScript({
      offers: ['AUTH PLAIN'],
      async intercept(talk, command) {
        if (command !== 'DATA') return false
        talk.destroy()
        return true
      },
    }),
    'closes-after-dot': smtpScript({ accepted: null, afterDot: async (talk) => talk.destroy() }),
    'silent-after-dot': smtpScript({ accepted: null, afterDot: forever }),
    'garbage-after-dot': smtpScript({ accepted: 'hello there' }),
    '421-after-dot': smtpScript({ accepted: '421 4.3.2 shutting down' }),
  }
}
