// Inboxes, their connections and their ledger over the API.
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type {
  CheckReport,
  ConnectionBody,
  CreateInboxBody,
  InboxAnswer,
  LedgerAnswer,
  UpdateInboxBody,
} from '../../../worker/contract/inboxes'
import { call } from '../../lib/http'

type LedgerPage = z.infer<typeof LedgerAnswer>
export type ConnectionInput = z.input<typeof ConnectionBody>
export type LedgerFilter = { disposition?: string; state?: string }

export const inboxesQuery = (archived = false) =>
  queryOptions({
    queryKey: ['inboxes', { archived }],
    queryFn: ({ signal }) =>
      call<{ items: InboxAnswer[] }>('GET', '/api/inboxes', { signal, query: archived ? { archived: true } : {} }),
    select: (answer) => answer.items,
    refetchInterval: 10_000,
  })

export const inboxQuery = (id: string) =>
  queryOptions({
    queryKey: ['inboxes', id],
    queryFn: ({ signal }) => call<InboxAnswer>('GET', `/api/inboxes/${id}`, { signal }),
    // An import in progress is watched closely; a quiet inbox is not.
    refetchInterval: ({ state }) => (state.data && state.data.unaccounted > 0 ? 2_000 : 10_000),
  })

export const ledgerQuery = (id: string, filter: LedgerFilter) =>
  infiniteQueryOptions({
    queryKey: ['ledger', id, filter],
    queryFn: ({ pageParam, signal }) =>
      call<LedgerPage>('GET', `/api/inboxes/${id}/ledger`, {
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

export const useCreateInbox = () =>
  useInboxMutation((body: z.input<typeof CreateInboxBody>) => call<InboxAnswer>('POST', '/api/inboxes', { body }))

export const useUpdateInbox = (id: string) =>
  useInboxMutation((body: z.input<typeof UpdateInboxBody>) =>
    call<InboxAnswer>('PATCH', `/api/inboxes/${id}`, { body }),
  )

/** Verifies by a real login and only then stores. */
export const useConnect = () =>
  useInboxMutation(({ id, ...body }: ConnectionInput & { id: string }) =>
    call<InboxAnswer>('PUT', `/api/inboxes/${id}/connection/imap`, { body }),
  )

export type InboxAction = 'pause' | 'resume' | 'disconnect' | 'archive' | 'restore'
export const useInboxAction = (id: string) =>
  useInboxMutation((action: InboxAction) => call<InboxAnswer>('POST', `/api/inboxes/${id}/${action}`))

export const useSyncNow = (id: string) =>
  useInboxMutation(() => call<{ found: number; queued: number }>('POST', `/api/inboxes/${id}/sync`))

export type OpenTickets = { action: 'transfer'; toInboxId: string } | { action: 'close' }
export const useDeleteInbox = (id: string) =>
  useInboxMutation((openTickets: OpenTickets | null) =>
    call<void>('DELETE', `/api/inboxes/${id}`, openTickets ? { body: { openTickets } } : {}),
  )

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
