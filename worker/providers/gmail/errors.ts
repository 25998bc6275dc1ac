// From a refusal of Google's to a ProviderError. Pure tables. Nothing here ever ends a grant: only the token source says that.
import { z } from 'zod'
import { ProviderError, type ProviderErrorKind } from '../provider'

/** An answer that is no success. `body`: its JSON, null where it was none. `retryAfter` ms. */
export type Refusal = { status: number; retryAfter: number | undefined; body: unknown }

/** Google's error body in both of its dialects. */
const ErrorBody = z.object({
  error: z.object({
    message: z.string().catch(''),
    status: z.string().catch(''),
    errors: z.array(z.object({ reason: z.string().catch('') })).catch([]),
    details: z.array(z.object({ reason: z.string().catch('') })).catch([]),
  }),
})

type Verdict = { kind: ProviderErrorKind; code: string; message: string; hint?: string }

const SLOW_DOWN: Verdict = {
  kind: 'rate_limited',
  code: 'gmail_rate_limited',
  message: 'Google asks us to slow down with this mailbox.',
}
const DAILY_LIMIT: Verdict = {
  kind: 'rate_limited',
  code: 'gmail_daily_limit',
  message: 'The daily limit that Google grants this installation is used up.',
}
const SCOPE_MISSING: Verdict = {
  kind: 'protocol',
  code: 'google_scope_missing',
  message: 'Google did not grant everything Postroom needs to read and answer mail.',
  hint: 'Reconnect with Google and leave every box ticked.',
}
const API_DISABLED: Verdict = {
  kind: 'protocol',
  code: 'google_api_disabled',
  message: 'The Gmail API is switched off in the Google Cloud project of this installation.',
  hint: 'An operator switches it on in the Google Cloud console under APIs & Services.',
}
const DOMAIN_POLICY: Verdict = {
  kind: 'protocol',
  code: 'google_domain_policy',
  message: 'The Google Workspace of this mailbox does not allow this app.',
  hint: 'Its administrator can allow it in the Google admin console under Security, API controls.',
}
const NO_GMAIL: Verdict = {
  kind: 'protocol',
  code: 'gmail_not_enabled',
  message: 'This Google account has no Gmail mailbox.',
  hint: 'Its administrator can switch Gmail on, or connect another account.',
}

/** By the reason Google names, whatever the status. */
const REASONS = new Map<string, Verdict>([
  ['rateLimitExceeded', SLOW_DOWN],
  ['userRateLimitExceeded', SLOW_DOWN],
  ['quotaExceeded', SLOW_DOWN],
  ['RATE_LIMIT_EXCEEDED', SLOW_DOWN],
  ['RESOURCE_EXHAUSTED', SLOW_DOWN],
  ['dailyLimitExceeded', DAILY_LIMIT],
  ['insufficientPermissions', SCOPE_MISSING],
  ['insufficientScopes', SCOPE_MISSING],
  ['ACCESS_TOKEN_SCOPE_INSUFFICIENT', SCOPE_MISSING],
  ['accessNotConfigured', API_DISABLED],
  ['SERVICE_DISABLED', API_DISABLED],
  ['domainPolicy', DOMAIN_POLICY],
])

const WIDE = new Set([SCOPE_MISSING, API_DISABLED, DOMAIN_POLICY, NO_GMAIL].map(({ code }) => code))

/** Whether an error speaks of the whole mailbox and not of the one message it was met with. */
export function isMailboxWide(error: ProviderError): boolean {
  return error.kind === 'auth_revoked' || error.kind === 'rate_limited' || WIDE.has(error.code)
}

/** The ProviderError of a refusal. `now` ms, to read "Retry after" dates. `hide`: the token, in case Google repeats it. */
export function judgeRefusal(refusal: Refusal, now: number, hide: string): ProviderError {
  const parsed = ErrorBody.safeParse(refusal.body)
  const error = parsed.success ? parsed.data.error : null
  const said = error ? quoted(error.message, hide) : ''
  const verdict = verdictOf(refusal.status, error ? reasonsOf(error) : null, error?.message ?? '', said)
  const retryAfter =
    verdict.kind === 'rate_limited' ? (refusal.retryAfter ?? retryAfterIn(error?.message ?? '', now)) : undefined
  return new ProviderError(verdict.kind, verdict.code, verdict.message, {
    ...(verdict.hint !== undefined && { hint: verdict.hint }),
    ...(retryAfter !== undefined && { retryAfter }),
  })
}

type GoogleError = z.infer<typeof ErrorBody>['error']
const reasonsOf = (error: GoogleError) =>
  [...error.errors, ...error.details].map(({ reason }) => reason).concat(error.status)

/** `reasons` is null where the answer was not Google's JSON: then only what harms nobody is believed of the status. */
function verdictOf(status: number, reasons: string[] | null, message: string, said: string): Verdict {
  const named = reasons?.map((reason) => REASONS.get(reason)).find((verdict) => verdict !== undefined)
  if (named) return named
  if (status === 429) return SLOW_DOWN
  if (status === 401) return TOKEN_REFUSED
  // Not taken on at all (RFC 9110 15.6.4); what other server errors leave behind is anybody's guess.
  if (status === 503) return { kind: 'transient', code: 'gmail_busy', message: 'Gmail is busy at the moment.' }
  if (status === 408 || status >= 500)
    return { kind: 'transient', code: 'gmail_unavailable', message: 'Gmail is not available at the moment.' }
  if (reasons === null)
    return { kind: 'protocol', code: 'http_not_json', message: 'Something that is not Gmail answered in its place.' }
  if (status === 404 || status === 410)
    return { kind: 'not_found', code: 'gmail_not_found', message: 'Gmail does not know this any more.' }
  if (status === 413)
    return { kind: 'too_large', code: 'gmail_too_large', message: 'Gmail calls the message too large.' }
  if (/mail service not enabled/i.test(message)) return NO_GMAIL
  if (status === 403)
    return { kind: 'transient', code: 'gmail_forbidden', message: `Gmail does not allow this at the moment.${said}` }
  return { kind: 'protocol', code: 'gmail_refused', message: `Gmail refused a request.${said}` }
}

const TOKEN_REFUSED: Verdict = {
  kind: 'transient',
  code: 'google_token_refused',
  message: 'Google refused a fresh access token.',
}

/** " It said: “…”", one line, cut, without the token. */
function quoted(message: string, hide: string): string {
  const shown = hide !== '' ? message.replaceAll(hide, '[hidden]') : message
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  const clean = shown.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim()
  if (clean === '') return ''
  return ` It said: “${clean.length > 200 ? `${clean.slice(0, 200)}…` : clean}”`
}

/** Gmail also names the time in words: "User-rate limit exceeded. Retry after 2026-11-20T15:53:21.000Z". */
function retryAfterIn(message: string, now: number): number | undefined {
  const at = Date.parse(/retry after (\d{4}-\d\d-\d\dT[\d:.]+Z)/i.exec(message)?.[1] ?? '')
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - now), 86_400_000)
}
