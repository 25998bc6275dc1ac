// Pure: the cursor of an IMAP mailbox, the identity of a message in it, and sets of UIDs.
import { z } from 'zod'
import { ProviderError } from '../provider'

const MAX_UID = 4_294_967_295

const Cursor = z.object({
  folder: z.literal('INBOX'),
  /** decimal; compared, never calculated with */
  uidvalidity: z.string().regex(/^[1-9]\d{0,19}$/),
  /** every UID up to this one is listed or was not wanted */
  lastUid: z.number().int().min(0).max(MAX_UID),
  /** ms: the oldest mail the first listing wanted */
  since: z.number(),
  /** messages up to this UID are wanted only if they arrived after `since`; later ones always */
  sinceUntil: z.number().int().min(0).max(MAX_UID),
})
export type ImapCursor = z.infer<typeof Cursor>

/** Reads a stored cursor back. A cursor that is not ours has expired: the caller starts anew. */
export function parseCursor(value: unknown): ImapCursor | null {
  if (value === null || value === undefined) return null
  const result = Cursor.safeParse(value)
  if (!result.success) {
    throw new ProviderError(
      'cursor_expired',
      'imap_cursor_unreadable',
      'The stored position in the mailbox is unreadable.',
    )
  }
  return result.data
}

/** The ledger identity of a message: UIDVALIDITY and UID name it for as long as the mailbox lives (RFC 9051 2.3.1.1). */
export function identityOf(uidvalidity: string, uid: number): string {
  return `imap:INBOX:${uidvalidity}:${uid}`
}

/** The parts of an identity; null for anything that identityOf did not make. */
export function parseIdentity(identity: string): { uidvalidity: string; uid: number } | null {
  const match = /^imap:INBOX:([1-9]\d{0,19}):([1-9]\d{0,9})$/.exec(identity)
  const [, uidvalidity, digits] = match ?? []
  const uid = Number(digits)
  return uidvalidity !== undefined && uid <= MAX_UID ? { uidvalidity, uid } : null
}

/** UIDs as an IMAP sequence set, `3,5:9`. Sorted and unique, so that no range is ever reversed; empty for no UIDs. */
export function uidSet(uids: readonly number[]): string {
  const sorted = [...new Set(uids)].sort((a, b) => a - b)
  const parts: string[] = []
  for (let i = 0; i < sorted.length; ) {
    let end = i
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++
    parts.push(end === i ? `${sorted[i]}` : `${sorted[i]}:${sorted[end]}`)
    i = end + 1
  }
  return parts.join(',')
}

/** Splits a list into pieces of at most `size`. */
export function chunks<T>(list: readonly T[], size: number): T[][] {
  const result: T[][] = []
  for (let i = 0; i < list.length; i += size) result.push(list.slice(i, i + size))
  return result
}
