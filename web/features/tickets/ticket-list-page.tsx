// The ticket list: filters in the URL, live rows, more on demand.
import { Box, Button, Center } from '@mantine/core'
import { IconInbox, IconMailOpened, IconSearchOff } from '@tabler/icons-react'
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useRef } from 'react'
import { ButtonLink } from '../../components/links'
import { Page } from '../../components/page'
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states'
import { useShortcuts } from '../../lib/shortcuts'
import { inboxesQuery } from '../inboxes/api'
import { usersQuery } from '../people/api'
import { useMay, useSession } from '../session/session-context'
import { ticketListPoll, ticketListQuery } from './api'
import { isFiltered, type TicketSearch } from './search'
import { TicketFilters } from './ticket-filters'
import classes from './ticket-list-page.module.css'
import { TicketRow } from './ticket-row'

const route = getRouteApi('/app/tickets')

export function TicketListPage() {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const session = useSession()
  const client = useQueryClient()
  const searchField = useRef<HTMLInputElement>(null)
  const list = useInfiniteQuery(ticketListQuery(search))
  useQuery({ ...ticketListPoll(client, search), enabled: list.isSuccess && !list.isPlaceholderData })
  const inboxes = useQuery(inboxesQuery()).data ?? []
  const users = useQuery(usersQuery).data ?? []
  const tickets = list.data?.pages.flatMap((page) => page.items) ?? []
  const setSearch = (next: TicketSearch) => void navigate({ search: next, replace: true, resetScroll: false })
  useShortcuts({
    j: () => focusRow(1),
    k: () => focusRow(-1),
    '/': () => searchField.current?.focus(),
  })

  return (
    <Page title="Tickets" width={1280}>
      <TicketFilters
        search={search}
        onChange={setSearch}
        inboxes={inboxes}
        users={users}
        tags={tickets.flatMap((ticket) => ticket.tags)}
        userId={session.user.id}
        searchField={searchField}
      />
      {list.isPending && <ListSkeleton />}
      {list.isError && (
        <Box mb="sm">
          <ErrorState title="The tickets could not be loaded" error={list.error} retry={() => void list.refetch()} />
        </Box>
      )}
      {list.isSuccess && tickets.length === 0 && (
        <NoTickets search={search} onClear={() => setSearch({ status: 'all' })} />
      )}
      {tickets.length > 0 && (
        <ul className={classes.list} aria-label="Tickets" data-stale={list.isPlaceholderData || undefined}>
          {tickets.map((ticket) => (
            <TicketRow
              key={ticket.id}
              ticket={ticket}
              assigneeName={users.find((user) => user.id === ticket.assigneeId)?.name ?? null}
              inboxName={inboxes.length > 1 ? (inboxes.find((inbox) => inbox.id === ticket.inboxId)?.name ?? '') : null}
            />
          ))}
        </ul>
      )}
      {list.hasNextPage && (
        <Center py="md">
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Load more
          </Button>
        </Center>
      )}
    </Page>
  )
}

function NoTickets({ search, onClear }: { search: TicketSearch; onClear: () => void }) {
  const inboxes = useQuery(inboxesQuery())
  const mayManage = useMay('inboxes:manage')
  if (inboxes.data?.length === 0) {
    return (
      <EmptyState
        icon={<IconInbox />}
        title="No inbox yet"
        action={mayManage && <ButtonLink to="/inboxes/new">Add inbox</ButtonLink>}
      >
        {mayManage
          ? 'Connect a mailbox, and its mail becomes tickets here.'
          : 'An owner or admin has to connect a mailbox first.'}
      </EmptyState>
    )
  }
  if (isFiltered(search) || search.status) {
    return (
      <EmptyState
        icon={<IconSearchOff />}
        title="No ticket fits"
        action={
          <Button variant="default" onClick={onClear}>
            Clear filters
          </Button>
        }
      >
        Try other words or fewer filters.
      </EmptyState>
    )
  }
  return (
    <EmptyState
      icon={<IconMailOpened />}
      title="Nothing waits for you"
      action={
        <ButtonLink variant="default" to="/tickets" search={{ status: 'all' }}>
          Show all tickets
        </ButtonLink>
      }
    >
      New mail appears here by itself.
    </EmptyState>
  )
}

/** Moves focus among the rows; from outside of the list to its first row. */
function focusRow(step: 1 | -1) {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-ticket-row]')]
  const current = rows.indexOf(document.activeElement as HTMLElement)
  const next = rows[current === -1 ? 0 : current + step]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}
