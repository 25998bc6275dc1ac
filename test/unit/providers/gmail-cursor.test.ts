// Cursors, identities and history ids: what comes in from storage or from Google is read strictly, and no 64-bit number becomes a Number.
import { describe, expect, it } from 'vitest'
import { History, HistoryId, Message, Profile } from '../../../worker/providers/gmail/answers'
import {
  entryOf,
  historyFrom,
  identityOf,
  later,
  listSince,
  messageIdOf,
  parseCursor,
  refOf,
} from '../../../worker/providers/gmail/cursor'
import { ProviderError } from '../../../worker/providers/provider'

const UINT64 = '18446744073709551615'
const stored = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('an identity', () => {
  it('reads back what it was made of', () => {
    expect(messageIdOf(identityOf('18c0ffee00a1b2c3'))).toBe('18c0ffee00a1b2c3')
    expect(refOf(entryOf({ id: 'a1', threadId: 'b2' }))).toEqual({ identity: 'gmail:a1', thread: 'b2' })
  })

  it.each(['gmail:', 'gmail:a/b', 'gmail:../x', 'gmail:a b', 'gmail:a?x=1', 'gmail:a@2', 'imap:INBOX:1:1', ''])(
    '%j is nobody’s',
    (identity) => {
      expect(messageIdOf(identity)).toBeNull()
    },
  )
})

describe('a history id', () => {
  it('beyond 2^53 keeps every digit', () => {
    const page = History.parse({ historyId: UINT64 })
    expect(page.historyId).toBe(UINT64)
    const cursor = historyFrom(page.historyId, null)
    expect(parseCursor(stored(cursor))).toEqual(cursor)
  })

  it('beyond 2^53 is compared exactly', () => {
    expect(later('9007199254740993', '9007199254740992')).toBe('9007199254740993')
    expect(later('9007199254740992', '9007199254740993')).toBe('9007199254740993')
    expect(later('9', '10')).toBe('10')
  })

  it('is taken as a JSON number only where that is exact', () => {
    expect(HistoryId.parse(JSON.parse('9007199254740991'))).toBe('9007199254740991')
    expect(HistoryId.safeParse(JSON.parse('9007199254740993')).success).toBe(false)
  })

  it.each(['', '-1', '1e9', '0x10', '12 ', '123456789012345678901', null, {}, -1, 1.5])('%j is none', (value) => {
    expect(HistoryId.safeParse(value).success).toBe(false)
  })
})

describe('a cursor', () => {
  it('survives storage', () => {
    for (const cursor of [listSince(1_700_000_000_999), historyFrom('7', 1), listSince(-5)])
      expect(parseCursor(stored(cursor))).toEqual(cursor)
    expect(parseCursor(null)).toBeNull()
  })

  it.each([
    [{ nonsense: true }],
    ['text'],
    [7],
    [{ ...historyFrom('7', null), version: 2 }],
    [{ ...historyFrom('7', null), startId: 9_007_199_254_740_992 }],
    [{ ...historyFrom('7', null), startId: 'x' }],
    [{ ...historyFrom('7', null), pending: ['../../x'] }],
    [{ ...listSince(0), from: -1 }],
    [{ folder: 'INBOX', uidvalidity: '1', lastUid: 1, since: 0, sinceUntil: 1 }],
  ])('%j has expired', (value) => {
    const read = () => parseCursor(value)
    expect(read).toThrow(ProviderError)
    expect(read).toThrow(expect.objectContaining({ kind: 'cursor_expired' }))
  })
})

describe('an answer', () => {
  it('may have fields that nobody knows, and lack the optional ones', () => {
    expect(History.parse({ historyId: '5', new: 1 })).toEqual({ history: [], historyId: '5', nextPageToken: null })
    expect(Profile.parse({ emailAddress: 'a@b', historyId: '1', threadsTotal: 3 }).historyId).toBe('1')
    expect(Message.parse({ id: 'a', internalDate: '1700000000000' }).internalDate).toBe(1_700_000_000_000)
  })

  it('with an id that would lead elsewhere is refused', () => {
    expect(Message.safeParse({ id: '../settings' }).success).toBe(false)
  })
})
