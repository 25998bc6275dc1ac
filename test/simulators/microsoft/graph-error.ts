// The shape of Graph's error answers, with the request ids that support asks for.
import { randomUUID } from 'node:crypto'
import type { SimResponse } from '../shell/http.ts'

/** Graph's error answer; `date` and ids are of this answer. */
export function graphError(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): SimResponse {
  const id = randomUUID()
  const innerError = { date: new Date().toISOString().slice(0, 19), 'request-id': id, 'client-request-id': id }
  return {
    status,
    headers: { 'request-id': id, 'client-request-id': id, ...headers },
    body: { error: { code, message, innerError } },
  }
}

export const badRequest = (code: string, message: string): SimResponse => graphError(400, code, message)

/** What Exchange says where token, scope or delegation do not allow it. */
export const accessDenied = (message = 'Access is denied. Check credentials and try again.'): SimResponse =>
  graphError(403, 'ErrorAccessDenied', message)

export const itemNotFound = (): SimResponse =>
  graphError(404, 'ErrorItemNotFound', 'The specified object was not found in the store.')

export const resourceNotFound = (): SimResponse => graphError(404, 'ResourceNotFound', 'The object was not found.')

export const malformedId = (): SimResponse => badRequest('ErrorInvalidIdMalformed', 'Id is malformed.')

export const isRefusal = (value: object): value is SimResponse => 'status' in value && typeof value.status === 'number'
