// How an inbox is connected, and whether its mail is pushed or polled: small badges with a word each.
import { Badge, Group } from '@mantine/core'
import { IconBolt, IconMailForward, IconRefresh, IconServer } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { deliveryWords } from './delivery-words'
import { VendorIcon } from './vendor-icon'
import { VENDOR_NAME, vendorOf } from './vendors'

const TYPES: Record<InboxAnswer['connectionType'], { label: string; icon: ReactNode }> = {
  imap: { label: 'IMAP', icon: <IconServer size={12} aria-hidden /> },
  google: { label: VENDOR_NAME.google, icon: <VendorIcon vendor="google" size={12} /> },
  microsoft: { label: VENDOR_NAME.microsoft, icon: <VendorIcon vendor="microsoft" size={12} /> },
  forward: { label: 'Forwarding', icon: <IconMailForward size={12} aria-hidden /> },
}

export function ConnectionBadges({ inbox }: { inbox: InboxAnswer }) {
  const type = TYPES[inbox.connectionType]
  const vendor = vendorOf(inbox)
  const mode = vendor && deliveryWords(inbox, vendor).mode
  return (
    <Group gap={6} my={4}>
      <WordBadge icon={type.icon}>{type.label}</WordBadge>
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
