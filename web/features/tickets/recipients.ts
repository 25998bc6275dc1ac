// Who a reply goes to unless somebody says otherwise. Pure.
import type { TicketAnswer } from '../../../worker/contract/tickets'

export type Recipients = { to: string[]; cc: string[] }

/** Reply to all of the last mail from outside, without our own addresses; to the contact where there is none. */
export function suggestedRecipients(ticket: TicketAnswer, ownAddresses: ReadonlySet<string>): Recipients {
  const last = ticket.messages.findLast((message) => message.direction === 'inbound')
  const to = last && !ownAddresses.has(last.from.email) ? last.from.email : ticket.contact.email
  const others = last ? [...last.to, ...last.cc].map((address) => address.email) : []
  const cc = new Set(others.filter((email) => email && email !== to && !ownAddresses.has(email)))
  return { to: to ? [to] : [], cc: [...cc] }
}

/** The addresses in what was typed or pasted: 'Ada <ada@x.org>, b@y.org' → two. */
export function addressesIn(text: string): string[] {
  return text
    .split(/[,;\n]+/)
    .map((part) => (/<([^>]+)>/.exec(part)?.[1] ?? part).trim().toLowerCase())
    .filter(Boolean)
}
