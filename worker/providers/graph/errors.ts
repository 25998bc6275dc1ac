// From a refusal of Graph's to a ProviderError. Pure tables. Nothing here ever ends a grant: only the token source says that.
import { z } from 'zod'
import { ProviderError, type ProviderErrorKind } from '../provider'

/** An answer that is no success. `body`: its JSON, null where it was none. `retryAfter` ms. `requestId`: Graph's own name of the request. */
export type Refusal = { status: number; retryAfter: number | undefined; body: unknown; requestId: string | null }

const ErrorBody = z.object({
  error: z.object({
    code: z.string().catch(''),
    message: z.string().catch(''),
    innerError: z.object({ code: z.string().catch(''), 'request-id': z.string().catch('') }).catch({
      code: '',
      'request-id': '',
    }),
  }),
})
type Verdict = { kind: ProviderErrorKind; code: string; message: string; hint?: string }

const SLOW_DOWN: Verdict = {
  kind: 'rate_limited',
  code: 'graph_rate_limited',
  message: 'Microsoft asks us to slow down with this mailbox.',
}
const EXPIRED: Verdict = {
  kind: 'cursor_expired',
  code: 'graph_delta_expired',
  message: 'Microsoft no longer keeps a list of the changes since the last check.',
}
const DENIED: Verdict = {
  kind: 'protocol',
  code: 'graph_access_denied',
  message: 'Microsoft does not allow Postroom to open this mailbox.',
  hint: 'For a shared mailbox, the account that connected needs Full Access to it, and the app the permissions Mail.Read.Shared and Mail.Send.Shared. For app access, an administrator has to consent. Then reconnect with Microsoft.',
}
const NO_CONSENT: Verdict = {
  kind: 'protocol',
  code: 'graph_consent_missing',
  message: 'The organisation has not consented to the permissions that Postroom needs.',
  hint: 'An administrator of the organisation opens the admin-consent link under Settings → Integrations → Microsoft, then reconnect.',
}
const NO_MAILBOX: Verdict = {
  kind: 'protocol',
  code: 'graph_no_mailbox',
  message: 'This address has no mailbox in Exchange Online.',
  hint: 'Check the address. A mailbox on a server of your own, or an account without an Exchange licence, cannot be read through Microsoft Graph.',
}
const SEND_AS: Verdict = {
  kind: 'rejected',
  code: 'graph_send_as_denied',
  message: 'Microsoft does not let the connected account send as this address.',
  hint: 'In the Exchange admin center, give the connected account the permission “Send as” on this mailbox. It can take an hour to work.',
}
const TOO_LARGE: Verdict = {
  kind: 'too_large',
  code: 'graph_too_large',
  message: 'Microsoft calls the message too large.',
}
const NOT_FOUND: Verdict = {
  kind: 'not_found',
  code: 'graph_not_found',
  message: 'Microsoft does not know this any more.',
}
const SENDING_LIMIT: Verdict = {
  kind: 'rate_limited',
  code: 'graph_sending_limit',
  message: 'The mailbox has reached the number of mails that Microsoft lets it send in a day.',
}

/** By the code Graph names, lower case, whatever the status. */
const CODES = new Map<string, Verdict>([
  ['applicationthrottled', SLOW_DOWN],
  ['mailboxconcurrency', SLOW_DOWN],
  ['toomanyrequests', SLOW_DOWN],
  ['activitylimitreached', SLOW_DOWN],
  ['errortoomanyobjectsopened', SLOW_DOWN],
  ['errorserverbusy', SLOW_DOWN],
  ['errorexceededconnectioncount', SLOW_DOWN],
  ['errormessagesubmissionblocked', SENDING_LIMIT],
  ['errorsubmissionquotaexceeded', SENDING_LIMIT],
  ['syncstatenotfound', EXPIRED],
  ['syncstateinvalid', EXPIRED],
  ['resyncrequired', EXPIRED],
  ['errorinvalidsyncstatedata', EXPIRED],
  ['erroraccessdenied', DENIED],
  ['accessdenied', DENIED],
  ['authorization_requestdenied', NO_CONSENT],
  ['mailboxnotenabledforrestapi', NO_MAILBOX],
  ['mailboxnotsupportedforrestapi', NO_MAILBOX],
  ['errorinvaliduser', NO_MAILBOX],
  ['errornonexistentmailbox', NO_MAILBOX],
  ['request_resourcenotfound', NO_MAILBOX],
  ['errorsendasdenied', SEND_AS],
  ['errormessagesizeexceeded', TOO_LARGE],
  ['erroritemnotfound', NOT_FOUND],
  ['errorfoldernotfound', NOT_FOUND],
])

const WIDE = new Set([DENIED, NO_CONSENT, NO_MAILBOX].map(({ code }) => code))

/** Whether an error speaks of the whole mailbox and not of the one message it was met with. */
export function isMailboxWide(error: ProviderError): boolean {
  return error.kind === 'auth_revoked' || error.kind === 'rate_limited' || WIDE.has(error.code)
}

/** The ProviderError of a refusal. `hide`: the token, in case Graph repeats it. */
export function judgeRefusal(refusal: Refusal, hide: string): ProviderError {
  const parsed = ErrorBody.safeParse(refusal.body)
  const error = parsed.success ? parsed.data.error : null
  const verdict = verdictOf(refusal, error, error ? quoted(error.message, hide) : '')
  const retryAfter = verdict.kind === 'rate_limited' ? refusal.retryAfter : undefined
  const requestId = refusal.requestId ?? error?.innerError['request-id'] ?? ''
  return new ProviderError(verdict.kind, verdict.code, verdict.message, {
    ...(verdict.hint !== undefined && { hint: verdict.hint }),
    ...(retryAfter !== undefined && { retryAfter }),
    cause: { requestId: requestIdLike(requestId) },
  })
}

/** Graph's own name of the request that was refused, for its support; null where there is none. */
export function requestIdOf(error: ProviderError): string | null {
  const { cause } = error
  if (typeof cause !== 'object' || cause === null || !('requestId' in cause)) return null
  return typeof cause.requestId === 'string' ? cause.requestId : null
}

/** A request id as Graph writes them; anything else is not repeated. */
export const requestIdLike = (value: string | null): string | null =>
  value !== null && /^[\w-]{1,64}$/.test(value) ? value : null

type GraphError = z.infer<typeof ErrorBody>['error']

/** `error` is null where the answer was not Graph's JSON: then only what harms nobody is believed of the status. */
function verdictOf({ status, retryAfter }: Refusal, error: GraphError | null, said: string): Verdict {
  const named = error
    ? [error.innerError.code, error.code].map((code) => CODES.get(code.toLowerCase())).find((verdict) => verdict)
    : undefined
  if (named) return named
  if (status === 429) return SLOW_DOWN
  if (status === 401)
    return { kind: 'transient', code: 'graph_token_refused', message: 'Microsoft refused a fresh access token.' }
  // Not taken on at all (RFC 9110 15.6.4); what other server errors leave behind is anybody's guess.
  if (status === 503)
    return retryAfter === undefined
      ? { kind: 'transient', code: 'graph_busy', message: 'Microsoft 365 is busy at the moment.' }
      : SLOW_DOWN
  if (status === 408 || status >= 500)
    return { kind: 'transient', code: 'graph_unavailable', message: 'Microsoft 365 is not available at the moment.' }
  if (status === 410) return EXPIRED
  if (error === null)
    return {
      kind: 'protocol',
      code: 'http_not_json',
      message: 'Something that is not Microsoft answered in its place.',
    }
  if (status === 404) return NOT_FOUND
  if (status === 409)
    return { kind: 'protocol', code: 'graph_conflict', message: `Microsoft says that this exists already.${said}` }
  if (status === 413) return TOO_LARGE
  if (status === 403)
    return {
      kind: 'transient',
      code: 'graph_forbidden',
      message: `Microsoft does not allow this at the moment.${said}`,
    }
  return { kind: 'protocol', code: 'graph_refused', message: `Microsoft refused a request.${said}` }
}

/** " It said: “…”", one line, cut, without the token. */
function quoted(message: string, hide: string): string {
  const shown = hide !== '' ? message.replaceAll(hide, '[hidden]') : message
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  const clean = shown.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim()
  if (clean === '') return ''
  return ` It said: “${clean.length > 200 ? `${clean.slice(0, 200)}…` : clean}”`
}
