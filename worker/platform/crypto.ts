// The keyring: AES-256-GCM with versioned keys. Ciphertext is `v1.<key id>.<iv>.<data>`; additional data binds it to one tenant, record and field.
import { base64url } from './ids'

/** A ciphertext that no key of the ring opens: wrong key, wrong record, or damaged. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError'
}

type KeyEntry = { id: string; key: Promise<CryptoKey> }
export type SealedField = { tenantId: string; record: string; field: string }
export type Keyring = {
  encrypt(plaintext: string, field: SealedField): Promise<string>
  decrypt(sealed: string, field: SealedField): Promise<string>
  /** Whether the text was sealed by another key than the newest, so that it should be sealed again. */
  stale(sealed: string): boolean
}

/** Parses `k2:base64,k1:base64` (32-byte keys); the first key encrypts, all decrypt. Throws on anything else. */
export function createKeyring(setting: string): Keyring {
  const entries: KeyEntry[] = setting.split(',').map((part) => {
    const [id, encoded, ...rest] = part.trim().split(':')
    if (!id || !encoded || rest.length > 0 || !/^[A-Za-z0-9_-]{1,32}$/.test(id))
      throw new KeyringError('ENCRYPTION_KEYS must be id:base64[,id:base64…]')
    const raw = keyBytes(id, encoded)
    if (raw.length !== 32) throw new KeyringError(`ENCRYPTION_KEYS: key ${id} is ${raw.length} bytes, not 32`)
    return { id, key: crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']) }
  })
  const [newest] = entries
  if (!newest) throw new KeyringError('ENCRYPTION_KEYS is empty')
  return {
    async encrypt(plaintext, field) {
      const iv = crypto.getRandomValues(new Uint8Array(12))
      const data = await crypto.subtle.encrypt(
        { name: 'AES-GCM', iv, additionalData: additionalData(field) },
        await newest.key,
        new TextEncoder().encode(plaintext),
      )
      return `v1.${newest.id}.${base64url(iv)}.${base64url(new Uint8Array(data))}`
    },
    async decrypt(sealed, field) {
      const [version, id, iv, data] = sealed.split('.')
      const entry = entries.find((candidate) => candidate.id === id)
      if (version !== 'v1' || !iv || !data) throw new KeyringError('not a sealed value')
      if (!entry) throw new KeyringError(`no key ${id} in the keyring`)
      try {
        const plain = await crypto.subtle.decrypt(
          { name: 'AES-GCM', iv: fromBase64(iv), additionalData: additionalData(field) },
          await entry.key,
          fromBase64(data),
        )
        return new TextDecoder().decode(plain)
      } catch (cause) {
        throw new KeyringError('sealed value does not open', { cause })
      }
    },
    stale: (sealed) => sealed.split('.')[1] !== newest.id,
  }
}

function keyBytes(id: string, encoded: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64(encoded)
  } catch {
    // Without the cause, since some runtimes quote the text that does not decode.
    throw new KeyringError(`ENCRYPTION_KEYS: key ${id} is not base64`)
  }
}

function additionalData(field: SealedField): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(JSON.stringify([field.tenantId, field.record, field.field])))
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'))
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
