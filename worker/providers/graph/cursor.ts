// Pure: the cursor of a Graph mailbox, one position for each folder that is read, and the identity of a message.
import { z } from 'zod'
import { type MailRole, type MessageRef, ProviderError } from '../provider'

/** A message that is listed and not handed out yet: its id, its conversation, when it was received (ms), and `true` where files are attached. */
const Entry = z.tuple([z.string(), z.string().nullable(), z.number().nullable(), z.literal(true).optional()])
export type Entry = z.infer<typeof Entry>

/** A position before anything was asked, or on the way to the first delta link: what is there already is passed over. */
const Begin = z.object({
  mode: z.literal('begin'),
  /** ms: where the delta begins */
  from: z.number(),
  link: z.string().nullable(),
  passed: z.number(),
})
/** Listing by date, oldest first. The delta of what comes meanwhile begins at `delta`. */
const Listing = z.object({
  mode: z.literal('list'),
  /** ms */
  from: z.number(),
  /** the rest of a page where all mails carry the same second */
  link: z.string().nullable(),
  delta: z.string(),
  /** ms: when that was */
  takenAt: z.number(),
  pending: z.array(Entry),
  /** the last page is in `pending` */
  last: z.boolean(),
})
/** Reading changes. `rest`: `link` is a delta link, so nothing waits behind it. */
const Delta = z.object({
  mode: z.literal('delta'),
  link: z.string(),
  rest: z.boolean(),
  pending: z.array(Entry),
  /** entries since the last delta link */
  seen: z.number(),
  /** ms: when the position was taken; null once it has proven to be of use */
  takenAt: z.number().nullable(),
})
/** A folder that may not be read, and need not be; `at` ms: when that was tried. */
const Closed = z.object({ mode: z.literal('closed'), at: z.number().catch(0) })

const FolderCursor = z.discriminatedUnion('mode', [Begin, Listing, Delta, Closed])
export type Begin = z.infer<typeof Begin>
export type Listing = z.infer<typeof Listing>
export type Delta = z.infer<typeof Delta>
export type Closed = z.infer<typeof Closed>
export type FolderCursor = z.infer<typeof FolderCursor>

export const FOLDERS = ['inbox', 'sentitems'] as const
export type FolderName = (typeof FOLDERS)[number]

const Cursor = z.object({
  version: z.literal(1),
  /** ms; null: only what comes from now on */
  since: z.number().nullable(),
  inbox: FolderCursor,
  sentitems: FolderCursor,
  turn: z.enum(FOLDERS),
})
export type GraphCursor = z.infer<typeof Cursor>

/** Reads a stored cursor back. A cursor that is not ours has expired: the caller starts anew. */
export function parseCursor(value: unknown): GraphCursor | null {
  if (value === null || value === undefined) return null
  const result = Cursor.safeParse(value)
  if (result.success) return result.data
  throw new ProviderError(
    'cursor_expired',
    'graph_cursor_unreadable',
    'The stored position in the mailbox is unreadable.',
  )
}

/** The cursor that reads everything since a time, ms; Infinity: nothing that is there already. `overlap` ms. */
export function startOf(since: number, now: number, overlap: number): GraphCursor {
  const from = Math.min(now - overlap, Math.max(since, now - REACH))
  const begin: Begin = { mode: 'begin', from, link: null, passed: 0 }
  return {
    version: 1,
    since: Number.isFinite(since) ? Math.max(0, since) : null,
    inbox: begin,
    sentitems: begin,
    turn: 'inbox',
  }
}

/** Mail that is wanted is told of although it comes out of the junk folder this long after it was received, ms. */
const REACH = 7 * 86_400_000

const ROLES: Record<FolderName, MailRole | null> = { inbox: null, sentitems: 'sent' }

export function refOf([id, thread, receivedAt, attached]: Entry, folder: FolderName): MessageRef {
  const role = ROLES[folder]
  return {
    identity: identityOf(id),
    ...(thread !== null && { thread }),
    ...(receivedAt !== null && { receivedAt }),
    ...(attached && { attached }),
    ...(role !== null && { role }),
  }
}

/** The ledger identity of a message: an immutable id, in which upper and lower case differ. */
export const identityOf = (id: string): string => `graph:${id}`

/** The message id in an identity; null for anything that identityOf did not make. */
export function messageIdOf(identity: string): string | null {
  return /^graph:([\x21-\x7e]{1,512})$/.exec(identity)?.[1] ?? null
}
