// Users of the workspace and invitations.
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type { InvitationPage, InviteAnswer, UserAnswer, UserPage } from '../../../worker/contract/auth'
import type { Role } from '../../../worker/contract/permissions'
import { call } from '../../lib/http'

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => call<z.infer<typeof UserPage>>('GET', '/api/users', { signal }),
  select: (page) => page.items,
  staleTime: 60_000,
})

export const invitationsQuery = queryOptions({
  queryKey: ['invitations'],
  queryFn: ({ signal }) => call<z.infer<typeof InvitationPage>>('GET', '/api/invitations', { signal }),
  select: (page) => page.items,
})

export function useInvite() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: { email: string; role: Role }) =>
      call<z.infer<typeof InviteAnswer>>('POST', '/api/invitations', { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
  })
}

export function useRevokeInvitation() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => call<void>('DELETE', `/api/invitations/${id}`),
    onSettled: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
  })
}

export function useUpdateUser() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...body }: { id: string; role?: Role; disabled?: boolean }) =>
      call<UserAnswer>('PATCH', `/api/users/${id}`, { body }),
    onSettled: () => client.invalidateQueries({ queryKey: usersQuery.queryKey }),
  })
}
