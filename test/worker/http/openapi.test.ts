import { SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'
import { createApp } from '../../../worker/app'
import { printRouteTable, routeTable } from '../../../worker/platform/http/route-table'
import { ORIGIN } from '../../support/session'

type Operation = {
  'x-permission': string
  parameters: { name: string; in: string; required: boolean }[]
  requestBody?: { content: Record<string, { schema: { required?: string[] } }> }
  responses: Record<string, unknown>
  security: Record<string, unknown>[]
}
type Document = { openapi: string; paths: Record<string, Record<string, Operation>> }

const document = async () => (await (await SELF.fetch(`${ORIGIN}/api/openapi.json`)).json()) as Document

it('describes every mounted route to anybody who asks', async () => {
  const { openapi, paths } = await document()
  expect(openapi).toBe('3.1.0')
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const mounted = routeTable(createApp([])).map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  expect(described.sort()).toEqual(mounted.sort())
})

it('tells of a route who may call it, what goes in and what comes out', async () => {
  const { paths } = await document()
  const create = paths['/api/inboxes']?.post
  expect(create).toMatchObject({
    'x-permission': 'inboxes:manage',
    'x-callers': 'owner, admin',
    security: [{ session: [] }],
  })
  expect(create?.requestBody?.content['application/json']?.schema.required).toEqual([
    'name',
    'emailAddress',
    'connectionType',
  ])
  expect(Object.keys(create?.responses ?? {})).toEqual(['201', 'default'])
  const ledger = paths['/api/inboxes/{id}/ledger']?.get
  expect(ledger?.parameters.map(({ name, in: place, required }) => [name, place, required])).toEqual([
    ['id', 'path', true],
    ['cursor', 'query', false],
    ['limit', 'query', false],
    ['state', 'query', false],
    ['disposition', 'query', false],
  ])
  expect(paths['/api/auth/sign-in']?.post).toMatchObject({ 'x-permission': 'public', security: [] })
  expect(paths['/api/operator/tenants']?.post).toMatchObject({ security: [{ operator: [] }] })
})

it('prints the permission table from the same list', () => {
  const table = printRouteTable(routeTable(createApp([])))
  expect(table).toContain('| `POST /api/inboxes` | inboxes:manage | owner, admin | Make an inbox |')
  expect(table).toContain('| `GET /api/health` | public | public |')
  expect(table).not.toContain('?')
})
