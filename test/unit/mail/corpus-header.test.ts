// Tables of header values and what they mean, from the corpus.
import { expect, it } from 'vitest'
import { parseAddressList } from '../../../worker/mail/address'
import { parseDate } from '../../../worker/mail/date'
import { decodeWords, parseMessageIds } from '../../../worker/mail/headers'
import { cases, tableOf } from './corpus'

type Row<T> = { header: string; expected: T }

function table<T>(name: string): Row<T>[] {
  const found = cases.find((one) => one.group === 'header' && one.id.endsWith(`/${name}`))
  if (!found) throw new Error(`no table ${name}`)
  return tableOf<Row<T>[]>(found)
}
/** As the header reader hands it over: folds joined, ended by the first line break that is none. */
const unfold = (value: string) => (value.replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/)[0] ?? '').trim()

it('addresses: every one that is an address, with its name', () => {
  type Mailbox = { name: string | null; address: string }
  type Groups = { Group: { addresses: Mailbox[] }[] }
  const rows = table<{ List: Mailbox[] } | Groups>('address')
  let compared = 0
  for (const { header, expected } of rows) {
    const all = 'List' in expected ? expected.List : expected.Group.flatMap((group) => group.addresses)
    // The table also holds List-* values: URLs and "NO" are no mail addresses.
    const mailboxes = all
      .map((one) => ({ ...one, address: one.address.replace(/^mailto:|\?.*$/g, '') }))
      .filter((one) => /^[^:/]+@/.test(one.address))
    // A name that only repeats the address says nothing.
    const named = mailboxes.map(({ name, address }) => ({
      name: name === null || name === address ? '' : name,
      email: address.toLowerCase(),
    }))
    expect(
      parseAddressList(unfold(header)).map(({ name, email }) => ({ name, email })),
      header,
    ).toEqual(named)
    compared++
  }
  console.info(`address table: ${compared}/${rows.length}`)
})

it('dates: the same instant, or none', () => {
  type When = Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'tz_hour' | 'tz_minute', number> & {
    tz_before_gmt: boolean
  }
  for (const { header, expected } of table<When | null>('date')) {
    // Numbers without a month name are no date, whatever another parser makes of them.
    const readable = expected !== null && /[a-z]{3}/i.test(header)
    const offset = expected ? (expected.tz_hour * 60 + expected.tz_minute) * (expected.tz_before_gmt ? -1 : 1) : 0
    const instant = readable
      ? Date.UTC(
          expected.year,
          expected.month - 1,
          expected.day,
          expected.hour,
          expected.minute - offset,
          expected.second,
        )
      : null
    expect(parseDate(unfold(header)), header).toBe(instant)
  }
})

it('encoded words: the same text', () => {
  const squeeze = (text: string) => text.replace(/\s+/g, '')
  // The source puts spaces around words that touch other text; RFC 2047 section 6.2 gives no reason to.
  for (const { header, expected } of table<string>('unstructured'))
    expect(squeeze(decodeWords(unfold(header)))).toBe(squeeze(expected))
})

it('message ids: the same id', () => {
  for (const { header, expected } of table<string[]>('id')) expect(parseMessageIds(header)).toEqual(expected)
})
