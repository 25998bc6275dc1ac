// Inboxes, their connections and their ledger over the API.
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type {
  CheckReport,
  ConnectionBody,
  CreateInboxBody,
  DeleteInboxBody,
  InboxAnswer,
  InboxPage,
  LedgerAnswer,
  Server,
  UpdateInboxBody,
} from '../../../worker/contract/inboxes'
import { call } from '../../lib/http'
import type { LedgerFilter } from './ledger-words'

type InboxList = z.infer<typeof InboxPage>
export type ConnectionInput = z.input<typeof ConnectionBody>

const POLL_MS = 10_000

function listInboxes(archived: boolean, signal: AbortSignal) {
  return call<InboxList>('GET', '/api/inboxes', { signal, query: { archived } })
}

export const inboxesQuery = () =>
  queryOptions({
    queryKey: ['inboxes', 'active'],
    queryFn: ({ signal }) => listInboxes(false, signal),
    select: (page) => page.items,
    refetchInterval: POLL_MS,
  })

export const archivedInboxesQuery = queryOptions({
  queryKey: ['inboxes', 'archived'],
  queryFn: ({ signal }) => listInboxes(true, signal),
  select: (page) => page.items,
})

export const inboxQuery = (id: string) =>
  queryOptions({
    queryKey: ['inboxes', id],
    queryFn: ({ signal }) => call<InboxAnswer>('GET', `/api/inboxes/${id}`, { signal }),
    // An import in progress is watched closely; a quiet inbox is not.
    refetchInterval: ({ state }) => (state.data && state.data.unaccounted > 0 ? 2_000 : POLL_MS),
  })

export const ledgerQuery = (id: string, filter: LedgerFilter) =>
  infiniteQueryOptions({
    queryKey: ['ledger', id, filter],
    queryFn: ({ pageParam, signal }) =>
      call<LedgerAnswer>('GET', `/api/inboxes/${id}/ledger`, {
        signal,
        query: { ...filter, ...(pageParam ? { cursor: pageParam } : {}) },
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: (previous) => previous,
  })

/** A mutation after which every inbox on screen is read again. */
function useInboxMutation<Input, Output>(send: (input: Input) => Promise<Output>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: send,
    onSettled: () => client.invalidateQueries({ queryKey: ['inboxes'] }),
  })
}

export const createInbox = (body: z.input<typeof CreateInboxBody>) =>
  call<InboxAnswer>('POST', '/api/inboxes', { body })

export const updateInbox = (id: string, body: z.input<typeof UpdateInboxBody>) =>
  call<InboxAnswer>('PATCH', `/api/inboxes/${id}`, { body })

/** Verifies by a real login and only then stores. */
export const connectInbox = (id: string, body: ConnectionInput) =>
  call<InboxAnswer>('PUT', `/api/inboxes/${id}/connection/imap`, { body })

export type OpenTickets = DeleteInboxBody['openTickets']
/** With open tickets and no choice: ApiError 409 with `openTicketCount`. */
export const deleteInbox = (id: string, openTickets: OpenTickets) =>
  call<void>('DELETE', `/api/inboxes/${id}`, { body: openTickets ? { openTickets } : {} })

export const useUpdateInbox = (id: string) =>
  useInboxMutation((body: z.input<typeof UpdateInboxBody>) => updateInbox(id, body))
export const useConnect = (id: string) => useInboxMutation((body: ConnectionInput) => connectInbox(id, body))
export const useDeleteInbox = (id: string) =>
  useInboxMutation((openTickets: OpenTickets) => deleteInbox(id, openTickets))

export type InboxAction = 'pause' | 'resume' | 'disconnect' | 'archive' | 'restore'
export const useInboxAction = (id: string) =>
  useInboxMutation((action: InboxAction) => call<InboxAnswer>('POST', `/api/inboxes/${id}/${action}`))

export const useSyncNow = (id: string) =>
  useInboxMutation(() => call<{ found: number; queued: number }>('POST', `/api/inboxes/${id}/sync`))

type Proposed = Omit<Server, 'password'>
export type Autoconfig = { imap: Proposed | null; smtp: Proposed | null; hint: string | null }

/** The usual settings of an address's provider; a failure only means that there is no proposal. */
export const autoconfigQuery = (email: string) =>
  queryOptions({
    queryKey: ['autoconfig', email],
    queryFn: ({ signal }) => call<Autoconfig>('GET', '/api/inboxes/autoconfig', { signal, query: { email } }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })

/** Tries the settings as typed; nothing is stored. With an id, blank passwords mean the stored ones. */
export function useTestConnection(inboxId: string | null) {
  return useMutation({
    mutationFn: (body: ConnectionInput) =>
      call<CheckReport>('POST', '/api/inboxes/test-connection', {
        body,
        ...(inboxId ? { query: { inboxId } } : {}),
      }),
  })
}

export function useDiagnose(id: string) {
  return useMutation({ mutationFn: () => call<CheckReport>('POST', `/api/inboxes/${id}/diagnose`) })
}

export function useLedgerAction(inboxId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, action }: { id: string; action: 'release' | 'replay' }) =>
      call<unknown>('POST', `/api/ledger/${id}/${action}`),
    onSettled: () => client.invalidateQueries({ queryKey: ['ledger', inboxId] }),
  })
}
