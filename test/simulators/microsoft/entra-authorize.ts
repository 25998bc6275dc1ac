// The authorize endpoint: who may ask for what, and what a decision sends back to the app. Pages are in entra-pages.ts.
import { randomUUID } from 'node:crypto'
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { appAt, authorityOf, needed, redirectOf } from './entra-authority.ts'
import { described, EntraRefusal, traceOf } from './entra-error.ts'
import type { Grants } from './entra-grants.ts'
import { accountPage, approvalPage, consentPage, errorPage } from './entra-pages.ts'
import { isKnownScope, parseScopes } from './entra-scopes.ts'
import type { Account, App, Directory, World } from './world.ts'

/** A valid authorization request. `path` and `query` are the whole of it, to be carried through the pages. */
export type AuthorizationRequest = {
  path: string
  query: string
  authority: Directory | null
  app: App
  redirectUri: string
  scopes: string[]
  state: string | null
  challenge: string | null
  prompt: string | null
  loginHint: string | null
  domainHint: string | null
}

/** What comes between an account and its tokens: nothing, a consent, or an administrator. */
type Hurdle = 'none' | 'consent' | 'administrator'

export type Authorizer = {
  /** Throws EntraRefusal, which is shown on a page and never sent to the app. */
  parse(url: URL): AuthorizationRequest
  /** Throws EntraRefusal where the account cannot sign in there. */
  hurdle(request: AuthorizationRequest, account: Account): Hurdle
  /** Where the browser goes with a code. */
  allow(request: AuthorizationRequest, account: Account): string
  /** Where the browser goes without one. */
  refuse(request: AuthorizationRequest, refusal: EntraRefusal, error?: string): string
}

/** For a request made at the control: what the person would have ended with. */
export function decide(authorizer: Authorizer, request: AuthorizationRequest, account: Account, deny: boolean): string {
  const hurdle = authorizer.hurdle(request, account)
  if (hurdle === 'administrator') return authorizer.refuse(request, adminNeeded(request, account))
  return deny ? authorizer.refuse(request, new EntraRefusal(65004)) : authorizer.allow(request, account)
}

const adminNeeded = ({ app }: AuthorizationRequest, account: Account): EntraRefusal =>
  new EntraRefusal(90094, account.email.split('@')[1] ?? '', app.name)

export function createAuthorizer(world: World, grants: Grants): Authorizer {
  const redirect = (request: AuthorizationRequest, answer: Record<string, string>): string => {
    const url = new URL(request.redirectUri)
    for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value)
    if (request.state !== null) url.searchParams.set('state', request.state)
    return url.href
  }
  return {
    parse: (url) => parse(world, url),
    hurdle({ app, authority, scopes, prompt }, account) {
      if (account.shared) throw new EntraRefusal(50057)
      const home = account.directory
      if (authority && authority.id !== home) throw new EntraRefusal(50020, account.email, authority.name, app.clientId)
      if (!app.multiTenant && app.directory !== home) {
        throw new EntraRefusal(50020, account.email, world.directoryNamed(app.directory)?.name ?? '', app.clientId)
      }
      const byAdmin = app.adminConsents[home] ?? []
      const consented = [...byAdmin, ...(grants.consentOf(account.email, app.clientId) ?? [])]
      if (scopes.every((scope) => consented.includes(scope)) && prompt !== 'consent') return 'none'
      return app.adminOnly && !scopes.every((scope) => byAdmin.includes(scope)) ? 'administrator' : 'consent'
    },
    allow(request, account) {
      const code = grants.giveCode({
        account: account.email,
        clientId: request.app.clientId,
        directory: account.directory,
        scopes: request.scopes,
        redirectUri: request.redirectUri,
        challenge: request.challenge,
      })
      return redirect(request, { code, session_state: randomUUID() })
    },
    refuse(request, refusal, error = refusal.error) {
      const ids = traceOf({ headers: {}, url: new URL(`http://x/?${request.query}`) }, world.clock())
      return redirect(request, {
        error,
        ...(refusal.code === 65004 ? { error_subcode: 'cancel' } : {}),
        error_description: described(refusal, ids),
      })
    },
  }
}

const PROMPTS = ['login', 'none', 'consent', 'select_account']

/** Judges path and parameters as Entra does: authority, app, redirect URI, then the rest. */
function parse(world: World, url: URL): AuthorizationRequest {
  const params = url.searchParams
  const authority = authorityOf(world, decodeURIComponent(url.pathname.split('/')[1] ?? ''))
  const app = appAt(world, needed(params, 'client_id'), authority)
  const redirectUri = redirectOf(app, needed(params, 'redirect_uri'))
  if (needed(params, 'response_type') !== 'code') throw new EntraRefusal(90023, 'response_type')
  if ((params.get('response_mode') ?? 'query') !== 'query') throw new EntraRefusal(90023, 'response_mode')
  const scopes = parseScopes(needed(params, 'scope'), url.origin)
  const unknown = scopes.find((scope) => !isKnownScope(scope))
  if (unknown !== undefined) throw new EntraRefusal(650053, app.name, unknown)
  const prompt = params.get('prompt')
  if (prompt && !PROMPTS.includes(prompt)) throw new EntraRefusal(90023, 'prompt')
  return {
    path: url.pathname,
    query: params.toString(),
    authority,
    app,
    redirectUri,
    scopes,
    state: params.get('state'),
    challenge: challengeOf(params),
    prompt,
    loginHint: params.get('login_hint')?.trim().toLowerCase() || null,
    domainHint: params.get('domain_hint')?.trim().toLowerCase() || null,
  }
}

/** The PKCE challenge (RFC 7636 section 4.2), 43 characters of base64url; S256 is the only method taken here. */
function challengeOf(params: URLSearchParams): string | null {
  const challenge = params.get('code_challenge')
  if (challenge === null) return null
  if (params.get('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(challenge)) {
    throw new EntraRefusal(90023, 'code_challenge')
  }
  return challenge
}

const AUTHORIZE = '/:tenant/oauth2/v2.0/authorize'
const found = (location: string, status = 302): SimResponse => ({ status, headers: { location }, body: '' })

/** Shows a refusal on a page of Entra's own. */
export const onPage =
  (world: World, work: (request: SimRequest) => SimResponse) =>
  (request: SimRequest): SimResponse => {
    try {
      return work(request)
    } catch (error) {
      if (error instanceof EntraRefusal) return errorPage(error, traceOf(request, world.clock()))
      throw error
    }
  }

export function authorizeRoutes(world: World, authorizer: Authorizer): Route[] {
  const begin = (request: SimRequest): SimResponse => {
    const asked = authorizer.parse(request.url)
    if (asked.prompt !== 'none') return accountPage(world, asked)
    const account = asked.loginHint === null ? null : world.accountNamed(asked.loginHint)
    if (!account) return found(authorizer.refuse(asked, new EntraRefusal(50058)))
    if (authorizer.hurdle(asked, account) === 'none') return found(authorizer.allow(asked, account))
    const refusal = new EntraRefusal(65001, asked.app.clientId, asked.app.name)
    return found(authorizer.refuse(asked, refusal, 'consent_required'))
  }
  /** What a page of ours sends back: the original query and the account. */
  const returned = (request: SimRequest, params: URLSearchParams) => {
    const url = new URL(request.url.pathname.replace(/\/(account|consent)$/, ''), request.url)
    url.search = params.get('request') ?? ''
    const asked = authorizer.parse(url)
    const account = world.accountNamed(params.get('account') ?? '')
    if (!account) throw new EntraRefusal(90023, 'account')
    return { asked, account }
  }
  return [
    { method: 'GET', path: AUTHORIZE, handle: onPage(world, begin) },
    {
      method: 'POST',
      path: `${AUTHORIZE}/account`,
      handle: onPage(world, (request) => {
        const form = new URLSearchParams(request.body.toString('utf8'))
        const url = new URL(request.url.pathname.replace(/\/account$/, ''), request.url)
        url.search = form.get('request') ?? ''
        const asked = authorizer.parse(url)
        const known = world.accountNamed(form.get('email') ?? '')
        try {
          const account = known ?? world.addAccount(form.get('email') ?? '', form.get('name') ?? undefined)
          const next = new URLSearchParams({ account: account.email, request: asked.query })
          return found(`${asked.path}/consent?${next}`, 303)
        } catch (error) {
          return accountPage(world, asked, error instanceof Error ? error.message : String(error))
        }
      }),
    },
    {
      method: 'GET',
      path: `${AUTHORIZE}/consent`,
      handle: onPage(world, (request) => {
        const { asked, account } = returned(request, request.url.searchParams)
        switch (authorizer.hurdle(asked, account)) {
          case 'none':
            return found(authorizer.allow(asked, account))
          case 'administrator':
            return approvalPage(asked, account)
          case 'consent':
            return consentPage(asked, account)
        }
      }),
    },
    {
      method: 'POST',
      path: `${AUTHORIZE}/consent`,
      handle: onPage(world, (request) => {
        const form = new URLSearchParams(request.body.toString('utf8'))
        const { asked, account } = returned(request, form)
        return found(decide(authorizer, asked, account, form.get('decision') !== 'accept'), 303)
      }),
    },
  ]
}
