// What every Gmail route goes through first: token and scopes, whose mailbox, quota. And the errors all of them share.
import { readFileSync } from 'node:fs'
import type { Dispatch, Route, SimRequest, SimResponse } from '../shell/http.ts'
import type { Quota } from './gmail-quota.ts'
import { googleError } from './google-error.ts'
import type { Identity } from './identity.ts'
import type { Mailbox, Store, StoredMessage } from './store.ts'
import type { World } from './world.ts'

export type Gmail = { world: World; identity: Identity; store: Store; quota: Quota }

/** A request whose user is known. */
export type Call = {
  request: SimRequest
  params: Record<string, string>
  query: URLSearchParams
  mailbox: Mailbox
  email: string
  scopes: readonly string[]
}

type Handler = (call: Call) => SimResponse | Promise<SimResponse>

const METADATA = 'https://www.googleapis.com/auth/gmail.metadata'

const scopesOf = new Map<string, string[]>(
  (
    JSON.parse(readFileSync(new URL('./contracts/gmail.v1.operations.json', import.meta.url), 'utf8')) as {
      operations: { id: string; scopes: string[] }[]
    }
  ).operations.map(({ id, scopes }) => [id, scopes]),
)

/** Makes the route of an operation, for paths below `/gmail/v1/users/:userId`; `prefix` is for uploads. */
export function gmailRoute(
  gmail: Gmail,
  method: string,
  path: string,
  operation: string,
  handle: Handler,
  prefix = '',
): Route {
  const id = `gmail.users.${operation}`
  const scopes = scopesOf.get(id) ?? []
  const guarded = async (request: SimRequest, _dispatch: Dispatch): Promise<SimResponse> => {
    const caller = gmail.identity.authenticate(request, scopes)
    if (!('account' in caller)) return caller
    const { email } = caller.account
    const user = request.params.userId?.toLowerCase()
    if (user !== 'me' && user !== email) {
      return googleError(403, `Delegation denied for ${email}`, { reason: 'forbidden', status: 'PERMISSION_DENIED' })
    }
    const taken = gmail.quota.take(email, id)
    if (!('done' in taken)) return taken
    try {
      await gmail.quota.latency()
      const query = request.url.searchParams
      const mailbox = gmail.store.mailbox(email)
      return await handle({ request, params: request.params, query, mailbox, email, scopes: caller.scopes })
    } finally {
      taken.done()
    }
  }
  return { method, path: `${prefix}/gmail/v1/users/:userId/${path}`, operation: id, handle: guarded }
}

/** A JSON answer; a stream is JSON already. */
export const ok = (body: object): SimResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=UTF-8' },
  body,
})

export const noContent: SimResponse = { status: 204 }

export const invalid = (message: string): SimResponse =>
  googleError(400, message, { reason: 'invalidArgument', status: 'INVALID_ARGUMENT' })

export const notFound = (): SimResponse =>
  googleError(404, 'Requested entity was not found.', { reason: 'notFound', status: 'NOT_FOUND' })

export const forbidden = (message: string): SimResponse =>
  googleError(403, message, { reason: 'forbidden', status: 'PERMISSION_DENIED' })

/** Whether nothing but the metadata scope lets this call read: no bodies and no searches then. */
export const metadataOnly = ({ scopes }: Call): boolean =>
  scopes.includes(METADATA) && !scopes.some((scope) => /mail\.google\.com|gmail\.(readonly|modify)$/.test(scope))

/** The message a path names, or the answer that refuses it. Ids are sixteen hex digits; Google says so before it looks. */
export function messageOf(call: Call, id = call.params.id): StoredMessage | SimResponse {
  if (!id || !/^[0-9a-f]{1,16}$/i.test(id)) return invalid('Invalid id value')
  return call.mailbox.messages[id.toLowerCase()] ?? notFound()
}

/** The JSON body; the contract check has seen it parse. An empty one is {}. */
export function jsonBody<T extends object>(request: SimRequest): Partial<T> {
  return request.body.length === 0 ? {} : (JSON.parse(request.body.toString('utf8')) as Partial<T>)
}

/** A message as sends, inserts and label changes answer it. */
export const brief = ({ id, threadId, labelIds }: StoredMessage) => ({
  id,
  threadId,
  ...(labelIds.length > 0 && { labelIds }),
})
