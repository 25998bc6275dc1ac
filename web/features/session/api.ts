// Setup, sign-in, invitations and one's own account.
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { SessionAnswer } from '../../../worker/contract/auth'
import type { Permission } from '../../../worker/contract/permissions'
import { call } from '../../lib/http'

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => call<SessionAnswer>('GET', '/api/auth/session', { signal }),
  staleTime: 5 * 60_000,
})

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => call<{ needed: boolean }>('GET', '/api/setup', { signal }),
})

export type SetupInput = { tenantName: string; name: string; email: string; password: string }
export type SignInInput = { email: string; password: string }
export type AcceptInput = { token: string; name: string; password: string }

/** A mutation whose answer is the new session. */
function useSessionMutation<Input>(send: (input: Input) => Promise<SessionAnswer>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: send,
    onSuccess: (session) => {
      client.clear()
      client.setQueryData(sessionQuery.queryKey, session)
    },
  })
}

export const useSetup = () => useSessionMutation((body: SetupInput) => call('POST', '/api/setup', { body }))
export const useSignIn = () => useSessionMutation((body: SignInInput) => call('POST', '/api/auth/sign-in', { body }))
export const useAcceptInvitation = () =>
  useSessionMutation((body: AcceptInput) => call('POST', '/api/invitations/accept', { body }))

export function useSignOut() {
  return useMutation({ mutationFn: () => call<void>('POST', '/api/auth/sign-out') })
}

/** Whether this session holds the permission. */
export function allows(session: SessionAnswer, permission: Permission): boolean {
  return session.permissions.includes(permission)
}
