// Where a reply is on its way: queued, sent or failed, with the server's own answer.
import { Alert, Button, Group, Text } from '@mantine/core'
import { IconAlertTriangle, IconCheck, IconClock, IconRefresh } from '@tabler/icons-react'
import type { Delivery } from '../../../worker/contract/tickets'
import { notifyError } from '../../lib/notify'
import { Time } from '../../lib/time'
import { useRetryMessage } from './api'

type Props = { delivery: Delivery; messageId: string; ticketId: string }

export function DeliveryState({ delivery, messageId, ticketId }: Props) {
  const retry = useRetryMessage(ticketId)
  // An attempt that runs now has said nothing yet; one that was put off has said why.
  const waitsForRetry = delivery.state === 'queued' && delivery.attempts > 0 && delivery.detail !== null
  if (delivery.state === 'failed') {
    return (
      <Alert color="red" mt="sm" icon={<IconAlertTriangle />} title="Not sent">
        <Group justify="space-between" gap="sm">
          <Text size="sm" flex="1 1 12rem" style={{ overflowWrap: 'anywhere' }}>
            {delivery.detail ?? 'The mail server refused it.'}
          </Text>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconRefresh size={16} />}
            loading={retry.isPending}
            onClick={() => retry.mutate(messageId, { onError: notifyError })}
          >
            Retry
          </Button>
        </Group>
      </Alert>
    )
  }
  return (
    <Group gap={6} mt="xs" wrap="nowrap" c="dimmed" role="status">
      {delivery.state === 'sent' ? <IconCheck size={14} aria-hidden /> : <IconClock size={14} aria-hidden />}
      <Text size="xs" style={{ overflowWrap: 'anywhere' }}>
        {delivery.state === 'sent' ? 'Sent' : delivery.attempts > 0 && !waitsForRetry ? 'Sending' : 'Queued'}
        {delivery.sentAt && (
          <>
            {' '}
            <Time iso={delivery.sentAt} form="relative" />
          </>
        )}
        {waitsForRetry && delivery.nextAttemptAt && (
          <>
            , next try <Time iso={delivery.nextAttemptAt} form="due" />
          </>
        )}
        {delivery.detail ? `: ${delivery.detail}` : ''}
      </Text>
    </Group>
  )
}
