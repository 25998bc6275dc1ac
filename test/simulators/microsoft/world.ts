// Microsoft's world: the shared one, and what an organisation has in Entra: directories, accounts with their delegates, registered apps.
import { createHash } from 'node:crypto'
import { createWorld as createSharedWorld, type World as SharedWorld } from '../shell/world.ts'

/** A directory (an Entra tenant); every domain has one. `id` is its `tid`. */
export type Directory = { id: string; domain: string; name: string }

/** `id` is the object id, `email` the primary address (Graph's `mail`), `directory` a directory's id. */
export type Account = {
  id: string
  email: string
  name: string
  userPrincipalName: string
  directory: string
  /** a shared mailbox: nobody signs in as it */
  shared: boolean
  /** addresses that may open this mailbox */
  delegates: string[]
  /** addresses that may send as this mailbox */
  sendAs: string[]
}

/** An app registration. */
export type App = {
  clientId: string
  name: string
  secrets: string[]
  /** ms; from then on every secret is refused as expired */
  secretsExpireAt: number | null
  /** id of the home directory */
  directory: string
  multiTenant: boolean
  redirectUris: string[]
  /** application permissions it is configured with, as `Mail.Read` */
  roles: string[]
  /** people may not consent for themselves */
  adminOnly: boolean
  /** directory id → delegated permissions its administrator has consented to for everybody, all roles besides */
  adminConsents: Record<string, string[]>
}

/** What is registered: the client id, and whatever differs from a multi-tenant app without application permissions. `directory` is a domain. */
export type Registration = Partial<Omit<App, 'clientId' | 'directory' | 'adminConsents'>> & {
  clientId: string
  directory?: string
  /** domain → delegated permissions */
  adminConsents?: Record<string, string[]>
}

export type World = SharedWorld<Account> & {
  /** The account of an address or user principal name, any case. */
  accountNamed(name: string): Account | null
  /** The directory of an id or a domain. */
  directoryNamed(name: string): Directory | null
  /** The directory of a domain, made if there is none. */
  addDirectory(domain: string): Directory
  directories(): Directory[]
  apps: Map<string, App>
  /** Registers an app, or changes the one of that client id. */
  register(app: Registration): App
  /** `host:port` that notifications may go to; null: any on loopback */
  notificationHosts: readonly string[] | null
}

const HOME = 'contoso.example'

/** Makes a world; with `state` (a folder) it goes on from what was saved there. */
export function createWorld(options: { state?: string; notificationHosts?: readonly string[] } = {}): World {
  const shared = createSharedWorld<Account>({ name: 'microsoft', state: options.state, makeAccount })
  const known = shared.section<{ directories: Record<string, Directory>; apps: Record<string, App> }>('directory', {
    directories: {},
    apps: {},
  })
  const apps = new Map(Object.entries(known.apps))

  function addDirectory(domain: string): Directory {
    const name = domain.trim().toLowerCase()
    known.directories[name] ??= { id: directoryId(name), domain: name, name: titled(name.split('.')[0] ?? name) }
    shared.changed()
    return known.directories[name]
  }

  const byDirectory = (byDomain: Record<string, string[]>): Record<string, string[]> =>
    Object.fromEntries(Object.entries(byDomain).map(([domain, scopes]) => [addDirectory(domain).id, scopes]))

  return {
    ...shared,
    addAccount(email, name) {
      const account = shared.addAccount(email, name)
      addDirectory(domainOf(account.email))
      return account
    },
    accountNamed(name) {
      const wanted = name.trim().toLowerCase()
      const byAddress = shared.accounts.get(wanted)
      if (byAddress) return byAddress
      return [...shared.accounts.values()].find((account) => account.userPrincipalName.toLowerCase() === wanted) ?? null
    },
    directoryNamed(name) {
      const wanted = name.trim().toLowerCase()
      return Object.values(known.directories).find(({ id, domain }) => id === wanted || domain === wanted) ?? null
    },
    addDirectory,
    directories: () => Object.values(known.directories),
    apps,
    register({ clientId, directory, adminConsents, ...given }) {
      const before = apps.get(clientId)
      const app: App = {
        ...(before ?? { ...NEW_APP, clientId, directory: addDirectory(HOME).id, adminConsents: {} }),
        ...given,
        ...(directory === undefined ? {} : { directory: addDirectory(directory).id }),
        ...(adminConsents === undefined ? {} : { adminConsents: byDirectory(adminConsents) }),
      }
      apps.set(clientId, app)
      known.apps[clientId] = app
      shared.changed()
      return app
    },
    notificationHosts: options.notificationHosts ?? null,
  }
}

const NEW_APP = {
  name: 'An app',
  secrets: [],
  secretsExpireAt: null,
  multiTenant: true,
  redirectUris: [],
  roles: [],
  adminOnly: false,
}

function makeAccount(email: string, name: string): Account {
  return {
    id: guidOf(`account ${email}`),
    email,
    name,
    userPrincipalName: email,
    directory: directoryId(domainOf(email)),
    shared: false,
    delegates: [],
    sendAs: [],
  }
}

const domainOf = (email: string): string => email.split('@')[1] ?? HOME
const directoryId = (domain: string): string => guidOf(`directory ${domain}`)
const titled = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

/** A GUID that follows from a text, so that it is the same in every run. */
function guidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}
