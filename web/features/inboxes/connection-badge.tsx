// How an inbox is connected, and whether its mail is pushed or polled: small badges with a word each.
import { Badge, Group } from '@mantine/core'
import { IconBolt, IconBrandGoogle, IconMailForward, IconRefresh, IconServer } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { deliveryWords } from './delivery-words'

const TYPES: Partial<Record<InboxAnswer['connectionType'], { label: string; icon: ReactNode }>> = {
  imap: { label: 'IMAP', icon: <IconServer size={12} aria-hidden /> },
  google: { label: 'Google', icon: <IconBrandGoogle size={12} aria-hidden /> },
  forward: { label: 'Forwarding', icon: <IconMailForward size={12} aria-hidden /> },
}

export function ConnectionBadges({ inbox }: { inbox: InboxAnswer }) {
  const type = TYPES[inbox.connectionType]
  const mode = inbox.connectionType === 'google' ? deliveryWords(inbox).mode : null
  return (
    <Group gap={6} my={4}>
      {type && <WordBadge icon={type.icon}>{type.label}</WordBadge>}
      {mode === 'Push' && <WordBadge icon={<IconBolt size={12} aria-hidden />}>Push</WordBadge>}
      {mode === 'Polling' && (
        <WordBadge icon={<IconRefresh size={12} aria-hidden />}>
          {inbox.delivery.problem ? 'Polling, push does not work' : 'Polling'}
        </WordBadge>
      )}
    </Group>
  )
}

function WordBadge({ icon, children }: { icon: ReactNode; children: string }) {
  return (
    <Badge size="sm" variant="default" tt="none" fw={500} leftSection={icon}>
      {children}
    </Badge>
  )
}
