// "Connect with Google", or "Reconnect": one press leads to Google; why it could not is said on a line of its own.
import { Button, type ButtonProps, Text } from '@mantine/core'
import { IconBrandGoogle } from '@tabler/icons-react'
import { messageOf } from '../../lib/http'
import { useConnectGoogle } from './use-connect-google'

type Props = Pick<ButtonProps, 'size' | 'variant'> & { inboxId: string; children: string }

/** For a group whose items wrap. */
export function ConnectGoogleButton({ inboxId, children, ...look }: Props) {
  const { connect, leaving, error } = useConnectGoogle(inboxId)
  return (
    <>
      <Button
        leftSection={<IconBrandGoogle size={look.size === 'xs' ? 16 : 18} />}
        loading={leaving}
        onClick={() => connect({})}
        {...look}
      >
        {children}
      </Button>
      {error && (
        <Text size="sm" c="var(--tone-bad)" role="alert" flex="1 0 100%">
          {messageOf(error)}
        </Text>
      )}
    </>
  )
}
