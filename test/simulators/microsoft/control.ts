// Microsoft's own levers: accounts, apps, consents and their end. Those of the mailboxes and of notifications are Graph's.
import { accountOf, control, controlGet, text, worldControls } from '../shell/control.ts'
import type { Route } from '../shell/http.ts'
import type { Entra } from './entra.ts'
import { grantByAdmin } from './entra-admin.ts'
import { decide } from './entra-authorize.ts'
import { KNOWN_CODES } from './entra-error.ts'
import { ALL_SCOPES } from './entra-scopes.ts'
import { FAULT_KINDS } from './faults.ts'
import type { World } from './world.ts'

/** Controls of the world and of Entra. */
export function controlRoutes(world: World, entra: Entra): Route[] {
  return [
    ...worldControls(world, FAULT_KINDS),
    control('accounts', (input) => {
      const account = world.addAccount(text(input, 'email'), input.name === undefined ? undefined : text(input, 'name'))
      if (typeof input.userPrincipalName === 'string') account.userPrincipalName = input.userPrincipalName
      if (typeof input.shared === 'boolean') account.shared = input.shared
      if (Array.isArray(input.delegates)) account.delegates = input.delegates.map(lower)
      if (Array.isArray(input.sendAs)) account.sendAs = input.sendAs.map(lower)
      else if (Array.isArray(input.delegates)) account.sendAs = account.delegates
      world.changed()
      return account
    }),
    control('apps', (input) => world.register({ ...input, clientId: text(input, 'clientId') })),
    controlGet('apps', () => ({ apps: [...world.apps.values()] })),
    controlGet('directories', () => ({ directories: world.directories() })),
    control('authorize', (input) => {
      const request = entra.authorizer.parse(new URL(text(input, 'url')))
      const name = text(input, 'account')
      const account = world.accountNamed(name) ?? world.addAccount(name)
      return { location: decide(entra.authorizer, request, account, input.deny === true) }
    }),
    control('admin-consent', (input) => {
      const app = world.apps.get(text(input, 'clientId'))
      if (!app) throw new Error('no such app')
      const directory = world.directoryNamed(text(input, 'directory'))
      if (!directory) throw new Error('no such directory')
      if (input.withdraw === true) {
        delete app.adminConsents[directory.id]
        world.changed()
      } else grantByAdmin(world, app, directory, Array.isArray(input.scopes) ? input.scopes.map(String) : ALL_SCOPES)
      return app
    }),
    control('revoke', (input) => {
      const { email } = accountOf(world, input)
      const code = input.code ?? 50173
      if (typeof code !== 'number' || !KNOWN_CODES.includes(code))
        throw new Error('code is no AADSTS number that is known here')
      entra.grants.end(email, code)
      return { accessTokens: input.keepAccess === true ? 0 : entra.grants.expireAccess({ account: email }) }
    }),
    control('expire-access', (input) => ({
      tokens: entra.grants.expireAccess(
        typeof input.clientId === 'string' ? { clientId: input.clientId } : { account: accountOf(world, input).email },
      ),
    })),
  ]
}

const lower = (value: unknown): string => String(value).trim().toLowerCase()
