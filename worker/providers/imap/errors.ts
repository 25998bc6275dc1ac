// From whatever an IMAP connection can throw to a ProviderError. Pure tables; only the listed causes are ever terminal.
import { hintFor } from '../hints'
import { ProviderError, type ProviderErrorKind } from '../provider'
import { type Server, spoken } from '../server'

/** What imapflow puts on its errors, as far as we read it. */
type Raw = {
  code?: unknown
  message?: unknown
  reason?: unknown
  response?: unknown
  responseText?: unknown
  responseStatus?: unknown
  serverResponseCode?: unknown
  authenticationFailed?: unknown
  tlsFailed?: unknown
  throttleReset?: unknown
}

/** A refused login is called temporary if the server says anything like this, whatever code it sends along. */
const TEMPORARY =
  /temporar|\btry (it )?again\b|\blater\b|\btoo (many|fast|often)\b|\brate\b|\blimit|unavailable|\bin ?use\b|\btimed? ?out\b|\bbusy\b|maintenance|\binternal\b|backend|connection|frequen|throttl|server error|\bsystem\b/i

/** Response codes that say the credentials are wrong or no longer good (RFC 5530). */
const REFUSED_CODES = new Set(['AUTHENTICATIONFAILED', 'AUTHORIZATIONFAILED', 'EXPIRED'])

/** The same in words, for servers that send no code. */
const REFUSED_TEXTS = [
  /\binvalid (user ?name|user|login|password|credentials|email|account)\b/i,
  /\b(incorrect|wrong|bad) (user ?name|user|login|password|credentials)\b/i,
  /\b(user ?name|login|user|e-?mail)( and| or|\/) ?password\b.*\b(not accepted|incorrect|invalid|wrong|do(es)? not match)\b/i,
  /\b(password|credentials|login) (is |are )?(incorrect|invalid|wrong|not accepted|rejected|expired)\b/i,
  /\b(unknown user|no such user|user (is )?(unknown|not found))\b/i,
  /\bapplication[- ]specific password required\b/i,
  /\b(basic ?auth(entication)? ?(is )?(blocked|disabled)|BasicAuthBlocked)\b/i,
  /^(\[[^\]]*\] *)?(login|logon|authenticate|authentication|plain|sasl)? ?(authentication )?(failed|failure|rejected)\.?$/i,
]

/** Response codes of RFC 5530 and the field that ask for patience. */
const SLOW_DOWN =
  /\[?(LIMIT|THROTTLED|OVERQUOTA)\]?|too many (simultaneous |concurrent )?(connections|sessions|logins|requests)|maximum number of connections|request is throttled|exceeded.*(bandwidth|connections|limit)|rate limit/i

const SLOW_DOWN_WAIT = 5 * 60_000

/** Texts of failed sockets; in workerd one text covers names, ports and certificates. */
const NETWORK =
  /proxy request failed|network connection lost|connection (refused|reset|lost|closed)|socket|stream was cancel|ENOTFOUND|ECONN|EAI_AGAIN|EHOST|EPIPE|ETIMEDOUT/i

function rawOf(error: unknown): Raw {
  return typeof error === 'object' && error !== null ? (error as Raw) : {}
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Everything the server said in this error, for the tables. */
function serverText(raw: Raw): string {
  return [text(raw.responseText) || text(raw.response), text(raw.reason)].filter((part) => part !== '').join(' ')
}

/** Whether a refused login is terminal: an allow-listed code or text, and no word that it may pass. */
export function isTerminalRefusal(code: string, said: string): boolean {
  if (TEMPORARY.test(said)) return false
  return REFUSED_CODES.has(code.toUpperCase()) || REFUSED_TEXTS.some((pattern) => pattern.test(said.trim()))
}

type Verdict = { kind: ProviderErrorKind; code: string; message: string; hint?: string; retryAfter?: number }

function judge(raw: Raw, server: Server): Verdict {
  const said = serverText(raw)
  const heard = spoken(said, server)
  const quote = heard === '' ? '' : ` It said: “${heard}”`
  const code = text(raw.code)

  if (text(raw.message) === 'Login is disabled') {
    return {
      kind: 'protocol',
      code: 'imap_login_disabled',
      message: 'The mail server takes no login on an unencrypted connection.',
      hint: 'Choose TLS (port 993) or STARTTLS (port 143).',
    }
  }
  if (raw.authenticationFailed === true) {
    if (isTerminalRefusal(text(raw.serverResponseCode), said)) {
      const hint = hintFor(server.host, said)
      return {
        kind: 'auth_revoked',
        code: 'imap_auth_failed',
        message: `The mail server refused the login.${quote}`,
        hint,
      }
    }
    const kind = SLOW_DOWN.test(said) ? 'rate_limited' : 'transient'
    return {
      kind,
      code: 'imap_login_unavailable',
      message: `The mail server did not let us log in just now.${quote}`,
      ...(kind === 'rate_limited' ? { retryAfter: SLOW_DOWN_WAIT } : {}),
    }
  }
  if (code === 'ETHROTTLE' || SLOW_DOWN.test(said)) {
    const wait = typeof raw.throttleReset === 'number' ? raw.throttleReset : SLOW_DOWN_WAIT
    return {
      kind: 'rate_limited',
      code: 'imap_throttled',
      message: `The mail server asks us to slow down.${quote}`,
      retryAfter: wait,
    }
  }
  if (/Server does not support STARTTLS|STARTTLS/i.test(text(raw.message)) || code === 'STARTTLS_INJECTION') {
    return {
      kind: 'protocol',
      code: 'imap_starttls_not_offered',
      message: 'The mail server did not start TLS, so the password was not sent.',
      hint: 'Use port 993 with TLS, or ask the provider for an encrypted port.',
    }
  }
  if (raw.tlsFailed === true) {
    return {
      kind: 'transient',
      code: 'imap_tls_failed',
      message: 'No encrypted connection could be made.',
      hint: `The certificate must be valid for ${server.host} and come from a public authority.`,
    }
  }
  switch (code) {
    case 'CONNECT_TIMEOUT':
      return {
        kind: 'transient',
        code: 'imap_connect_timeout',
        message: 'The mail server could not be reached in time.',
      }
    case 'GREETING_TIMEOUT':
      return {
        kind: 'transient',
        code: 'imap_greeting_timeout',
        message: 'The mail server accepted the connection and said nothing.',
      }
    case 'ETIMEOUT':
    case 'UPGRADE_TIMEOUT':
      return { kind: 'transient', code: 'imap_silent', message: 'The mail server stopped answering.' }
    case 'LiteralTooLarge':
    case 'LineTooLarge':
    case 'ResponseTooLarge':
    case 'TooManyTokens':
    case 'TooManyResponses':
      return {
        kind: 'protocol',
        code: 'imap_answer_too_large',
        message: 'The mail server sent more than it was asked for.',
      }
    case 'UnexpectedTag':
    case 'MissingTag':
    case 'InvalidResponse':
    case 'ResponseProcessingFailed':
    case 'MAX_IMAP_NESTING_REACHED':
      return {
        kind: 'protocol',
        code: 'imap_garbage',
        message: `The mail server answered something that is not IMAP.${quote}`,
      }
    case 'NoConnection':
    case 'EConnectionClosed':
    case 'StateLogout':
    case 'ClosedAfterConnectText':
    case 'ClosedAfterConnectTLS':
      return { kind: 'transient', code: 'imap_closed', message: `The mail server closed the connection.${quote}` }
    default:
  }
  if (code.startsWith('ParserError')) {
    return { kind: 'protocol', code: 'imap_garbage', message: 'The mail server answered something that is not IMAP.' }
  }
  if (raw.responseStatus === 'NO' || raw.responseStatus === 'BAD') {
    return { kind: 'transient', code: 'imap_refused', message: `The mail server refused a command.${quote}` }
  }
  if (NETWORK.test(`${code} ${text(raw.message)}`)) {
    return {
      kind: 'transient',
      code: 'imap_unreachable',
      message: `${server.host} could not be reached on port ${server.port}.`,
    }
  }
  return { kind: 'transient', code: 'imap_failed', message: 'The connection to the mail server failed.' }
}

/** The ProviderError for anything thrown while talking to `server`. A ProviderError passes through. */
export function toProviderError(error: unknown, server: Server): ProviderError {
  if (error instanceof ProviderError) return error
  const raw = rawOf(error)
  const { kind, code, message, ...options } = judge(raw, server)
  // The original stays out: its properties quote the server at length. Its code and message are enough to find the cause.
  const cause = new Error(spoken(`${text(raw.code)} ${text(raw.message)}`, server))
  return new ProviderError(kind, code, message, { ...options, cause })
}
