// What holds the simulated Graph to Microsoft's descriptions: a request that breaks them is refused, an answer that does never leaves, and both are noted.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDispatch } from '../shell/dispatch.ts'
import type { Route, SimResponse } from '../shell/http.ts'
import { createContracts } from './contracts.ts'
import { createEntra } from './entra.ts'
import { graphPart } from './graph.ts'
import { type Microsoft, startForTests } from './graph-client.ts'
import { createWorld } from './world.ts'

const SUPPORT = 'support@contoso.example'

let microsoft: Microsoft
let token = ''

beforeEach(async () => {
  microsoft = await startForTests()
  token = await microsoft.signIn(SUPPORT, 'User.Read Mail.ReadWrite Mail.Send')
})
afterEach(() => microsoft.close())

const ask = (method: string, path: string, body?: string, type = 'application/json') =>
  fetch(`${microsoft.url}/v1.0${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) },
    ...(body !== undefined && { body }),
  })

describe('a request', () => {
  it.each<[string, string, string, string?, string?]>([
    ['of an unknown query option', 'GET', '/me/messages?limit=1'],
    ['of a property that is misspelt', 'POST', '/me/messages', '{"subjekt":"a"}'],
    ['of a property of another type', 'PATCH', '/me/messages/AAMk', '{"isRead":"yes"}'],
    ['of an unknown parameter of an action', 'POST', '/me/messages/AAMk/move', '{"folder":"archive"}'],
    ['that is no JSON', 'POST', '/me/sendMail', '{'],
    ['of another type of content', 'POST', '/me/sendMail', '{}', 'text/html'],
    ['with a body where none belongs', 'POST', '/me/messages/AAMk/send', '{"comment":"a"}'],
  ])('%s is refused and noted', async (_name, method, path, body, type) => {
    expect((await ask(method, path, body, type)).status).toBe(400)
    expect(microsoft.world.violations).toHaveLength(1)
  })

  it('of a path that Graph does not have is refused and noted', async () => {
    expect((await ask('GET', '/me/mails')).status).toBe(404)
    expect(microsoft.world.violations).toEqual(['request GET /v1.0/me/mails: no such path'])
  })
})

describe('an answer', () => {
  const route = (operation: string, answer: SimResponse): Route => {
    const [method = '', path = ''] = operation.split(' ')
    return { method, path: `/v1.0${path.replace('{id}', ':id')}`, operation, handle: () => answer }
  }
  /** What becomes of the answer of a route. */
  async function dispatched(only: Route) {
    const world = createWorld()
    const dispatch = createDispatch({
      world,
      routes: [only],
      contracts: createContracts([only]),
      refusal: () => null,
      spoil: async (_fault, response) => response,
    })
    const url = new URL(`http://127.0.0.1${only.path.replace(':id', 'AAMk')}`)
    const response = await dispatch({ method: only.method, url, headers: {}, body: Buffer.alloc(0) })
    return { ...response, violations: world.violations }
  }

  it.each<[string, string, SimResponse]>([
    ['of another status', 'POST /me/sendMail', { status: 200 }],
    ['with a body where none belongs', 'POST /me/sendMail', { status: 202, body: {} }],
    ['without a body', 'GET /me', { status: 200 }],
    ['of a property that Graph does not have', 'GET /me/messages/{id}', { status: 200, body: { colour: 'blue' } }],
    ['of a property of another type', 'GET /me/messages/{id}', { status: 200, body: { isRead: 'no' } }],
    ['whose error has another shape', 'GET /me', { status: 404, body: { message: 'Not here.' } }],
    ['of bytes under another status', 'GET /me/messages/{id}/$value', { status: 204 }],
  ])('%s never leaves, and is noted', async (_name, operation, answer) => {
    const { status, violations } = await dispatched(route(operation, answer))
    expect([status, violations]).toEqual([500, [expect.stringContaining(operation.split(' ')[0] ?? '')]])
  })

  it('that keeps to them leaves as it is', async () => {
    const answer = { status: 200, body: { id: 'AAMk', isRead: true } }
    expect(await dispatched(route('GET /me/messages/{id}', answer))).toEqual({ ...answer, violations: [] })
  })

  it('of every path of Graph’s is judged', () => {
    const world = createWorld()
    const routes = graphPart(world, createEntra(world)).filter(({ path }) => path.startsWith('/v1.0/'))
    world.events.emit('close')
    expect(routes.length).toBeGreaterThan(40)
    expect(routes.filter(({ operation }) => !operation)).toEqual([])
  })
})
