// Reading: the user, lists of messages, one message, its MIME and its attachments.
import type { Route, SimResponse } from '../shell/http.ts'
import { type Attachment, attachmentBytes, attachmentJson, attachmentsOf, messageJson } from './derive.ts'
import { type Call, type Graph, graphRoutes, linkOrigin, messageAnswer, messageOf, ok } from './graph-access.ts'
import { badRequest, isRefusal, itemNotFound, malformedId } from './graph-error.ts'
import { type ListQuery, parseAttachmentSelect, parseExpand, parseListQuery, parseSelect } from './graph-query.ts'
import type { Folder, StoredMessage } from './store.ts'

/** Bytes of MIME sent at once. */
const CHUNK = 256 * 1024

export function readingRoutes(graph: Graph): Route[] {
  const { store } = graph

  const user = ({ account, request }: Call): SimResponse => {
    const names = account.name.split(' ')
    return ok({
      '@odata.context': `${request.url.origin}/v1.0/$metadata#users/$entity`,
      businessPhones: [],
      displayName: account.name,
      givenName: names[0] ?? null,
      jobTitle: null,
      mail: account.email,
      mobilePhone: null,
      officeLocation: null,
      preferredLanguage: null,
      surname: names.at(-1) ?? null,
      userPrincipalName: account.userPrincipalName,
      id: account.id,
    })
  }

  const list = (call: Call): SimResponse => {
    const found = call.params.folder === undefined ? null : folderOf(graph, call)
    if (found && isRefusal(found)) return found
    const query = parseListQuery(call.query)
    if ('status' in query) return query
    const matching = store.list(call.mailbox, found?.id ?? null).filter(query.matches)
    if (query.oldestFirst) matching.reverse()
    const { skip, top } = query
    const more = matching.length > skip + top
    return ok({
      '@odata.context': `${call.request.url.origin}/v1.0/$metadata#users('${call.account.id}')/messages`,
      ...(call.query.get('$count') === 'true' && { '@odata.count': matching.length }),
      value: matching.slice(skip, skip + top).map((message) => listed(call, message, query)),
      ...(more && { '@odata.nextLink': nextLink(graph, call, skip + top) }),
    })
  }

  const listed = ({ mailbox: box, ids }: Call, message: StoredMessage, query: ListQuery) => {
    const source = { store, box, message, ids }
    const { attachments } = query
    return {
      ...messageJson(source, query.select),
      ...(attachments && {
        attachments: attachmentsOf(store, message).map((one) => attachmentJson(source, one, attachments.select)),
      }),
    }
  }

  const get = (call: Call): SimResponse => {
    const message = messageOf(graph, call)
    if (isRefusal(message)) return message
    const select = parseSelect(call.query.get('$select'))
    if ('status' in select) return select
    const expand = parseExpand(call.query.get('$expand'))
    if (expand && 'status' in expand) return expand
    const answer = messageAnswer(graph, call, message, { select: select.names })
    if (!expand) return answer
    const source = { store, box: call.mailbox, message, ids: call.ids }
    const attachments = attachmentsOf(store, message).map((one) => attachmentJson(source, one, expand.select))
    return { ...answer, body: { ...(answer.body as object), attachments } }
  }

  /** The bytes as they were stored, in chunks and without a length. */
  const mime = (call: Call): SimResponse => {
    const message = messageOf(graph, call)
    if (isRefusal(message)) return message
    return { status: 200, headers: { 'content-type': 'text/plain' }, body: inChunks(store.rawOf(message)) }
  }

  const attachments = (call: Call): SimResponse => {
    const message = messageOf(graph, call)
    if (isRefusal(message)) return message
    const select = parseAttachmentSelect(call.query.get('$select'))
    if ('status' in select) return select
    const source = { store, box: call.mailbox, message, ids: call.ids }
    return ok({ value: attachmentsOf(store, message).map((one) => attachmentJson(source, one, select.names)) })
  }

  const attachment = (call: Call): SimResponse => {
    const found = attachmentOf(graph, call)
    if (isRefusal(found)) return found
    const expand = call.query.get('$expand')
    const source = { store, box: call.mailbox, message: found.message, ids: call.ids }
    const json = attachmentJson(source, found.attachment)
    if (expand === null || found.attachment.kind !== 'item') return ok(json)
    if (!/^microsoft\.graph\.itemAttachment\/item$/i.test(expand))
      return badRequest('BadRequest', `Cannot expand '${expand}'.`)
    return ok({ ...json, item: { '@odata.type': '#microsoft.graph.message', id: '', subject: found.attachment.name } })
  }

  const attachmentValue = (call: Call): SimResponse => {
    const found = attachmentOf(graph, call)
    if (isRefusal(found)) return found
    const bytes = attachmentBytes(store, found.message, found.attachment)
    if (!bytes) return badRequest('ErrorInvalidOperation', 'Reference attachments have no raw content.')
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: bytes }
  }

  const route = (path: string, handle: (call: Call) => SimResponse, operation: string) =>
    graphRoutes(graph, { method: 'GET', path, needs: 'read', operation }, handle)
  return [
    ...graphRoutes(graph, { method: 'GET', path: '', needs: 'profile', operation: 'GET /me' }, user),
    ...route('mailFolders/:folder/messages', list, 'GET /me/mailFolders/{id}/messages'),
    ...route('messages', list, 'GET /me/messages'),
    ...route('messages/:id', get, 'GET /me/messages/{id}'),
    ...route('messages/:id/$value', mime, 'GET /me/messages/{id}/$value'),
    ...route('messages/:id/attachments', attachments, 'GET /me/messages/{id}/attachments'),
    ...route('messages/:id/attachments/:attachment', attachment, 'GET /me/messages/{id}/attachments/{aid}'),
    ...route(
      'messages/:id/attachments/:attachment/$value',
      attachmentValue,
      'GET /me/messages/{id}/attachments/{aid}/$value',
    ),
  ]
}

/** The folder a path names, or Graph's refusal: names that people see are no ids. */
export function folderOf({ store }: Graph, { mailbox, params }: Call): Folder | SimResponse {
  const name = params.folder ?? ''
  const found = store.folderOf(mailbox, name)
  return found ?? (/^A[AQ]M/.test(name) ? itemNotFound() : malformedId())
}

function attachmentOf(graph: Graph, call: Call): { message: StoredMessage; attachment: Attachment } | SimResponse {
  const message = messageOf(graph, call)
  if (isRefusal(message)) return message
  const attachment = attachmentsOf(graph.store, message).find(({ id }) => id === call.params.attachment)
  return attachment ? { message, attachment } : itemNotFound()
}

/** The request again from another offset on. */
export function nextLink(graph: Graph, { request }: Call, skip: number): string {
  const url = new URL(request.url)
  url.searchParams.set('$skip', String(skip))
  return `${linkOrigin(graph, request, 'nextLink')}${url.pathname}${url.search}`
}

async function* inChunks(raw: Buffer): AsyncIterable<Buffer> {
  for (let from = 0; from < raw.length; from += CHUNK) yield raw.subarray(from, from + CHUNK)
}
