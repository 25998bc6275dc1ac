// One ticket in the list; the whole row is its link.
import { Avatar, Text, Tooltip } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { TicketItem } from '../../../worker/contract/tickets'
import { nameOf } from '../../lib/format'
import { Time } from '../../lib/time'
import { PriorityMark, StatusBadge, Tags } from './badges'
import classes from './ticket-row.module.css'

type Props = { ticket: TicketItem; assigneeName: string | null; inboxName: string | null }

export function TicketRow({ ticket, assigneeName, inboxName }: Props) {
  return (
    <li className={classes.item}>
      <Link to="/tickets/$ticketId" params={{ ticketId: ticket.id }} className={classes.row} data-ticket-row>
        <span className={classes.number}>#{ticket.number}</span>
        <span className={classes.contact}>{nameOf(ticket.contact)}</span>
        <span className={classes.subject}>
          <PriorityMark priority={ticket.priority} />
          <Text component="span" inherit truncate className={classes.subjectText}>
            {ticket.subject || '(no subject)'}
          </Text>
          {ticket.messageCount > 1 && (
            <span className={classes.count} title={`${ticket.messageCount} messages`}>
              {ticket.messageCount}
            </span>
          )}
        </span>
        <span className={classes.tags}>
          <Tags tags={ticket.tags} />
        </span>
        <span className={classes.inbox}>{inboxName}</span>
        <span className={classes.status}>
          <StatusBadge status={ticket.status} />
        </span>
        <span className={classes.assignee}>
          {assigneeName && (
            <Tooltip label={`Assigned to ${assigneeName}`}>
              <Avatar size={24} name={assigneeName} alt={`Assigned to ${assigneeName}`} color="gray" />
            </Tooltip>
          )}
        </span>
        <span className={classes.time}>
          <Time iso={ticket.lastMessageAt} />
        </span>
      </Link>
    </li>
  )
}
