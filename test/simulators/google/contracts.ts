// Holds requests and answers against Google's own descriptions (contracts/): unknown query names, misspelt or mistyped fields.
// An unknown path never gets here; the server refuses it.
import type { Contracts } from '../shell/dispatch.ts'
import { encodeBody, type Route, type SimResponse } from '../shell/http.ts'
import { createSchemas, parseJson, readContract } from '../shell/schemas.ts'
import { googleError } from './google-error.ts'

type Operation = {
  id: string
  method: string
  path: string
  request: string | null
  response: string | null
  query: string[]
  scopes: string[]
}

const APIS = ['gmail.v1', 'oauth2.v2']

/** Query names every Google API takes. */
const COMMON_QUERY = [
  '$.xgafv',
  'access_token',
  'alt',
  'callback',
  'fields',
  'key',
  'oauth_token',
  'prettyPrint',
  'quotaUser',
  'uploadType',
  'upload_id',
  'upload_protocol',
]

/** Loads the contracts; throws when a route names an operation that its method or path does not fit. */
export function createContracts(routes: readonly Route[]): Contracts {
  const read = (name: string): unknown => readContract(new URL('./contracts/', import.meta.url), name)
  const schemas = createSchemas(APIS.map((api) => read(`${api}.schema.json`)))
  const operations = new Map<string, Operation>()
  for (const api of APIS) {
    for (const operation of (read(`${api}.operations.json`) as { operations: Operation[] }).operations) {
      operations.set(operation.id, operation)
    }
  }
  const operationOf = (route: Route): Operation | null => {
    if (!route.operation) return null
    const operation = operations.get(route.operation)
    if (!operation) throw new Error(`no such operation: ${route.operation}`)
    return operation
  }
  for (const route of routes) {
    const operation = operationOf(route)
    if (operation && !fits(route, operation)) throw new Error(`${route.method} ${route.path} is not ${operation.id}`)
  }
  /** The problem of a value under a schema of the operation's API. */
  const problemOf = (operation: Operation, name: string, value: unknown): string | null =>
    schemas.problemOf(operation.id.startsWith('oauth2.') ? 'oauth2.v2' : 'gmail.v1', name, value)

  return {
    checkRequest(route, request) {
      const operation = operationOf(route)
      if (!operation) return null
      const unknown = [...request.url.searchParams.keys()].filter(
        (name) => !operation.query.includes(name) && !COMMON_QUERY.includes(name),
      )
      if (unknown.length > 0) {
        const message = `Invalid JSON payload received. Unknown name "${unknown[0]}": Cannot bind query parameter.`
        return { problem: `unknown query names ${unknown.join(', ')}`, answer: badRequest(message) }
      }
      const media = route.path.startsWith('/upload/')
      if (media || request.method === 'GET' || request.body.length === 0) return null
      if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
        const message = `Invalid content type: ${request.headers['content-type'] ?? 'none'}`
        return { problem: 'a body that is not application/json', answer: badRequest(message) }
      }
      const body = parseJson(request.body)
      if (body === undefined) {
        return { problem: 'a body that is not JSON', answer: badRequest('Invalid JSON payload received. Parse error.') }
      }
      if (!operation.request) {
        const empty = typeof body === 'object' && body !== null && Object.keys(body).length === 0
        return empty
          ? null
          : { problem: 'a body where none belongs', answer: badRequest('Request body must be empty.') }
      }
      const problem = problemOf(operation, operation.request, body)
      return problem === null ? null : { problem, answer: badRequest(`Invalid JSON payload received. ${problem}`) }
    },
    checkResponse(route, response) {
      const operation = operationOf(route)
      const uploadBegins = response.headers?.['x-guploader-uploadid'] !== undefined
      if (!operation || uploadBegins) return null
      const schema = response.status >= 400 ? 'GoogleError' : operation.response
      const encoded = encodeBody(response)
      if (!schema) return encoded.bytes?.length === 0 ? null : 'a body where none belongs'
      const body = encoded.json ?? (encoded.bytes ? parseJson(encoded.bytes) : undefined)
      return body === undefined ? 'not JSON' : problemOf(operation, schema, body)
    },
  }
}

/** Whether the route's path is the operation's, or its upload path. */
function fits(route: Route, operation: Operation): boolean {
  const shape = (path: string) => path.replace(/^\/?(upload\/)?/, '').replace(/:\w+|\{\w+\}/g, '*')
  return route.method === operation.method && shape(route.path) === shape(operation.path)
}

function badRequest(message: string): SimResponse {
  return googleError(400, message, { reason: 'badRequest', status: 'INVALID_ARGUMENT' })
}
