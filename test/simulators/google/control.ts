// Google's own levers: accounts, consents and their end. Those of the mailboxes are in gmail-control.ts, of pushes in push-forge.ts.
import { accountOf, control, text, worldControls } from '../shell/control.ts'
import type { Route } from '../shell/http.ts'
import { FAULT_KINDS } from './faults.ts'
import type { Identity } from './identity.ts'
import type { World } from './world.ts'

/** Controls of the world and of identity. */
export function controlRoutes(world: World, identity: Identity): Route[] {
  return [
    ...worldControls(world, FAULT_KINDS),
    control('accounts', (input) =>
      world.addAccount(text(input, 'email'), input.name === undefined ? undefined : text(input, 'name')),
    ),
    control('authorize', (input) => {
      const request = identity.authorizer.parse(new URL(text(input, 'url')).searchParams)
      const account = world.addAccount(text(input, 'account'))
      if (input.deny === true) return { location: identity.authorizer.decide(request, account, null) }
      const asked = identity.authorizer.missingConsent(request, account)
      const allowed = Array.isArray(input.scopes) ? input.scopes.map(String) : asked
      return {
        location: allowed
          ? identity.authorizer.decide(request, account, allowed)
          : identity.authorizer.pass(request, account),
      }
    }),
    control('revoke', (input) => {
      const account = accountOf(world, input)
      if (input.subtype === undefined) return { grants: identity.grants.revokeAccount(account.email) }
      identity.grants.refuseRefresh(account.email, text(input, 'subtype'))
      return {}
    }),
    control('expire-access', (input) => ({
      tokens: identity.grants.expireAccess(accountOf(world, input).email),
    })),
    control('testing', (input) => {
      if (input.days !== null && typeof input.days !== 'number') throw new Error('days is missing (a number or null)')
      identity.grants.testingDays = input.days
      return { days: input.days }
    }),
  ]
}
