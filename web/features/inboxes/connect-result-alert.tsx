// How connecting ended, told once: the address is cleaned as soon as it is read, so a reload does not tell it again.
import { Alert, Button, Group, List, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { InboxAnswer, MailboxKind } from '../../../worker/contract/inboxes'
import { messageOf } from '../../lib/http'
import { EmailConsentLink } from '../microsoft/email-consent-link'
import { type ConnectSearch, type ConnectWords, connectWords } from './connect-result'
import { useConnectAccount } from './use-connect-account'

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
        {words.asksConsent && <EmailConsentLink />}
        {inbox && <Choices inbox={inbox} words={words} kind={told.mailbox} />}
      </Stack>
    </Alert>
  )
}

type ChoicesProps = { inbox: InboxAnswer; words: ConnectWords; kind: MailboxKind | undefined }

/** What can be done now: take the other address, open it as a shared mailbox, or start again. */
function Choices({ inbox, words, kind }: ChoicesProps) {
  const { again, chooseAccount, useAddress, asShared } = words
  const { connect, leaving, error } = useConnectAccount(inbox)
  if (!again && !useAddress) return null
  const as = kind ? { kind } : {}
  return (
    <>
      <Group gap="xs">
        {useAddress && (
          <Button size="xs" variant="default" disabled={leaving} onClick={() => connect({ useAddress, ...as })}>
            Use {useAddress}
          </Button>
        )}
        {asShared && (
          <Button size="xs" variant="default" disabled={leaving} onClick={() => connect({ kind: 'shared' })}>
            Connect it as a shared mailbox
          </Button>
        )}
        {again && (
          <Button
            size="xs"
            loading={leaving}
            onClick={() => connect({ ...(chooseAccount ? { chooseAccount } : {}), ...as })}
          >
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
