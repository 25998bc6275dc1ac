// The ticket list's state in the URL, and the API query it stands for. Pure.
import type { TicketStatus } from '../../../worker/contract/tickets'

export const STATUS_LABEL: Record<TicketStatus, string> = {
  open: 'Open',
  in_progress: 'In progress',
  waiting: 'Waiting',
  resolved: 'Resolved',
  closed: 'Closed',
}

/** `status` is one status, 'unresolved' (the default, left out of the URL) or 'all'. */
export type TicketSearch = {
  status?: TicketStatus | 'all'
  inbox?: string
  assignee?: string
  tag?: string
  q?: string
}

/** Reads the search of a URL; what it does not know is left out. */
export function parseTicketSearch(search: Record<string, unknown>): TicketSearch {
  const text = (key: string) => {
    const value = search[key]
    return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 200) : undefined
  }
  const status = text('status')
  return dropUndefined({
    status: status === 'all' || isTicketStatus(status) ? status : undefined,
    inbox: text('inbox'),
    assignee: text('assignee'),
    tag: text('tag'),
    q: text('q') || undefined,
  })
}

/** The API's query of a search. */
export function ticketQueryOf(search: TicketSearch) {
  return dropUndefined({
    status: search.status === 'all' ? undefined : (search.status ?? 'open,in_progress,waiting'),
    inboxId: search.inbox,
    assigneeId: search.assignee,
    tag: search.tag,
    q: search.q,
  })
}

/** Whether anything narrows the list beyond its status. */
export function isFiltered(search: TicketSearch): boolean {
  return Boolean(search.inbox || search.assignee || search.tag || search.q)
}

function isTicketStatus(value: string | undefined): value is TicketStatus {
  return value !== undefined && Object.hasOwn(STATUS_LABEL, value)
}

function dropUndefined<T extends Record<string, unknown>>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T
}
