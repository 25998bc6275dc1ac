// Date fields, current and obsolete.
import { expect, it } from 'vitest'
import { parseDate } from '../../../worker/mail/date'

const table: [string, string | null][] = [
  ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06Z'],
  ['21 Nov 97 09:55 GMT', '1997-11-21T09:55:00Z'],
  ['Thu, 1 Jan 26 00:00:00 EST', '2026-01-01T05:00:00Z'],
  ['Mon, 13 Feb 101 10:00:00 Z', '2001-02-13T10:00:00Z'],
  ['Tue, 1 Jul 2003 ((tricky) comment) 10:52:37 +0200 (CEST)', '2003-07-01T08:52:37Z'],
  ['Tue May 17 19:30:20 2000', '2000-05-17T19:30:20Z'],
  ['Tue May  7 19:30:20 PDT 2000', '2000-05-08T02:30:20Z'],
  ['Thursday, 4-Aug-2022 10:00:00 GMT+0200', '2022-08-04T08:00:00Z'],
  ['2024-02-29T12:00:00+01:00', '2024-02-29T11:00:00Z'],
  ['2024-02-29 12:00:00 +0100', '2024-02-29T11:00:00Z'],
  ['Sat, 29 Feb 2020 23:59:60 +0000', '2020-03-01T00:00:00Z'],
  ['Fri, 1 Jan 2021 10.20.30 +0000', '2021-01-01T10:20:30Z'],
  ['Thu, 10 Jul 1997 14:53:31 NOWHERE', '1997-07-10T14:53:31Z'],
  ['29 Feb 2023 10:00:00 +0000', null],
  ['32 Jan 2023 10:00:00 +0000', null],
  ['1 Jan 2023 24:00:00 +0000', null],
  ['1 Foo 2023 10:00:00 +0000', null],
  ['1 Jan 2023 10:00:00 (open', null],
  ['1 Jan 2023 10:00:00 +9999', null],
  ['yesterday', null],
  ['', null],
]
for (const [value, expected] of table) {
  it(`${value || 'an empty field'} is ${expected ?? 'no date'}`, () => {
    const read = parseDate(value)
    expect(read === null ? null : new Date(read).toISOString().replace('.000', '')).toBe(expected)
  })
}

it('an absent field is no date', () => expect(parseDate(null)).toBeNull())
