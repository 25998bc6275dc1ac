// "Connect with Google", or "Reconnect": one press leads to Google; why it could not is said beside the button.
import { Button, type ButtonProps, Stack, Text } from '@mantine/core'
import { IconBrandGoogle } from '@tabler/icons-react'
import { messageOf } from '../../lib/http'
import { useConnectGoogle } from './use-connect-google'

type Props = Pick<ButtonProps, 'size' | 'variant'> & { inboxId: string; children: string }

export function ConnectGoogleButton({ inboxId, children, ...look }: Props) {
  const { connect, leaving, error } = useConnectGoogle(inboxId)
  return (
    <Stack gap={4} align="start">
      <Button
        leftSection={<IconBrandGoogle size={look.size === 'xs' ? 16 : 18} />}
        loading={leaving}
        onClick={() => connect({})}
        {...look}
      >
        {children}
      </Button>
      {error && (
        <Text size="sm" c="var(--tone-bad)" role="alert" maw={420}>
          {messageOf(error)}
        </Text>
      )}
    </Stack>
  )
}
