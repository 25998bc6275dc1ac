// How connecting ended, told once: the address is cleaned as soon as it is read, so a reload does not tell it again.
import { Alert, Button, Group, List, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { messageOf } from '../../lib/http'
import { type ConnectSearch, connectWords } from './connect-result'
import { useConnectGoogle } from './use-connect-google'

/** `search` is the address's, read when this is first shown; a parent keys it by inbox. */
export function ConnectResultAlert({ inbox, search }: { inbox: InboxAnswer; search: ConnectSearch }) {
  const navigate = useNavigate()
  const [told, setTold] = useState<ConnectSearch | null>(search.connect ? search : null)
  const { connect, leaving, error } = useConnectGoogle(inbox.id)
  const returned = search.connect !== undefined
  useEffect(() => {
    if (returned) void navigate({ to: '.', search: {}, replace: true })
  }, [returned, navigate])

  const words = told && connectWords(told, inbox)
  if (!words) return null
  const { good, title, text, list, again, chooseAccount, useAddress } = words
  return (
    <Alert
      color={good ? 'pine' : 'red'}
      icon={good ? <IconCheck /> : <IconAlertTriangle />}
      role={good ? 'status' : 'alert'}
      title={title}
      mb="md"
      withCloseButton
      closeButtonLabel="Dismiss"
      onClose={() => setTold(null)}
      style={{ overflowWrap: 'anywhere' }}
    >
      <Stack gap="sm">
        <Text size="sm">{text}</Text>
        {list.length > 0 && (
          <List size="sm">
            {list.map((line) => (
              <List.Item key={line} fw={600}>
                {line}
              </List.Item>
            ))}
          </List>
        )}
        {(again || useAddress) && (
          <Group gap="xs">
            {useAddress && (
              <Button size="xs" variant="default" disabled={leaving} onClick={() => connect({ useAddress })}>
                Use {useAddress}
              </Button>
            )}
            {again && (
              <Button size="xs" loading={leaving} onClick={() => connect(chooseAccount ? { chooseAccount } : {})}>
                {again}
              </Button>
            )}
          </Group>
        )}
        {error && (
          <Text size="sm" c="var(--tone-bad)">
            {messageOf(error)}
          </Text>
        )}
      </Stack>
    </Alert>
  )
}
