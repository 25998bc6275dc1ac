// The Google account of an inbox: which one, what it has allowed, and the way to connect it again.
import { Stack, Text } from '@mantine/core'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { Section } from '../../components/section'
import { Time } from '../../lib/time'
import { ConnectGoogleButton } from './connect-google-button'
import { accessNeeded } from './google-access'
import { Permissions } from './permissions'

export function GoogleSection({ inbox }: { inbox: InboxAnswer }) {
  const google = inbox.connection?.google
  const needed = accessNeeded(inbox)
  return (
    <Section
      title="Google account"
      lead={
        google ? (
          <>
            {google.address}, allowed <Time iso={new Date(google.grantedAt).toISOString()} form="moment" />
          </>
        ) : (
          'No account is connected.'
        )
      }
    >
      <Stack gap="sm">
        {google ? (
          <Permissions scopes={google.scopes} />
        ) : (
          <>
            <Text size="sm">Google will ask you to allow this:</Text>
            <Permissions scopes={null} />
          </>
        )}
        {/* Where access is needed, the notice above has the button. */}
        {needed === null && (
          <ConnectGoogleButton inboxId={inbox.id} variant="default">
            Reconnect
          </ConnectGoogleButton>
        )}
        <Text size="xs" c="dimmed">
          {inbox.connectedAt
            ? 'Connecting the same account again goes on where it stopped and fetches what arrived in between.'
            : 'Google opens in this window and brings you back here.'}
        </Text>
      </Stack>
    </Section>
  )
}
