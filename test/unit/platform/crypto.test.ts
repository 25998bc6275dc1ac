import { describe, expect, it } from 'vitest'
import { createKeyring, KeyringError } from '../../../worker/platform/crypto'

const key = (fill: number) => Buffer.alloc(32, fill).toString('base64')
const field = { tenantId: 'ten_a', record: 'inb_1', field: 'credentials' }

describe('the keyring', () => {
  it('opens what it sealed, and seals the same text differently each time', async () => {
    const ring = createKeyring(`k1:${key(1)}`)
    const [one, two] = [await ring.encrypt('a password', field), await ring.encrypt('a password', field)]
    expect(one).not.toBe(two)
    expect(one).toMatch(/^v1\.k1\.[\w-]+\.[\w-]+$/)
    expect(await ring.decrypt(one, field)).toBe('a password')
    expect(await ring.decrypt(two, field)).toBe('a password')
  })

  it('still opens old values after a rotation and says that they should be sealed again', async () => {
    const sealed = await createKeyring(`k1:${key(1)}`).encrypt('a password', field)
    const rotated = createKeyring(`k2:${key(2)}, k1:${key(1)}`)
    expect(await rotated.decrypt(sealed, field)).toBe('a password')
    expect(rotated.stale(sealed)).toBe(true)
    const anew = await rotated.encrypt('a password', field)
    expect(anew).toMatch(/^v1\.k2\./)
    expect(rotated.stale(anew)).toBe(false)
  })

  it.each([
    ['tenant', { ...field, tenantId: 'ten_b' }],
    ['record', { ...field, record: 'inb_2' }],
    ['field', { ...field, field: 'config' }],
    ['split of the same letters', { tenantId: 'ten_ainb', record: '_1', field: 'credentials' }],
  ])('does not open a value that was moved to another %s', async (_what, other) => {
    const ring = createKeyring(`k1:${key(1)}`)
    const sealed = await ring.encrypt('a password', field)
    await expect(ring.decrypt(sealed, other)).rejects.toThrow(KeyringError)
  })

  it('does not open with a dropped key, or another key of the same name', async () => {
    const sealed = await createKeyring(`k1:${key(1)}`).encrypt('a password', field)
    await expect(createKeyring(`k2:${key(2)}`).decrypt(sealed, field)).rejects.toThrow('no key k1')
    await expect(createKeyring(`k1:${key(9)}`).decrypt(sealed, field)).rejects.toThrow(KeyringError)
  })

  it('refuses damaged and malformed values without saying what they hold', async () => {
    const ring = createKeyring(`k1:${key(1)}`)
    const sealed = await ring.encrypt('a password', field)
    const [version, id, iv, data] = sealed.split('.')
    const flipped = `${data?.startsWith('A') ? 'B' : 'A'}${data?.slice(1)}`
    const damaged = [
      '',
      'v1',
      'plain text',
      `v2.${id}.${iv}.${data}`,
      `${version}.${id}.${iv}.${flipped}`,
      `v1.${id}.!.!`,
    ]
    for (const value of damaged) await expect(ring.decrypt(value, field)).rejects.toThrow(KeyringError)
  })

  it.each(['', 'k1', 'k1:', `k1:${key(1)}:more`, 'k1:c2hvcnQ=', `bad id:${key(1)}`, `k1:${key(1)},`])(
    'refuses the setting %j',
    (setting) => {
      expect(() => createKeyring(setting)).toThrow(KeyringError)
    },
  )
})
