// Inboxes, their connections and their ledger over the API.
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type {
  CreateInboxBody,
  DeleteInboxBody,
  StartMicrosoftBody,
  UpdateInboxBody,
} from '../../../worker/contract/inboxes'
import { api, done, read } from '../../lib/http'
import type { ConnectionInput } from './connection-form'
import type { LedgerFilter } from './ledger-words'
import type { Vendor } from './vendors'

const POLL_MS = 10_000

function listInboxes(archived: 'true' | 'false', signal: AbortSignal) {
  return read(api.inboxes.$get({ query: { archived } }, { init: { signal } }))
}

export const inboxesQuery = () =>
  queryOptions({
    queryKey: ['inboxes', 'active'],
    queryFn: ({ signal }) => listInboxes('false', signal),
    select: (page) => page.items,
    refetchInterval: POLL_MS,
  })

export const archivedInboxesQuery = queryOptions({
  queryKey: ['inboxes', 'archived'],
  queryFn: ({ signal }) => listInboxes('true', signal),
  select: (page) => page.items,
})

export const inboxQuery = (id: string) =>
  queryOptions({
    queryKey: ['inboxes', id],
    queryFn: ({ signal }) => read(api.inboxes[':id'].$get({ param: { id } }, { init: { signal } })),
    // An import in progress is watched closely; a quiet inbox is not.
    refetchInterval: ({ state }) => (state.data && state.data.unaccounted > 0 ? 2_000 : POLL_MS),
  })

export const ledgerQuery = (id: string, filter: LedgerFilter) =>
  infiniteQueryOptions({
    queryKey: ['ledger', id, filter],
    queryFn: ({ pageParam, signal }) =>
      read(
        api.inboxes[':id'].ledger.$get(
          { param: { id }, query: { ...filter, ...(pageParam ? { cursor: pageParam } : {}) } },
          { init: { signal } },
        ),
      ),
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

export const createInbox = (json: z.input<typeof CreateInboxBody>) => read(api.inboxes.$post({ json }))

export const updateInbox = (id: string, json: z.input<typeof UpdateInboxBody>) =>
  read(api.inboxes[':id'].$patch({ param: { id }, json }))

/** Verifies by a real login and only then stores. */
export const connectInbox = (id: string, json: ConnectionInput) =>
  read(api.inboxes[':id'].connection.imap.$put({ param: { id }, json }))

/** Answers the vendor's address to send the browser to; null where none is needed and the inbox is connected. */
export function startConnect(vendor: Vendor, id: string, json: StartMicrosoftBody): Promise<{ url: string | null }> {
  const { google, microsoft } = api.inboxes[':id'].connect
  return vendor === 'google'
    ? read(google.$post({ param: { id }, json }))
    : read(microsoft.$post({ param: { id }, json }))
}

export type OpenTickets = DeleteInboxBody['openTickets']
/** With open tickets and no choice: ApiError 409 with `openTicketCount`. */
export const deleteInbox = (id: string, openTickets: OpenTickets) =>
  done(api.inboxes[':id'].$delete({ param: { id }, json: openTickets ? { openTickets } : {} }))

export const useUpdateInbox = (id: string) =>
  useInboxMutation((json: z.input<typeof UpdateInboxBody>) => updateInbox(id, json))
export const useConnect = (id: string) => useInboxMutation((json: ConnectionInput) => connectInbox(id, json))
export const useDeleteInbox = (id: string) =>
  useInboxMutation((openTickets: OpenTickets) => deleteInbox(id, openTickets))

export type InboxAction = 'pause' | 'resume' | 'disconnect' | 'archive' | 'restore'
export const useInboxAction = (id: string) =>
  useInboxMutation((action: InboxAction) => read(api.inboxes[':id'][action].$post({ param: { id } })))

export const useSyncNow = (id: string) => useInboxMutation(() => read(api.inboxes[':id'].sync.$post({ param: { id } })))

/** The usual settings of an address's provider; a failure only means that there is no proposal. */
export const autoconfigQuery = (email: string) =>
  queryOptions({
    queryKey: ['autoconfig', email],
    queryFn: ({ signal }) => read(api.inboxes.autoconfig.$get({ query: { email } }, { init: { signal } })),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })

/** Tries the settings as typed; nothing is stored. With an id, blank passwords mean the stored ones. */
export function useTestConnection(inboxId: string | null) {
  return useMutation({
    mutationFn: (json: ConnectionInput) =>
      read(api.inboxes['test-connection'].$post({ query: inboxId ? { inboxId } : {}, json })),
  })
}

export function useDiagnose(id: string) {
  return useMutation({ mutationFn: () => read(api.inboxes[':id'].diagnose.$post({ param: { id } })) })
}

export function useLedgerAction(inboxId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, action }: { id: string; action: 'release' | 'replay' }) =>
      read(api.ledger[':id'][action].$post({ param: { id } })),
    onSettled: () => client.invalidateQueries({ queryKey: ['ledger', inboxId] }),
  })
}
