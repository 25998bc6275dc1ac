// The ticket list's state in the URL.
import { describe, expect, it } from 'vitest'
import { isFiltered, parseTicketSearch, ticketQueryOf } from '../../../web/features/tickets/search'

describe('ticket search', () => {
  it('asks for unresolved tickets when the URL says nothing', () => {
    expect(ticketQueryOf(parseTicketSearch({}))).toEqual({ status: 'open,in_progress,waiting' })
  })

  it('asks without a status for all', () => {
    expect(ticketQueryOf(parseTicketSearch({ status: 'all' }))).toEqual({})
  })

  it('passes filters on under the names of the API', () => {
    const search = parseTicketSearch({ status: 'closed', inbox: 'inb_1', assignee: 'me', tag: 'vip', q: 'lamp' })
    expect(ticketQueryOf(search)).toEqual({
      status: 'closed',
      inboxId: 'inb_1',
      assigneeId: 'me',
      tag: 'vip',
      q: 'lamp',
    })
  })

  it('keeps a search for a number, which a URL gives as a number', () => {
    expect(parseTicketSearch({ q: 4711 })).toEqual({ q: '4711' })
  })

  it('leaves out what it does not know, names of Object among it', () => {
    expect(parseTicketSearch({ status: 'constructor', inbox: { a: 1 }, q: '', other: 'x' })).toEqual({})
  })

  it('calls a list filtered only by what narrows it beyond its status', () => {
    expect(isFiltered({ status: 'closed' })).toBe(false)
    expect(isFiltered({ tag: 'vip' })).toBe(true)
  })
})
