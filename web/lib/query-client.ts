// Query defaults: what is retried, and what happens when the session ends in the middle of work.
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { ApiError } from './http'

/** A client that calls `onSignedOut` when any request is refused for want of a session. */
export function createQueryClient(onSignedOut: () => void): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.code === 'unauthenticated') onSignedOut()
  }
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // A refusal stays a refusal; only a missing or broken answer is worth asking again.
        retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
      },
      mutations: { retry: false },
    },
  })
}
