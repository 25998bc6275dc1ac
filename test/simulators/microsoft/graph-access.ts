// What every Graph route goes through first: token, whose mailbox, scopes and delegation, throttling. And what all answers share.
import { randomUUID } from 'node:crypto'
import { encodeBody, type Route, type SimRequest, type SimResponse } from '../shell/http.ts'
import { type IdType, messageJson } from './derive.ts'
import type { Caller, Entra } from './entra.ts'
import { accessDenied, badRequest, graphError, isRefusal, itemNotFound } from './graph-error.ts'
import type { Quota } from './graph-quota.ts'
import type { Mailbox, Store, StoredMessage } from './store.ts'
import type { Account, World } from './world.ts'

/**
 * `headers`: what becomes of threading headers and Message-IDs of mails that come as MIME. `sentDelay` in ms. `copies`: where
 * the copy goes of what somebody sends from another's mailbox: that mailbox, the sender's own, or both.
 */
export type GraphSettings = {
  headers: 'keep' | 'strip'
  sentDelay: number
  copies: 'mailbox' | 'sender' | 'both'
  emptyPages: number
  duplicates: number
}

/** The next links of a kind point at another origin. */
export type ForgedLinks = { kind: 'nextLink' | 'deltaLink' | 'uploadUrl'; origin: string; left: number }[]

export type Graph = {
  world: World
  entra: Entra
  store: Store
  quota: Quota
  settings: GraphSettings
  /** mailboxes that no app may open by itself (application access policy) */
  closedToApps: Record<string, true>
  forgedLinks: ForgedLinks
}

/** A request whose caller and mailbox are known. */
export type Call = {
  request: SimRequest
  params: Record<string, string>
  query: URLSearchParams
  caller: Caller
  account: Account
  /** the mailbox's address, which is not always the caller's */
  email: string
  mailbox: Mailbox
  /** `/v1.0/me` or `/v1.0/users/<as asked>` */
  base: string
  ids: IdType
}

export type Need = 'read' | 'write' | 'send' | 'profile' | 'settings'
type Handler = (call: Call) => SimResponse | Promise<SimResponse>
type Guarded = { method: string; path: string; needs: Need; operation: string }

const OWN: Record<Need, readonly string[]> = {
  read: ['Mail.Read', 'Mail.ReadWrite', 'Mail.Read.Shared', 'Mail.ReadWrite.Shared'],
  write: ['Mail.ReadWrite', 'Mail.ReadWrite.Shared'],
  send: ['Mail.Send', 'Mail.Send.Shared'],
  profile: ['User.Read', 'User.ReadBasic.All', 'User.Read.All'],
  settings: ['MailboxSettings.Read', 'MailboxSettings.ReadWrite'],
}
const SHARED: Record<Need, readonly string[]> = {
  read: ['Mail.Read.Shared', 'Mail.ReadWrite.Shared'],
  write: ['Mail.ReadWrite.Shared'],
  send: ['Mail.Send.Shared'],
  profile: ['User.ReadBasic.All', 'User.Read.All'],
  settings: [],
}

/** The routes of an operation below `/v1.0/me` and `/v1.0/users/:user`. `operation` is its id in the contract, with `/me`. */
export function graphRoutes(graph: Graph, { method, path, needs, operation }: Guarded, handle: Handler): Route[] {
  const guarded = async (request: SimRequest): Promise<SimResponse> => {
    const caller = graph.entra.authenticate(request, [...OWN[needs], ...SHARED[needs]])
    if (isRefusal(caller)) return finished(request, caller)
    const account = mailboxAccount(graph, caller, request.params.user, needs)
    if (isRefusal(account)) return finished(request, account)
    const taken = graph.quota.take(caller.app.clientId, account.email)
    if ('status' in taken) return finished(request, taken)
    let underWay = false
    try {
      await graph.quota.latency()
      const call: Call = {
        request,
        params: request.params,
        query: request.url.searchParams,
        caller,
        account,
        email: account.email,
        mailbox: graph.store.mailbox(account.email),
        base: request.params.user === undefined ? '/v1.0/me' : `/v1.0/users/${encodeURIComponent(request.params.user)}`,
        ids: idType(request),
      }
      const answer = await handle(call)
      const body = held(answer.body, taken.done)
      underWay = body !== null
      return finished(request, body ? { ...answer, body } : answer)
    } finally {
      if (!underWay) taken.done()
    }
  }
  const suffix = path === '' ? '' : `/${path}`
  return ['/v1.0/me', '/v1.0/users/:user'].map((base) => ({ method, path: base + suffix, operation, handle: guarded }))
}

/** The body that calls `done` behind its last byte, or when nobody wants more of it; null for one that is whole already. */
function held(body: unknown, done: () => void): AsyncIterable<Buffer> | null {
  const stream = encodeBody({ status: 200, body }).stream
  if (!stream) return null
  return (async function* () {
    try {
      yield* stream
    } finally {
      done()
    }
  })()
}

/** The account whose mailbox a path names, or why the caller may not open it. */
export function mailboxAccount(
  graph: Graph,
  caller: Caller,
  named: string | undefined,
  needs: Need,
): Account | SimResponse {
  const { world, store } = graph
  if (named === undefined && caller.account === null) {
    return badRequest('BadRequest', '/me request is only valid with delegated authentication flow.')
  }
  const account = named === undefined ? caller.account : accountOf(world, named)
  if (!account || account.directory !== caller.directory) return noSuchUser(named ?? '', needs)
  const own = account.email === caller.account?.email
  const allowed = own || caller.account === null ? OWN[needs] : SHARED[needs]
  if (!caller.scopes.some((scope) => allowed.includes(scope))) return needs === 'profile' ? denied() : accessDenied()
  if (needs === 'profile') return account
  if (!store.mailbox(account.email).enabled) {
    const message = 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.'
    return graphError(404, 'MailboxNotEnabledForRESTAPI', message)
  }
  if (caller.account === null) {
    const policy = 'Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.'
    return graph.closedToApps[account.email] ? accessDenied(policy) : account
  }
  const open = account.delegates.includes(caller.account.email)
  const sends = needs === 'send' && account.sendAs.includes(caller.account.email)
  return own || open || sends ? account : accessDenied()
}

const accountOf = (world: World, name: string): Account | null =>
  world.accountNamed(name) ?? [...world.accounts.values()].find(({ id }) => id === name.toLowerCase()) ?? null

function noSuchUser(name: string, needs: Need): SimResponse {
  if (needs !== 'profile') return graphError(404, 'ErrorInvalidUser', `The requested user '${name}' is invalid.`)
  const words = 'does not exist or one of its queried reference-property objects are not present.'
  return graphError(404, 'Request_ResourceNotFound', `Resource '${name}' ${words}`)
}

const denied = () =>
  graphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')

/** Values of Prefer, each a line or a member of one. Case matters in `IdType="ImmutableId"`. */
export function preferences({ headers }: SimRequest): string[] {
  const { prefer } = headers
  return (Array.isArray(prefer) ? prefer.join(',') : (prefer ?? '')).split(',').map((value) => value.trim())
}

const idType = (request: SimRequest): IdType =>
  preferences(request).includes('IdType="ImmutableId"') ? 'immutable' : 'rest'

/** Adds the headers that every answer of Graph carries. */
function finished(request: SimRequest, response: SimResponse): SimResponse {
  const asked = request.headers['client-request-id']
  const id = response.headers?.['request-id'] ?? randomUUID()
  const headers: Record<string, string> = {
    'request-id': id,
    'x-ms-ags-diagnostic':
      '{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"000","RoleInstance":"AM0000000000000"}}',
    ...response.headers,
    'client-request-id': typeof asked === 'string' ? asked : id,
  }
  const applied = [response.headers?.['preference-applied'], idType(request) === 'immutable' && 'IdType="ImmutableId"']
  if (response.status < 400 && applied.some(Boolean)) headers['preference-applied'] = applied.filter(Boolean).join(', ')
  return { ...response, headers }
}

/** Makes a route of its own (subscriptions) answer as the others do. */
export const plainRoute = (
  graph: Graph,
  { method, path, needs, operation }: Guarded,
  handle: (request: SimRequest, caller: Caller) => SimResponse | Promise<SimResponse>,
): Route => ({
  method,
  path,
  operation,
  async handle(request) {
    const caller = graph.entra.authenticate(request, [...OWN[needs], ...SHARED[needs]])
    return finished(request, isRefusal(caller) ? caller : await handle(request, caller))
  },
})

export const ok = (body: object, status = 200): SimResponse => ({
  status,
  headers: {
    'content-type':
      'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
  },
  body,
})

/** A message as an answer of its own. */
export function messageAnswer(
  { store }: Graph,
  { mailbox: box, ids, request, account }: Call,
  message: StoredMessage,
  { status = 200, select = null }: { status?: number; select?: readonly string[] | null } = {},
): SimResponse {
  const context = `${request.url.origin}/v1.0/$metadata#users('${account.id}')/messages/$entity`
  return ok({ '@odata.context': context, ...messageJson({ store, box, message, ids }, select) }, status)
}

/** The message a path names, or the 400 or 404 that refuses it. */
export function messageOf({ store }: Graph, { mailbox, params }: Call): StoredMessage | SimResponse {
  const id = params.id ?? ''
  if (!/^AA[\w-]{20,}=*$/.test(id)) return badRequest('ErrorInvalidIdMalformed', 'Id is malformed.')
  return store.find(mailbox, id) ?? itemNotFound()
}

/** The JSON body; the contract check has seen it parse. An empty one is {}. Names of parameters may be written in either case. */
export function jsonBody(request: SimRequest): Record<string, unknown> {
  return request.body.length === 0 ? {} : (JSON.parse(request.body.toString('utf8')) as Record<string, unknown>)
}

/** A parameter of an action, whose names Graph reads in any case. */
export function parameter(body: Record<string, unknown>, name: string): unknown {
  return Object.entries(body).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}

/** Where the links of an answer lead: here, unless a control has forged the next ones. */
export function linkOrigin({ forgedLinks }: Graph, { url }: SimRequest, kind: ForgedLinks[number]['kind']): string {
  const forged = forgedLinks.find((entry) => entry.kind === kind && entry.left > 0)
  if (!forged) return url.origin
  forged.left -= 1
  return forged.origin
}
