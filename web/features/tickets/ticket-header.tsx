// Number and subject; the subject can be corrected in place.
import { ActionIcon, Button, Group, Text, TextInput } from '@mantine/core'
import { IconArrowLeft, IconPencil } from '@tabler/icons-react'
import { useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import type { TicketAnswer } from '../../../worker/contract/tickets'
import { TextLink } from '../../components/links'
import { PageHeading } from '../../components/page'
import { notifyError } from '../../lib/notify'
import { useUpdateTicket } from './api'

export function TicketHeader({ ticket, readOnly }: { ticket: TicketAnswer; readOnly: boolean }) {
  const router = useRouter()
  const [editing, setEditing] = useState(false)
  const subject = ticket.subject || '(no subject)'
  return (
    <Group component="header" gap="sm" mb="md" align="start" wrap="nowrap">
      <TextLink
        to="/tickets"
        onClick={(event) => {
          // Back keeps the list's filters and place.
          if (!router.history.canGoBack()) return
          event.preventDefault()
          router.history.back()
        }}
        aria-label="Back to the tickets"
        c="dimmed"
        mt={4}
      >
        <IconArrowLeft size={22} />
      </TextLink>
      {editing ? (
        <SubjectForm ticket={ticket} onDone={() => setEditing(false)} />
      ) : (
        <>
          <div style={{ flex: 1, minWidth: 0 }}>
            <PageHeading key={ticket.id} title={subject} />
            <Text size="sm" c="dimmed">
              #{ticket.number}
            </Text>
          </div>
          {!readOnly && (
            <ActionIcon variant="subtle" color="gray" aria-label="Edit subject" onClick={() => setEditing(true)}>
              <IconPencil size={18} />
            </ActionIcon>
          )}
        </>
      )}
    </Group>
  )
}

function SubjectForm({ ticket, onDone }: { ticket: TicketAnswer; onDone: () => void }) {
  const [subject, setSubject] = useState(ticket.subject)
  const update = useUpdateTicket(ticket.id)
  return (
    <form
      style={{ flex: 1 }}
      onSubmit={(event) => {
        event.preventDefault()
        if (!subject.trim()) return
        update.mutate({ subject: subject.trim() }, { onSuccess: onDone, onError: notifyError })
      }}
    >
      <Group gap="xs">
        <TextInput
          aria-label="Subject"
          value={subject}
          onChange={(event) => setSubject(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && onDone()}
          maxLength={998}
          flex={1}
          data-autofocus
          autoFocus
        />
        <Button type="submit" loading={update.isPending}>
          Save
        </Button>
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
      </Group>
    </form>
  )
}
