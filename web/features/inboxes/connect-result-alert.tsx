// How connecting ended, told once: the address is cleaned as soon as it is read, so a reload does not tell it again.
import { Alert, Button, Group, List, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { messageOf } from '../../lib/http'
import { type ConnectSearch, type ConnectWords, connectWords } from './connect-result'
import { useConnectGoogle } from './use-connect-google'

type Props = { inbox: InboxAnswer | null; search: ConnectSearch }

/** `search` is the address's, read when this is first shown; a parent keys it by inbox. `inbox` null: it is not known which. */
export function ConnectResultAlert({ inbox, search }: Props) {
  const navigate = useNavigate()
  const [told, setTold] = useState<ConnectSearch | null>(search.connect ? search : null)
  const returned = search.connect !== undefined
  useEffect(() => {
    if (returned) void navigate({ to: '.', search: {}, replace: true })
  }, [returned, navigate])

  const words = told && connectWords(told, inbox)
  if (!words) return null
  const { good, title, text, list } = words
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
        {inbox && <Choices inboxId={inbox.id} words={words} />}
      </Stack>
    </Alert>
  )
}

/** What can be done now: take the other address, or start again. */
function Choices({ inboxId, words }: { inboxId: string; words: ConnectWords }) {
  const { again, chooseAccount, useAddress } = words
  const { connect, leaving, error } = useConnectGoogle(inboxId)
  if (!again && !useAddress) return null
  return (
    <>
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
      {error && (
        <Text size="sm" c="var(--tone-bad)">
          {messageOf(error)}
        </Text>
      )}
    </>
  )
}
