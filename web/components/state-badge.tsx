// A word with a coloured dot: the state of a ticket or an inbox. The word alone says it all.

import { Badge } from '@mantine/core'
import classes from './state-badge.module.css'
import type { Tone } from './tone'

export function StateBadge({ tone, children }: { tone: Tone; children: string }) {
  return (
    <Badge
      className={classes.badge}
      data-tone={tone}
      variant="default"
      tt="none"
      fw={500}
      leftSection={<span className={classes.dot} />}
    >
      {children}
    </Badge>
  )
}
