// The authorize endpoint: who may ask for what, and what a decision sends back to the client. Pages are in consent-pages.ts.
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { accountPage, consentPage, errorPage } from './consent-pages.ts'
import type { Grants } from './grants.ts'
import { isBasicScope, isKnownScope, parseScopes } from './scopes.ts'
import { ISSUER } from './token.ts'
import type { Account, World } from './world.ts'

/** A valid authorization request. `query` is the whole of it, to be carried through the pages. */
export type AuthorizationRequest = {
  query: string
  clientId: string
  redirectUri: string
  scopes: string[]
  state: string | null
  challenge: string | null
  nonce: string | null
  offline: boolean
  prompt: string[]
  includeGranted: boolean
  loginHint: string | null
  hostedDomain: string | null
}

/** A request that is answered on Google's own page, never by a redirect. */
export class BadAuthorization extends Error {
  readonly status: number
  readonly error: string
  constructor(status: number, error: string, message: string) {
    super(message)
    this.status = status
    this.error = error
  }
}

export type Authorizer = {
  /** Throws BadAuthorization. */
  parse(params: URLSearchParams): AuthorizationRequest
  /** Scopes to ask for; null when an earlier grant covers everything and no consent page is needed. */
  missingConsent(request: AuthorizationRequest, account: Account): string[] | null
  /** Where the browser goes after the decision: with `scopes` a code for those of them that were asked for, with null access_denied. */
  decide(request: AuthorizationRequest, account: Account, scopes: readonly string[] | null): string
  /** Where the browser goes when an earlier grant covers the request: a code, and no refresh token. */
  pass(request: AuthorizationRequest, account: Account): string
  /** Where the browser goes with an OAuth error. */
  refuse(request: AuthorizationRequest, error: string): string
}

export function createAuthorizer(world: World, grants: Grants): Authorizer {
  const redirect = (request: AuthorizationRequest, answer: Record<string, string>): string => {
    const url = new URL(request.redirectUri)
    // Google names itself in the answer (RFC 9207), although its metadata does not announce it.
    const params = { ...(request.state === null ? {} : { state: request.state }), iss: ISSUER, ...answer }
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
    return url.href
  }
  const code = (request: AuthorizationRequest, account: Account, scopes: string[], refresh: boolean): string => {
    const given = grants.giveCode(
      {
        account: account.email,
        clientId: request.clientId,
        redirectUri: request.redirectUri,
        scopes,
        challenge: request.challenge,
        nonce: request.nonce,
        refresh,
      },
      { includeGranted: request.includeGranted },
    )
    const domain = account.email.split('@')[1] ?? ''
    return redirect(request, {
      code: given,
      scope: scopes.join(' '),
      authuser: '0',
      ...(/^(gmail|googlemail)\./.test(domain) ? {} : { hd: domain }),
      prompt: request.prompt.includes('consent') || refresh ? 'consent' : 'none',
    })
  }

  return {
    parse: (params) => parse(world, params),
    missingConsent(request, account) {
      const granted = grants.consentOf(account.email, request.clientId)
      if (granted === null || request.prompt.includes('consent')) return request.scopes
      return request.scopes.every((scope) => granted.includes(scope)) ? null : request.scopes
    },
    decide(request, account, scopes) {
      const granted = request.scopes.filter((scope) => isBasicScope(scope) || scopes?.includes(scope))
      if (scopes === null || granted.length === 0) return redirect(request, { error: 'access_denied' })
      return code(request, account, granted, request.offline)
    },
    pass: (request, account) => code(request, account, request.scopes, false),
    refuse: (request, error) => redirect(request, { error }),
  }
}

/** Judges the parameters as Google does: client, redirect URI, then the rest. */
function parse({ project }: World, params: URLSearchParams): AuthorizationRequest {
  const twice = [...params.keys()].find((name) => params.getAll(name).length > 1)
  if (twice)
    throw new BadAuthorization(400, 'invalid_request', `OAuth 2 parameters can only have a single value: ${twice}`)
  const needed = (name: string): string => {
    const value = params.get(name)
    if (!value) throw new BadAuthorization(400, 'invalid_request', `Required parameter is missing: ${name}`)
    return value
  }
  const clientId = needed('client_id')
  if (clientId !== project.clientId) {
    throw new BadAuthorization(401, 'invalid_client', 'The OAuth client was not found.')
  }
  const redirectUri = needed('redirect_uri')
  if (!project.redirectUris.includes(redirectUri)) {
    throw new BadAuthorization(
      400,
      'redirect_uri_mismatch',
      `The redirect URI in the request, ${redirectUri}, does not match the ones authorized for the OAuth client: ${project.redirectUris.join(', ')}`,
    )
  }
  if (needed('response_type') !== 'code') {
    throw new BadAuthorization(400, 'unsupported_response_type', 'This simulator gives codes only: response_type=code')
  }
  const scopes = parseScopes(needed('scope'))
  const unknown = scopes.filter((scope) => !isKnownScope(scope))
  if (unknown.length > 0) {
    throw new BadAuthorization(400, 'invalid_scope', `Some requested scopes were invalid: ${unknown.join(', ')}`)
  }
  const accessType = params.get('access_type') ?? 'online'
  if (!['online', 'offline'].includes(accessType)) {
    throw new BadAuthorization(400, 'invalid_request', 'Invalid parameter value for access_type')
  }
  const prompt = (params.get('prompt') ?? '').split(' ').filter((word) => word !== '')
  if (prompt.some((word) => !['none', 'consent', 'select_account'].includes(word))) {
    throw new BadAuthorization(400, 'invalid_request', 'Invalid parameter value for prompt')
  }
  return {
    query: params.toString(),
    clientId,
    redirectUri,
    scopes,
    state: params.get('state'),
    challenge: challengeOf(params),
    nonce: params.get('nonce'),
    offline: accessType === 'offline',
    prompt,
    includeGranted: params.get('include_granted_scopes') === 'true',
    loginHint: params.get('login_hint')?.trim().toLowerCase() || null,
    hostedDomain: params.get('hd')?.toLowerCase() || null,
  }
}

/** The PKCE challenge (RFC 7636 section 4.2), 43 characters of base64url; S256 is the only method taken here. */
function challengeOf(params: URLSearchParams): string | null {
  const challenge = params.get('code_challenge')
  if (challenge === null) return null
  if (params.get('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(challenge)) {
    throw new BadAuthorization(400, 'invalid_request', 'Invalid code_challenge, or code_challenge_method is not S256')
  }
  return challenge
}

const AUTH = '/o/oauth2/v2/auth'

export function authorizeRoutes(world: World, authorizer: Authorizer): Route[] {
  const found = (location: string): SimResponse => ({ status: 302, headers: { location }, body: '' })
  const guarded = (work: (request: SimRequest) => SimResponse) => (request: SimRequest) => {
    try {
      return work(request)
    } catch (error) {
      if (error instanceof BadAuthorization) return errorPage(error)
      throw error
    }
  }
  /** What a page of ours sends back: the original query and the account. */
  const returned = (params: URLSearchParams) => {
    const request = authorizer.parse(new URLSearchParams(params.get('request') ?? ''))
    const account = world.accounts.get(params.get('account')?.trim().toLowerCase() ?? '')
    if (!account) throw new BadAuthorization(400, 'invalid_request', "Couldn't find your Google Account")
    return { request, account }
  }
  return [
    {
      method: 'GET',
      path: AUTH,
      handle: guarded(({ url }) => {
        const request = authorizer.parse(url.searchParams)
        if (!request.prompt.includes('none')) return accountPage(world, request)
        const account = request.loginHint ? world.accounts.get(request.loginHint) : undefined
        if (!account) return found(authorizer.refuse(request, 'login_required'))
        if (authorizer.missingConsent(request, account)) {
          return found(authorizer.refuse(request, 'interaction_required'))
        }
        return found(authorizer.pass(request, account))
      }),
    },
    {
      method: 'POST',
      path: `${AUTH}/account`,
      handle: guarded(({ body }) => {
        const form = new URLSearchParams(body.toString('utf8'))
        const request = authorizer.parse(new URLSearchParams(form.get('request') ?? ''))
        let account: Account
        try {
          account = world.addAccount(form.get('email') ?? '', form.get('name') ?? undefined)
        } catch (error) {
          return accountPage(world, request, error instanceof Error ? error.message : String(error))
        }
        const next = new URLSearchParams({ account: account.email, request: request.query })
        return { status: 303, headers: { location: `${AUTH}/consent?${next}` }, body: '' }
      }),
    },
    {
      method: 'GET',
      path: `${AUTH}/consent`,
      handle: guarded(({ url }) => {
        const { request, account } = returned(url.searchParams)
        const asked = authorizer.missingConsent(request, account)
        return asked ? consentPage(request, account, asked) : found(authorizer.pass(request, account))
      }),
    },
    {
      method: 'POST',
      path: `${AUTH}/consent`,
      handle: guarded(({ body }) => {
        const form = new URLSearchParams(body.toString('utf8'))
        const { request, account } = returned(form)
        const allowed = form.get('decision') === 'allow' ? form.getAll('scope') : null
        return { ...found(authorizer.decide(request, account, allowed)), status: 303 }
      }),
    },
  ]
}
