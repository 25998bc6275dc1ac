// Query defaults: what is retried, and what happens when the session ends in the middle of work.
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { ApiError } from './http'

/** A client that calls `onSignedOut` when the server has no session any more for somebody who had one. */
export function createQueryClient(onSignedOut: () => void): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.code === 'unauthenticated') onSignedOut()
  }
  return new QueryClient({
    queryCache: new QueryCache({
      // Asking for the session is how a first visit finds out: the router sends that one to setup or sign-in.
      onError: (error, query) => query.queryKey[0] !== 'session' && onError(error),
    }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        // Without a network a request fails and says so; waiting in silence would look like work.
        networkMode: 'always',
        staleTime: 5_000,
        // A refusal stays a refusal; only a missing or broken answer is worth asking again.
        retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
      },
      mutations: { networkMode: 'always', retry: false },
    },
  })
}
