// Says before a Microsoft inbox is connected that no app stands ready for it, and what is to be done.
import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { MailboxKind } from '../../../worker/contract/inboxes'
import { ButtonLink } from '../../components/links'
import { useMay } from '../session/session-context'
import { bindingsQuery } from './api'
import { ConsentLink } from './consent-link'

const WORDS = {
  ready: {
    title: 'This needs a Microsoft profile of your own',
    text: "The server's own Microsoft app opens no mailbox that nobody has signed in to. Add a profile and choose it for email.",
  },
  not_configured: {
    title: 'Microsoft is not set up yet',
    text: 'Connecting needs a Microsoft profile that serves email. Add one and choose it for email.',
  },
  pending_admin_consent: {
    title: 'An administrator has to agree first',
    text: 'Send the consent link to an administrator of your Microsoft directory. Once they have agreed, this can be connected.',
  },
  invalid_profile: {
    title: 'The Microsoft profile for email does not work',
    text: 'Mend it, or choose another one for email. Nothing stands in for it.',
  },
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
  const { title, text } = WORDS[email.state]
  return (
    <Alert color="yellow" icon={<IconAlertTriangle />} title={title}>
      <Stack gap="xs" align="start">
        <Text size="sm">{text}</Text>
        {email.state === 'pending_admin_consent' && email.adminConsentUrl && (
          <ConsentLink url={email.adminConsentUrl} />
        )}
        <ButtonLink to="/settings/integrations/microsoft" size="xs" variant="default">
          Open the Microsoft settings
        </ButtonLink>
      </Stack>
    </Alert>
  )
}
