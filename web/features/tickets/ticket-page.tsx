// One ticket: its conversation, what it is about, and the answer to it.
import { Box, Button, Drawer, Group, Skeleton } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { IconLayoutSidebarRight } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useRouter } from '@tanstack/react-router'
import { lazy, Suspense, useRef } from 'react'
import { ErrorState, ListSkeleton, NotFound } from '../../components/states'
import { ApiError } from '../../lib/http'
import { useShortcuts } from '../../lib/shortcuts'
import { useMay } from '../session/session-context'
import { ticketQuery } from './api'
import { StatusBadge } from './badges'
import type { ComposerHandle } from './composer'
import { Conversation } from './conversation'
import { TicketHeader } from './ticket-header'
import classes from './ticket-page.module.css'
import { TicketProperties } from './ticket-properties'

const Composer = lazy(() => import('./composer').then((m) => ({ default: m.Composer })))
const route = getRouteApi('/app/tickets/$ticketId')

export function TicketPage() {
  const { ticketId } = route.useParams()
  const router = useRouter()
  const ticket = useQuery(ticketQuery(ticketId))
  const mayWrite = useMay('tickets:write')
  const [detailsOpen, details] = useDisclosure(false)
  const narrow = useMediaQuery('(max-width: 75em)', false, { getInitialValueInEffect: false })
  const composer = useRef<ComposerHandle>(null)
  useShortcuts({
    r: () => composer.current?.focusReply(),
    n: () => composer.current?.focusNote(),
    u: () => (router.history.canGoBack() ? router.history.back() : void router.navigate({ to: '/tickets' })),
  })

  if (ticket.isPending) return <TicketSkeleton />
  if (!ticket.data) {
    if (ticket.error instanceof ApiError && ticket.error.status === 404) return <NotFound />
    return (
      <Box p="md">
        <ErrorState title="The ticket could not be loaded" error={ticket.error} retry={() => void ticket.refetch()} />
      </Box>
    )
  }
  const properties = <TicketProperties ticket={ticket.data} readOnly={!mayWrite} />
  return (
    <div className={classes.columns}>
      <div className={classes.main}>
        <TicketHeader ticket={ticket.data} readOnly={!mayWrite} />
        {narrow && (
          <Group justify="space-between" mb="sm">
            <StatusBadge status={ticket.data.status} />
            <Button
              variant="default"
              size="xs"
              leftSection={<IconLayoutSidebarRight size={16} />}
              onClick={details.open}
              aria-haspopup="dialog"
            >
              Details
            </Button>
          </Group>
        )}
        {ticket.isError && (
          <Box mb="sm">
            <ErrorState title="This may be out of date" error={ticket.error} retry={() => void ticket.refetch()} />
          </Box>
        )}
        <Conversation key={ticketId} ticket={ticket.data} />
        {mayWrite && (
          <Suspense fallback={<Skeleton height={220} mt="md" />}>
            <Composer key={ticketId} ticket={ticket.data} ref={composer} />
          </Suspense>
        )}
      </div>
      {narrow ? (
        <Drawer
          opened={detailsOpen}
          onClose={details.close}
          title="Details"
          position="right"
          size="sm"
          closeButtonProps={{ 'aria-label': 'Close' }}
        >
          {properties}
        </Drawer>
      ) : (
        <aside className={classes.aside} aria-label="Details">
          {properties}
        </aside>
      )}
    </div>
  )
}

function TicketSkeleton() {
  return (
    <Box p="md" maw={900}>
      <Skeleton height={30} width="60%" mb="md" />
      <ListSkeleton rows={3} height={140} />
    </Box>
  )
}
