// openapi.json (OpenAPI 3.1), made from the route table: nothing in it is written by hand, so it cannot drift from the routes.
import { z } from 'zod'
import { Problem } from '../../contract/http'
import { callersOf, type RouteEntry } from './route-table'

type Json = Record<string, unknown>

/** The document for these routes. `x-permission` names the permission, `x-callers` the roles that hold it. */
export function openApi(routes: RouteEntry[], version: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Postroom', version },
    paths,
    components: {
      schemas: { Problem: schemaOf(Problem, 'output') },
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'postroom_session' },
        operator: { type: 'http', scheme: 'bearer' },
      },
    },
  }
}

function operation(route: RouteEntry): Json {
  const { access } = route
  const body = requestBody(route)
  return {
    summary: route.summary,
    ...(access === null ? {} : { 'x-permission': access, 'x-callers': callersOf(access) }),
    security: access === 'public' ? [] : [{ [access === 'operator' ? 'operator' : 'session']: [] }],
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(body ? { requestBody: body } : {}),
    responses: {
      ...Object.fromEntries(route.answers.map((answer) => [String(answer.status), response(answer)])),
      default: {
        description: 'Problem (RFC 9457)',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters(query: z.ZodType | null): Json[] {
  if (!query) return []
  const schema = schemaOf(query, 'input') as { properties?: Record<string, Json>; required?: string[] }
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: schema.required?.includes(name) ?? false,
    schema: property,
  }))
}

function requestBody({ json, raw }: RouteEntry): Json | null {
  if (json) return { required: true, content: { 'application/json': { schema: schemaOf(json, 'input') } } }
  if (raw) {
    return {
      required: true,
      description: `At most ${raw.limit} bytes.`,
      content: { [raw.contentType]: { schema: { type: 'string', format: 'binary' } } },
    }
  }
  return null
}

function response({ status, schema, contentType }: RouteEntry['answers'][number]): Json {
  const description = status < 300 ? 'Success' : 'Answer'
  if (schema) return { description, content: { [contentType]: { schema: schemaOf(schema, 'output') } } }
  if (status === 204) return { description }
  return { description, content: { [contentType]: { schema: { type: 'string', format: 'binary' } } } }
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}
