// Admin consent: an administrator allows an app for the whole directory, on a page or by a control.
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { appAt, authorityOf, needed, redirectOf } from './entra-authority.ts'
import { onPage } from './entra-authorize.ts'
import { described, EntraRefusal, traceOf } from './entra-error.ts'
import { adminConsentPage } from './entra-pages.ts'
import { ALL_SCOPES, parseScopes } from './entra-scopes.ts'
import type { App, Directory, World } from './world.ts'

/** What an administrator is asked: `directory` is null where the path names none, so that the page lets one choose. */
export type AdminRequest = {
  path: string
  query: string
  app: App
  directory: Directory | null
  redirectUri: string
  scopes: string[]
  state: string | null
}

const ADMIN_CONSENT = '/:tenant/v2.0/adminconsent'

/** Allows an app these delegated permissions and all its roles, for everybody in the directory. */
export function grantByAdmin(world: World, app: App, directory: Directory, scopes: readonly string[]): void {
  app.adminConsents[directory.id] = [...new Set([...(app.adminConsents[directory.id] ?? []), ...scopes])]
  world.changed()
}

export function adminRoutes(world: World): Route[] {
  const parse = (url: URL): AdminRequest => {
    const directory = authorityOf(world, decodeURIComponent(url.pathname.split('/')[1] ?? ''))
    const app = appAt(world, needed(url.searchParams, 'client_id'), directory)
    const scopes = parseScopes(needed(url.searchParams, 'scope'), url.origin)
    return {
      path: url.pathname,
      query: url.searchParams.toString(),
      app,
      directory,
      redirectUri: redirectOf(app, needed(url.searchParams, 'redirect_uri')),
      scopes: scopes.includes('.default') ? ALL_SCOPES : scopes,
      state: url.searchParams.get('state'),
    }
  }
  const decide = (request: SimRequest): SimResponse => {
    const form = new URLSearchParams(request.body.toString('utf8'))
    const url = new URL(request.url.pathname, request.url)
    url.search = form.get('request') ?? ''
    const asked = parse(url)
    const directory = asked.directory ?? world.directoryNamed(form.get('directory') ?? '')
    if (!directory) throw new EntraRefusal(90002, form.get('directory') ?? '')
    const back = new URL(asked.redirectUri)
    back.searchParams.set('admin_consent', 'True')
    back.searchParams.set('tenant', directory.id)
    if (asked.state !== null) back.searchParams.set('state', asked.state)
    if (form.get('decision') === 'accept') {
      grantByAdmin(world, asked.app, directory, asked.scopes)
      back.searchParams.set('scope', asked.scopes.join(' '))
    } else {
      const ids = traceOf(request, world.clock())
      back.searchParams.set('error', 'consent_required')
      back.searchParams.set('error_description', described(new EntraRefusal(65004), ids))
    }
    return { status: 303, headers: { location: back.href }, body: '' }
  }
  return [
    { method: 'GET', path: ADMIN_CONSENT, handle: onPage(world, ({ url }) => adminConsentPage(world, parse(url))) },
    { method: 'POST', path: ADMIN_CONSENT, handle: onPage(world, decide) },
  ]
}
