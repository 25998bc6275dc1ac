// Leaves for the vendor's sign-in and consent. The browser comes back to the inbox page with `?connect=`.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { notifyDone } from '../../lib/notify'
import { startConnect } from './api'
import { type ConnectWish, connectBody } from './connect-body'
import { vendorOf } from './vendors'

/** `leaving` stays true until the browser is at the vendor. An app's own access needs no browser: it is connected at once. */
export function useConnectAccount(inbox: InboxAnswer) {
  const client = useQueryClient()
  const { mutate, reset, error, isPending, data } = useMutation({
    mutationFn: (wish: ConnectWish) => startConnect(vendorOf(inbox) ?? 'google', inbox.id, connectBody(inbox, wish)),
    onSuccess: ({ url }) => {
      if (url !== null) return window.location.assign(url)
      notifyDone(`${inbox.name} is connected.`)
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['inboxes'] }),
  })
  // Browsers keep this page while the vendor's is open; who comes back with "Back" has to find buttons that work.
  useEffect(() => {
    const revive = (event: PageTransitionEvent) => event.persisted && reset()
    window.addEventListener('pageshow', revive)
    return () => window.removeEventListener('pageshow', revive)
  }, [reset])
  return { connect: mutate, leaving: isPending || Boolean(data?.url), error }
}
