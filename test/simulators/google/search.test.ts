// The search box: each operator, and how they combine.
import { describe, expect, it } from 'vitest'
import { parseQuery, type Searchable } from './search.ts'

const NOW = Date.UTC(2026, 10, 20)
const SECOND = 1_700_000_000

const mail: Searchable = {
  labelIds: ['INBOX', 'UNREAD', 'Label_1'],
  internalDate: SECOND * 1000 + 500,
  size: 20_000,
  header: (name) =>
    ({ from: 'Jane <jane@gmail.example>', to: 'support@acme.example', subject: 'The Printer', 'message-id': '<a@B>' })[
      name
    ] ?? '',
  text: () => 'It is on fire: please help',
  hasAttachment: () => false,
}
const matches = (query: string) => parseQuery(query, NOW, (name) => (name === 'to-do' ? 'Label_1' : name)).matches(mail)

describe('a search', () => {
  it.each([
    ['', true],
    ['in:inbox', true],
    ['-in:inbox', false],
    ['-in:trash -in:draft -in:chats', true],
    ['in:sent', false],
    ['in:anywhere', true],
    ['is:unread', true],
    ['is:read', false],
    ['label:to-do', true],
    ['from:jane@gmail.example', true],
    ['from:(jane)', false],
    ['to:acme subject:printer', true],
    ['subject:"the printer"', true],
    ['subject:scanner', false],
    ['rfc822msgid:<a@b>', true],
    ['rfc822msgid:a@b', true],
    ['rfc822msgid:c@b', false],
    ['has:attachment', false],
    ['larger:10k', true],
    ['smaller:10k', false],
    ['on fire', true],
    ['"on fire"', true],
    ['"fire on"', false],
    ['scanner OR printer', true],
    ['in:sent OR in:trash', false],
    ['{in:sent in:inbox}', true],
    ['-(in:sent OR in:inbox)', false],
    ['newer_than:1d', false],
    ['older_than:2y', true],
    ['after:2023/11/14 before:2023/11/15', true],
    ['after:2023-11-15', false],
  ])('for «%s» finds the mail: %s', (query, expected) => {
    expect(matches(query)).toBe(expected)
  })

  it('leaves out the second that a boundary names, so that clients must overlap their windows', () => {
    expect(matches(`after:${SECOND}`)).toBe(false)
    expect(matches(`after:${SECOND - 1}`)).toBe(true)
    expect(matches(`before:${SECOND}`)).toBe(false)
    expect(matches(`before:${SECOND + 1}`)).toBe(true)
  })
})
