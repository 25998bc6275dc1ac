// Folders: one, the top level, those inside another, and new ones.
import type { Route, SimResponse } from '../shell/http.ts'
import { type Call, type Graph, graphRoutes, jsonBody, ok } from './graph-access.ts'
import { badRequest, graphError, isRefusal } from './graph-error.ts'
import { folderOf, nextLink } from './graph-messages.ts'
import { parseFolderQuery } from './graph-query.ts'
import type { Folder } from './store.ts'

type Handler = (call: Call) => SimResponse

export function folderRoutes(graph: Graph): Route[] {
  const { store } = graph

  const json = ({ mailbox }: Call, folder: Folder) => {
    const messages = store.list(mailbox, folder.id)
    return {
      id: folder.id,
      displayName: folder.displayName,
      parentFolderId: folder.parent ?? `AQMkAD${mailbox.prefix}ALgAAAAIBCAAAAA==`,
      childFolderCount: mailbox.folders.filter(({ parent }) => parent === folder.id).length,
      unreadItemCount: messages.filter(({ isRead }) => !isRead).length,
      totalItemCount: messages.length,
      isHidden: false,
    }
  }

  /** The folders of one level; the top one where `parent` is undefined. */
  const list = (call: Call, parent: string | undefined): SimResponse => {
    const query = parseFolderQuery(call.query)
    if ('status' in query) return query
    const { top, skip, named } = query
    const level = call.mailbox.folders.filter((folder) => folder.parent === parent)
    const all = level.filter(({ displayName }) => named === null || displayName === named)
    const more = skip + top < all.length
    return ok({
      value: all.slice(skip, skip + top).map((folder) => json(call, folder)),
      ...(more && { '@odata.nextLink': nextLink(graph, call, skip + top) }),
    })
  }

  const create = (call: Call, parent: string | undefined): SimResponse => {
    const { displayName } = jsonBody(call.request)
    if (typeof displayName !== 'string' || displayName.trim() === '') {
      return badRequest('ErrorInvalidRequest', 'The folder has no display name.')
    }
    const same = displayName.toLowerCase()
    if (call.mailbox.folders.some((one) => one.parent === parent && one.displayName.toLowerCase() === same)) {
      return graphError(409, 'ErrorFolderExists', 'A folder with the specified name already exists.')
    }
    return ok(json(call, store.newFolder(call.email, displayName, parent)), 201)
  }

  /** In the folder that the path names. */
  const inside =
    (work: (call: Call, parent: string) => SimResponse): Handler =>
    (call) => {
      const found = folderOf(graph, call)
      return isRefusal(found) ? found : work(call, found.id)
    }
  const one: Handler = (call) => {
    const found = folderOf(graph, call)
    return isRefusal(found) ? found : ok(json(call, found))
  }

  const route = (method: 'GET' | 'POST', path: string, handle: Handler) => {
    const operation = `${method} /me/${path.replace(':folder', '{id}')}`
    return graphRoutes(graph, { method, path, needs: method === 'GET' ? 'read' : 'write', operation }, handle)
  }
  return [
    ...route('GET', 'mailFolders', (call) => list(call, undefined)),
    ...route('POST', 'mailFolders', (call) => create(call, undefined)),
    ...route('GET', 'mailFolders/:folder', one),
    ...route('GET', 'mailFolders/:folder/childFolders', inside(list)),
    ...route('POST', 'mailFolders/:folder/childFolders', inside(create)),
  ]
}
