// Microsoft profiles and bindings over the API.
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type { CreateProfileBody, MicrosoftConsumer, UpdateProfileBody } from '../../../worker/contract/microsoft'
import { api, done, read } from '../../lib/http'

export type ProfileInput = z.input<typeof CreateProfileBody>
export type ProfileChange = z.input<typeof UpdateProfileBody>

export const profilesQuery = queryOptions({
  queryKey: ['microsoft', 'profiles'],
  queryFn: ({ signal }) => read(api.microsoft.profiles.$get({}, { init: { signal } })),
  select: (page) => page.items,
})

export const bindingsQuery = queryOptions({
  queryKey: ['microsoft', 'bindings'],
  queryFn: ({ signal }) => read(api.microsoft.bindings.$get({}, { init: { signal } })),
  select: (list) => list.items,
})

/** A mutation after which profiles and bindings are read again: each shows the other. */
function useMicrosoftMutation<Input, Output>(send: (input: Input) => Promise<Output>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: send,
    onSettled: () => client.invalidateQueries({ queryKey: ['microsoft'] }),
  })
}

export const useCreateProfile = () =>
  useMicrosoftMutation((json: ProfileInput) => read(api.microsoft.profiles.$post({ json })))

export const useUpdateProfile = (id: string) =>
  useMicrosoftMutation((json: ProfileChange) => read(api.microsoft.profiles[':id'].$patch({ param: { id }, json })))

export const useMakeDefault = (id: string) =>
  useMicrosoftMutation(() => read(api.microsoft.profiles[':id']['make-default'].$post({ param: { id } })))

export const useRestoreProfile = (id: string) =>
  useMicrosoftMutation(() => read(api.microsoft.profiles[':id'].restore.$post({ param: { id } })))

export type Parting = 'archive' | 'delete'
/** While something uses the profile: ApiError 409 `profile_in_use` with `consumers`. `unbindHidden`: what this edition lacks does not count. */
export const usePartWithProfile = (id: string) =>
  useMicrosoftMutation(({ how, unbindHidden }: { how: Parting; unbindHidden: boolean }) => {
    const profile = api.microsoft.profiles[':id']
    if (how === 'archive') return done(profile.archive.$post({ param: { id } }))
    return done(profile.$delete({ param: { id }, query: unbindHidden ? { unbindHidden: 'true' } : {} }))
  })

/** Binds the profile, or with null takes the binding away. */
export const useBind = (consumer: MicrosoftConsumer) =>
  useMicrosoftMutation((profileId: string | null) => {
    const binding = api.microsoft.bindings[':consumer']
    return done(
      profileId === null
        ? binding.$delete({ param: { consumer } })
        : binding.$put({ param: { consumer }, json: { profileId } }),
    )
  })
