// Encoded words, parameters and message ids as mailers really write them.
import { describe, expect, it } from 'vitest'
import {
  decodeWords,
  firstHeader,
  headerText,
  headerValues,
  parseHeaderLines,
  parseMessageIds,
  parseParameters,
} from '../../../worker/mail/headers'
import { LIMITS } from '../../../worker/mail/limits'

describe('fields', () => {
  const fields = parseHeaderLines(['Subject: a', ' b', 'X-A : 1', 'x-a:2'])
  it('are unfolded, lower case by name and in order', () => {
    expect(fields).toEqual([
      { name: 'subject', value: 'a b' },
      { name: 'x-a', value: '1' },
      { name: 'x-a', value: '2' },
    ])
    expect(headerValues(fields, 'x-a')).toEqual(['1', '2'])
    expect(firstHeader(fields, 'x-a')).toBe('1')
    expect(firstHeader(fields, 'x-b')).toBeNull()
  })
})

describe('encoded words', () => {
  const table: [string, string, string][] = [
    ['plain text stays', 'Hello =? world ?=', 'Hello =? world ?='],
    ['white space between words goes', '=?utf-8?Q?a?= \t =?utf-8?Q?b?= c', 'ab c'],
    ['a character split over two words', '=?utf-8?B?w6==?= =?utf-8?B?pA==?=', 'ä'],
    ['a character split over two Q words', '=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=', '€'],
    ['base64 cut within a group', '=?utf-8?B?aGVsb?= =?utf-8?B?G8=?=', 'hello'],
    ['spaces within a Q word', '=?iso-8859-1?q?this is =E4?=', 'this is ä'],
    ['an unpadded word', '=?utf-8?B?aGVsbG8?=', 'hello'],
    ['a language after the charset', '=?us-ascii*en?Q?Keith?=', 'Keith'],
    ['a cut last word', 'Re: =?utf-8?Q?caf=C3=A9', 'Re: café'],
    ['an unknown charset falls back', '=?x-nothing?Q?=C3=A9?=', 'é'],
    ['ISO-2022-JP over two words', '=?iso-2022-jp?B?GyRCJUclIyVsGyhC?= =?iso-2022-jp?B?GyRCJS8bKEI=?=', 'ディレク'],
    ['UTF-7', '=?utf-7?Q?Fr+APY-sche?=', 'Frösche'],
    ['words touching text', 'a=?utf-8?Q?b?=c', 'abc'],
  ]
  for (const [name, value, expected] of table) it(name, () => expect(decodeWords(value)).toBe(expected))

  it('cannot smuggle line breaks into a subject', () => {
    expect(headerText('=?utf-8?Q?Hi=0D=0ABcc:_x@example.org?=')).toBe('Hi Bcc: x@example.org')
  })
})

describe('parameters', () => {
  const of = (field: string) => {
    const { value, parameters } = parseParameters(field)
    return { value, ...Object.fromEntries(parameters) }
  }
  const table: [string, string, Record<string, string>][] = [
    [
      'quoted and bare values',
      'Text/Plain; charset=UTF-8; format="flowed"',
      { value: 'text/plain', charset: 'UTF-8', format: 'flowed' },
    ],
    [
      'no semicolons',
      'text/plain charset=utf-8 format=flowed',
      { value: 'text/plain', charset: 'utf-8', format: 'flowed' },
    ],
    [
      'spaces around the slash and the equals sign',
      'text / plain ; charset = utf-8',
      { value: 'text/plain', charset: 'utf-8' },
    ],
    [
      'a bare name with spaces',
      'attachment; filename=my file.pdf; size=1',
      { value: 'attachment', filename: 'my file.pdf', size: '1' },
    ],
    ['quotes within quotes', 'attachment; filename="a "b" c.pdf"', { value: 'attachment', filename: 'a "b" c.pdf' }],
    ['an open quote', 'attachment; filename="a.pdf', { value: 'attachment', filename: 'a.pdf' }],
    [
      'a Windows path',
      String.raw`attachment; filename="C:\dir\a.pdf"`,
      { value: 'attachment', filename: String.raw`C:\dir\a.pdf` },
    ],
    ['only a parameter', 'filename=a.pdf', { value: '', filename: 'a.pdf' }],
    ['the first of two', 'a/b; x=1; x=2', { value: 'a/b', x: '1' }],
    ['RFC 2231 charset', "a/b; name*=iso-8859-1'de'%E4.txt", { value: 'a/b', name: 'ä.txt' }],
    ['RFC 2231 continuations in any order', 'a/b; name*1="b.txt"; name*0="a"', { value: 'a/b', name: 'ab.txt' }],
    ['RFC 2231 both', "a/b; name*0*=utf-8''%E2%82; name*1*=%AC; name*2=.txt", { value: 'a/b', name: '€.txt' }],
    ['extended before plain', "a/b; name=x; name*=utf-8''y", { value: 'a/b', name: 'y' }],
    ['a trailing comment', 'text/plain; charset=us-ascii (Plain text)', { value: 'text/plain', charset: 'us-ascii' }],
    ['junk', ';;; = ; "" ;x', { value: '' }],
  ]
  for (const [name, field, expected] of table) it(name, () => expect(of(field)).toEqual(expected))
})

describe('message ids', () => {
  const table: [string, string, string[]][] = [
    ['bracketed, each once', '<a@b> <c@d>\t<a@b>', ['a@b', 'c@d']],
    ['folded within brackets', '<a\r\n @b>', ['a@b']],
    ['without brackets', 'a@b, c@d', ['a@b', 'c@d']],
    ['a phrase around', 'Your message of "Mon, 1 Jan" <a@b>', ['a@b']],
    ['brackets left open', '<a@b <c@d', ['a@b', 'c@d']],
    ['a closing bracket only', 'a@b>', ['a@b']],
    ['a single word without "@"', 'abc', ['abc']],
    ['nothing', ' <> ', []],
  ]
  for (const [name, value, expected] of table) it(name, () => expect(parseMessageIds(value)).toEqual(expected))

  it('keeps the root and the newest of too many', () => {
    const ids = parseMessageIds(Array.from({ length: 1000 }, (_, i) => `<${i}@x>`).join(' '))
    expect(ids).toHaveLength(LIMITS.references)
    expect([ids[0], ids.at(-1)]).toEqual(['0@x', '999@x'])
  })
})

it('reads hostile fields in time linear to their length', { timeout: 30_000 }, () => {
  const bits = [
    ';',
    ' ',
    '"',
    '=',
    '=?',
    '=?a?q?',
    'a=',
    '(',
    '<',
    '*',
    "'",
    '\\',
    'x*0*=',
    '; a',
    'charset ',
    '?=',
    '\t',
  ]
  for (const bit of bits) {
    const value = bit.repeat(300_000 / bit.length)
    for (const read of [parseParameters, decodeWords, parseMessageIds, headerText]) {
      const from = performance.now()
      read(value)
      expect(performance.now() - from, `${read.name} of ${bit}`).toBeLessThan(2000)
    }
  }
})
