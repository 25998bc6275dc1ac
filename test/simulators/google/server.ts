// Puts the parts together: one port that answers as accounts.google.com, oauth2.googleapis.com, gmail.googleapis.com and
// Pub/Sub's push do, with the way of every request: contract, fault, route, contract, fault.
import { createDispatch } from '../shell/dispatch.ts'
import { listen } from '../shell/http.ts'
import { createContracts } from './contracts.ts'
import { controlRoutes } from './control.ts'
import { refusal, spoil } from './faults.ts'
import { gmailPart } from './gmail.ts'
import { googleError } from './google-error.ts'
import { createIdentity } from './identity.ts'
import { createStore } from './store.ts'
import { pages } from './ui.ts'
import { createWorld, type Project, type World } from './world.ts'

/** All optional; without `state` (a folder) nothing outlives the process. */
export type GoogleOptions = Partial<Project> & { port?: number; state?: string }

/** Starts the simulator on 127.0.0.1. `close` saves what is to be kept. */
export async function startGoogle(
  options: GoogleOptions = {},
): Promise<{ url: string; close(): Promise<void>; world: World }> {
  const { port = 0, state, ...given } = options
  const world = createWorld(
    {
      clientId: '407408718192-postroom.apps.googleusercontent.com',
      clientSecret: 'GOCSPX-simulated-secret',
      redirectUris: ['http://localhost:8787/api/auth/google/callback'],
      topic: 'projects/postroom/topics/gmail',
      serviceAccount: 'push@postroom.iam.gserviceaccount.com',
      pushEndpoint: null,
      ...given,
    },
    state,
  )
  const identity = createIdentity(world)
  const routes = [
    ...identity.routes,
    ...gmailPart(world, identity),
    ...controlRoutes(world, identity),
    ...pages(world, createStore(world)),
  ]
  const dispatch = createDispatch({ world, routes, contracts: createContracts(routes), refusal, spoil })
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

const TOO_LARGE = googleError(413, 'Request Entity Too Large', { reason: 'uploadTooLarge', status: 'INVALID_ARGUMENT' })
