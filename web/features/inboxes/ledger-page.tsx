// Every mail of an inbox and what became of it; the sum at the top must come out even.
import { Badge, Button, Center, Group, Select, Text } from '@mantine/core'
import { IconListCheck } from '@tabler/icons-react'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { LedgerAnswer, LedgerItem } from '../../../worker/contract/inboxes'
import { TextLink } from '../../components/links'
import { Page } from '../../components/page'
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states'
import { notifyDone, notifyError } from '../../lib/notify'
import { Time } from '../../lib/time'
import { useMay } from '../session/session-context'
import { inboxQuery, ledgerQuery, useLedgerAction } from './api'
import classes from './inboxes.module.css'
import { DISPOSITION_LABEL, type LedgerFilter, labelOf, ROLE_LABEL, reasonInWords, STATE_LABEL } from './ledger-words'

const route = getRouteApi('/app/inboxes/$inboxId/ledger')
const choices = (labels: Record<string, string>) => Object.entries(labels).map(([value, label]) => ({ value, label }))

export function LedgerPage() {
  const { inboxId } = route.useParams()
  const filter = route.useSearch()
  const navigate = route.useNavigate()
  const inbox = useQuery(inboxQuery(inboxId))
  const ledger = useInfiniteQuery(ledgerQuery(inboxId, filter))
  const items = ledger.data?.pages.flatMap((page) => page.items) ?? []
  const summary = ledger.data?.pages[0]?.summary
  const setFilter = (next: LedgerFilter) => void navigate({ search: next, replace: true })
  return (
    <Page title="Every mail and what became of it" width={1000}>
      <Text size="sm" mb="md">
        <TextLink to="/inboxes/$inboxId" params={{ inboxId }}>
          {inbox.data?.name ?? 'Inbox'}
        </TextLink>
      </Text>
      {summary && <Summary summary={summary} />}
      <Group gap="xs" mb="sm">
        <Select
          aria-label="What became of it"
          placeholder="Any outcome"
          data={choices(DISPOSITION_LABEL)}
          value={filter.disposition ?? null}
          onChange={(value) =>
            setFilter({ ...filter, disposition: (value ?? undefined) as LedgerFilter['disposition'] })
          }
          clearable
          w={200}
        />
        <Select
          aria-label="State"
          placeholder="Any state"
          data={choices(STATE_LABEL)}
          value={filter.state ?? null}
          onChange={(value) => setFilter({ ...filter, state: (value ?? undefined) as LedgerFilter['state'] })}
          clearable
          w={170}
        />
      </Group>
      {ledger.isPending && <ListSkeleton />}
      {ledger.isError && (
        <ErrorState title="The list could not be loaded" error={ledger.error} retry={() => void ledger.refetch()} />
      )}
      {ledger.isSuccess && items.length === 0 && (
        <EmptyState icon={<IconListCheck />} title="No mail here">
          {filter.disposition || filter.state ? 'No mail fits these filters.' : 'Mail that arrives is listed here.'}
        </EmptyState>
      )}
      {items.length > 0 && (
        <ul className={classes.ledger} aria-label="Mail">
          {items.map((item) => (
            <Entry key={item.id} item={item} inboxId={inboxId} />
          ))}
        </ul>
      )}
      {ledger.hasNextPage && (
        <Center py="md">
          <Button variant="default" loading={ledger.isFetchingNextPage} onClick={() => void ledger.fetchNextPage()}>
            Load more
          </Button>
        </Center>
      )}
    </Page>
  )
}

function Summary({ summary }: { summary: LedgerAnswer['summary'] }) {
  const figures: [string, number][] = [
    ['Mails known', summary.total],
    ['Still on the way', summary.unaccounted],
    ...Object.entries(summary.byDisposition).map(([key, n]): [string, number] => [labelOf(DISPOSITION_LABEL, key), n]),
  ]
  return (
    <dl className={classes.summary}>
      {figures.map(([label, n]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{n.toLocaleString()}</dd>
        </div>
      ))}
    </dl>
  )
}

function Entry({ item, inboxId }: { item: LedgerItem; inboxId: string }) {
  const mayWrite = useMay('ledger:write')
  const act = useLedgerAction(inboxId)
  const run = (action: 'release' | 'replay', done: string) =>
    act.mutate({ id: item.id, action }, { onSuccess: () => notifyDone(done), onError: notifyError })
  const outcome = item.disposition ? labelOf(DISPOSITION_LABEL, item.disposition) : labelOf(STATE_LABEL, item.state)
  const role = item.role && ROLE_LABEL[item.role]
  const quarantined = item.disposition === 'quarantined'
  const releasable = quarantined || (item.disposition === 'suppressed' && item.reason !== 'own_message')
  const why = item.error ?? (item.reason ? reasonInWords(item.reason) : null)
  return (
    <li className={classes.entry}>
      <div className={classes.entryWho}>
        <Text size="sm" fw={550}>
          {item.ticketId ? (
            <TextLink to="/tickets/$ticketId" params={{ ticketId: item.ticketId }}>
              {item.subject || '(no subject)'}
            </TextLink>
          ) : (
            item.subject || '(no subject)'
          )}
        </Text>
        <Text size="xs" c="dimmed">
          {item.from ?? 'Sender unknown'} · {item.identity}
          {role && ` · ${role}`}
        </Text>
        {why && <Text size="xs">{why}</Text>}
      </div>
      <Badge variant="default" tt="none" fw={500}>
        {outcome}
      </Badge>
      <Text size="xs" c="dimmed">
        {item.receivedAt && <Time iso={item.receivedAt} />}
      </Text>
      <Group gap={4}>
        {mayWrite && releasable && (
          <Button
            size="compact-xs"
            variant="default"
            loading={act.isPending}
            onClick={() => run('release', 'Released: it becomes a ticket.')}
          >
            Release
          </Button>
        )}
        {mayWrite && quarantined && (
          <Button
            size="compact-xs"
            variant="default"
            loading={act.isPending}
            onClick={() => run('replay', 'Tried again from the stored original.')}
          >
            Replay
          </Button>
        )}
      </Group>
    </li>
  )
}
