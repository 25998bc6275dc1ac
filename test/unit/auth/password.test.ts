import { scryptSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hashPassword, verifyPassword } from '../../../worker/features/auth/password'

describe('password hashes', () => {
  it('carry their parameters and a salt of their own', async () => {
    const [one, two] = [await hashPassword('a long password'), await hashPassword('a long password')]
    expect(one).toMatch(/^scrypt\$16384\$8\$5\$[\w-]{22}\$[\w-]{43}$/)
    expect(one).not.toBe(two)
    expect(await verifyPassword('a long password', one)).toEqual({ ok: true, stale: false })
    expect(await verifyPassword('a long Password', one)).toEqual({ ok: false, stale: false })
  })

  it('accept the same password typed in another Unicode form', async () => {
    const hash = await hashPassword('Ju\u0308rgen mag Ka\u0308se')
    expect((await verifyPassword('J\u00fcrgen mag K\u00e4se', hash)).ok).toBe(true)
  })

  it('of older parameters still open and are called stale', async () => {
    const salt = Buffer.alloc(16, 3)
    const key = scryptSync('a long password', salt, 32, { N: 1024, r: 8, p: 1 })
    const old = `scrypt$1024$8$1$${salt.toString('base64url')}$${key.toString('base64url')}`
    expect(await verifyPassword('a long password', old)).toEqual({ ok: true, stale: true })
    expect(await verifyPassword('wrong', old)).toEqual({ ok: false, stale: false })
  })

  it.each([
    '',
    'plain text',
    'scrypt$16384$8$5$$',
    'bcrypt$1$2$3$c2FsdA$a2V5',
    `scrypt$16384$8$5$c2FsdA$${'A'.repeat(20)}`,
  ])('open nothing where the stored value is %j', async (stored) => {
    expect((await verifyPassword('', stored)).ok).toBe(false)
  })

  it('take as long for nobody as for somebody, so that time tells no addresses', async () => {
    const hash = await hashPassword('a long password')
    const time = async (stored: string | null) => {
      const start = performance.now()
      for (let i = 0; i < 3; i++) await verifyPassword('wrong', stored)
      return performance.now() - start
    }
    const somebody = await time(hash)
    expect(await time(null)).toBeGreaterThan(somebody / 3)
  })
})
