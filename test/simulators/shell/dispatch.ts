// The way of every request through a simulator: contract, fault, route, contract, fault.
import { takeFault } from './faults.ts'
import { createRouter, type Dispatch, encodeBody, type Route, type SimRequest, type SimResponse } from './http.ts'
import { html, page } from './pages.ts'
import type { Fault, World } from './world.ts'

/** Holds what comes and goes against a vendor's published descriptions. */
export type Contracts = {
  /** What is wrong with the request and the vendor's answer to that, or null. */
  checkRequest(route: Route, request: SimRequest): { problem: string; answer: SimResponse } | null
  /** What is wrong with the answer, or null. */
  checkResponse(route: Route, response: SimResponse): string | null
  /** Whether a route answers with bytes that nobody judges, so that a stream of them may stay one. */
  isBytes?(route: Route): boolean
}

/** What a vendor brings: its routes, its contracts, and its words for injected trouble. */
type Parts = {
  world: World
  routes: readonly Route[]
  contracts: Contracts
  /** the answer of a fault that keeps a request from being handled, or null */
  refusal(fault: Fault, request: SimRequest): SimResponse | null
  /** what arrives instead of an answer; the request has been handled */
  spoil(fault: Fault, response: SimResponse): Promise<SimResponse>
  /** the one spelling of a path that the routes know, where the vendor allows several */
  canonicalPath?(pathname: string): string
}

/** The way of every request. */
export function createDispatch({ world, routes, contracts, refusal, spoil, canonicalPath }: Parts): Dispatch {
  const find = createRouter(routes)
  const dispatch: Dispatch = async (asked) => {
    const match = find(asked.method, canonicalPath?.(asked.url.pathname) ?? asked.url.pathname)
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
    const refused = fault && refusal(fault, request)
    if (refused) return refused
    const handled = await route.handle(request, dispatch)
    const response = contracts.isBytes?.(route) ? handled : await settled(route, handled)
    const problem = contracts.checkResponse(route, response)
    if (problem) {
      world.violate(`answer ${response.status} of ${name}: ${problem}`)
      return { status: 500, body: { error: { code: 500, message: `simulator: contract broken: ${problem}` } } }
    }
    return fault ? spoil(fault, response) : response
  }
  return dispatch
}

/** Paths of the vendor's own; pages and controls are ours: not counted, not spoiled. */
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
