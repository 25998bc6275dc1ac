// UIDs, identities and cursors: what comes in from storage or from a server is read strictly.
import { describe, expect, it } from 'vitest'
import { chunks, identityOf, parseCursor, parseIdentity, uidSet } from '../../../worker/providers/imap/cursor'
import { ProviderError } from '../../../worker/providers/provider'

describe('an identity', () => {
  it('reads back what it was made of', () => {
    expect(parseIdentity(identityOf('1700000000', 42))).toEqual({ uidvalidity: '1700000000', uid: 42 })
    expect(parseIdentity('imap:INBOX:18446744073709551615:4294967295')).toEqual({
      uidvalidity: '18446744073709551615',
      uid: 4_294_967_295,
    })
  })

  it.each([
    'imap:INBOX:1:0',
    'imap:INBOX:0:1',
    'imap:INBOX:1:01',
    'imap:INBOX:1:4294967296',
    'imap:INBOX:1:1 ',
    'imap:INBOX:1:1:1',
    'imap:Sent:1:1',
    'imap:INBOX:1:1,2',
    'imap:INBOX:1:*',
    'gmail:1',
    '',
  ])('%j is nobody’s', (identity) => {
    expect(parseIdentity(identity)).toBeNull()
  })
})

describe('a set of UIDs', () => {
  it.each([
    [[], ''],
    [[7], '7'],
    [[3, 2, 1], '1:3'],
    [[9, 1, 5, 2, 9], '1:2,5,9'],
  ])('%j is %j', (uids, expected) => {
    expect(uidSet(uids)).toBe(expected)
  })

  it('names exactly its members, in ranges that are never reversed, for any set', () => {
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed % below
    }
    for (let round = 0; round < 300; round++) {
      const uids = Array.from({ length: random(40) }, () => 1 + random(60))
      const named = uidSet(uids)
        .split(',')
        .filter((part) => part !== '')
        .flatMap((part) => {
          const [from = 0, to = from] = part.split(':').map(Number)
          expect(from).toBeLessThanOrEqual(to)
          return Array.from({ length: to - from + 1 }, (_, i) => from + i)
        })
      expect(named).toEqual([...new Set(uids)].sort((a, b) => a - b))
    }
  })
})

describe('a cursor', () => {
  const cursor = { folder: 'INBOX', uidvalidity: '7', lastUid: 3, since: 0, sinceUntil: 3 }

  it('survives storage', () => {
    expect(parseCursor(JSON.parse(JSON.stringify(cursor)))).toEqual(cursor)
    expect(parseCursor(null)).toBeNull()
  })

  it.each([
    {},
    'INBOX',
    3,
    { ...cursor, lastUid: -1 },
    { ...cursor, lastUid: 1.5 },
    { ...cursor, uidvalidity: 7 },
    { ...cursor, folder: 'Sent' },
  ])('%j has expired', (value) => {
    expect(() => parseCursor(value)).toThrow(ProviderError)
  })
})

it('chunks keep order and miss nothing', () => {
  expect(chunks([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]])
  expect(chunks([], 2)).toEqual([])
})
