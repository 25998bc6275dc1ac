// GET mailFolders/{id}/messages/delta: rounds, their links, and tokens that are refused.
import type { Route, SimResponse } from '../shell/http.ts'
import {
  type DeltaPage,
  type DeltaQuery,
  type DeltaToken,
  decodeToken,
  deltaPage,
  encodeToken,
  startToken,
} from './delta.ts'
import { idOf, messageJson } from './derive.ts'
import { type Call, type Graph, graphRoutes, linkOrigin, ok, preferences } from './graph-access.ts'
import { badRequest, graphError, isRefusal } from './graph-error.ts'
import { folderOf } from './graph-messages.ts'
import { dateOf, parseSelect } from './graph-query.ts'
import type { ChangeKind, Mailbox } from './store.ts'

const DEFAULT_SIZE = 10
const MAX_SIZE = 1_000
const OPTIONS = new Set(['$select', '$top', '$filter', '$orderby', '$deltatoken', '$skiptoken', 'changeType'])

export function deltaRoutes(graph: Graph): Route[] {
  const { store, settings } = graph

  const delta = (call: Call): SimResponse => {
    const folder = folderOf(graph, call)
    if (isRefusal(folder)) return folder
    const token = tokenOf(call, folder.id)
    if ('status' in token) return token
    const { size, header } = pageSize(call)
    const page = takeOne(settings, 'emptyPages')
      ? { items: [], next: token, delta: null }
      : deltaPage(call.mailbox, store.list(call.mailbox, folder.id), token, size)
    const value = page.items.map((item) =>
      'change' in item
        ? { '@removed': { reason: item.change.moved ? 'changed' : 'deleted' }, id: idOf(item.change, call.ids) }
        : {
            '@odata.type': '#microsoft.graph.message',
            ...messageJson({ store, box: call.mailbox, message: item, ids: call.ids }, token.select),
          },
    )
    const first = value[0]
    if (first && takeOne(settings, 'duplicates')) value.push(first)
    const context = `${call.request.url.origin}/v1.0/$metadata#Collection(message)`
    return { ...ok({ '@odata.context': context, value, ...links(call, page) }), ...header }
  }

  function links(call: Call, page: DeltaPage): Record<string, string> {
    const to = (kind: 'nextLink' | 'deltaLink', name: string, token: DeltaToken) => ({
      [`@odata.${kind}`]: `${linkOrigin(graph, call.request, kind)}${call.request.url.pathname}?${name}=${encodeToken(token)}`,
    })
    if (page.next) return to('nextLink', '$skiptoken', page.next)
    return page.delta ? to('deltaLink', '$deltatoken', page.delta) : {}
  }

  /** Where this request goes on, from its token or from the start. */
  function tokenOf(call: Call, folder: string): DeltaToken | SimResponse {
    const { query, mailbox } = call
    const unknown = [...query.keys()].find((name) => !OPTIONS.has(name))
    if (unknown)
      return badRequest('ErrorInvalidUrlQuery', `The query parameter '${unknown}' is not supported in delta.`)
    const given = query.get('$skiptoken') ?? query.get('$deltatoken')
    if (given !== null && given.toLowerCase() !== 'latest') {
      const token = decodeToken(mailbox, folder, given)
      if (token === 'invalid') return badRequest('syncStateInvalid', 'The sync state data is invalid.')
      return token === 'expired' ? expired(call, mailbox) : token
    }
    const asked = askedOf(query, folder)
    return 'status' in asked ? asked : startToken(mailbox, asked, given !== null)
  }

  /** All of these have been seen. */
  function expired({ request }: Call, mailbox: Mailbox): SimResponse {
    switch (mailbox.expiry) {
      case 'gone': {
        const location = `${request.url.origin}${request.url.pathname}`
        return graphError(
          410,
          'syncStateNotFound',
          'The sync state generation is not found; continuationToken is expired.',
          { location },
        )
      }
      case 'resync':
        return graphError(410, 'resyncRequired', "Resync required. Replace any local items with the server's version.")
      case 'not_found':
        return graphError(404, 'SyncStateNotFound', 'The sync state is not found.')
      case 'invalid':
        return badRequest('syncStateInvalid', 'The sync state data is invalid.')
    }
  }

  const path = 'mailFolders/:folder/messages/delta'
  const operation = 'GET /me/mailFolders/{id}/messages/delta'
  return graphRoutes(graph, { method: 'GET', path, needs: 'read', operation }, delta)
}

/** What the first call of a round asks for, or Graph's 400. */
function askedOf(query: URLSearchParams, folder: string): DeltaQuery | SimResponse {
  const select = parseSelect(query.get('$select'))
  if ('status' in select) return select
  const filter = query.get('$filter')
  const [, operator, literal] = /^\s*receivedDateTime\s+(ge|gt)\s+(\S+)\s*$/i.exec(filter ?? '') ?? []
  const at = dateOf(literal ?? '')
  if (filter !== null && at === null) {
    return badRequest(
      'ErrorInvalidUrlQuery',
      'The only supported $filter expressions are receivedDateTime ge and receivedDateTime gt.',
    )
  }
  const order = query.get('$orderby')
  if (order !== null && !/^\s*receivedDateTime\s+desc\s*$/i.test(order)) {
    return badRequest('ErrorInvalidUrlQuery', 'The only supported $orderby expression is receivedDateTime desc.')
  }
  const changeType = query.get('changeType')
  if (changeType !== null && !['created', 'updated', 'deleted'].includes(changeType)) {
    return badRequest('ErrorInvalidUrlQuery', `The changeType '${changeType}' is not supported.`)
  }
  const since = at === null ? null : { at, exclusive: operator?.toLowerCase() === 'gt' }
  return { folder, select: select.names, since, changeType: changeType as ChangeKind | null }
}

/** Prefer: odata.maxpagesize, else $top; and the header that says what was applied. */
function pageSize({ request, query }: Call): { size: number; header: object } {
  const preferred = preferences(request).flatMap((value) => /^odata\.maxpagesize=(\d+)$/i.exec(value)?.[1] ?? [])[0]
  const size = Number(preferred ?? query.get('$top') ?? DEFAULT_SIZE) || DEFAULT_SIZE
  const applied = Math.min(MAX_SIZE, size)
  return {
    size: applied,
    header:
      preferred === undefined
        ? {}
        : { headers: { ...ok({}).headers, 'preference-applied': `odata.maxpagesize=${applied}` } },
  }
}

/** Takes one of what a control has planned; false where nothing is left. */
function takeOne(settings: Graph['settings'], name: 'emptyPages' | 'duplicates'): boolean {
  if (settings[name] <= 0) return false
  settings[name] -= 1
  return true
}
