// The Google account of an inbox: which one, what it has allowed, and the way to connect it again.
import { Group, Stack, Text } from '@mantine/core'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { Section } from '../../components/section'
import { Time } from '../../lib/time'
import { ConnectGoogleButton } from './connect-google-button'
import { accessEnded, accessNeeded } from './google-access'
import { Permissions } from './permissions'

export function GoogleSection({ inbox }: { inbox: InboxAnswer }) {
  const google = inbox.connection?.google
  // What was granted once says nothing where the access has ended.
  const valid = google !== undefined && !accessEnded(inbox)
  return (
    <Section
      title="Google account"
      lead={
        google ? (
          <Account address={google.address} grantedAt={google.grantedAt} valid={valid} />
        ) : (
          'No account is connected.'
        )
      }
    >
      <Stack gap="sm">
        {!valid && <Text size="sm">Google will ask you to allow this:</Text>}
        <Permissions scopes={valid && google ? google.scopes : null} />
        {/* Where access is needed, the notice above has the button. */}
        {accessNeeded(inbox) === null && (
          <Group gap="xs">
            <ConnectGoogleButton inboxId={inbox.id} variant="default">
              Reconnect
            </ConnectGoogleButton>
          </Group>
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

function Account({ address, grantedAt, valid }: { address: string; grantedAt: number; valid: boolean }) {
  return (
    <>
      {address}, {valid ? 'allowed' : 'was allowed'} <Time iso={new Date(grantedAt).toISOString()} form="moment" />
    </>
  )
}
