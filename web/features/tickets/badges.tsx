// Status and priority as a person sees them: a word, and a colour that repeats it.
import { Badge, Group, Tooltip } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconFlame } from '@tabler/icons-react'
import type { Priority, TicketStatus } from '../../../worker/contract/tickets'
import { StateBadge } from '../../components/state-badge'
import type { Tone } from '../../components/tone'
import classes from './badges.module.css'
import { STATUS_LABEL } from './search'

const TONE: Record<TicketStatus, Tone> = {
  open: 'good',
  in_progress: 'busy',
  waiting: 'waiting',
  resolved: 'past',
  closed: 'off',
}

export function StatusBadge({ status }: { status: TicketStatus }) {
  return <StateBadge tone={TONE[status]}>{STATUS_LABEL[status]}</StateBadge>
}

export const PRIORITY_LABEL: Record<Priority, string> = { low: 'Low', normal: 'Normal', high: 'High', urgent: 'Urgent' }

/** Nothing for the normal priority: only what stands out is shown. */
export function PriorityMark({ priority }: { priority: Priority }) {
  if (priority === 'normal') return null
  const Icon = priority === 'urgent' ? IconFlame : priority === 'high' ? IconArrowUp : IconArrowDown
  return (
    <Tooltip label={`${PRIORITY_LABEL[priority]} priority`}>
      <span className={classes.priority} data-priority={priority}>
        <Icon size={16} role="img" aria-label={`${PRIORITY_LABEL[priority]} priority`} />
      </span>
    </Tooltip>
  )
}

const SHOWN_TAGS = 2

export function Tags({ tags }: { tags: string[] }) {
  if (tags.length === 0) return null
  return (
    <Group gap={4} wrap="nowrap">
      {tags.slice(0, SHOWN_TAGS).map((tag) => (
        <Badge key={tag} size="sm" variant="default" tt="none" fw={500} className={classes.tag}>
          {tag}
        </Badge>
      ))}
      {tags.length > SHOWN_TAGS && (
        <span className={classes.more} title={tags.slice(SHOWN_TAGS).join(', ')}>
          +{tags.length - SHOWN_TAGS}
        </span>
      )}
    </Group>
  )
}
