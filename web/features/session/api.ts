// Setup, sign-in, invitations and the session.
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { SessionAnswer } from '../../../worker/contract/auth'
import type { Permission } from '../../../worker/contract/permissions'
import { api, done, read } from '../../lib/http'

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => read(api.auth.session.$get({}, { init: { signal } })),
  staleTime: 5 * 60_000,
})

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => read(api.setup.$get({}, { init: { signal } })),
})

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

type SetupInput = { tenantName: string; name: string; email: string; password: string }
export const useSetup = () => useSessionMutation((json: SetupInput) => read(api.setup.$post({ json })))

type SignInInput = { email: string; password: string }
export const useSignIn = () => useSessionMutation((json: SignInInput) => read(api.auth['sign-in'].$post({ json })))

type AcceptInput = { token: string; name: string; password: string }
export const useAcceptInvitation = () =>
  useSessionMutation((json: AcceptInput) => read(api.invitations.accept.$post({ json })))

export function useSignOut() {
  return useMutation({ mutationFn: () => done(api.auth['sign-out'].$post()) })
}

/** Whether this session holds the permission. */
export function allows(session: SessionAnswer, permission: Permission): boolean {
  return session.permissions.includes(permission)
}
