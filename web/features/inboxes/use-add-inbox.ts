// Makes an inbox and connects it. The two are separate calls: what was made is remembered, so that a second try after a
// refused connection does not make a second inbox.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { connectInbox, createInbox, deleteInbox, startGoogleConnect, updateInbox } from './api'
import { type ConnectionValues, connectionBody } from './connection-form'

export type NewInboxValues = {
  type: 'imap' | 'google' | 'forward'
  email: string
  name: string
  displayName: string
  importDays: number
  connection: ConnectionValues
}

/** `leaveTo`: the address at the provider where connecting goes on, null where it is done. */
export type AddedInbox = { inbox: InboxAnswer; leaveTo: string | null }

export function useAddInbox() {
  const client = useQueryClient()
  const made = useRef<InboxAnswer | null>(null)
  const [progress, setProgress] = useState('')
  const mutation = useMutation({
    mutationFn: async (values: NewInboxValues): Promise<AddedInbox> => {
      setProgress('Making the inbox…')
      const inbox = await recordOf(values, made.current)
      made.current = inbox
      if (values.type === 'google') {
        setProgress('Going to Google…')
        return { inbox, leaveTo: (await startGoogleConnect(inbox.id, {})).url }
      }
      const body = connectionBody(values.connection, values.type === 'imap')
      if (!body.imap && !body.smtp) return { inbox, leaveTo: null }
      setProgress('Signing in to the mail server…')
      return { inbox: await connectInbox(inbox.id, body), leaveTo: null }
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['inboxes'] }),
  })
  return { ...mutation, progress }
}

/** The inbox's record with these names: a new one, or the one an earlier try has made. */
async function recordOf(values: NewInboxValues, made: InboxAnswer | null): Promise<InboxAnswer> {
  const names = { name: values.name.trim(), displayName: values.displayName.trim() || values.name.trim() }
  const emailAddress = values.email.trim().toLowerCase()
  const usable = made?.emailAddress === emailAddress && made.connectionType === values.type
  if (made && !usable) await deleteInbox(made.id, undefined)
  const inbox = made && usable ? made : await createInbox({ ...names, emailAddress, connectionType: values.type })
  return updateInbox(inbox.id, { ...names, ...(values.type === 'forward' ? {} : { importDays: values.importDays }) })
}
