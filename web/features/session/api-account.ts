// One's own password and sessions.
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type { ChangePasswordBody, OwnSessionPage } from '../../../worker/contract/auth'
import { call } from '../../lib/http'

export const ownSessionsQuery = queryOptions({
  queryKey: ['session', 'all'],
  queryFn: ({ signal }) => call<z.infer<typeof OwnSessionPage>>('GET', '/api/auth/sessions', { signal }),
  select: (page) => page.items,
})

export function useChangePassword() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: z.input<typeof ChangePasswordBody>) => call<void>('POST', '/api/auth/password', { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ownSessionsQuery.queryKey }),
  })
}

export function useEndSession() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => call<void>('DELETE', `/api/auth/sessions/${id}`),
    onSettled: () => client.invalidateQueries({ queryKey: ownSessionsQuery.queryKey }),
  })
}
