// Host, port, security and login of one side of a connection.
import { Alert, Group, NativeSelect, NumberInput, PasswordInput, Stack, TextInput } from '@mantine/core'
import { IconLockOpen } from '@tabler/icons-react'
import type { Security } from '../../../worker/contract/inboxes'
import { type ConnectionForm, portFor, SECURITY_LABEL, type Side } from './connection-form'

const SECURITY = Object.entries(SECURITY_LABEL).map(([value, label]) => ({ value, label }))

type Props = { form: ConnectionForm; side: Side; withLogin: boolean; passwordStored: boolean }

export function ServerFields({ form, side, withLogin, passwordStored }: Props) {
  const { security, port } = form.values[side]
  const setSecurity = (next: Security) => {
    form.setFieldValue(`${side}.security`, next)
    form.setFieldValue(`${side}.port`, portFor(side, port, next))
  }
  return (
    <Stack gap="sm">
      <Group gap="sm" align="start">
        <TextInput
          label="Server"
          placeholder={side === 'imap' ? 'imap.example.com' : 'smtp.example.com'}
          flex="1 1 14rem"
          autoCapitalize="none"
          spellCheck={false}
          {...form.getInputProps(`${side}.host`)}
        />
        <NativeSelect
          label="Security"
          data={SECURITY}
          w={215}
          value={security}
          onChange={(event) => setSecurity(event.currentTarget.value as Security)}
        />
        <NumberInput label="Port" min={1} max={65535} w={100} hideControls {...form.getInputProps(`${side}.port`)} />
      </Group>
      {security === 'none' && (
        <Alert color="yellow" icon={<IconLockOpen />} title="The password would travel unencrypted">
          Anybody on the way can read it and the mail. Use TLS or STARTTLS unless the server is on your own machine.
        </Alert>
      )}
      {withLogin && (
        <Group gap="sm" align="start">
          <TextInput
            label="User name"
            flex="1 1 14rem"
            autoCapitalize="none"
            spellCheck={false}
            autoComplete="off"
            {...form.getInputProps(`${side}.username`)}
          />
          <PasswordInput
            label="Password"
            placeholder={passwordStored ? 'Stored; leave empty to keep it' : ''}
            flex="1 1 14rem"
            autoComplete="new-password"
            {...form.getInputProps(`${side}.password`)}
          />
        </Group>
      )}
    </Stack>
  )
}
