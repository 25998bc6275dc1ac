// The details pane: what an agent sets, and what is known about the ticket.
import { Divider, Select, Stack, TagsInput, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Priority, TicketAnswer, TicketStatus } from '../../../worker/contract/tickets'
import { TextLink } from '../../components/links'
import { count } from '../../lib/format'
import { notifyError } from '../../lib/notify'
import { Time } from '../../lib/time'
import { inboxesQuery } from '../inboxes/api'
import { usersQuery } from '../people/api'
import { useSession } from '../session/session-context'
import { type TicketUpdate, useUpdateTicket } from './api'
import { PRIORITY_LABEL } from './badges'
import { STATUS_LABEL } from './search'
import classes from './ticket-page.module.css'

const choices = (labels: Record<string, string>) => Object.entries(labels).map(([value, label]) => ({ value, label }))
const NOBODY = 'none'

export function TicketProperties({ ticket, readOnly }: { ticket: TicketAnswer; readOnly: boolean }) {
  const { user } = useSession()
  const users = useQuery(usersQuery).data ?? []
  const update = useUpdateTicket(ticket.id)
  const set = (change: TicketUpdate) => update.mutate(change, { onError: notifyError })
  const people = users.filter((each) => !each.disabledAt || each.id === ticket.assigneeId)
  return (
    <Stack gap="sm">
      <Select
        label="Status"
        data={choices(STATUS_LABEL)}
        value={ticket.status}
        allowDeselect={false}
        disabled={readOnly}
        onChange={(status) => set({ status: status as TicketStatus })}
      />
      <Select
        label="Assignee"
        data={[
          { value: NOBODY, label: 'Nobody' },
          ...people.map((each) => ({ value: each.id, label: each.id === user.id ? `${each.name} (me)` : each.name })),
        ]}
        value={ticket.assigneeId ?? NOBODY}
        allowDeselect={false}
        searchable={people.length > 8}
        disabled={readOnly}
        onChange={(id) => set({ assigneeId: id === NOBODY ? null : id })}
      />
      <Select
        label="Priority"
        data={choices(PRIORITY_LABEL)}
        value={ticket.priority}
        allowDeselect={false}
        disabled={readOnly}
        onChange={(priority) => set({ priority: priority as Priority })}
      />
      <TagsInput
        label="Tags"
        placeholder={ticket.tags.length === 0 ? 'Type and press Enter' : undefined}
        value={ticket.tags}
        maxTags={20}
        disabled={readOnly}
        onChange={(tags) => set({ tags: [...new Set(tags.map((tag) => tag.trim().toLowerCase()).filter(Boolean))] })}
      />
      <Divider my={4} />
      <Facts ticket={ticket} />
    </Stack>
  )
}

function Facts({ ticket }: { ticket: TicketAnswer }) {
  const inbox = useQuery(inboxesQuery()).data?.find((each) => each.id === ticket.inboxId)
  const facts: [string, ReactNode][] = [
    ['Contact', ticket.contact.name || '—'],
    ['Email', ticket.contact.email],
    [
      'Inbox',
      inbox ? (
        <TextLink key="inbox" size="sm" to="/tickets" search={{ inbox: inbox.id, status: 'all' }}>
          {inbox.name}
        </TextLink>
      ) : (
        '—'
      ),
    ],
    ['Created', <Time key="created" iso={ticket.createdAt} form="relative" />],
    ['Changed', <Time key="changed" iso={ticket.updatedAt} form="relative" />],
    ['Length', count(ticket.messageCount, 'message')],
  ]
  return (
    <>
      <dl className={classes.facts}>
        {facts.map(([name, value]) => (
          <FactRow key={name} name={name} value={value} />
        ))}
      </dl>
      <Text size="sm">
        <TextLink inherit to="/tickets" search={{ q: ticket.contact.email, status: 'all' }}>
          All tickets of this contact
        </TextLink>
      </Text>
    </>
  )
}

function FactRow({ name, value }: { name: string; value: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}
