// Address fields as mailers really write them.
import { describe, expect, it } from 'vitest'
import { parseAddressList } from '../../../worker/mail/address'
import { LIMITS } from '../../../worker/mail/limits'

const read = (value: string) =>
  parseAddressList(value).map(({ name, email }) => (name === '' ? email : `${name} <${email}>`))

describe('addresses', () => {
  const table: [string, string, string[]][] = [
    ['bare, lower case', 'Jane@Example.ORG', ['jane@example.org']],
    [
      'name and brackets',
      'Jane Doe <jane@example.org>, <b@example.org>',
      ['Jane Doe <jane@example.org>', 'b@example.org'],
    ],
    [
      'quoted names with separators',
      '"Doe, Jane; (x) <y>" <jane@example.org>',
      ['Doe, Jane; (x) <y> <jane@example.org>'],
    ],
    ['escapes in quotes', String.raw`"a \"b\" \\c" <a@example.org>`, [String.raw`a "b" \c <a@example.org>`]],
    ['a comment as name', 'jane@example.org (Jane (from) Sales)', ['Jane (from) Sales <jane@example.org>']],
    [
      'groups',
      'Team: a@example.org, B <b@example.org>; c@example.org',
      ['a@example.org', 'B <b@example.org>', 'c@example.org'],
    ],
    ['an empty group', 'undisclosed-recipients:;', []],
    ['a source route', '<@hop1.example,@hop2.example:a@example.org>', ['a@example.org']],
    ['spaces around "@" and "."', 'a @ example . org', ['a@example.org']],
    ['a bracket left open', 'A <a@example.org, B <b@example.org>', ['A <a@example.org>', 'B <b@example.org>']],
    ['brackets in brackets', '<Jane <jane@example.org>>', ['Jane <jane@example.org>']],
    ['name and address without brackets', 'Jane Doe jane@example.org', ['Jane Doe <jane@example.org>']],
    ['commas forgotten', 'a@example.org b@example.org', ['a@example.org', 'b@example.org']],
    ['mailto', '<mailto:a@example.org?subject=x>', ['a@example.org']],
    ['apostrophes around', "'a@example.org' <'a@example.org'>", ['a@example.org']],
    ['semicolons as separators', 'a@example.org; b@example.org', ['a@example.org', 'b@example.org']],
    ['a name that only repeats the address', '"A@example.org" <a@example.org>', ['a@example.org']],
    ['an encoded name', '=?utf-8?Q?J=C3=BCrgen?= <j@example.org>', ['Jürgen <j@example.org>']],
    ['an encoded name with raw separators', '=?utf-8?Q?Doe, Jane?= <j@example.org>', ['Doe, Jane <j@example.org>']],
    ['a mailbox that is all encoded', '=?utf-8?Q?Jane_=3Cjane=40example.org=3E?=', ['Jane <jane@example.org>']],
    ['international addresses', 'Jürgen <jürgen@exämple.de>', ['Jürgen <jürgen@exämple.de>']],
    ['a quoted local part', '"john doe"@example.org', ['"john doe"@example.org']],
    ['an address literal', 'a@[192.0.2.1]', ['a@[192.0.2.1]']],
    ['no domain', 'root, MAILER-DAEMON (Mail System)', []],
    ['no address at all', '<>, "", (), @, a@, @b', []],
  ]
  for (const [name, value, expected] of table) it(name, () => expect(read(value)).toEqual(expected))

  it('never lets an encoded name change the address that was given', () => {
    expect(read('=?utf-8?Q?boss=40example.com=3E=2C?= <evil@example.net>')).toEqual([
      'boss@example.com>, <evil@example.net>',
    ])
  })

  it('never yields control characters, spaces or two "@" in an address', () => {
    for (const value of ['<a\r\n@b.c>', '<a@b@c>', '<a b@c.d>', '<a@b c.d>', '<a\0@b.c>', '"\n"@b.c']) {
      for (const { email } of parseAddressList(value)) expect(email).toMatch(/^[^\s@]+@[^\s@]+$/)
    }
  })

  it('stops at the limit', () => {
    expect(parseAddressList('a@example.org,'.repeat(5000))).toHaveLength(LIMITS.addresses)
  })

  it('reads hostile fields in time linear to their length', { timeout: 30_000 }, () => {
    for (const bit of [
      '"',
      '(',
      '<',
      '>',
      ',',
      ':',
      '=?',
      '=?a?q?b',
      '\\',
      '@',
      'a@b ',
      '(a',
      '" ',
      '<a',
      '; :',
      '=',
    ]) {
      const from = performance.now()
      parseAddressList(bit.repeat(500_000 / bit.length))
      expect(performance.now() - from, bit).toBeLessThan(3000)
    }
    for (const [head, bit, tail] of [
      ['<', 'a', '>'],
      ['a@', ':', ''],
      ['<@', ',', '>'],
      ['x', '>', 'x <a@b.c>'],
      ['"', ' ', '" <a@b.c>'],
      ['', 'a', '@b.c'],
    ]) {
      const from = performance.now()
      parseAddressList(`${head}${bit?.repeat(500_000)}${tail}`)
      expect(performance.now() - from, `${head}${bit}…${tail}`).toBeLessThan(3000)
    }
  })
})
