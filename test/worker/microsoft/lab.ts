// The microsoft routes in either edition, with or without an app of the deployment, called as a role of a tenant.
import { env } from 'cloudflare:test'
import { createApp } from '../../../worker/app'
import type { Role } from '../../../worker/contract/permissions'
import { ORIGIN, type TestTenant } from '../../support/session'

type Build = { edition?: 'community' | 'enterprise'; settings?: Record<string, string> }
type Call = { role?: Role; json?: unknown }

export const DEPLOYMENT_APP = { MICROSOFT_CLIENT_ID: 'deployment-client', MICROSOFT_CLIENT_SECRET: 'deployment-secret' }

/** Calls a route of a build of its own; `path` starts with /microsoft. */
export function caller(tenant: TestTenant, { edition = 'enterprise', settings = {} }: Build = {}) {
  const app = createApp(edition === 'enterprise' ? [{ id: 'enterprise' }] : [])
  const bindings = { ...env, ...settings }
  return async (method: string, path: string, { role = 'admin', json }: Call = {}) =>
    app.request(
      `${ORIGIN}/api${path}`,
      {
        method,
        headers: { cookie: tenant.cookie[role], ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      },
      bindings,
    )
}
export type Caller = ReturnType<typeof caller>

export const PROFILE = {
  displayName: 'Contoso',
  clientId: '11111111-2222-3333-4444-555555555555',
  clientSecret: 'a-client-secret-0001',
  directoryTenant: 'contoso.example',
}

/** Makes a profile and answers its id. */
export async function makeProfile(call: Caller, change: Record<string, unknown> = {}): Promise<string> {
  const response = await call('POST', '/microsoft/profiles', { json: { ...PROFILE, ...change } })
  const { id } = (await response.json()) as { id?: string }
  if (response.status !== 201 || !id) throw new Error(`no profile: ${response.status}`)
  return id
}

/** Binds a profile and answers the response. */
export const bindTo = (call: Caller, consumer: string, profileId: string) =>
  call('PUT', `/microsoft/bindings/${consumer}`, { json: { profileId } })
