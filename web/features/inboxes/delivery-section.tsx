// How new mail of an account's inbox is noticed: by push or by polling, when last, and what keeps push from working.
import { Alert, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { Section } from '../../components/section'
import { StateBadge } from '../../components/state-badge'
import { Time, useNow } from '../../lib/time'
import { deliveryWords, throttledUntil } from './delivery-words'
import classes from './inboxes.module.css'
import type { Vendor } from './vendors'

export function DeliverySection({ inbox, vendor }: { inbox: InboxAnswer; vendor: Vendor }) {
  const words = deliveryWords(inbox, vendor)
  const until = throttledUntil(inbox, useNow())
  const { lastPushAt, expiresAt, nextPollAt, problem } = inbox.delivery
  return (
    <Section
      title="How new mail is noticed"
      actions={words.mode && <StateBadge tone={words.mode === 'Push' ? 'good' : 'waiting'}>{words.mode}</StateBadge>}
    >
      <Text size="sm" mb="sm">
        {words.text}
      </Text>
      <dl className={classes.facts}>
        <Fact name="Last push">{lastPushAt ? <Time iso={lastPushAt} form="relative" /> : 'None yet'}</Fact>
        <Fact name="Push is set up until">{expiresAt ? <Time iso={expiresAt} form="moment" /> : 'Not set up'}</Fact>
        <Fact name="Next check">{nextPollAt ? <Time iso={nextPollAt} form="due" /> : 'None planned'}</Fact>
        {until && (
          <Fact name="Throttled until">
            <Time iso={until} form="clock" />
          </Fact>
        )}
      </dl>
      {words.mode && problem && (
        <Alert color="yellow" icon={<IconAlertTriangle />} title="Push does not work yet" mt="sm">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {problem}
          </Text>
          <Text size="sm" mt={4}>
            No mail is missed meanwhile: Postroom checks for it, and tries push again by itself.
          </Text>
        </Alert>
      )}
    </Section>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
