// Microsoft's side of OAuth: the application at its one authority, the consent page's parameters, what Entra's errors mean, and whose
// account and mailbox a token opens.
import { boundedFetch, type OAuthClient, type OAuthDeps } from '../oauth'

/**
 * The errors that end a grant: only a person who signs in again helps. Without a number, invalid_grant is what RFC 6749 says it is.
 * Everything else may pass: a secret is replaced, a policy is changed, a directory answers again.
 */
const TERMINAL = [
  'invalid_grant',
  'AADSTS50034', // the user is no more
  'AADSTS50072', // asks for another factor, as the next four
  'AADSTS50074',
  'AADSTS50076',
  'AADSTS50078',
  'AADSTS50079',
  'AADSTS50089',
  'AADSTS50132', // the session was ended
  'AADSTS50133', // the password was changed
  'AADSTS50158',
  'AADSTS50173', // the password was changed, or all sessions were ended
  'AADSTS54005',
  'AADSTS65001', // consent was withdrawn
  'AADSTS65004',
  'AADSTS70000',
  'AADSTS70008', // not used for too long, as 700082
  'AADSTS70043', // the sign-in is too old for the directory's policy
  'AADSTS70044',
  'AADSTS700081',
  'AADSTS700082',
  'AADSTS700084',
] as const

type Registration = {
  loginUrl: string
  /** a tenant id, a domain, `organizations` or `common` */
  directory: string
  clientId: string
  clientSecret: string
  redirectUri: string
}

/** A registered application at the authority of one directory: a grant of one authority is never taken to another. */
export function microsoftClient({ loginUrl, directory, ...app }: Registration): OAuthClient {
  const authority = `${loginUrl}/${encodeURIComponent(directory)}`
  return {
    ...app,
    issuer: `${authority}/v2.0`,
    authUrl: `${authority}/oauth2/v2.0/authorize`,
    tokenUrl: `${authority}/oauth2/v2.0/token`,
    terminal: TERMINAL,
  }
}

/** Whether an authority stands for one directory, so that an application can speak for itself there. */
export const isOneDirectory = (directory: string) => !['common', 'organizations', 'consumers'].includes(directory)

/** What the consent page is told besides the standard parameters. Consent is never forced: only administrators could give it again. */
export function consentParameters(loginHint: string | null, chooseAccount: boolean): Record<string, string> {
  return {
    response_mode: 'query',
    ...(loginHint === null ? {} : { login_hint: loginHint }),
    ...(chooseAccount ? { prompt: 'select_account' } : {}),
  }
}

/** The scope of an application that speaks for itself: whatever its administrator has granted it at Graph. */
export const applicationScope = (graphUrl: string) => `${new URL(graphUrl).origin}/.default`

const SCOPE_NAMES = [
  ['profile', /^User\./i],
  ['read', /^Mail\.Read/i],
  ['send', /^Mail\.Send/i],
] as const

/**
 * The permissions that were asked for and not given, by name. Null scopes: the answer named none, so it is what was asked for (RFC 6749
 * section 5.1). Entra names a scope with or without its resource, and never offline_access.
 */
export function missingScopes(asked: readonly string[], granted: readonly string[] | null): string[] {
  if (granted === null) return []
  const given = new Set(granted.map((scope) => bare(scope)))
  const missing = asked.filter(
    (scope) => ![bare(scope), bare(scope).replace('.read', '.readwrite')].some((s) => given.has(s)),
  )
  return SCOPE_NAMES.flatMap(([name, pattern]) => (missing.some((scope) => pattern.test(scope)) ? name : []))
}

const bare = (scope: string) => scope.slice(scope.lastIndexOf('/') + 1).toLowerCase()

/** What Entra's error asks of people. `consent` and `policy`: of the directory's administrator. Null: nothing that its numbers tell. */
export type Remedy = 'consent' | 'policy' | 'application' | 'authority' | 'account'
const REMEDIES: Record<Remedy, readonly string[]> = {
  consent: ['AADSTS65001', 'AADSTS90093', 'AADSTS90094', 'AADSTS90095', 'AADSTS900941'],
  policy: ['AADSTS50105', 'AADSTS53000', 'AADSTS53001', 'AADSTS53002', 'AADSTS53003', 'AADSTS53004', 'AADSTS530034'],
  application: ['AADSTS7000215', 'AADSTS7000222', 'AADSTS7000229', 'AADSTS700016', 'AADSTS50011', 'AADSTS500113'],
  authority: ['AADSTS50194', 'AADSTS90002', 'AADSTS900023', 'AADSTS50020'],
  account: ['AADSTS50057', 'AADSTS50034'],
}

/** `reason` as in OAuthFailure. */
export function remedyOf(reason: string | undefined): Remedy | null {
  const numbers = reason?.split(': ') ?? []
  const [found] = Object.entries(REMEDIES).find(([, codes]) => codes.some((code) => numbers.includes(code))) ?? []
  return (found as Remedy | undefined) ?? null
}

/** What a person can do about tokens that Microsoft has refused. `ended`: the grant is gone for good. */
export function refusedHint(reason: string | undefined, ended: boolean): string | undefined {
  switch (remedyOf(reason)) {
    case 'consent':
      return 'The permission was withdrawn. An administrator of the Microsoft directory has to allow Postroom; then reconnect.'
    case 'policy':
      return 'A policy of the Microsoft directory stops Postroom. Ask its administrator to allow it.'
    case 'application':
      return 'Check the Microsoft profile under Settings → Integrations → Microsoft: its client id, and whether its secret has expired.'
    case 'authority':
      return 'The app belongs to another directory. Check the directory of the Microsoft profile under Settings → Integrations → Microsoft.'
    case 'account':
      return 'The account was disabled or deleted in its Microsoft directory.'
    case null:
      return ended ? 'Microsoft asks for a new sign-in. Reconnect the account.' : undefined
  }
}

/** A refusal of Graph's: `status` of the HTTP answer, null where none came that makes sense; `code` and `requestId` are Graph's own. */
export type GraphRefusal = { status: number | null; code: string | null; requestId: string | null }
/** The addresses an account goes by, lower case, its mail address first. */
export type AccountAnswer = { addresses: [string, ...string[]] } | GraphRefusal

/** Whose account a token speaks for. Never throws. */
export async function accountOf(graphUrl: string, deps: OAuthDeps, accessToken: string): Promise<AccountAnswer> {
  const answer = await ask(deps, `${graphUrl}/me?$select=mail,userPrincipalName`, accessToken)
  if (!('body' in answer)) return answer
  const { mail, userPrincipalName } = answer.body
  const [first, ...others] = new Set([mail, userPrincipalName].flatMap(addressLike))
  return first === undefined ? { status: null, code: null, requestId: null } : { addresses: [first, ...others] }
}

/** Opens the inbox of `mailbox`, null for the account's own. Null: it opened. Never throws. */
export async function openInbox(
  graphUrl: string,
  deps: OAuthDeps,
  accessToken: string,
  mailbox: string | null,
): Promise<GraphRefusal | null> {
  const base = mailbox === null ? '/me' : `/users/${encodeURIComponent(mailbox)}`
  const answer = await ask(deps, `${graphUrl}${base}/mailFolders/inbox?$select=id`, accessToken)
  return 'body' in answer ? null : answer
}

async function ask(
  deps: OAuthDeps,
  url: string,
  accessToken: string,
): Promise<{ body: Record<string, unknown> } | GraphRefusal> {
  let refusal: GraphRefusal = { status: null, code: null, requestId: null }
  try {
    const response = await boundedFetch(deps)(url, {
      redirect: 'manual',
      headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
    })
    const requestId = codeLike(response.headers.get('request-id'))
    if (response.status !== 200) refusal = { status: response.status, code: null, requestId }
    const body: unknown = await response.json()
    if (typeof body !== 'object' || body === null) return refusal
    if (response.status === 200) return { body: body as Record<string, unknown> }
    const { error } = body as { error?: { code?: unknown } }
    return { ...refusal, code: codeLike(error?.code) }
  } catch {
    // an answer cut off, too large, too late, or no JSON
  }
  return refusal
}

const codeLike = (value: unknown) => (typeof value === 'string' && /^[\w.-]{1,80}$/.test(value) ? value : null)
const addressLike = (value: unknown) =>
  typeof value === 'string' && /^[^\s@]{1,64}@[^\s@]{1,255}$/.test(value) ? value.toLowerCase() : []
