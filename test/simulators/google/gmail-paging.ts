// Page tokens and page sizes of Gmail's lists. Pure. Tokens are opaque to clients: JSON as base64.

/** A page token that stands for these values. */
export const encodeToken = (values: Record<string, string | number>): string =>
  Buffer.from(JSON.stringify(values)).toString('base64url')

/** The values of a page token, or null where it is none. */
export function decodeToken(token: string): Record<string, unknown> | null {
  try {
    const values: unknown = JSON.parse(Buffer.from(token, 'base64url').toString())
    return typeof values === 'object' && values !== null ? (values as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** How many entries a page has: 100 unless asked for, at most 500. Null for what is no number. */
export function pageSize(query: URLSearchParams): number | null {
  const given = query.get('maxResults')
  if (given === null) return 100
  if (!/^\d{1,9}$/.test(given)) return null
  return Math.min(500, Number(given) || 100)
}

type Dated = { id: string; internalDate: number }

/** Newest first; of the same millisecond the higher id first. */
export const newestFirst = (a: Dated, b: Dated): number =>
  b.internalDate - a.internalDate || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)

/**
 * One page of entries that are in order of `newestFirst`. The token remembers the last entry, so that arrivals in between shift nothing.
 * Null for a refused token.
 */
export function pageOf<T extends Dated>(
  entries: readonly T[],
  size: number,
  token: string | null,
): { page: T[]; nextPageToken?: string } | null {
  let start = 0
  if (token !== null) {
    const last = decodeToken(token)
    if (typeof last?.id !== 'string' || typeof last.internalDate !== 'number') return null
    const seen = { id: last.id, internalDate: last.internalDate }
    start = entries.findIndex((entry) => newestFirst(seen, entry) < 0)
    if (start < 0) start = entries.length
  }
  const page = entries.slice(start, start + size)
  const last = page.at(-1)
  const more = last !== undefined && start + size < entries.length
  return { page, ...(more && { nextPageToken: encodeToken({ id: last.id, internalDate: last.internalDate }) }) }
}
