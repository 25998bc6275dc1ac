// The RS256 key this Google signs with: published as JWKS, kept in the state so that tokens outlive a restart.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto'
import type { World } from './world.ts'

export type Keys = {
  /** the public half as Google's /oauth2/v3/certs shows it */
  jwks: { keys: Record<string, unknown>[] }
  /** RS256 JWT; `foreign` signs with a key that is published nowhere, under the published key's id. */
  signJwt(claims: Record<string, unknown>, options?: { key?: 'published' | 'foreign' }): string
}

export function createKeys(world: World): Keys {
  const kept = world.section<{ kid?: string; jwk?: JsonWebKey }>('keys', {})
  kept.kid ??= world.randomId(20)
  kept.jwk ??= newKey().export({ format: 'jwk' })
  const { kid } = kept
  const published = createPrivateKey({ key: kept.jwk, format: 'jwk' })
  let foreign: ReturnType<typeof newKey> | null = null

  return {
    jwks: {
      keys: [{ ...createPublicKey(published).export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }],
    },
    signJwt(claims, { key = 'published' } = {}) {
      if (key === 'foreign') foreign ??= newKey()
      const input = [{ alg: 'RS256', kid, typ: 'JWT' }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      const signature = sign('sha256', Buffer.from(input), key === 'foreign' && foreign ? foreign : published)
      return `${input}.${signature.toString('base64url')}`
    },
  }
}

function newKey() {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}
