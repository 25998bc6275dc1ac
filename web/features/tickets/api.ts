// Tickets, their messages and attachments over the API.
import {
  infiniteQueryOptions,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'
import type { z } from 'zod'
import type { MessageAnswer, ReplyBody, TicketAnswer, UpdateTicketBody } from '../../../worker/contract/tickets'
import { api, read } from '../../lib/http'
import { type TicketSearch, ticketQueryOf } from './search'

export type TicketUpdate = z.input<typeof UpdateTicketBody>
export type ReplyInput = z.input<typeof ReplyBody>

const POLL_MS = 5_000

/** The list carries an ETag, so the browser asks conditionally and an unchanged page costs a 304. */
function fetchPage(search: TicketSearch, cursor: string | null, signal: AbortSignal) {
  const query = { ...ticketQueryOf(search), ...(cursor ? { cursor } : {}) }
  return read(api.tickets.$get({ query }, { init: { signal } }))
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

export const ticketCountsQuery = queryOptions({
  queryKey: ['tickets', 'counts'],
  queryFn: ({ signal }) => read(api.tickets.counts.$get({}, { init: { signal } })),
  refetchInterval: 15_000,
  retry: false,
})

export const ticketQuery = (id: string) =>
  queryOptions({
    queryKey: ['ticket', id],
    queryFn: ({ signal }) => read(api.tickets[':id'].$get({ param: { id }, query: {} }, { init: { signal } })),
    refetchInterval: ({ state }) => (state.data && isMoving(state.data) ? 2_000 : POLL_MS),
  })

/** The messages before the newest page of a long conversation, a page at a time. */
export const earlierMessagesQuery = (ticketId: string, firstMessageId: string) =>
  infiniteQueryOptions({
    queryKey: ['earlier-messages', ticketId],
    queryFn: ({ pageParam, signal }) =>
      read(api.tickets[':id'].$get({ param: { id: ticketId }, query: { before: pageParam } }, { init: { signal } })),
    initialPageParam: firstMessageId,
    getNextPageParam: (page) => (page.hasEarlier ? page.messages[0]?.id : undefined),
    staleTime: Number.POSITIVE_INFINITY,
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
    mutationFn: (json: TicketUpdate) => read(api.tickets[':id'].$patch({ param: { id }, json })),
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

/** Queues a reply. The same `key` sent twice, after a lost answer for example, writes one reply. */
export function useReply(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ key, ...json }: ReplyInput & { key: string }) =>
      read(api.tickets[':id'].replies.$post({ param: { id }, json }, { headers: { 'idempotency-key': key } })),
    onSuccess: (message) => showMessage(client, id, message),
  })
}

export function useAddNote(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (text: string) => read(api.tickets[':id'].notes.$post({ param: { id }, json: { text } })),
    onSuccess: (message) => showMessage(client, id, message),
  })
}

/** Sends a failed reply again, under the same Message-ID. */
export function useRetryMessage(ticketId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => read(api.messages[':id'].retry.$post({ param: { id } })),
    onSettled: () => refreshTicket(client, ticketId),
  })
}

/** Stores an attachment that was skipped or failed. */
export function useFetchAttachment(ticketId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => read(api.attachments[':id'].fetch.$post({ param: { id } })),
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
