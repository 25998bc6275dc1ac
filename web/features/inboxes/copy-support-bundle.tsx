// "Copy support bundle": what to paste when asking for help.
import { Button, CopyButton, Group, Text } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import type { CheckReport, InboxAnswer } from '../../../worker/contract/inboxes'
import { useNow } from '../../lib/time'
import { supportBundle } from './support-bundle'

export function CopySupportBundle({ inbox, report }: { inbox: InboxAnswer; report: CheckReport }) {
  const now = useNow()
  return (
    <Group gap="sm">
      <CopyButton value={supportBundle(inbox, report, now)} timeout={3000}>
        {({ copied, copy }) => (
          <Button
            size="xs"
            variant="default"
            leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            onClick={copy}
          >
            {copied ? 'Copied' : 'Copy support bundle'}
          </Button>
        )}
      </CopyButton>
      <Text size="xs" c="dimmed">
        Addresses and settings, no passwords, tokens or mail.
      </Text>
    </Group>
  )
}
