// A titled block of a page.
import { Group, Paper, Text, Title } from '@mantine/core'
import { type ReactNode, useId } from 'react'

type Props = { title: string; lead?: ReactNode; actions?: ReactNode; children?: ReactNode }

export function Section({ title, lead, actions, children }: Props) {
  const id = useId()
  return (
    <Paper component="section" aria-labelledby={id} withBorder p="md" mb="md" bg="var(--surface)">
      <Group justify="space-between" align="start" mb={children ? 'sm' : 0} gap="sm">
        <div>
          <Title order={2} id={id}>
            {title}
          </Title>
          {lead && (
            <Text size="sm" c="dimmed" component="div">
              {lead}
            </Text>
          )}
        </div>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Paper>
  )
}
