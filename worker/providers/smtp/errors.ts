// From whatever an SMTP conversation can throw to a ProviderError. Pure tables; only the listed causes are ever terminal.
import { hintFor } from '../hints'
import { ProviderError, type ProviderErrorKind } from '../provider'
import { type Server, spoken } from '../server'

/** What nodemailer puts on its errors, as far as we read it. */
type Raw = {
  code?: unknown
  command?: unknown
  message?: unknown
  response?: unknown
  responseCode?: unknown
  timeoutType?: unknown
}

const TEMPORARY =
  /temporar|\btry (it )?again\b|\blater\b|\btoo (many|fast|often)\b|\brate\b|\blimit|unavailable|\bbusy\b|maintenance|\binternal\b|backend|throttl|\b4\.\d+\.\d+\b/i
const SLOW_DOWN = /\btoo (many|fast|much)\b|\brate\b|\blimit|throttl|quota|concurrent/i
const MESSAGE_COMMANDS = new Set(['MAIL FROM', 'RCPT TO', 'DATA'])
const SLOW_DOWN_WAIT = 5 * 60_000

function rawOf(error: unknown): Raw {
  return typeof error === 'object' && error !== null ? (error as Raw) : {}
}
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The reply code of an answer such as `550 5.1.1 no such user`; null where there is none. */
export function replyCode(response: string): number | null {
  const digits = /^(\d{3})(?!\d)/.exec(response)?.[1]
  return digits === undefined ? null : Number(digits)
}

/**
 * Whether a refused AUTH is terminal (RFC 4954, RFC 5248): 535 and 534 say that the credentials are wrong or of the wrong sort,
 * unless the text says that it may pass.
 */
export function isTerminalRefusal(response: string): boolean {
  const code = replyCode(response)
  return (code === 535 || code === 534) && !TEMPORARY.test(response)
}

type Verdict = { kind: ProviderErrorKind; code: string; message: string; hint?: string; retryAfter?: number }

function judgeAuth(response: string, quote: string, server: Server): Verdict {
  if (isTerminalRefusal(response)) {
    const code = /5\.7\.139/.test(response) ? 'smtp_auth_disabled' : 'smtp_auth_failed'
    return {
      kind: 'auth_revoked',
      code,
      message: `The mail server refused the login.${quote}`,
      hint: hintFor(server.host, response),
    }
  }
  const code = replyCode(response)
  if (code !== null && code >= 500 && !TEMPORARY.test(response)) {
    return {
      kind: 'protocol',
      code: 'smtp_auth_unsupported',
      message: `The mail server does not take this kind of login.${quote}`,
      hint: 'If this server needs no login, leave the user name empty. Otherwise check port and security.',
    }
  }
  return {
    kind: 'transient',
    code: 'smtp_login_unavailable',
    message: `The mail server did not let us log in just now.${quote}`,
  }
}

function judge(raw: Raw, server: Server): Verdict {
  const response = text(raw.response)
  const heard = spoken(response, server)
  const quote = heard === '' ? '' : ` It said: “${heard}”`
  const code = text(raw.code)
  const reply = replyCode(response)

  if (reply === 421) {
    const slow = SLOW_DOWN.test(response)
    return {
      kind: slow ? 'rate_limited' : 'transient',
      code: 'smtp_busy',
      message: `The mail server closed the connection.${quote}`,
      ...(slow ? { retryAfter: SLOW_DOWN_WAIT } : {}),
    }
  }
  if (code === 'EAUTH') return judgeAuth(response, quote, server)
  const command = text(raw.command)
  if (code === 'ETLS' && command === 'STARTTLS' && (reply === null || reply >= 500)) {
    return {
      kind: 'protocol',
      code: 'smtp_starttls_not_offered',
      message: `The mail server did not start TLS, so the password was not sent.${quote}`,
      hint: 'Use port 465 with TLS, or port 587 with STARTTLS.',
    }
  }
  // Only an answer to the message itself condemns the message; a 5xx greeting or EHLO is about us or the moment.
  if (reply !== null && reply >= 500 && MESSAGE_COMMANDS.has(command)) {
    return { kind: 'rejected', code: 'smtp_rejected', message: `The mail server refused the message.${quote}` }
  }
  if (reply !== null && reply >= 400) {
    const verb = reply >= 500 ? 'does not want to talk to us' : 'asks to try again later'
    const slow = SLOW_DOWN.test(response)
    return {
      kind: slow ? 'rate_limited' : 'transient',
      code: 'smtp_deferred',
      message: `The mail server ${verb}.${quote}`,
      ...(slow ? { retryAfter: SLOW_DOWN_WAIT } : {}),
    }
  }
  switch (code) {
    case 'EENVELOPE':
      return { kind: 'rejected', code: 'smtp_bad_address', message: 'A sender or recipient address is not valid.' }
    case 'EMESSAGE':
      if (response !== '') return garbage(quote)
      return {
        kind: 'rejected',
        code: 'smtp_too_large',
        message: 'The message is larger than this mail server accepts.',
      }
    case 'ESTREAM':
      return {
        kind: 'transient',
        code: 'smtp_source_failed',
        message: 'The message could not be read while it was being sent.',
      }
    case 'EPROTOCOL':
      return garbage(quote)
    case 'ESOCKET':
      return {
        kind: 'transient',
        code: 'smtp_connection_failed',
        message: 'The connection to the mail server broke, or its certificate was not accepted.',
      }
    case 'ETLS':
      return {
        kind: 'transient',
        code: 'smtp_tls_failed',
        message: 'No encrypted connection could be made.',
        hint: `The certificate must be valid for ${server.host} and come from a public authority.`,
      }
    case 'ETIMEDOUT':
      return { kind: 'transient', code: 'smtp_silent', message: 'The mail server stopped answering.' }
    case 'ECONNECTION':
      return { kind: 'transient', code: 'smtp_closed', message: `The mail server closed the connection.${quote}` }
    default:
      return {
        kind: 'transient',
        code: 'smtp_unreachable',
        message: `${server.host} could not be reached on port ${server.port}.`,
      }
  }
}

function garbage(quote: string): Verdict {
  return {
    kind: 'transient',
    code: 'smtp_garbage',
    message: `The mail server answered something that is not SMTP.${quote}`,
  }
}

/** The ProviderError for anything thrown while talking to `server`. `delivered` as for send(). A ProviderError passes through. */
export function toProviderError(error: unknown, server: Server, delivered: 'no' | 'unknown' = 'no'): ProviderError {
  if (error instanceof ProviderError) return error
  const raw = rawOf(error)
  const { kind, code, message, ...options } = judge(raw, server)
  // An answer of the server settles the question; silence does not.
  const settled = replyCode(text(raw.response)) === null ? delivered : 'no'
  const cause = new Error(spoken(`${text(raw.code)} ${text(raw.message)}`, server))
  return new ProviderError(kind, code, message, { ...options, cause, delivered: settled })
}
