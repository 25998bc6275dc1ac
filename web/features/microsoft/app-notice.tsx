// Says before a Microsoft inbox is connected that no app stands ready for it, and where to mend that.
import { Alert, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { TextLink } from '../../components/links'
import { useMay } from '../session/session-context'
import { bindingsQuery } from './api'

const TITLE = {
  not_configured: 'Microsoft is not set up yet',
  pending_admin_consent: 'An administrator has to agree first',
  invalid_profile: 'The Microsoft profile for email does not work',
}

/** Nothing while an app stands ready, or while that is not known. */
export function AppNotice() {
  const mayManage = useMay('microsoft:manage')
  const bindings = useQuery({ ...bindingsQuery, enabled: mayManage })
  const state = bindings.data?.find(({ consumer }) => consumer === 'email')?.state
  if (!state || state === 'ready') return null
  return (
    <Alert color="yellow" icon={<IconAlertTriangle />} title={TITLE[state]}>
      <Text size="sm">
        Connecting needs a Microsoft profile that serves email.{' '}
        <TextLink to="/settings/integrations/microsoft" size="sm">
          Open the Microsoft settings
        </TextLink>
      </Text>
    </Alert>
  )
}
