// Makes an inbox and connects it. The two are separate calls: what was made is remembered, so that a second try after a
// refused connection does not make a second inbox.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { InboxAnswer, MailboxKind } from '../../../worker/contract/inboxes'
import { connectInbox, createInbox, deleteInbox, startConnect, updateInbox } from './api'
import { connectBody } from './connect-body'
import { type ConnectionValues, connectionBody } from './connection-form'
import { isVendor, VENDOR_NAME } from './vendors'

export type NewInboxValues = {
  type: InboxAnswer['connectionType']
  /** of a Microsoft inbox */
  kind: MailboxKind
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
      if (isVendor(values.type)) {
        setProgress(values.kind === 'app' ? 'Opening the mailbox…' : `Going to ${VENDOR_NAME[values.type]}…`)
        const { url } = await startConnect(values.type, inbox.id, connectBody(inbox, { kind: values.kind }))
        return { inbox, leaveTo: url }
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
