// The messages of a ticket, oldest first; the middle of a long one is folded until somebody opens it.
import { Stack } from '@mantine/core'
import { useState } from 'react'
import type { MessageAnswer } from '../../../worker/contract/tickets'
import { nameOf } from '../../lib/format'
import { Time } from '../../lib/time'
import classes from './message.module.css'
import { MessageCard } from './message-card'

/** Conversations up to this long are shown whole. */
const WHOLE = 6
const OPEN_AT_END = 3

export function Conversation({ messages, ticketId }: { messages: MessageAnswer[]; ticketId: string }) {
  // Decided once: a message that arrives while somebody reads must not fold what they read.
  const [folded, setFolded] = useState(
    () => new Set(messages.length > WHOLE ? messages.slice(1, -OPEN_AT_END).map((message) => message.id) : []),
  )
  const open = (id: string) => setFolded((before) => new Set([...before].filter((other) => other !== id)))
  return (
    <Stack gap="sm" role="region" aria-label="Conversation">
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
