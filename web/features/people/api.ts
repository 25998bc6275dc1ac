// Users of the workspace and invitations.
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { Role } from '../../../worker/contract/permissions'
import { api, done, read } from '../../lib/http'

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => read(api.users.$get({}, { init: { signal } })),
  select: (page) => page.items,
  staleTime: 60_000,
})

export const invitationsQuery = queryOptions({
  queryKey: ['invitations'],
  queryFn: ({ signal }) => read(api.invitations.$get({}, { init: { signal } })),
  select: (page) => page.items,
})

export function useInvite() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (json: { email: string; role: Role }) => read(api.invitations.$post({ json })),
    onSuccess: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
  })
}

export function useRevokeInvitation() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => done(api.invitations[':id'].$delete({ param: { id } })),
    onSettled: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
  })
}

export function useUpdateUser() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...json }: { id: string; role?: Role; disabled?: boolean }) =>
      read(api.users[':id'].$patch({ param: { id }, json })),
    onSettled: () => client.invalidateQueries({ queryKey: usersQuery.queryKey }),
  })
}
