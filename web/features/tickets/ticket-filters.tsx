// What narrows the list. Everything lives in the URL; the search field follows typing with a short delay.
import { CloseButton, Group, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { type RefObject, useEffect, useState } from 'react'
import type { UserAnswer } from '../../../worker/contract/auth'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { STATUS_LABEL, type TicketSearch } from './search'
import classes from './ticket-filters.module.css'

const STATUS_CHOICES = [
  { value: 'unresolved', label: 'Unresolved' },
  ...Object.entries(STATUS_LABEL).map(([value, label]) => ({ value, label })),
  { value: 'all', label: 'All' },
]

type Props = {
  search: TicketSearch
  onChange: (next: TicketSearch) => void
  inboxes: InboxAnswer[]
  users: UserAnswer[]
  tags: string[]
  userId: string
  searchField: RefObject<HTMLInputElement | null>
}

export function TicketFilters({ search, onChange, inboxes, users, tags, userId, searchField }: Props) {
  const status = search.status ?? 'unresolved'
  const setStatus = (value: string | null) =>
    onChange({ ...search, status: !value || value === 'unresolved' ? undefined : (value as TicketSearch['status']) })
  const tagChoices = [...new Set([...tags, ...(search.tag ? [search.tag] : [])])].sort()
  return (
    <search className={classes.filters}>
      <SearchField
        value={search.q ?? ''}
        onChange={(q) => onChange({ ...search, q: q || undefined })}
        field={searchField}
      />
      <SegmentedControl
        className={classes.tabs}
        data={STATUS_CHOICES}
        value={status}
        onChange={setStatus}
        size="xs"
        aria-label="Status"
      />
      <Group gap="xs" className={classes.selects}>
        <Select
          className={classes.statusSelect}
          aria-label="Status"
          data={STATUS_CHOICES}
          value={status}
          onChange={setStatus}
          allowDeselect={false}
          size="xs"
        />
        {inboxes.length > 1 && (
          <Select
            aria-label="Inbox"
            placeholder="Any inbox"
            data={inboxes.map((inbox) => ({ value: inbox.id, label: inbox.name }))}
            value={search.inbox ?? null}
            onChange={(inbox) => onChange({ ...search, inbox: inbox ?? undefined })}
            clearable
            searchable={inboxes.length > 8}
            size="xs"
            w={160}
          />
        )}
        <Select
          aria-label="Assigned to"
          placeholder="Anybody"
          data={[
            { value: 'me', label: 'Me' },
            { value: 'none', label: 'Nobody' },
            ...users.filter((user) => user.id !== userId).map((user) => ({ value: user.id, label: user.name })),
          ]}
          value={search.assignee ?? null}
          onChange={(assignee) => onChange({ ...search, assignee: assignee ?? undefined })}
          clearable
          size="xs"
          w={140}
        />
        {tagChoices.length > 0 && (
          <Select
            aria-label="Tag"
            placeholder="Any tag"
            data={tagChoices}
            value={search.tag ?? null}
            onChange={(tag) => onChange({ ...search, tag: tag ?? undefined })}
            clearable
            searchable
            size="xs"
            w={130}
          />
        )}
      </Group>
    </search>
  )
}

type SearchFieldProps = { value: string; onChange: (q: string) => void; field: RefObject<HTMLInputElement | null> }

function SearchField({ value, onChange, field }: SearchFieldProps) {
  const [text, setText] = useState(value)
  // Going back, or "Clear filters", changes the URL without typing.
  useEffect(() => setText((current) => (current.trim() === value ? current : value)), [value])
  const send = useDebouncedCallback((next: string) => onChange(next.trim()), 300)
  const change = (next: string) => {
    setText(next)
    send(next)
  }
  return (
    <TextInput
      ref={field}
      type="search"
      className={classes.search}
      aria-label="Search tickets"
      placeholder="Search subject, contact, text"
      leftSection={<IconSearch size={16} />}
      rightSection={text ? <CloseButton size="sm" aria-label="Clear search" onClick={() => change('')} /> : null}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      maxLength={200}
      size="sm"
    />
  )
}
