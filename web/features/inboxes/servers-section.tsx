// The mail servers of an inbox: receiving and sending, saved only after a sign-in that worked.
import { Button, Group, Stack } from '@mantine/core'
import { useForm } from '@mantine/form'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { Section } from '../../components/section'
import { fieldErrors } from '../../lib/form'
import { notifyDone } from '../../lib/notify'
import { useConnect } from './api'
import { ConnectFailure } from './connect-failure'
import { ConnectionFields } from './connection-fields'
import { connectionBody, connectionErrors, connectionValues } from './connection-form'

export function ServersSection({ inbox }: { inbox: InboxAnswer }) {
  const connect = useConnect(inbox.id)
  const receives = inbox.connectionType !== 'forward'
  const form = useForm({ initialValues: connectionValues(inbox.connection) })
  const submit = () => {
    const errors = connectionErrors(form.values, receives)
    form.setErrors(errors)
    if (Object.keys(errors).length > 0) return
    connect.mutate(connectionBody(form.values, receives), {
      onSuccess: (fresh) => {
        form.setValues(connectionValues(fresh.connection))
        form.resetDirty()
        notifyDone(`${fresh.name} is connected.`)
      },
      onError: (error) => form.setErrors(fieldErrors(error)),
    })
  }
  return (
    <Section
      title={receives ? 'Connection' : 'Replies'}
      lead={
        receives ? 'Saving signs in first; nothing changes when that fails.' : 'How replies are sent from this address.'
      }
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <Stack gap="md">
          <ConnectionFields form={form} receives={receives} inbox={inbox} />
          {connect.error && <ConnectFailure error={connect.error} />}
          <Group>
            <Button type="submit" loading={connect.isPending} disabled={!receives && !form.values.sends}>
              Save and connect
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  )
}
