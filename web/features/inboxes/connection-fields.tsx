// The whole connection form: receiving, sending, and the test of both.
import { Button, Checkbox, Divider, Fieldset, Group, Stack, Switch, Text } from '@mantine/core'
import { IconPlugConnected } from '@tabler/icons-react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { useTestConnection } from './api'
import { CheckSteps } from './check-steps'
import { type ConnectionForm, connectionBody, connectionErrors } from './connection-form'
import { ServerFields } from './server-fields'

type Props = {
  form: ConnectionForm
  /** false for a forwarding inbox, which has no receiving side */
  receives: boolean
  /** the inbox whose stored passwords stand in for blank ones, and what is stored of it; null for a new one */
  inbox: Pick<InboxAnswer, 'id' | 'connection'> | null
}

export function ConnectionFields({ form, receives, inbox }: Props) {
  const test = useTestConnection(inbox?.id ?? null)
  const stored = inbox?.connection
  const { sends, sameLogin } = form.values
  const runTest = () => {
    const errors = connectionErrors(form.values, receives)
    form.setErrors(errors)
    if (Object.keys(errors).length === 0) test.mutate(connectionBody(form.values, receives))
  }
  return (
    <Stack gap="md">
      {receives && (
        <Fieldset legend="Receiving (IMAP)">
          <ServerFields form={form} side="imap" withLogin passwordStored={Boolean(stored?.imap)} />
        </Fieldset>
      )}
      <Fieldset legend="Sending (SMTP)">
        <Stack gap="sm">
          {/* What is stored stays until it is replaced or the inbox is disconnected, so there is nothing to switch off. */}
          {!stored?.smtp && (
            <Switch
              label="Send replies from this inbox"
              description={sends ? undefined : 'Without it this inbox only receives; nobody can reply.'}
              {...form.getInputProps('sends', { type: 'checkbox' })}
            />
          )}
          {sends && receives && (
            <Checkbox
              label="Same user name and password as for receiving"
              {...form.getInputProps('sameLogin', { type: 'checkbox' })}
            />
          )}
          {sends && (
            <ServerFields
              form={form}
              side="smtp"
              withLogin={!(receives && sameLogin)}
              passwordStored={Boolean(stored?.smtp?.username)}
            />
          )}
        </Stack>
      </Fieldset>
      {(receives || sends) && (
        <>
          <Group gap="sm">
            <Button
              variant="default"
              leftSection={<IconPlugConnected size={18} />}
              onClick={runTest}
              loading={test.isPending}
            >
              Test connection
            </Button>
            <Text size="xs" c="dimmed">
              Nothing is stored and no mail is sent.
            </Text>
          </Group>
          <CheckSteps check={test} running="Asking the servers. This takes up to half a minute." />
          <Divider />
        </>
      )}
    </Stack>
  )
}
