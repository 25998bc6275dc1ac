// Password hashes: scrypt with its parameters in the string (`scrypt$N$r$p$salt$hash`), so that they can be raised later.
// N=16384, r=8, p=5 is an OWASP profile (16 MiB, about 120 ms); PBKDF2 above 100,000 rounds fails in production Workers.
import { scrypt, timingSafeEqual } from 'node:crypto'
import { base64url } from '../../platform/ids'

type Parameters = { N: number; r: number; p: number }
const CURRENT: Parameters = { N: 16_384, r: 8, p: 5 }
const KEY_BYTES = 32

/** Hashes a password with the current parameters and a fresh salt. */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(16))
  const key = await derive(password, salt, CURRENT)
  return `scrypt$${CURRENT.N}$${CURRENT.r}$${CURRENT.p}$${base64url(salt)}$${base64url(key)}`
}

/**
 * Checks a password against a stored hash. Null (no such user, or none set yet) costs the same time as a wrong password.
 * `stale`: right, but hashed with older parameters, so it should be stored again.
 */
export async function verifyPassword(
  password: string,
  stored: string | null,
): Promise<{ ok: boolean; stale: boolean }> {
  const hash = stored === null ? null : parse(stored)
  const parameters = hash ?? { ...CURRENT, salt: new Uint8Array(16), key: new Uint8Array(KEY_BYTES) }
  const key = await derive(password, parameters.salt, parameters)
  const ok = hash !== null && key.length === hash.key.length && timingSafeEqual(key, hash.key)
  const stale = ok && (parameters.N !== CURRENT.N || parameters.r !== CURRENT.r || parameters.p !== CURRENT.p)
  return { ok, stale }
}

function parse(stored: string): (Parameters & { salt: Uint8Array; key: Uint8Array }) | null {
  const [kind, N, r, p, salt, key] = stored.split('$')
  if (kind !== 'scrypt' || !salt || !key) return null
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'))
  return { N: Number(N), r: Number(r), p: Number(p), salt: bytes(salt), key: bytes(key) }
}

/** NFKC (RFC 8265): the same password typed on another keyboard has the same bytes. */
function derive(password: string, salt: Uint8Array, { N, r, p }: Parameters): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, { N, r, p }, (error, key) =>
      error ? reject(error) : resolve(new Uint8Array(key)),
    )
  })
}
