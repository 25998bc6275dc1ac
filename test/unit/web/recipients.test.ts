// Who a reply goes to unless somebody says otherwise.
import { describe, expect, it } from 'vitest'
import { addressesIn, suggestedRecipients } from '../../../web/features/tickets/recipients'
import type { MessageAnswer, TicketAnswer } from '../../../worker/contract/tickets'

const OWN = new Set(['support@ours.example', 'sales@ours.example'])
const address = (email: string) => ({ name: '', email })

function message(direction: MessageAnswer['direction'], from: string, to: string[], cc: string[] = []) {
  return { direction, from: address(from), to: to.map(address), cc: cc.map(address) } as MessageAnswer
}
function ticket(...messages: MessageAnswer[]) {
  return { contact: { id: 'c', ...address('ada@customer.example') }, messages } as TicketAnswer
}

describe('suggested recipients', () => {
  it('are the sender and everybody else of the last mail, without our own inboxes', () => {
    const last = message(
      'inbound',
      'charles@customer.example',
      ['support@ours.example', 'bob@other.example'],
      ['sales@ours.example', 'eve@other.example'],
    )
    expect(suggestedRecipients(ticket(message('inbound', 'ada@customer.example', []), last), OWN)).toEqual({
      to: ['charles@customer.example'],
      cc: ['bob@other.example', 'eve@other.example'],
    })
  })

  it('look past our own replies and notes to the last mail from outside', () => {
    const inbound = message('inbound', 'ada@customer.example', ['support@ours.example'])
    const reply = message('outbound', 'support@ours.example', ['nobody@other.example'])
    expect(suggestedRecipients(ticket(inbound, reply), OWN)).toEqual({ to: ['ada@customer.example'], cc: [] })
  })

  it('are the contact where the last mail came from one of our own inboxes', () => {
    const own = message('inbound', 'sales@ours.example', ['support@ours.example'])
    expect(suggestedRecipients(ticket(own), OWN).to).toEqual(['ada@customer.example'])
  })

  it('name nobody twice', () => {
    const last = message(
      'inbound',
      'ada@customer.example',
      ['ada@customer.example', 'bob@b.example'],
      ['bob@b.example'],
    )
    expect(suggestedRecipients(ticket(last), OWN)).toEqual({ to: ['ada@customer.example'], cc: ['bob@b.example'] })
  })
})

describe('addresses in pasted text', () => {
  it('are found with and without names, in lower case', () => {
    expect(addressesIn('Ada <Ada@X.org>, b@y.org; c@z.org\nd@w.org')).toEqual([
      'ada@x.org',
      'b@y.org',
      'c@z.org',
      'd@w.org',
    ])
  })
})
