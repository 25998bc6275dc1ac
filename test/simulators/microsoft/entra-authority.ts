// Which directory an authority path (`/common`, `/organizations`, an id or a domain) stands for, and whether an app may be used there.
import { EntraRefusal } from './entra-error.ts'
import type { App, Directory, World } from './world.ts'

/** The authority of a path segment: a directory, or null for any organisation's. Throws EntraRefusal. */
export function authorityOf(world: World, segment: string): Directory | null {
  const name = segment.toLowerCase()
  if (name === 'common' || name === 'organizations') return null
  if (name === 'consumers') throw new EntraRefusal(9002346)
  const directory = world.directoryNamed(name)
  if (!directory) throw new EntraRefusal(90002, segment)
  return directory
}

/** The registered app, if the authority is one that it may be used with. */
export function appAt(world: World, clientId: string, authority: Directory | null): App {
  const app = world.apps.get(clientId)
  if (!app) throw new EntraRefusal(700016, clientId, authority?.name ?? 'Microsoft')
  if (app.multiTenant) return app
  if (!authority) throw new EntraRefusal(50194, app.clientId, app.name)
  if (authority.id !== app.directory) throw new EntraRefusal(700016, clientId, authority.name)
  return app
}

/** The redirect URI, which must be registered to the letter. */
export function redirectOf(app: App, uri: string): string {
  if (!app.redirectUris.includes(uri)) throw new EntraRefusal(50011, uri, app.clientId)
  return uri
}

/** A parameter that must be there, once. `missing` is the AADSTS code that says it is not. */
export function needed(params: URLSearchParams, name: string, missing = 900144): string {
  const values = params.getAll(name)
  if (values.length > 1) throw new EntraRefusal(90023, name)
  if (!values[0]) throw new EntraRefusal(missing, name)
  return values[0]
}
