import { describe, expect, it } from 'vitest'
import { contentDisposition, matchesEtag, parseRange } from '../../../worker/features/tickets/byte-range'

it('every satisfiable range lies within the file, whatever is asked', () => {
  for (const size of [0, 1, 10])
    for (const from of ['', '0', '5', '9', '10', '11'])
      for (const to of ['', '0', '5', '9', '10', '999999999999999']) {
        const range = parseRange(`bytes=${from}-${to}`, size)
        if (range === null || range === 'unsatisfiable') continue
        expect(range.start).toBeGreaterThanOrEqual(0)
        expect(range.end).toBeGreaterThan(range.start)
        expect(range.end).toBeLessThanOrEqual(size)
      }
})

it('a tag matches weakly, in a list, and by star', () => {
  expect(matchesEtag('"a", W/"b"', '"b"')).toBe(true)
  expect(matchesEtag('*', '"b"')).toBe(true)
  expect(matchesEtag('"a"', '"b"')).toBe(false)
  expect(matchesEtag(undefined, '"b"')).toBe(false)
})

describe('Content-Disposition', () => {
  it.each([
    'a"b.txt',
    'a\r\nX-Evil: 1',
    'naïve %41.pdf',
    "it's (1)*.txt",
    '\u0000\u202e',
    '文書.pdf',
    'x'.repeat(5000),
    '\ud800lone',
  ])('of %j is one safe header', (name) => {
    const header = contentDisposition('attachment', name)
    expect(header).toMatch(/^attachment; filename="[\x20-\x7e]+"; filename\*=UTF-8''[\w.~%-]+$/)
    expect(header.match(/"/g)).toHaveLength(2)
  })

  it('keeps the exact name for those who read RFC 8187', () => {
    const header = contentDisposition('inline', "naïve (it's) 文.pdf")
    expect(decodeURIComponent(header.split("''")[1] ?? '')).toBe("naïve (it's) 文.pdf")
  })
})
