// Marks a message of ours that nobody wrote here: it was sent from the mailbox's own mail program and found there.
import { Badge } from '@mantine/core'
import { IconBrandGmail, IconMail } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { MessageAnswer } from '../../../worker/contract/tickets'
import { inboxesQuery } from '../inboxes/api'
import { ticketQuery } from './api'

/** What is written here has an author; what was found in the mailbox has a trace of how it was matched. */
export function isFromMailbox({ direction, authorId, trace }: MessageAnswer): boolean {
  return direction === 'outbound' && authorId === null && trace !== null
}

export function SentFrom({ ticketId }: { ticketId: string }) {
  const { data: inboxId } = useQuery({ ...ticketQuery(ticketId), select: (ticket) => ticket.inboxId })
  const inbox = useQuery(inboxesQuery()).data?.find((each) => each.id === inboxId)
  const gmail = inbox?.connectionType === 'google'
  const Icon = gmail ? IconBrandGmail : IconMail
  return (
    <Badge size="sm" variant="default" tt="none" leftSection={<Icon size={12} aria-hidden />}>
      {gmail ? 'Sent from Gmail' : 'Sent from the mailbox'}
    </Badge>
  )
}
