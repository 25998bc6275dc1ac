// A simulator's own levers under /__control/: the helper every part makes its control routes with, and those of the world.
import type { Route, SimRequest } from './http.ts'
import type { Account, Fault, World } from './world.ts'

type Input = Record<string, unknown>

/** `POST /__control/<name>` with a JSON object; the result is the answer. What it throws becomes a 400 with the message. */
export function control(name: string, handle: (input: Input, request: SimRequest) => unknown): Route {
  return {
    method: 'POST',
    path: `/__control/${name}`,
    async handle(request) {
      try {
        const input = request.body.length > 0 ? JSON.parse(request.body.toString('utf8')) : {}
        return { status: 200, body: (await handle(input, request)) ?? {} }
      } catch (error) {
        return { status: 400, body: { error: error instanceof Error ? error.message : String(error) } }
      }
    },
  }
}

/** `GET /__control/<name>`; the query's values are the input. */
export function controlGet(name: string, handle: (input: Record<string, string>) => unknown): Route {
  return {
    method: 'GET',
    path: `/__control/${name}`,
    async handle({ url }) {
      try {
        return { status: 200, body: (await handle(Object.fromEntries(url.searchParams))) ?? {} }
      } catch (error) {
        return { status: 400, body: { error: error instanceof Error ? error.message : String(error) } }
      }
    },
  }
}

/** A string of a control's input; throws when it is not one. */
export function text(input: Input, name: string): string {
  const value = input[name]
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is missing`)
  return value
}

/** The account a control names in `account` (or another field); throws when there is none. */
export function accountOf<A extends Account>(world: World<A>, input: Input, field = 'account'): A {
  const email = text(input, field).trim().toLowerCase()
  const account = world.accounts.get(email)
  if (!account) throw new Error(`no such account: ${email}`)
  return account
}

/** Controls of every world: accounts, clock, faults of these kinds, state and violations. */
export function worldControls(world: World, faultKinds: readonly string[]): Route[] {
  return [
    controlGet('accounts', () => ({ accounts: [...world.accounts.values()] })),
    control('clock', (input) => {
      if (typeof input.advance === 'number') world.advance(input.advance)
      else if (typeof input.set === 'number') world.setClock(input.set)
      else throw new Error('advance or set is missing (milliseconds)')
      return { now: world.clock() }
    }),
    control('fault', (input) => {
      const fault = faultOf(input, faultKinds)
      world.faults.push(fault)
      return fault
    }),
    control('fault/clear', () => ({ cleared: world.faults.splice(0).length })),
    controlGet('state', () => ({
      now: world.clock(),
      requests: world.requests,
      faults: world.faults,
      violations: world.violations.length,
      ...Object.fromEntries(Object.entries(world.reports).map(([name, report]) => [name, report()])),
    })),
    controlGet('violations', () => world.violations),
  ]
}

function faultOf(input: Input, kinds: readonly string[]): Fault {
  const kind = kinds.find((known) => known === input.kind)
  if (!kind) throw new Error(`kind must be one of ${kinds.join(', ')}`)
  const path = text(input, 'path')
  new RegExp(path) // throws on nonsense now instead of at the next request
  const { method, times = 1, retryAfter, ms, location } = input
  if (typeof times !== 'number') throw new Error('times must be a number')
  return {
    kind,
    path,
    times,
    method: typeof method === 'string' ? method.toUpperCase() : undefined,
    retryAfter: typeof retryAfter === 'number' || typeof retryAfter === 'string' ? retryAfter : undefined,
    ms: typeof ms === 'number' ? ms : undefined,
    location: typeof location === 'string' ? location : undefined,
  }
}
