import { describe, expect, it } from 'vitest'
import { base64url, newId, newToken, sha256Hex } from '../../../worker/platform/ids'

describe('ids', () => {
  it('name their record, sort by time and never repeat', () => {
    const ids = Array.from({ length: 1000 }, (_, i) => newId('tkt', 1_700_000_000_000 + i))
    expect(ids[0]).toMatch(/^tkt_[0-9a-hjkmnp-tv-z]{26}$/)
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(Array.from({ length: 1000 }, () => newId('tkt', 1))).size).toBe(1000)
  })

  it('have room for times until the year 9999', () => {
    const last = newId('tkt', Date.UTC(9999, 11, 31))
    expect(last).toHaveLength(newId('tkt', 0).length)
    expect(last > newId('tkt', Date.now())).toBe(true)
  })
})

describe('tokens and digests', () => {
  it('are URL-safe and as long as asked', () => {
    expect(newToken()).toMatch(/^[\w-]{43}$/)
    expect(newToken(16)).toMatch(/^[\w-]{22}$/)
    expect(base64url(new Uint8Array([251, 255, 254]))).toBe('-__-')
  })

  it('follow the published SHA-256 vector, for text and bytes alike', async () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(await sha256Hex('abc')).toBe(abc)
    expect(await sha256Hex(new TextEncoder().encode('abc'))).toBe(abc)
  })
})
