// Whether an inbox works, since when, and what mends it: only what the server has proof of.
import { Alert, Button, Group, Text } from '@mantine/core'
import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { ButtonLink } from '../../components/links'
import { StateBadge } from '../../components/state-badge'
import { count } from '../../lib/format'
import { notifyDone, notifyError } from '../../lib/notify'
import { Time, useNow } from '../../lib/time'
import { useMay } from '../session/session-context'
import { accessNeeded } from './account-access'
import { useInboxAction } from './api'
import { ConnectAccountButton } from './connect-account-button'
import { throttledUntil } from './delivery-words'
import { accountOf, VENDOR_NAME, vendorOf } from './vendors'

export function InboxState({ inbox }: { inbox: InboxAnswer }) {
  const now = useNow()
  if (inbox.archivedAt) return <StateBadge tone="off">Archived</StateBadge>
  if (inbox.status === 'error' && accessNeeded(inbox)) return <StateBadge tone="bad">Needs reconnecting</StateBadge>
  if (inbox.pausedAt)
    return <StateBadge tone={inbox.pauseReason === 'auth_failure' ? 'bad' : 'waiting'}>Paused</StateBadge>
  if (throttledUntil(inbox, now)) return <StateBadge tone="waiting">Throttled</StateBadge>
  if (inbox.status === 'connected') return <StateBadge tone="good">Connected</StateBadge>
  return inbox.status === 'error' ? (
    <StateBadge tone="bad">Error</StateBadge>
  ) : (
    <StateBadge tone="off">Disconnected</StateBadge>
  )
}

/** "Connected since …", how it is checked, and when it was last heard from. */
export function InboxFacts({ inbox }: { inbox: InboxAnswer }) {
  const { delivery, connectionType, connectedAt, lastSyncAt, unaccounted } = inbox
  const forward = connectionType === 'forward'
  const checked = inbox.status === 'connected' && !inbox.pausedAt && !inbox.archivedAt && !forward
  const facts = [
    connectedAt ? (
      <>
        {checked || forward ? 'Connected since' : 'Was connected'} <Time iso={connectedAt} form="moment" />
      </>
    ) : (
      'Never connected'
    ),
    checked && delivery.mode === 'push' ? 'new mail is announced' : null,
    checked && delivery.mode === 'poll' && delivery.pollSeconds ? `checks every ${delivery.pollSeconds} s` : null,
    checked && delivery.nextPollAt ? (
      <>
        next check <Time iso={delivery.nextPollAt} form="due" />
      </>
    ) : null,
    lastSyncAt ? (
      <>
        {forward ? 'last mail' : 'last checked'} <Time iso={lastSyncAt} form="relative" />
      </>
    ) : null,
  ].filter((fact) => fact !== null)
  return (
    <>
      <Text size="sm" c="dimmed" component="div">
        {facts.map((fact, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a fixed sequence of words
          <span key={index}>
            {index > 0 && ' · '}
            {fact}
          </span>
        ))}
      </Text>
      {unaccounted > 0 && (
        <Text size="sm" fw={550} role="status">
          {count(unaccounted, 'mail')} waiting to be imported
        </Text>
      )}
    </>
  )
}

/** What is wrong in plain words, and the button that mends it. Nothing while all is well. */
export function InboxNotice({ inbox, onPage }: { inbox: InboxAnswer; onPage: boolean }) {
  const mayManage = useMay('inboxes:manage')
  const act = useInboxAction(inbox.id)
  const until = throttledUntil(inbox, useNow())
  const detail = inbox.statusDetail
  const access = accessNeeded(inbox)
  const vendor = vendorOf(inbox)
  const fallback = access && vendor ? `No ${VENDOR_NAME[vendor]} account is connected.` : null
  const message = detail?.message ?? (inbox.status === 'error' ? inbox.lastError : null) ?? fallback
  if (!message || inbox.archivedAt) return null
  // Whose mailbox a Microsoft inbox opens is asked on its page, until that is stored.
  const asks = access !== null && vendor === 'microsoft' && accountOf(inbox) === null
  const bad = inbox.status === 'error' || inbox.pauseReason === 'auth_failure'
  const target = { to: '/inboxes/$inboxId', params: { inboxId: inbox.id }, hash: 'connection' } as const
  return (
    <Alert color={bad ? 'red' : 'gray'} icon={bad ? <IconAlertTriangle /> : <IconInfoCircle />} mt="sm">
      <Group justify="space-between" gap="sm">
        <Text size="sm" flex="1 1 14rem">
          {until ? (
            <>
              <b>
                Throttled until <Time iso={until} form="clock" />.
              </b>{' '}
              The provider asked for fewer requests; checking goes on by itself.
            </>
          ) : (
            message
          )}
          {inbox.lastError && !message.includes(inbox.lastError) && !until && (
            <Text span size="sm" c="dimmed" display="block">
              {inbox.lastError}
            </Text>
          )}
        </Text>
        {mayManage && !onPage && !access && detail?.action === 'resume' && (
          <Button
            size="xs"
            loading={act.isPending}
            onClick={() =>
              act.mutate('resume', {
                onSuccess: () => notifyDone(`${inbox.name} is checked again.`),
                onError: notifyError,
              })
            }
          >
            Resume
          </Button>
        )}
        {mayManage && access && vendor && !asks && (
          <ConnectAccountButton inbox={inbox} size="xs">
            {access === 'connect' ? `Connect with ${VENDOR_NAME[vendor]}` : 'Reconnect'}
          </ConnectAccountButton>
        )}
        {mayManage && asks && !onPage && (
          <ButtonLink size="xs" {...target}>
            Connect
          </ButtonLink>
        )}
        {mayManage && !access && detail?.action === 'reconnect' && (
          <ButtonLink size="xs" {...target}>
            Reconnect
          </ButtonLink>
        )}
        {mayManage && detail?.action === 'edit_connection' && !onPage && (
          <ButtonLink size="xs" {...target}>
            Edit connection
          </ButtonLink>
        )}
      </Group>
    </Alert>
  )
}
