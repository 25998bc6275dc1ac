// The folder that an administrator has named: by a name that Graph itself knows, else by what people read in Outlook; made where it is missing.
import type { z } from 'zod'
import { MARK_REFUSED, ProviderError } from '../provider'
import { Folder, FolderList } from './answers'
import type { Call, GraphClient } from './client'

/** Names that mean the same folder in every language a mailbox may speak. */
const WELL_KNOWN = ['inbox', 'archive', 'deleteditems', 'junkemail']
/** Pages of one level of folders that are looked through. */
const PAGES = 20

/** The id of the folder, `/` before one inside another. Throws MARK_REFUSED where it can be neither found nor made. */
export async function folderNamed(client: GraphClient, path: string): Promise<string> {
  let parent: string | null = null
  for (const name of path.split('/').map((segment) => segment.trim())) parent = await childNamed(client, parent, name)
  if (parent === null) throw noSuchFolder(path)
  return parent
}

/** The id of a folder by Graph's own name for it. */
export async function folderId(client: GraphClient, wellKnown: string): Promise<string> {
  return (await client.call(Folder, { path: `mailFolders/${wellKnown}`, query: { $select: 'id' } })).id
}

async function childNamed(client: GraphClient, parent: string | null, name: string): Promise<string> {
  const known = parent === null ? await wellKnownId(client, name) : null
  return known ?? (await listedId(client, parent, name)) ?? (await make(client, parent, name))
}

async function wellKnownId(client: GraphClient, name: string): Promise<string | null> {
  const wellKnown = name.toLowerCase().replaceAll(' ', '')
  if (!WELL_KNOWN.includes(wellKnown)) return null
  try {
    return await folderId(client, wellKnown)
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'not_found') return null
    throw error
  }
}

const levelOf = (parent: string | null) =>
  parent === null ? 'mailFolders' : `mailFolders/${encodeURIComponent(parent)}/childFolders`

async function listedId(client: GraphClient, parent: string | null, name: string): Promise<string | null> {
  let call: Call = { path: levelOf(parent), query: { $select: 'id,displayName', $top: '100' } }
  for (let page = 0; page < PAGES; page++) {
    const answer: z.infer<typeof FolderList> = await client.call(FolderList, call)
    const found = answer.value.find(({ displayName }) => displayName?.toLowerCase() === name.toLowerCase())
    if (found) return found.id
    const { '@odata.nextLink': link } = answer
    if (link === undefined) return null
    call = { link }
  }
  return null
}

async function make(client: GraphClient, parent: string | null, name: string): Promise<string> {
  try {
    return (await client.call(Folder, { path: levelOf(parent), method: 'POST', json: { displayName: name } })).id
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    // Somebody else has made it in this moment.
    const made = error.code === 'graph_conflict' ? await listedId(client, parent, name) : null
    if (made !== null) return made
    if (error.code === 'graph_conflict' || error.code === 'graph_refused') throw noSuchFolder(name, error)
    throw error
  }
}

const noSuchFolder = (name: string, cause?: ProviderError) =>
  new ProviderError('protocol', MARK_REFUSED, `The folder “${name}” was not found and could not be made.`, {
    cause: cause?.cause,
    hint: 'Make it in Outlook, or name another one.',
  })
