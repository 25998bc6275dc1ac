// Says before a Microsoft inbox is connected that no app stands ready for it, and where to mend that.
import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { MailboxKind } from '../../../worker/contract/inboxes'
import { ButtonLink } from '../../components/links'
import { useMay } from '../session/session-context'
import { bindingsQuery } from './api'

const TITLE = {
  not_configured: 'Microsoft is not set up yet',
  pending_admin_consent: 'An administrator has to agree first',
  invalid_profile: 'The Microsoft profile for email does not work',
}

/** Nothing while an app stands ready for this kind of mailbox, or while that is not known. */
export function AppNotice({ kind }: { kind: MailboxKind }) {
  const mayManage = useMay('microsoft:manage')
  const bindings = useQuery({ ...bindingsQuery, enabled: mayManage })
  const email = bindings.data?.find(({ consumer }) => consumer === 'email')
  if (!email) return null
  // The server's own app serves many workspaces: it never opens a mailbox that nobody has signed in to.
  const ownNeeded = kind === 'app' && email.profileId === null
  if (email.state === 'ready' && !ownNeeded) return null
  return (
    <Alert
      color="yellow"
      icon={<IconAlertTriangle />}
      title={email.state === 'ready' ? 'This needs a Microsoft profile of your own' : TITLE[email.state]}
    >
      <Stack gap="xs" align="start">
        <Text size="sm">Connecting needs a Microsoft profile that serves email.</Text>
        <ButtonLink to="/settings/integrations/microsoft" size="xs" variant="default">
          Open the Microsoft settings
        </ButtonLink>
      </Stack>
    </Alert>
  )
}
