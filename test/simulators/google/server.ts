// Puts the parts together: one port that answers as accounts.google.com, oauth2.googleapis.com, gmail.googleapis.com and
// Pub/Sub's push do, with the way of every request: contract, fault, route, contract, fault.
import { createContracts } from './contracts.ts'
import { controlRoutes } from './control.ts'
import { refusal, spoil, takeFault } from './faults.ts'
import { gmailPart } from './gmail.ts'
import { createRouter, type Dispatch, encodeBody, listen, type Route, type SimResponse } from './http.ts'
import { createIdentity } from './identity.ts'
import { html, page } from './pages.ts'
import { createStore } from './store.ts'
import { uiRoutes } from './ui.ts'
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
    ...uiRoutes(world, createStore(world)),
  ]
  const server = await listen(port, createDispatch(world, routes))
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

function createDispatch(world: World, routes: readonly Route[]): Dispatch {
  const find = createRouter(routes)
  const contracts = createContracts(routes)
  const dispatch: Dispatch = async (asked) => {
    const match = find(asked.method, asked.url.pathname)
    if (!match) return unknownPath(world, asked.method, asked.url.pathname)
    const { route } = match
    const request = { ...asked, params: match.params }
    const name = `${route.method} ${route.path}`
    if (!isApi(route)) return route.handle(request, dispatch)

    world.requests[name] = (world.requests[name] ?? 0) + 1
    const bad = contracts.checkRequest(route, request)
    if (bad) {
      world.violate(`request ${name}: ${bad.problem}`)
      return bad.answer
    }
    const fault = takeFault(world, request)
    const refused = fault && refusal(fault)
    if (refused) return refused
    const response = await settled(route, await route.handle(request, dispatch))
    const problem = contracts.checkResponse(route, response)
    if (problem) {
      world.violate(`answer ${response.status} of ${name}: ${problem}`)
      return { status: 500, body: { error: { code: 500, message: `simulator: contract broken: ${problem}` } } }
    }
    return fault ? spoil(fault, response) : response
  }
  return dispatch
}

/** Paths of Google's own; pages and controls are ours: not counted, not spoiled. */
function isApi(route: Route): boolean {
  return !route.path.startsWith('/__control/') && !route.path.startsWith('/mail') && route.path !== '/'
}

/** An answer that is to be checked is whole before it is sent. */
async function settled(route: Route, response: SimResponse): Promise<SimResponse> {
  const { stream, type } = encodeBody(response)
  if (!route.operation || !stream) return response
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const headers = { ...(type ? { 'content-type': type } : {}), ...response.headers }
  return { ...response, headers, body: Buffer.concat(chunks) }
}

function unknownPath(world: World, method: string, path: string): SimResponse {
  if (path !== '/favicon.ico') world.violate(`request ${method} ${path}: no such path`)
  return page('Not found', html`<h1>Not found</h1><p>The requested URL was not found on this server.</p>`, {
    status: 404,
  })
}
