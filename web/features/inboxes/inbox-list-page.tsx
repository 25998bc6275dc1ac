// All inboxes: whether each works, and what is to be done.
import { Alert, Button, Group, Paper, Text, Title } from '@mantine/core'
import { IconInbox, IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { TextLink } from '../../components/links'
import { Page } from '../../components/page'
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states'
import { useMay, useSession } from '../session/session-context'
import { archivedInboxesQuery, inboxesQuery } from './api'
import { ConnectResultAlert } from './connect-result-alert'
import { ConnectionBadges } from './connection-badge'
import { InboxFacts, InboxNotice, InboxState } from './inbox-status'
import classes from './inboxes.module.css'

const route = getRouteApi('/app/inboxes')

export function InboxListPage() {
  const search = route.useSearch()
  const { limits } = useSession()
  const mayManage = useMay('inboxes:manage')
  const inboxes = useQuery(inboxesQuery())
  const archived = useQuery({ ...archivedInboxesQuery, enabled: mayManage })
  const navigate = useNavigate()
  const full = limits.inboxes !== null && (inboxes.data?.length ?? 0) >= limits.inboxes
  const add = (
    <Button leftSection={<IconPlus size={18} />} disabled={full} onClick={() => void navigate({ to: '/inboxes/new' })}>
      Add inbox
    </Button>
  )
  return (
    <Page title="Inboxes" width={860} actions={mayManage && add}>
      <ConnectResultAlert inbox={null} search={search} />
      {full && mayManage && (
        <Alert color="yellow" mb="md" title="Upgrade to add more inboxes">
          Your plan has room for {limits.inboxes}. Archive one you no longer need, or upgrade.
        </Alert>
      )}
      {inboxes.isPending && <ListSkeleton rows={3} height={110} />}
      {inboxes.isError && (
        <ErrorState
          title="The inboxes could not be loaded"
          error={inboxes.error}
          retry={() => void inboxes.refetch()}
        />
      )}
      {inboxes.data?.length === 0 && (
        <EmptyState icon={<IconInbox />} title="No inbox yet">
          {mayManage
            ? 'Add one: connect Gmail, Microsoft 365 or another mailbox, or forward mail to an address. Its mail becomes tickets.'
            : 'An owner or admin has to add one.'}
        </EmptyState>
      )}
      <ul className={classes.cards} aria-label="Inboxes">
        {inboxes.data?.map((inbox) => (
          <InboxCard key={inbox.id} inbox={inbox} />
        ))}
      </ul>
      {archived.data && archived.data.length > 0 && (
        <>
          <Title order={2} mt="xl" mb="sm">
            Archived
          </Title>
          <ul className={classes.cards} aria-label="Archived inboxes">
            {archived.data.map((inbox) => (
              <InboxCard key={inbox.id} inbox={inbox} />
            ))}
          </ul>
        </>
      )}
    </Page>
  )
}

function InboxCard({ inbox }: { inbox: InboxAnswer }) {
  return (
    <Paper component="li" withBorder p="md" bg="var(--surface)">
      <Group justify="space-between" align="start" wrap="nowrap" gap="sm">
        <TextLink to="/inboxes/$inboxId" params={{ inboxId: inbox.id }} fw={600} className={classes.address}>
          {inbox.name}
        </TextLink>
        <InboxState inbox={inbox} />
      </Group>
      <Text size="sm" className={classes.address}>
        {inbox.emailAddress}
      </Text>
      <ConnectionBadges inbox={inbox} />
      <InboxFacts inbox={inbox} />
      <InboxNotice inbox={inbox} onPage={false} />
    </Paper>
  )
}
