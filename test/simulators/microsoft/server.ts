// Puts the parts together: one port that answers as login.microsoftonline.com and graph.microsoft.com do.
import { createDispatch } from '../shell/dispatch.ts'
import { spoil } from '../shell/faults.ts'
import { listen } from '../shell/http.ts'
import { createContracts } from './contracts.ts'
import { controlRoutes } from './control.ts'
import { createEntra } from './entra.ts'
import { refusal } from './faults.ts'
import { graphPart } from './graph.ts'
import { graphError } from './graph-error.ts'
import { canonicalPath } from './graph-path.ts'
import { createStore } from './store.ts'
import { pages } from './ui.ts'
import { createWorld, type Registration, type World } from './world.ts'

/** All optional; without `state` (a folder) nothing outlives the process. `redirectUris` are those of the apps that are there anyway (`APPS`). */
export type MicrosoftOptions = {
  port?: number
  state?: string
  /** `host:port` that notifications may go to; otherwise any on loopback */
  notificationHosts?: readonly string[]
  redirectUris?: string[]
  apps?: readonly Registration[]
}

/** Apps that every run has, in directory contoso.example. */
export const APPS = {
  /** Any organisation may use it; contoso's administrator has consented to its own permissions. */
  multi: {
    clientId: '11111111-1111-4111-a111-111111111111',
    name: 'Postroom',
    secrets: ['simulated~multi-tenant-secret'],
    roles: ['Mail.Read', 'Mail.Send', 'User.Read.All'],
    adminConsents: { 'contoso.example': [] },
  },
  /** For contoso alone: /common is refused. */
  single: {
    clientId: '22222222-2222-4222-a222-222222222222',
    name: 'Postroom (contoso only)',
    secrets: ['simulated~single-tenant-secret'],
    multiTenant: false,
    roles: ['Mail.Read', 'Mail.Send'],
    adminConsents: { 'contoso.example': [] },
  },
  /** No administrator has consented yet, and people may not. */
  unconsented: {
    clientId: '33333333-3333-4333-a333-333333333333',
    name: 'Postroom (awaiting approval)',
    secrets: ['simulated~unconsented-secret'],
    roles: ['Mail.Read', 'Mail.Send'],
    adminOnly: true,
  },
} satisfies Record<string, Registration>

/** Starts the simulator on 127.0.0.1. `close` saves what is to be kept. */
export async function startMicrosoft(
  options: MicrosoftOptions = {},
): Promise<{ url: string; close(): Promise<void>; world: World }> {
  const { port = 0, redirectUris = ['http://localhost:8787/api/auth/microsoft/callback'], apps = [] } = options
  const world = createWorld(options)
  for (const app of [...Object.values(APPS), ...apps]) world.register({ redirectUris, ...app })
  addPeople(world)
  const entra = createEntra(world)
  const routes = [
    ...entra.routes,
    ...graphPart(world, entra),
    ...controlRoutes(world, entra),
    ...pages(world, createStore(world)),
  ]
  const dispatch = createDispatch({
    world,
    routes,
    contracts: createContracts(routes),
    refusal: (fault, request) => refusal(fault, request, world.clock()),
    spoil,
    canonicalPath,
  })
  const server = await listen({ port, dispatch, tooLarge: TOO_LARGE })
  return {
    url: server.url,
    world,
    async close() {
      world.events.emit('close')
      await server.close()
      world.save()
    },
  }
}

const TOO_LARGE = graphError(413, 'RequestEntityTooLarge', 'The request is larger than the service takes.')

/** A team with a mailbox of its own and a shared one, and a stranger in another organisation. */
function addPeople(world: World): void {
  world.addAccount('support@contoso.example', 'Contoso Support')
  world.addAccount('anna@contoso.example', 'Anna Berg')
  world.addAccount('adele@fabrikam.example', 'Adele Vance')
  const info = world.addAccount('info@contoso.example', 'Contoso Info')
  Object.assign(info, { shared: true, delegates: ['anna@contoso.example'], sendAs: ['anna@contoso.example'] })
}
