// The same refusals for every route, read off the mounted app: a new route is tested by being mounted.
import { env, SELF } from 'cloudflare:test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../../worker/app'
import { HTTP_LIMITS } from '../../../worker/contract/limits'
import { may, ROLES, type Role } from '../../../worker/contract/permissions'
import { isProviderPath } from '../../../worker/platform/http/provider-paths'
import { type RouteEntry, routeTable } from '../../../worker/platform/http/route-table'
import { makeRecords, type Records, rowsOf } from '../../support/records'
import { makeTenant, ORIGIN, type TestTenant } from '../../support/session'
import { startTranscript } from '../../support/transcript'

const server = { host: '127.0.0.1', port: 1, security: 'none', username: 'u', password: 'mailbox-password-0001' }

/** A valid body for each route that names a record and reads JSON, so that its answer is about the record. */
const BODIES: Record<string, unknown> = {
  'PATCH /api/users/:id': { role: 'agent' },
  'PATCH /api/inboxes/:id': { name: 'Renamed' },
  'DELETE /api/inboxes/:id': { openTickets: { action: 'close' } },
  'POST /api/inboxes/:id/connect/google': {},
  'POST /api/inboxes/:id/connect/microsoft': {},
  'PUT /api/inboxes/:id/connection/imap': { imap: server, smtp: server },
  'PATCH /api/microsoft/profiles/:id': { displayName: 'Renamed' },
  'PATCH /api/tickets/:id': { status: 'waiting' },
  'POST /api/tickets/:id/replies': { text: 'Hello' },
  'POST /api/tickets/:id/notes': { text: 'For the team' },
}

const routes = routeTable(createApp([]))
const guarded = routes.filter(({ access }) => access !== 'public' && access !== 'operator')
const named = (list: RouteEntry[]) => list.map((route) => [`${route.method} ${route.path}`, route] as const)
const parametersOf = (path: string) => [...path.matchAll(/([^/]+)\/:\w+/g)].map(([, kind]) => kind ?? '')
/** A consumer is a word and no record: whose binding it is, the session alone says (bindings.test.ts). */
const namesRecord = (route: RouteEntry) => /:(?!consumer\b)/.test(route.path)
const unsafe = (route: RouteEntry) => route.method !== 'GET' && !isProviderPath(route.path)

let tenant: TestTenant
const transcript = startTranscript()
const secrets = new Set<string>([env.AUTH_SECRET, env.OPERATOR_TOKEN, env.ENCRYPTION_KEYS, server.password])

async function newTenant(): Promise<TestTenant> {
  const made = await makeTenant()
  for (const role of ROLES) secrets.add(made.cookie[role].split('=')[1] ?? '')
  return made
}

function pathWith(route: RouteEntry, records: Records): string {
  return route.path.replace(/([^/]+)\/:\w+/g, (_all, kind: string) => `${kind}/${records[kind]}`)
}

async function call(route: RouteEntry, init: { path?: string; headers?: Record<string, string>; body?: string } = {}) {
  const { path = route.path.replace(/:\w+/g, 'none'), ...rest } = init
  const headers = { ...(rest.body === undefined ? {} : { 'content-type': 'application/json' }), ...rest.headers }
  return transcript.keep(await SELF.fetch(`${ORIGIN}${path}`, { method: route.method, ...rest, headers }))
}

const as = (who: TestTenant, role: Role) => ({ cookie: who.cookie[role] })
const bodyOf = (route: RouteEntry) =>
  route.json ? { body: JSON.stringify(BODIES[`${route.method} ${route.path}`]) } : {}

async function expectProblem(response: Response, status: number, code?: string) {
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(await response.json()).toMatchObject({ status, ...(code ? { code } : {}) })
}

beforeAll(async () => {
  tenant = await newTenant()
})

describe('the route table', () => {
  it.each(named(routes))('%s says who may call it, what it does and what it answers', (_name, route) => {
    expect(route.access).not.toBeNull()
    expect(route.summary).not.toBe('')
    const other = isProviderPath(route.path)
    expect(other || route.answers.length > 0).toBe(true)
  })

  it.each(named(routes.filter((route) => namesRecord(route) && route.access !== 'operator')))(
    '%s names records that this suite can make, with a body that it knows',
    async (name, route) => {
      const known = Object.keys(await makeRecords(tenant))
      expect(known).toEqual(expect.arrayContaining(parametersOf(route.path)))
      if (route.json) expect(BODIES).toHaveProperty([name])
    },
  )
})

describe('without a session', () => {
  it.each(named(guarded))('%s answers 401', async (_name, route) => {
    await expectProblem(await call(route), 401, 'unauthenticated')
  })
})

describe('without the permission', () => {
  const refused = guarded.flatMap((route) =>
    ROLES.filter((role) => route.access && !may(role, route.access as Parameters<typeof may>[1])).map(
      (role) => [role, `${route.method} ${route.path}`, route] as const,
    ),
  )
  it.each(refused)('as %s, %s answers 403', async (role, _name, route) => {
    await expectProblem(await call(route, { headers: as(tenant, role) }), 403, 'forbidden')
  })
})

describe('from another site', () => {
  it.each(named(routes.filter(unsafe)))('%s answers 403', async (_name, route) => {
    const owner = as(tenant, 'owner')
    for (const [name, value] of [
      ['origin', 'https://evil.test'],
      ['origin', 'null'],
      ['sec-fetch-site', 'cross-site'],
    ] as const) {
      await expectProblem(await call(route, { headers: { ...owner, [name]: value } }), 403, 'foreign_origin')
    }
  })
})

describe("with another tenant's record", () => {
  const withRecords = guarded.filter(namesRecord)

  it.each(named(withRecords))('%s answers 404 and changes nothing', async (_name, route) => {
    const owner = await newTenant()
    const records = await makeRecords(owner)
    const before = await rowsOf(owner.tenantId)
    const path = pathWith(route, records)
    await expectProblem(await call(route, { path, headers: as(tenant, 'owner'), ...bodyOf(route) }), 404, 'not_found')
    expect(await rowsOf(owner.tenantId)).toEqual(before)
    // The record is there for its own tenant, so the 404 above was about the tenant.
    const own = await call(route, { path, headers: as(owner, 'owner'), ...bodyOf(route) })
    expect(own.status).not.toBe(404)
    expect(own.status).toBeLessThan(500)
  })
})

describe('with a body that is none', () => {
  const reading = routes.filter((route) => route.json)
  const caller = (route: RouteEntry) =>
    route.access === 'operator' ? { authorization: `Bearer ${env.OPERATOR_TOKEN}` } : as(tenant, 'owner')

  it.each(named(reading))('%s answers 4xx to malformed JSON and JSON of another shape', async (_name, route) => {
    const headers = caller(route)
    await expectProblem(await call(route, { headers, body: '{"password": "unclosed' }), 400, 'bad_request')
    for (const body of ['[]', '"text"', 'null', '7']) {
      await expectProblem(await call(route, { headers, body }), 422, 'invalid_body')
    }
  })

  it.each(named(reading))('%s answers 413 to a body over the limit', async (_name, route) => {
    const body = JSON.stringify({ name: 'x'.repeat(HTTP_LIMITS.jsonBody) })
    await expectProblem(await call(route, { headers: caller(route), body }), 413, 'body_too_large')
  })
})

afterAll(() => {
  expect(transcript.leaked([...secrets])).toEqual([])
})
