// Pure: the cursor of a Gmail mailbox, the identity of a message in it, and the order of history ids.
import { z } from 'zod'
import { type MessageRef, ProviderError } from '../provider'
import { HistoryId } from './answers'

/** A message that is listed and not handed out yet: `<id>/<threadId>`. */
const Entry = z.string().regex(/^[\w-]{1,64}\/[\w-]{1,64}$/)
const seconds = z.number().int().min(0)

/** Reading what happened after `startId`. */
const HistoryCursor = z.object({
  version: z.literal(1),
  mode: z.literal('history'),
  startId: HistoryId,
  /** where to start next once every page from `startId` is read; null before the first page */
  until: HistoryId.nullable(),
  pageToken: z.string().nullable(),
  pending: z.array(Entry),
  /** ms: the id comes from a listing that ended then, and has not proven to be of use yet */
  listedAt: z.number().nullable(),
  /** a page token was refused once in this reading */
  restarted: z.boolean(),
})
export type HistoryCursor = z.infer<typeof HistoryCursor>

/** Listing by date, oldest first, window after window. */
const ListCursor = z.object({
  version: z.literal(1),
  mode: z.literal('list'),
  /** seconds: where the next window begins */
  from: seconds,
  /** seconds: how wide it is tried; null: up to now */
  span: seconds.nullable(),
  /** the current window, oldest first */
  pending: z.array(Entry),
  /** known once the last window is listed: where the history goes on */
  historyId: HistoryId.nullable(),
})
export type ListCursor = z.infer<typeof ListCursor>

const Cursor = z.discriminatedUnion('mode', [HistoryCursor, ListCursor])
export type GmailCursor = z.infer<typeof Cursor>

/** Reads a stored cursor back. A cursor that is not ours has expired: the caller starts anew. */
export function parseCursor(value: unknown): GmailCursor | null {
  if (value === null || value === undefined) return null
  const result = Cursor.safeParse(value)
  if (result.success) return result.data
  throw new ProviderError(
    'cursor_expired',
    'gmail_cursor_unreadable',
    'The stored position in the mailbox is unreadable.',
  )
}

/** The cursor that reads history after an id. `listedAt`: see HistoryCursor. */
export function historyFrom(startId: string, listedAt: number | null): HistoryCursor {
  return {
    version: 1,
    mode: 'history',
    startId,
    until: null,
    pageToken: null,
    pending: [],
    listedAt,
    restarted: false,
  }
}

/** The cursor that lists everything since a time, ms. */
export function listSince(since: number): ListCursor {
  return {
    version: 1,
    mode: 'list',
    from: Math.max(0, Math.floor(since / 1000)),
    span: null,
    pending: [],
    historyId: null,
  }
}

/** The later of two history ids: a position only ever moves forward. */
export function later(a: string, b: string): string {
  return BigInt(b) > BigInt(a) ? b : a
}

export const entryOf = (message: { id: string; threadId: string }): string => `${message.id}/${message.threadId}`

export function refOf(entry: string): MessageRef {
  const [id = '', thread = ''] = entry.split('/')
  return { identity: identityOf(id), thread }
}

/** The ledger identity of a message: its id never changes and names nothing else in the mailbox. */
export const identityOf = (id: string): string => `gmail:${id}`

/** The message id in an identity; null for anything that identityOf did not make. */
export function messageIdOf(identity: string): string | null {
  return /^gmail:([\w-]{1,64})$/.exec(identity)?.[1] ?? null
}
