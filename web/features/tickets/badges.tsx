// Status and priority as a person sees them: a word, and a colour that repeats it.
import { Badge, Group, Tooltip } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconFlame } from '@tabler/icons-react'
import type { Priority, TicketStatus } from '../../../worker/contract/tickets'
import classes from './badges.module.css'
import { STATUS_LABEL } from './search'

export function StatusBadge({ status }: { status: TicketStatus }) {
  return (
    <Badge className={classes.status} data-status={status} variant="default" tt="none" fw={500}>
      {STATUS_LABEL[status]}
    </Badge>
  )
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

export function Tags({ tags }: { tags: string[] }) {
  if (tags.length === 0) return null
  return (
    <Group gap={4} wrap="nowrap" className={classes.tags}>
      {tags.map((tag) => (
        <Badge key={tag} size="sm" variant="default" tt="none" fw={500} className={classes.tag}>
          {tag}
        </Badge>
      ))}
    </Group>
  )
}
