// "Connect with …", or "Reconnect": one press leads to the vendor; why it could not is said on a line of its own.
import { Button, type ButtonProps, Text } from '@mantine/core'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { messageOf } from '../../lib/http'
import type { ConnectWish } from './connect-body'
import { useConnectAccount } from './use-connect-account'
import { VendorIcon } from './vendor-icon'
import { vendorOf } from './vendors'

type Props = Pick<ButtonProps, 'size' | 'variant'> & { inbox: InboxAnswer; wish?: ConnectWish; children: string }

/** For a group whose items wrap. */
export function ConnectAccountButton({ inbox, wish = {}, children, ...look }: Props) {
  const { connect, leaving, error } = useConnectAccount(inbox)
  const vendor = vendorOf(inbox)
  return (
    <>
      <Button
        leftSection={vendor && <VendorIcon vendor={vendor} size={look.size === 'xs' ? 16 : 18} />}
        loading={leaving}
        onClick={() => connect(wish)}
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
