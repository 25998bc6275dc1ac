// The content of a message out of its JSON: whatever the chunks, the order and the escapes, the same bytes or an error, never other bytes.
import { describe, expect, it } from 'vitest'
import { RawMessageReader } from '../../../worker/providers/gmail/raw-json'
import { ProviderError } from '../../../worker/providers/provider'

const utf8 = (text: string) => new TextEncoder().encode(text)
const MAIL = utf8('From: a@example.org\r\nSubject: bytes\r\n\r\n')
const content = (size: number) => Uint8Array.from([...MAIL, ...Array.from({ length: size }, (_, i) => (i * 151) & 255)])
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

function read(chunks: Uint8Array[], fieldBytes = 10_000) {
  const reader = new RawMessageReader(fieldBytes)
  const parts = chunks.map((chunk) => reader.push(chunk))
  return { fields: reader.end(), bytes: Buffer.concat(parts) }
}
function failure(json: string | Uint8Array): ProviderError {
  try {
    read([typeof json === 'string' ? utf8(json) : json])
  } catch (error) {
    if (error instanceof ProviderError) return error
    throw error
  }
  throw new Error('did not fail')
}
/** Pieces of the given lengths, over and over. */
function cut(bytes: Uint8Array, ...sizes: number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    pieces.push(bytes.slice(at, at + size))
    at += size
  }
  return pieces
}

const FIELDS = { id: '18c0ffee', threadId: '18c0ffee', labelIds: ['INBOX', 'UNREAD'], internalDate: '1700000000123' }
const message = (raw: string, rest: Record<string, unknown> = {}) => JSON.stringify({ ...FIELDS, ...rest, raw })

describe('a message in JSON', () => {
  it('gives the same bytes and fields wherever the chunks end', () => {
    const bytes = content(200)
    const json = utf8(
      JSON.stringify(
        { id: '1', snippet: 'grüße “\\"raw\\":\\"AAAA\\"” 😀', raw: base64url(bytes), historyId: '9' },
        null,
        2,
      ),
    )
    for (let at = 0; at <= json.length; at++) {
      const { fields, bytes: got } = read([json.slice(0, at), json.slice(at)])
      expect(Buffer.compare(got, bytes)).toBe(0)
      expect(fields.id).toBe('1')
    }
    for (const sizes of [[1], [2], [3], [5, 1, 7], [64, 3]])
      expect(Buffer.compare(read(cut(json, ...sizes)).bytes, bytes)).toBe(0)
  })

  it.each([0, 1, 2, 3, 4, 5])('decodes %i bytes past a group of three, padded or not, in either alphabet', (extra) => {
    const bytes = content(240 + extra)
    const padded = Buffer.from(bytes).toString('base64')
    for (const raw of [base64url(bytes), padded, padded.replace(/=/g, '\\u003d'), padded.replaceAll('/', '\\/')]) {
      const json = utf8(`{"id":"1","raw":"${raw}"}`)
      for (const sizes of [[json.length], [1], [7, 2]])
        expect(Buffer.compare(read(cut(json, ...sizes)).bytes, bytes)).toBe(0)
    }
  })

  it('finds the content in any order of the names, spelled with escapes, among white space', () => {
    const raw = base64url(content(50))
    const forms = [
      `{"raw":"${raw}","id":"1"}`,
      `{"id":"1","raw":"${raw}"}`,
      ` {\n "id" : "1" ,\r\n\t"\\u0072aw" \n:\n "${raw}" } \n`,
      `{"payload":{"raw":"bm90IHRoaXM","parts":[{"raw":"AAAA"}]},"labelIds":["raw"],"id":"1","raw":"${raw}"}`,
      `{"snippet":"raw","id":"1","x":"\\\\\\"raw\\":","raw":"${raw}"}`,
      `{"id":"1","r\\"aw":"AAAA","raw":"${raw}"}`,
    ]
    for (const form of forms) {
      for (const sizes of [[10_000], [1], [3]]) {
        const { fields, bytes } = read(cut(utf8(form), ...sizes))
        expect(bytes.toString('base64url')).toBe(raw)
        expect(fields.id).toBe('1')
      }
    }
  })

  it('reads labels and the date, before or after the content', () => {
    const { fields } = read([utf8(message(base64url(MAIL)))])
    expect(fields).toEqual({ ...FIELDS, internalDate: 1_700_000_000_123 })
  })

  it('keeps nothing of the chunk it was given: the caller reads the next one into the same memory', () => {
    const json = utf8(message(base64url(MAIL)))
    const reader = new RawMessageReader(10_000)
    const got = reader.push(json)
    json.fill(0)
    expect(Buffer.compare(got, MAIL)).toBe(0)
    expect(reader.end().id).toBe(FIELDS.id)
  })
})

describe('never a wrong mail', () => {
  it('is not whole wherever it is truncated', () => {
    const json = utf8(message(base64url(content(40)), { sizeEstimate: 80 }))
    for (let at = 0; at < json.length; at++)
      expect(['gmail_truncated', 'gmail_bad_base64']).toContain(failure(json.slice(0, at)).code)
  })

  const good = base64url(content(40))
  it.each([
    ['a foreign character', `${good.slice(0, 20)}*${good.slice(21)}`],
    ['a blank', `${good.slice(0, 20)} ${good.slice(20)}`],
    ['a line break', `${good.slice(0, 20)}\\n${good.slice(20)}`],
    ['a byte outside ASCII', `${good.slice(0, 20)}é${good.slice(21)}`],
    ['an escaped character outside ASCII', `${good.slice(0, 20)}\\u00e9${good.slice(21)}`],
    ['an escape that is none', `${good.slice(0, 20)}\\q${good.slice(21)}`],
    ['a single last character', 'QUJDR'],
    ['bits that belong to no byte', 'QUJDRF'],
    ['data after padding', 'QUI=QUJD'],
    ['too much padding', 'QUI=='],
    ['too little padding', 'QQ='],
    ['nothing but padding', '===='],
  ])('refuses base64 with %s', (_, raw) => {
    const error = failure(`{"id":"1","raw":"${raw}"}`)
    expect(error.kind).toBe('protocol')
    expect(error.code).toBe('gmail_bad_base64')
  })

  it('refuses content that is given twice', () => {
    expect(failure(`{"id":"1","raw":"${good}","raw":"${good}"}`).code).toBe('gmail_bad_base64')
  })

  it.each([
    ['no content', '{"id":"1"}'],
    ['empty content', '{"id":"1","raw":""}'],
    ['content that is no string', '{"id":"1","raw":null}'],
    ['content deeper down', `{"id":"1","payload":{"raw":"${good}"}}`],
    ['no id', `{"raw":"${good}"}`],
  ])('refuses a message with %s', (_, json) => {
    expect(failure(json).code).toBe('gmail_no_content')
  })

  it.each([
    ['HTML', '<html><body>Sign in</body></html>'],
    ['a second value after it', `{"id":"1","raw":"${good}"}{}`],
    ['brackets that do not match', `{"id":"1","raw":"${good}"]`],
    ['content after a comma that is missing', `{"id":"1" "raw":"${good}"}`],
    ['an open string', `{"id":"1","raw":"${good}","snippet":"`],
  ])('refuses %s', (_, json) => {
    expect(failure(json).code).toBe('gmail_truncated')
  })

  it('keeps no more of the rest than it may', () => {
    const json = utf8(message(good, { snippet: 'x'.repeat(5_000) }))
    expect(() => read(cut(json, 100), 4_500)).toThrow(/more than it was asked for/)
    expect(read(cut(json, 100), 6_000).fields.id).toBe(FIELDS.id)
  })
})
