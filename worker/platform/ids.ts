// Opaque record ids: a prefix that names the record, 48 bits of time so that inserts stay in order, 80 random bits.

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz' // Crockford base32
export type IdPrefix = 'ten' | 'usr' | 'inv' | 'inb' | 'led' | 'con' | 'tkt' | 'msg' | 'att' | 'job' | 'msp'
export type NewId = (prefix: IdPrefix) => string

/** A new id such as `tkt_01jd3…` (26 characters after the prefix, sortable by time). */
export function newId(prefix: IdPrefix, now: number = Date.now()): string {
  let time = ''
  for (let n = now, i = 0; i < 10; i++, n = Math.floor(n / 32)) time = ALPHABET[n % 32] + time
  let random = ''
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) random += ALPHABET[byte % 32]
  return `${prefix}_${time}${random}`
}

/** A URL-safe secret of `bytes` random bytes. */
export function newToken(bytes = 32): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)))
}

/** Base64url without padding (RFC 4648 section 5). */
export function base64url(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}

/** SHA-256, hex. */
export async function sha256Hex(data: string | Uint8Array): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
