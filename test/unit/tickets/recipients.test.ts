import { describe, expect, it } from 'vitest'
import {
  replyRecipients,
  replySubject,
  statusAfterReply,
  threadHeaders,
} from '../../../worker/features/tickets/recipients'

const contact = { name: 'Anna', email: 'anna@customer.example' }
const own = new Set(['support@acme.example', 'sales@acme.example'])

describe('recipients of a reply', () => {
  it('are the contact unless others are named, and each address appears once', () => {
    expect(replyRecipients({}, contact, own)).toEqual({ to: [contact], cc: [], bcc: [] })
    expect(
      replyRecipients(
        {
          to: ['b@x.example', 'b@x.example'],
          cc: ['anna@customer.example', 'b@x.example'],
          bcc: ['anna@customer.example'],
        },
        contact,
        own,
      ),
    ).toEqual({
      to: [{ name: '', email: 'b@x.example' }],
      cc: [contact],
      bcc: [],
    })
  })

  it('are never our own inboxes, typed or by default', () => {
    expect(() => replyRecipients({ bcc: ['sales@acme.example'] }, contact, own)).toThrow()
    expect(() => replyRecipients({}, { name: '', email: 'support@acme.example' }, own)).toThrow()
  })
})

describe('the thread headers of a reply (lessons, row 19)', () => {
  const message = (messageId: string | null, inbound: boolean, ...references: string[]) => ({
    messageId,
    inbound,
    references,
  })

  it('name the newest received mail as parent, and every id of the conversation once, the parent last', () => {
    expect(
      threadHeaders([
        message('c1', true, 'root'),
        message('a1', false, 'root', 'c1'),
        message('c2', true, 'root', 'c1', 'a1'),
        message('a2', false),
      ]),
    ).toEqual({
      inReplyTo: 'c2',
      references: ['root', 'c1', 'a1', 'a2', 'c2'],
    })
  })

  it('fall back to our own last mail, and to none', () => {
    expect(threadHeaders([message('a1', false), message(null, true)])).toEqual({ inReplyTo: 'a1', references: ['a1'] })
    expect(threadHeaders([message(null, true)])).toEqual({ inReplyTo: null, references: [] })
  })

  it('keep the root and the newest of a very long conversation', () => {
    const { references } = threadHeaders(Array.from({ length: 300 }, (_, i) => message(`m${i}`, true)))
    expect(references).toHaveLength(100)
    expect([references[0], references.at(-1)]).toEqual(['m0', 'm299'])
  })
})

it.each([
  ['Printer', 'Re: Printer'],
  ['RE: AW: Re[2]: Printer', 'Re: Printer'],
  ['返信: 請求', 'Re: 請求'],
  ['x\r\nBcc: evil@x.example', 'Re: x Bcc: evil@x.example'],
])('the subject %j is answered as %j', (subject, expected) => expect(replySubject(subject)).toBe(expected))

it('only an open ticket waits by itself', () => {
  expect(statusAfterReply('open', undefined)).toBe('waiting')
  expect(statusAfterReply('in_progress', undefined)).toBe('in_progress')
  expect(statusAfterReply('resolved', undefined)).toBe('resolved')
  expect(statusAfterReply('open', 'closed')).toBe('closed')
})
