// Leaves for Google's sign-in and consent. The browser comes back to the inbox page with `?connect=`.
import { useMutation } from '@tanstack/react-query'
import { useEffect } from 'react'
import { startGoogleConnect } from './api'

/** `leaving` stays true until the browser is at Google. */
export function useConnectGoogle(inboxId: string) {
  const { mutate, reset, error, isPending, isSuccess } = useMutation({
    mutationFn: (body: Parameters<typeof startGoogleConnect>[1]) => startGoogleConnect(inboxId, body),
    onSuccess: ({ url }) => window.location.assign(url),
  })
  // Browsers keep this page while Google is open; who comes back with "Back" has to find buttons that work.
  useEffect(() => {
    const revive = (event: PageTransitionEvent) => event.persisted && reset()
    window.addEventListener('pageshow', revive)
    return () => window.removeEventListener('pageshow', revive)
  }, [reset])
  return { connect: mutate, leaving: isPending || isSuccess, error }
}
