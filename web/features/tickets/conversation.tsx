// The messages of a ticket, oldest first; the middle of a long one is folded until somebody opens it.
import { Button, Center, Stack } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { TicketAnswer } from '../../../worker/contract/tickets'
import { nameOf } from '../../lib/format'
import { Time } from '../../lib/time'
import { earlierMessagesQuery } from './api'
import classes from './message.module.css'
import { MessageCard } from './message-card'

/** Conversations up to this long are shown whole. */
const WHOLE = 6
const OPEN_AT_END = 3

export function Conversation({ ticket }: { ticket: TicketAnswer }) {
  const { messages, id: ticketId } = ticket
  // Decided once: a message that arrives while somebody reads must not fold what they read.
  const [folded, setFolded] = useState(
    () => new Set(messages.length > WHOLE ? messages.slice(1, -OPEN_AT_END).map((message) => message.id) : []),
  )
  const open = (id: string) => setFolded((before) => new Set([...before].filter((other) => other !== id)))
  return (
    <Stack gap="sm" role="region" aria-label="Conversation">
      {ticket.hasEarlier && messages[0] && <Earlier ticketId={ticketId} first={messages[0].id} />}
      {messages.map((message) =>
        folded.has(message.id) ? (
          <button
            key={message.id}
            type="button"
            className={classes.folded}
            onClick={() => open(message.id)}
            aria-expanded={false}
          >
            <b>{nameOf(message.from)}</b>
            <span className={classes.snippet}>{message.text.slice(0, 160)}</span>
            <Time iso={message.receivedAt} />
          </button>
        ) : (
          <MessageCard key={message.id} message={message} ticketId={ticketId} />
        ),
      )}
    </Stack>
  )
}

/** The pages of a long conversation before its newest one. */
function Earlier({ ticketId, first }: { ticketId: string; first: string }) {
  // The newest page moves on while mail arrives; the older ones hang on where it began.
  const [start] = useState(first)
  const [asked, setAsked] = useState(false)
  const earlier = useInfiniteQuery({ ...earlierMessagesQuery(ticketId, start), enabled: asked })
  const messages = earlier.data?.pages.toReversed().flatMap((page) => page.messages) ?? []
  return (
    <>
      {(!earlier.data || earlier.hasNextPage) && (
        <Center>
          <Button
            variant="default"
            size="xs"
            loading={earlier.isFetching}
            onClick={() => (asked ? void earlier.fetchNextPage() : setAsked(true))}
          >
            {earlier.isError ? 'Try again' : 'Show earlier messages'}
          </Button>
        </Center>
      )}
      {messages.map((message) => (
        <MessageCard key={message.id} message={message} ticketId={ticketId} />
      ))}
    </>
  )
}
