// Marking mail in its mailbox once it is on a ticket: a category, the read flag, or another folder. What is so already is not written again.
import { MARK_REFUSED, type Mark, type MarkCapable, type MessageRef, ProviderError } from '../provider'
import { Marks } from './answers'
import type { GraphClient, GraphMailbox } from './client'
import { messageIdOf } from './cursor'
import { isMailboxWide } from './errors'
import { mailboxTrouble } from './fetch'
import { folderId, folderNamed } from './folders'
import type { GraphLimits } from './limits'

export type MarkDeps = { client: GraphClient; limits: GraphLimits; mailbox: GraphMailbox }
type Result = { ref: MessageRef; error: ProviderError | null }

/** As people see it in Outlook, where a category needs no definition. */
const CATEGORY = 'Postroom/Processed'

/** The marks of a Graph mailbox: two requests for a message at most, those of a few messages at once. */
export function marksOf(deps: MarkDeps): MarkCapable {
  return { units: 2, mark: (refs, how, atOnce = deps.limits.parallel) => markEach(deps, refs, { how, atOnce }) }
}

async function* markEach(
  deps: MarkDeps,
  refs: MessageRef[],
  { how, atOnce }: { how: Mark; atOnce: number },
): AsyncGenerator<Result> {
  try {
    const markOne = await markerOf(deps.client, how)
    for (let at = 0; at < refs.length; at += atOnce) {
      const results = await Promise.all(refs.slice(at, at + atOnce).map((ref) => resultOf(ref, markOne)))
      for (const { error } of results) await throwIfWide(deps.client, error)
      yield* results
    }
  } catch (error) {
    throw refusalOf(error, deps.mailbox)
  }
}

/** Marks the message of an id. Throws a ProviderError. */
type Marker = (id: string) => Promise<void>

async function markerOf(client: GraphClient, how: Mark): Promise<Marker> {
  switch (how.action) {
    case 'category':
      return (id) => addCategory(client, id)
    case 'read':
      return (id) => client.command({ path: pathOf(id), method: 'PATCH', json: { isRead: true } })
    case 'move': {
      const [inbox, destinationId] = [await folderId(client, 'inbox'), await folderNamed(client, how.folder)]
      return (id) => moveFrom(client, id, { inbox, destinationId })
    }
  }
}

const pathOf = (id: string) => `messages/${encodeURIComponent(id)}`

async function addCategory(client: GraphClient, id: string): Promise<void> {
  const { categories } = await client.call(Marks, { path: pathOf(id), query: { $select: 'id,categories' } })
  const wanted = withCategory(categories ?? [])
  if (wanted) await client.command({ path: pathOf(id), method: 'PATCH', json: { categories: wanted } })
}

/** All categories of a message with ours among them; null where it is. Outlook does not tell them apart by case. */
export function withCategory(categories: readonly string[]): string[] | null {
  const there = categories.some((category) => category.toLowerCase() === CATEGORY.toLowerCase())
  return there ? null : [...categories, CATEGORY]
}

/** Only out of the inbox: what somebody has filed or deleted meanwhile stays where they put it. The immutable id survives. */
async function moveFrom(
  client: GraphClient,
  id: string,
  { inbox, destinationId }: { inbox: string; destinationId: string },
): Promise<void> {
  const { parentFolderId } = await client.call(Marks, { path: pathOf(id), query: { $select: 'id,parentFolderId' } })
  if (parentFolderId !== inbox || destinationId === inbox) return
  try {
    await client.command({ path: `${pathOf(id)}/move`, method: 'POST', json: { destinationId } })
  } catch (error) {
    // The message was there just now: it is the folder that is not found, and the next try looks it up anew.
    if (!isError(error) || error.kind !== 'not_found') throw error
    throw new ProviderError('transient', 'graph_folder_gone', 'The folder to move mail to was not found.')
  }
}

async function resultOf(ref: MessageRef, markOne: Marker): Promise<Result> {
  const id = messageIdOf(ref.identity)
  try {
    if (id !== null) await markOne(id)
    return { ref, error: null }
  } catch (error) {
    if (!isError(error)) throw error
    return { ref, error: error.kind === 'not_found' ? null : error }
  }
}

/** An outage must not be held against the messages it is met with. */
async function throwIfWide(client: GraphClient, error: ProviderError | null): Promise<void> {
  if (error === null) return
  if (isMailboxWide(error)) throw error
  if (error.kind !== 'transient' && error.kind !== 'protocol') return
  const trouble = await mailboxTrouble(client)
  if (trouble) throw trouble
}

/** A mailbox that does not let itself be written to, in words that say how to change that. */
function refusalOf(error: unknown, { kind }: GraphMailbox): unknown {
  if (!isError(error) || (error.code !== 'graph_access_denied' && error.code !== 'graph_consent_missing')) return error
  return new ProviderError('protocol', MARK_REFUSED, 'Microsoft does not let Postroom change mail in this mailbox.', {
    cause: error.cause,
    hint:
      kind === 'app'
        ? 'Add the application permission Mail.ReadWrite to the app in the Entra admin center, grant admin consent, then reconnect.'
        : 'Reconnect to let Postroom mark mail.',
  })
}

const isError = (error: unknown): error is ProviderError => error instanceof ProviderError
