// An IMAP server with every bad habit the adapter must survive, chosen by name. Shares no parser with the product.
import type { Certificate, Script, Talk } from './hostile-server'

export type FakeMessage = { uid: number; raw: Buffer; size?: number; date?: Date }
type Habits = {
  greeting?: string
  capabilities?: string
  certificate?: Certificate
  uidvalidity?: number | null
  /** null: not announced; undefined: the truth */
  uidNext?: number | null
  messages?: FakeMessage[]
  /** the tagged answer to a login, without the tag; null: the truth, any login is good */
  login?: (user: string, password: string) => string | null
  /** takes over a command (upper case, without tag); false: go on as usual */
  intercept?: (talk: Talk, tag: string, command: string) => Promise<boolean>
}

const DEFAULT_DATE = new Date('2026-03-01T12:00:00Z')
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function internalDate(date: Date): string {
  const day = String(date.getUTCDate()).padStart(2, '0')
  return `"${day}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()} ${date.toISOString().slice(11, 19)} +0000"`
}

/** A well-behaved script, apart from its habits. */
export function imapScript(habits: Habits = {}): Script {
  return async (talk) => {
    const messages = habits.messages ?? []
    const last = messages.at(-1)?.uid ?? 0
    let secure = false
    const capabilities = () => {
      const named = habits.capabilities ?? 'IMAP4rev1 SASL-IR AUTH=PLAIN ID NAMESPACE'
      return habits.certificate && !secure ? `${named} STARTTLS` : named
    }
    await talk.write(habits.greeting ?? `* OK [CAPABILITY ${capabilities()}] fake ready\r\n`)
    for (;;) {
      const line = await talk.line()
      if (line === null) return
      const [tag = '*', ...rest] = line.split(' ')
      const command = rest.join(' ')
      const upper = command.toUpperCase()
      const ok = (text = 'done') => talk.write(`${tag} OK ${text}\r\n`)
      if (habits.intercept && (await habits.intercept(talk, tag, upper))) continue
      if (upper.startsWith('CAPABILITY')) {
        await talk.write(`* CAPABILITY ${capabilities()}\r\n`)
        await ok()
      } else if (upper.startsWith('STARTTLS')) {
        if (!habits.certificate) await talk.write(`${tag} BAD unknown command\r\n`)
        else {
          await ok('begin')
          await talk.startTls(habits.certificate)
          secure = true
        }
      } else if (upper.startsWith('AUTHENTICATE PLAIN') || upper.startsWith('LOGIN')) {
        const { user, password } = await credentials(talk, command)
        const answer = habits.login?.(user, password)
        if (answer) await talk.write(`${tag} ${answer}\r\n`)
        else await ok('logged in')
      } else if (upper.startsWith('NAMESPACE')) {
        await talk.write('* NAMESPACE (("" "/")) NIL NIL\r\n')
        await ok()
      } else if (upper.startsWith('ID')) {
        await talk.write('* ID ("name" "fake")\r\n')
        await ok()
      } else if (/^(LIST|LSUB)/.test(upper)) {
        await talk.write('* LIST () "/" INBOX\r\n')
        await ok()
      } else if (/^(SELECT|EXAMINE)/.test(upper)) {
        await talk.write(`* ${messages.length} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n`)
        if (habits.uidvalidity !== null) await talk.write(`* OK [UIDVALIDITY ${habits.uidvalidity ?? 7}] ok\r\n`)
        if (habits.uidNext !== null) await talk.write(`* OK [UIDNEXT ${habits.uidNext ?? last + 1}] ok\r\n`)
        await ok(upper.startsWith('EXAMINE') ? '[READ-ONLY] open' : '[READ-WRITE] open')
      } else if (upper.startsWith('UID SEARCH')) {
        await talk.write(
          `* SEARCH${search(messages, upper)
            .map((uid) => ` ${uid}`)
            .join('')}\r\n`,
        )
        await ok()
      } else if (/^(UID )?FETCH/.test(upper)) {
        for (const [index, message] of messages.entries()) {
          const number = upper.startsWith('UID') ? message.uid : index + 1
          if (inSet(upper.split(' ')[upper.startsWith('UID') ? 2 : 1] ?? '', number, last))
            await row(talk, index + 1, message, upper)
        }
        await ok()
      } else if (upper.startsWith('LOGOUT')) {
        await talk.write('* BYE bye\r\n')
        await ok()
        talk.end()
        return
      } else await ok()
    }
  }
}

async function credentials(talk: Talk, command: string): Promise<{ user: string; password: string }> {
  const login = /^LOGIN "?([^" ]*)"? "?([^"]*)"?$/i.exec(command)
  if (login) return { user: login[1] ?? '', password: login[2] ?? '' }
  let encoded = command.split(' ')[2]
  if (!encoded) {
    await talk.write('+ \r\n')
    encoded = (await talk.line()) ?? ''
  }
  const [, user = '', password = ''] = Buffer.from(encoded, 'base64').toString().split('\0')
  return { user, password }
}

/** Whether a number is in a sequence set; `n:*` holds the last message even below n (RFC 9051 6.4.9). */
function inSet(set: string, number: number, last: number): boolean {
  return set.split(',').some((part) => {
    const [a = 0, b = a] = part.split(':').map((value) => (value === '*' ? last : Number(value)))
    return number >= Math.min(a, b) && number <= Math.max(a, b)
  })
}

function search(messages: FakeMessage[], command: string): number[] {
  const last = messages.at(-1)?.uid ?? 0
  const set = /UID SEARCH.* UID ([\d:*,]+)/.exec(command)?.[1] ?? '1:*'
  const since = / SINCE (\d+)-(\w{3})-(\d{4})/.exec(command)
  const month = MONTHS.findIndex((name) => name.toUpperCase() === since?.[2])
  const from = since ? Date.UTC(Number(since[3]), month, Number(since[1])) : 0
  return messages
    .filter((message) => inSet(set, message.uid, last) && (message.date ?? DEFAULT_DATE).getTime() >= from)
    .map((message) => message.uid)
}

/** One FETCH row, with the body whole or in part. */
export async function row(
  talk: Talk,
  seq: number,
  message: FakeMessage,
  command: string,
  partial: (raw: Buffer, start: number, length: number) => { origin: number | null; bytes: Buffer } = (
    raw,
    start,
    length,
  ) => ({
    origin: start,
    bytes: raw.subarray(start, start + length),
  }),
): Promise<void> {
  const items = [`UID ${message.uid}`]
  if (command.includes('RFC822.SIZE')) items.push(`RFC822.SIZE ${message.size ?? message.raw.length}`)
  if (command.includes('INTERNALDATE')) items.push(`INTERNALDATE ${internalDate(message.date ?? DEFAULT_DATE)}`)
  await talk.write(`* ${seq} FETCH (${items.join(' ')}`)
  const asked = /BODY\.PEEK\[\](?:<(\d+)\.(\d+)>)?/.exec(command)
  if (asked) {
    const part =
      asked[1] === undefined
        ? { origin: null, bytes: message.raw }
        : partial(message.raw, Number(asked[1]), Number(asked[2]))
    await talk.write(` BODY[]${part.origin === null ? '' : `<${part.origin}>`} {${part.bytes.length}}\r\n`)
    await talk.write(part.bytes)
  }
  await talk.write(')\r\n')
}

/** A mail of about `bytes` bytes whose content tells positions apart. */
export function fakeMail(bytes: number, subject = 'fake'): Buffer {
  const head = `From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}.${bytes}@example.org>\r\n\r\n`
  const lines: string[] = []
  for (let size = head.length, i = 0; size < bytes; i++) {
    const line = `line ${i} of a mail that is as long as somebody wanted it\r\n`
    lines.push(line)
    size += line.length
  }
  return Buffer.from(head + lines.join(''))
}

const small = [1, 2, 3].map((uid) => ({ uid, raw: fakeMail(2_000, `m${uid}`) }))
const large = [{ uid: 1, raw: fakeMail(3_500_000, 'large') }]

const isBodyFetch = (command: string) => command.includes('UID FETCH') && command.includes('BODY.PEEK[]')

/** Takes over the first body fetch. */
function onBody(habit: (talk: Talk, tag: string, command: string) => Promise<void>): Habits['intercept'] {
  return async (talk, tag, command) => {
    if (!isBodyFetch(command)) return false
    await habit(talk, tag, command)
    return true
  }
}

/** Answers partial fetches of the large mail its own way. */
function partially(answer: Parameters<typeof row>[4], messages = large): Habits {
  return {
    messages,
    intercept: onBody(async (talk, tag, command) => {
      for (const [index, message] of messages.entries()) await row(talk, index + 1, message, command, answer)
      await talk.write(`${tag} OK done\r\n`)
    }),
  }
}

const forever = async (talk: Talk) => {
  while (talk.open()) await talk.sleep(200)
}

/** What refused logins sound like, by user name. Collected from the providers named. */
export const LOGIN_ANSWERS: Record<string, string> = {
  'gmail-wrong': 'NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)',
  'gmail-app':
    'NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)',
  'gmail-connections': 'NO [ALERT] Too many simultaneous connections. (Failure)',
  'gmail-web': 'NO [WEBALERT https://accounts.google.com/signin/continue] Web login required.',
  outlook: 'NO LOGIN failed.',
  'outlook-busy': 'NO Server Unavailable. 15',
  'outlook-backend': 'NO [UNAVAILABLE] User is authenticated but not connected.',
  yahoo: 'NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials',
  'yahoo-limit': 'NO [LIMIT] LOGIN Rate limit hit.',
  dovecot: 'NO [AUTHENTICATIONFAILED] Authentication failed.',
  'dovecot-temporary': 'NO [UNAVAILABLE] Temporary authentication failure. [host:2026-03-01]',
  'dovecot-connections':
    'NO [LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)',
  'authorisation-failed': 'NO [AUTHORIZATIONFAILED] Not allowed to use IMAP',
  'in-use': 'NO [INUSE] Mailbox in use',
  courier: 'NO Login failed.',
  qq: 'NO Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy.',
  'bad-command': 'BAD command not recognised',
  'code-but-temporary': 'NO [AUTHENTICATIONFAILED] Temporary error, please try again later',
}

/** The servers, by the name tests know them by. */
export function imapServers(certificates: {
  good: Certificate
  stranger: Certificate
  otherName: Certificate
}): Record<string, Script> {
  const { good } = certificates
  return {
    honest: imapScript({ messages: small }),
    'never-greets': forever,
    'closes-at-once': async (talk) => talk.destroy(),
    'greets-garbage': async (talk) => {
      await talk.write('HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<html>\r\n')
      await forever(talk)
    },
    'greets-noise': async (talk) => {
      while (talk.open()) {
        await talk.write(Buffer.alloc(4096, 'x'))
        await talk.sleep(20)
      }
    },
    'greets-bye': async (talk) => {
      await talk.write('* BYE Too many connections from your address\r\n')
      talk.end()
    },
    'greets-drop-by-drop': async (talk) => {
      for (const char of `* OK ${'slow '.repeat(500)}\r\n`) {
        await talk.write(char)
        await talk.sleep(50)
      }
    },
    'no-starttls': imapScript({ messages: small }),
    starttls: imapScript({ messages: small, certificate: good }),
    'starttls-stranger': imapScript({ messages: small, certificate: certificates.stranger }),
    'starttls-other-name': imapScript({ messages: small, certificate: certificates.otherName }),
    'starttls-injects': imapScript({
      certificate: good,
      async intercept(talk, tag, command) {
        if (!command.startsWith('STARTTLS')) return false
        await talk.write(`${tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN INJECTED\r\n`)
        await forever(talk)
        return true
      },
    }),
    'login-disabled': imapScript({ capabilities: 'IMAP4rev1 LOGINDISABLED' }),
    'login-answers': imapScript({ login: (user) => LOGIN_ANSWERS[user] ?? 'NO who are you' }),
    'login-repeats-password': imapScript({
      login: (_, password) => `NO [AUTHENTICATIONFAILED] wrong password ${password}`,
    }),
    'closes-after-login': imapScript({
      async intercept(talk, tag, command) {
        if (!/^(NAMESPACE|LIST|EXAMINE)/.test(command)) return false
        await talk.write(`* BYE see you\r\n`)
        talk.end()
        return tag !== ''
      },
    }),
    'silent-after-login': imapScript({
      async intercept(_talk, _tag, command) {
        return command.startsWith('EXAMINE')
      },
    }),
    'inbox-throttled': imapScript({
      async intercept(talk, tag, command) {
        if (!command.startsWith('EXAMINE')) return false
        await talk.write(`${tag} NO [LIMIT] too many requests, slow down\r\n`)
        return true
      },
    }),
    'no-uidvalidity': imapScript({ messages: small, uidvalidity: null }),
    'no-uidnext': imapScript({ messages: small, uidNext: null }),
    'stale-uidnext': imapScript({ messages: small, uidNext: 2 }),
    'no-esearch': imapScript({
      messages: small,
      async intercept(talk, tag, command) {
        if (!command.includes('RETURN')) return false
        await talk.write(`${tag} BAD RETURN options not supported\r\n`)
        return true
      },
    }),
    'search-refused': imapScript({
      messages: small,
      async intercept(talk, tag, command) {
        if (!command.startsWith('UID SEARCH')) return false
        await talk.write(`${tag} NO cannot search\r\n`)
        return true
      },
    }),
    sparse: imapScript({
      messages: [3, 1_000_000, 4_000_000_000].map((uid) => ({ uid, raw: fakeMail(500, `s${uid}`) })),
    }),
    dense: imapScript({
      messages: Array.from({ length: 2_500 }, (_, i) => ({ uid: i + 1, raw: fakeMail(200, `d${i + 1}`) })),
    }),
    'mixed-dates': imapScript({
      messages: [
        { uid: 1, raw: fakeMail(300, 'old'), date: new Date('2026-01-01T10:00:00Z') },
        { uid: 2, raw: fakeMail(300, 'new'), date: new Date('2026-03-01T10:00:00Z') },
        { uid: 3, raw: fakeMail(300, 'old-again'), date: new Date('2026-01-02T10:00:00Z') },
        { uid: 4, raw: fakeMail(300, 'day-before'), date: new Date('2026-02-14T23:00:00Z') },
        { uid: 5, raw: fakeMail(300, 'newer'), date: new Date('2026-03-02T10:00:00Z') },
      ],
    }),
    'stops-mid-literal': imapScript({
      messages: small,
      intercept: onBody(async (talk) => {
        await talk.write('* 1 FETCH (UID 1 BODY[] {2000}\r\nSubject: half')
        await forever(talk)
      }),
    }),
    'closes-mid-literal': imapScript({
      messages: small,
      intercept: onBody(async (talk, _tag, command) => {
        await row(talk, 1, small[0] as FakeMessage, command)
        await talk.write('* 2 FETCH (UID 2 BODY[] {2000}\r\nSubject: half')
        await talk.sleep(50)
        talk.destroy()
      }),
    }),
    'drips-literal': imapScript({
      messages: small,
      intercept: onBody(async (talk) => {
        await talk.write('* 1 FETCH (UID 1 BODY[] {2000}\r\n')
        while (talk.open()) {
          await talk.write('x')
          await talk.sleep(50)
        }
      }),
    }),
    'claims-huge-literal': imapScript({
      messages: small,
      intercept: onBody(async (talk) => {
        await talk.write('* 1 FETCH (UID 1 BODY[] {999999999999}\r\nSubject: x')
        await forever(talk)
      }),
    }),
    'fetches-garbage': imapScript({
      messages: small,
      intercept: onBody(async (talk, tag) => {
        await talk.write(`* 1 FETCH (UID 1 BODY[] ((((\r\n\0\0)))\r\n* ? !\r\n${tag} OK (((done\r\n`)
      }),
    }),
    'floods-tokens': imapScript({
      messages: small,
      intercept: onBody(async (talk) => {
        await talk.write('* 1 FETCH (')
        const flood = Buffer.alloc(64 * 1024, '1 ')
        while (talk.open()) await talk.write(flood)
      }),
    }),
    'body-nil': imapScript({
      messages: small,
      intercept: onBody(async (talk, tag) => {
        await talk.write(`* 1 FETCH (UID 1 BODY[] NIL)\r\n* 2 FETCH (UID 2 BODY[] {4}\r\nA: b)\r\n${tag} OK done\r\n`)
      }),
    }),
    'expunges-in-between': imapScript({
      messages: small,
      async intercept(talk, tag, command) {
        if (isBodyFetch(command)) {
          await row(talk, 2, small[1] as FakeMessage, command)
          await talk.write(`${tag} NO Some of the requested messages no longer exist.\r\n`)
          return true
        }
        if (command.startsWith('UID SEARCH UID 1,3')) {
          await talk.write(`* SEARCH\r\n${tag} OK done\r\n`)
          return true
        }
        return false
      },
    }),
    'fetches-out-of-order': imapScript({
      messages: small,
      intercept: onBody(async (talk, tag, command) => {
        for (const index of [2, 0, 1]) {
          await talk.write(`* ${index + 1} FETCH (FLAGS (\\Recent))\r\n`)
          await row(talk, index + 1, small[index] as FakeMessage, command)
        }
        await row(talk, 9, { uid: 999, raw: Buffer.from('not asked for') }, command)
        await talk.write(`${tag} OK done\r\n`)
      }),
    }),
    'size-too-small': imapScript({ messages: [{ uid: 1, raw: fakeMail(1_500_000, 'modest'), size: 10 }] }),
    'size-too-large': imapScript({ messages: [{ uid: 1, raw: fakeMail(1_500_000, 'boaster'), size: 9_000_000 }] }),
    'large-mail': imapScript({ messages: large }),
    'ignores-partial': imapScript(partially((raw) => ({ origin: null, bytes: raw }))),
    'ignores-partial-huge': imapScript({
      messages: [{ uid: 1, raw: Buffer.alloc(0), size: 60_000_000 }],
      intercept: onBody(async (talk) => {
        await talk.write('* 1 FETCH (UID 1 BODY[] {60000000}\r\n')
        const piece = Buffer.alloc(64 * 1024, 'x')
        while (talk.open()) await talk.write(piece)
      }),
    }),
    'answers-short': imapScript(
      partially((raw, start, length) => ({ origin: start, bytes: raw.subarray(start, start + Math.ceil(length / 2)) })),
    ),
    'answers-crumbs': imapScript(partially((raw, start) => ({ origin: start, bytes: raw.subarray(start, start + 1) }))),
    'answers-elsewhere': imapScript(
      partially((raw, start, length) => ({ origin: start + 7, bytes: raw.subarray(start, start + length) })),
    ),
    'answers-too-much': imapScript(
      partially((raw, start, length) => ({ origin: start, bytes: raw.subarray(start, start + length + 100) })),
    ),
    'closes-mid-message': imapScript({
      messages: large,
      intercept: onBody(async (talk, tag, command) => {
        if (!command.includes('<0.')) return talk.destroy()
        await row(talk, 1, large[0] as FakeMessage, command)
        await talk.write(`${tag} OK done\r\n`)
      }),
    }),
  }
}
