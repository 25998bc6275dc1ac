// Tickets, their messages and attachments over the API.
import {
  infiniteQueryOptions,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'
import type { z } from 'zod'
import type {
  MessageAnswer,
  ReplyBody,
  TicketAnswer,
  TicketItem,
  TicketPage,
  UpdateTicketBody,
} from '../../../worker/contract/tickets'
import { call } from '../../lib/http'
import { type TicketSearch, ticketQueryOf } from './search'

type Page = z.infer<typeof TicketPage>
export type TicketUpdate = z.input<typeof UpdateTicketBody>
export type ReplyInput = z.input<typeof ReplyBody>

const POLL_MS = 5_000

function fetchPage(search: TicketSearch, cursor: string | null, signal: AbortSignal) {
  const query = { ...ticketQueryOf(search), ...(cursor ? { cursor } : {}) }
  return call<Page>('GET', '/api/tickets', { query, signal })
}

export const ticketListQuery = (search: TicketSearch) =>
  infiniteQueryOptions({
    queryKey: ['tickets', 'list', search],
    queryFn: ({ pageParam, signal }) => fetchPage(search, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: (previous) => previous,
  })

/**
 * Watches the first page of a list and refetches the list when it has changed: one small request every few seconds,
 * however many pages are loaded, and nothing while the page is hidden.
 */
export const ticketListPoll = (client: QueryClient, search: TicketSearch) =>
  queryOptions({
    queryKey: ['tickets', 'poll', search],
    queryFn: async ({ signal }) => {
      const page = await fetchPage(search, null, signal)
      const list = ticketListQuery(search).queryKey
      const shown = client.getQueryData(list)?.pages[0]
      if (shown && JSON.stringify(shown) !== JSON.stringify(page)) await client.invalidateQueries({ queryKey: list })
      return page.items.length
    },
    staleTime: POLL_MS,
    refetchInterval: POLL_MS,
    retry: false,
  })

export const ticketQuery = (id: string) =>
  queryOptions({
    queryKey: ['ticket', id],
    queryFn: ({ signal }) => call<TicketAnswer>('GET', `/api/tickets/${id}`, { signal }),
    refetchInterval: ({ state }) => (state.data && isMoving(state.data) ? 2_000 : POLL_MS),
  })

/** Whether something in the ticket is under way: a mail being sent, an attachment being stored. */
function isMoving(ticket: TicketAnswer): boolean {
  return ticket.messages.some(
    (message) =>
      message.delivery?.state === 'queued' || message.attachments.some((attachment) => attachment.state === 'pending'),
  )
}

/** Changes a ticket's own fields; the screen shows the change at once and takes it back when it is refused. */
export function useUpdateTicket(id: string) {
  const client = useQueryClient()
  const key = ticketQuery(id).queryKey
  return useMutation({
    mutationFn: (body: TicketUpdate) => call<TicketItem>('PATCH', `/api/tickets/${id}`, { body }),
    onMutate: async (update) => {
      await client.cancelQueries({ queryKey: key })
      const before = client.getQueryData(key)
      if (before) client.setQueryData(key, { ...before, ...update })
      return { before }
    },
    onError: (_error, _update, context) => {
      if (context?.before) client.setQueryData(key, context.before)
    },
    onSettled: () => refreshTicket(client, id),
  })
}

export function useReply(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: ReplyInput) => call<MessageAnswer>('POST', `/api/tickets/${id}/replies`, { body }),
    onSuccess: (message) => showMessage(client, id, message),
  })
}

export function useAddNote(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (text: string) => call<MessageAnswer>('POST', `/api/tickets/${id}/notes`, { body: { text } }),
    onSuccess: (message) => showMessage(client, id, message),
  })
}

/** Sends a failed reply again, under the same Message-ID. */
export function useRetryMessage(ticketId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (messageId: string) => call<unknown>('POST', `/api/messages/${messageId}/retry`),
    onSettled: () => refreshTicket(client, ticketId),
  })
}

/** Stores an attachment that was skipped or failed. */
export function useFetchAttachment(ticketId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (attachmentId: string) => call<unknown>('POST', `/api/attachments/${attachmentId}/fetch`),
    onSettled: () => refreshTicket(client, ticketId),
  })
}

export const attachmentUrl = (id: string) => `/api/attachments/${id}`
export const originalUrl = (messageId: string) => `/api/messages/${messageId}/original`

function showMessage(client: QueryClient, ticketId: string, message: MessageAnswer) {
  client.setQueryData(ticketQuery(ticketId).queryKey, (ticket) =>
    ticket && !ticket.messages.some((known) => known.id === message.id)
      ? { ...ticket, messages: [...ticket.messages, message] }
      : ticket,
  )
  void refreshTicket(client, ticketId)
}

async function refreshTicket(client: QueryClient, id: string) {
  await Promise.all([
    client.invalidateQueries({ queryKey: ticketQuery(id).queryKey }),
    client.invalidateQueries({ queryKey: ['tickets'] }),
  ])
}
