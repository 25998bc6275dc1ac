// One's own password and sessions.
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type { ChangePasswordBody } from '../../../worker/contract/auth'
import { api, done, read } from '../../lib/http'

export const ownSessionsQuery = queryOptions({
  queryKey: ['own-sessions'],
  queryFn: ({ signal }) => read(api.auth.sessions.$get({}, { init: { signal } })),
  select: (page) => page.items,
})

export function useChangePassword() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (json: z.input<typeof ChangePasswordBody>) => done(api.auth.password.$post({ json })),
    onSuccess: () => client.invalidateQueries({ queryKey: ownSessionsQuery.queryKey }),
  })
}

export function useEndSession() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => done(api.auth.sessions[':id'].$delete({ param: { id } })),
    onSettled: () => client.invalidateQueries({ queryKey: ownSessionsQuery.queryKey }),
  })
}
