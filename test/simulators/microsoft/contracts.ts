// Holds requests and answers against Microsoft's description of Graph (contracts/): unknown query options, misspelt or mistyped fields, wrong statuses.
// An unknown path never gets here; the server refuses it.
import type { Contracts } from '../shell/dispatch.ts'
import { encodeBody, type Route, type SimRequest, type SimResponse } from '../shell/http.ts'
import { createSchemas, parseJson, readContract } from '../shell/schemas.ts'
import { graphError } from './graph-error.ts'

/** `status` is a number, or `2xx`; a `response` with a space in it is words about bytes. */
type Operation = {
  method: string
  path: string
  request: string | null
  status: number | string
  response: string | null
}

const API = 'graph-v1'

const QUERY =
  /^(\$?(select|expand|filter|orderby|top|skip|count|search|skiptoken|deltatoken|format)|changeType|includeHiddenFolders)$/i

/** Where the body may be a mail instead of JSON (base64, as text/plain). */
const MIME_REQUESTS = ['POST /me/messages', 'POST /me/sendMail']

/** Loads the contracts; a route's `operation` is `POST /me/messages`. Throws when its path does not fit. */
export function createContracts(routes: readonly Route[]): Contracts {
  const folder = new URL('./contracts/', import.meta.url)
  const schemas = createSchemas([readContract(folder, `${API}.schema.json`)])
  const { operations } = readContract(folder, `${API}.operations.json`) as { operations: Operation[] }
  const byName = new Map(operations.map((operation) => [`${operation.method} ${operation.path}`, operation]))
  const operationOf = (route: Route): Operation | null => {
    if (!route.operation) return null
    const operation = byName.get(route.operation)
    if (!operation) throw new Error(`no such operation: ${route.operation}`)
    return operation
  }
  for (const route of routes) {
    const operation = operationOf(route)
    if (operation && !fits(route, operation)) {
      throw new Error(`${route.method} ${route.path} is not ${route.operation}`)
    }
  }

  return {
    checkRequest(route, request) {
      const operation = operationOf(route)
      if (!operation) return null
      const unknown = [...request.url.searchParams.keys()].find((name) => !QUERY.test(name))
      if (unknown !== undefined) {
        return broken(`unknown query option ${unknown}`, `The query parameter '${unknown}' is not supported.`)
      }
      const problem = bodyProblem(operation, request)
      return problem === null ? null : broken(problem, `Unable to read JSON request payload. ${problem}`)
    },
    isBytes: (route) => operationOf(route)?.response?.includes(' ') ?? false,
    checkResponse(route, response) {
      const operation = operationOf(route)
      if (!operation) return null
      if (response.status >= 400) return judged('error', response)
      if (typeof operation.status === 'number' && response.status !== operation.status) {
        return `status ${response.status} instead of ${operation.status}`
      }
      if (operation.response === null) {
        return encodeBody(response).bytes?.length === 0 ? null : 'a body where none belongs'
      }
      return operation.response.includes(' ') ? null : judged(operation.response, response)
    },
  }

  function judged(schema: string, response: SimResponse): string | null {
    const encoded = encodeBody(response)
    const body = encoded.json ?? (encoded.bytes ? parseJson(encoded.bytes) : undefined)
    return body === undefined ? 'not JSON' : schemas.problemOf(API, schema, body)
  }

  function bodyProblem(operation: Operation, request: SimRequest): string | null {
    if (request.method === 'GET' || request.body.length === 0) return null
    const type = request.headers['content-type'] ?? 'none'
    if (/^text\/plain\b/i.test(type) && MIME_REQUESTS.includes(`${operation.method} ${operation.path}`)) return null
    if (!/^application\/json\b/i.test(type)) return `a body of type ${type}`
    const body = parseJson(request.body)
    if (body === undefined) return 'a body that is not JSON'
    if (operation.request) return schemas.problemOf(API, operation.request, body)
    const empty = typeof body === 'object' && body !== null && Object.keys(body).length === 0
    return empty ? null : 'a body where none belongs'
  }
}

const broken = (problem: string, message: string) => ({ problem, answer: graphError(400, 'BadRequest', message) })

/** Whether the route's path is the operation's, for oneself or for any user. */
function fits(route: Route, operation: Operation): boolean {
  const shape = (path: string) =>
    path
      .replace(/^\/v1\.0/, '')
      .replace(/^\/users\/:\w+/, '/me')
      .replace(/:\w+|\{\w+\}/g, '*')
  return route.method === operation.method && shape(route.path) === shape(operation.path)
}
