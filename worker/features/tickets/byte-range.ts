// Range, ETag and Content-Disposition of a download (RFC 9110 sections 13 and 14, RFC 6266, RFC 8187). Pure.

export type ByteRange = { start: number; end: number }

/**
 * What a Range header asks of `size` bytes: [start, end), null for the whole (no range, several ranges, another unit, or anything
 * malformed: RFC 9110 section 14.2 lets a server ignore it), or 'unsatisfiable' (416).
 */
export function parseRange(header: string | undefined, size: number): ByteRange | null | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return null
  if (match[1] === '') {
    const last = Number(match[2])
    return last === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - last), end: size }
  }
  const start = Number(match[1])
  const end = match[2] === '' ? size : Math.min(size, Number(match[2]) + 1)
  if (start >= size) return 'unsatisfiable'
  return end <= start ? null : { start, end }
}

/** Whether If-None-Match names the tag (weak comparison). */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (!header) return false
  const plain = (tag: string) => tag.trim().replace(/^W\//, '')
  return header.trim() === '*' || header.split(',').some((tag) => plain(tag) === plain(etag))
}

/** A Content-Disposition that carries any file name: an ASCII fallback, and the exact name by RFC 8187. */
export function contentDisposition(kind: 'attachment' | 'inline', filename: string): string {
  // Controls and bidirectional overrides are what makes `photo\u202Egpj.exe` look harmless; a name needs neither.
  const name =
    filename.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '').slice(0, 200) || 'attachment'
  const fallback = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const exact = encodeURIComponent(name).replace(/['()*!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `${kind}; filename="${fallback}"; filename*=UTF-8''${exact}`
}
