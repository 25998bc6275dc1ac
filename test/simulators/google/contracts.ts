// Holds requests and answers against Google's own descriptions (contracts/): unknown query names, misspelt or mistyped fields.
// An unknown path never gets here; the server refuses it.
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { encodeBody, googleError, type Route, type SimRequest, type SimResponse } from './http.ts'

type Operation = {
  id: string
  method: string
  path: string
  request: string | null
  response: string | null
  query: string[]
  scopes: string[]
}

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

export type Contracts = {
  /** What is wrong with the request and Google's 400 for it, or null. */
  checkRequest(route: Route, request: SimRequest): { problem: string; answer: SimResponse } | null
  /** What is wrong with the answer (its body no stream), or null. Errors are held against Google's error shape. */
  checkResponse(route: Route, response: SimResponse): string | null
}

/** Loads the contracts; throws when a route names an operation that its method or path does not fit. */
export function createContracts(routes: readonly Route[]): Contracts {
  const ajv = new Ajv2020({ allErrors: true, strict: false })
  addFormats.default(ajv)
  ajv.addFormat('uint64', (text: string) => inRange(text, 0n, 2n ** 64n - 1n))
  ajv.addFormat('int64', (text: string) => inRange(text, -(2n ** 63n), 2n ** 63n - 1n))
  for (const name of ['byte', 'int32', 'uint32', 'double', 'float']) ajv.addFormat(name, true)
  for (const name of ['google-datetime', 'google-duration', 'google-fieldmask']) ajv.addFormat(name, true)

  const operations = new Map<string, Operation>()
  for (const api of ['gmail.v1', 'oauth2.v2']) {
    ajv.addSchema(read(`${api}.schema.json`) as Record<string, unknown>)
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
  const validator = (operation: Operation, name: string): ValidateFunction => {
    const api = operation.id.startsWith('oauth2.') ? 'oauth2.v2' : 'gmail.v1'
    const validate = ajv.getSchema(`https://contracts.invalid/${api}.schema.json#/$defs/${name}`)
    if (!validate) throw new Error(`no schema ${name} in ${api}`)
    return validate
  }
  /** The problem of a value under a schema, in words, without the value. */
  const problemOf = (validate: ValidateFunction, value: unknown): string | null =>
    validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: 'body' })

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
      const problem = problemOf(validator(operation, operation.request), body)
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
      return body === undefined ? 'not JSON' : problemOf(validator(operation, schema), body)
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

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./contracts/${name}`, import.meta.url), 'utf8'))
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function inRange(text: string, least: bigint, most: bigint): boolean {
  return /^-?\d+$/.test(text) && BigInt(text) >= least && BigInt(text) <= most
}
