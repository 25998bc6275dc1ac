// The frame of the screens before sign-in.
import { Alert, Box, Center, Group, Paper, Stack, Text } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { messageOf } from '../lib/http'
import { Logo } from './logo'
import { PageHeading } from './page'

type Props = { title: string; lead?: string; error?: unknown; children: ReactNode }

export function AuthCard({ title, lead, error, children }: Props) {
  return (
    <Center component="main" mih="100dvh" p="md">
      <Box w="100%" maw={420}>
        <Group gap="xs" mb="lg" justify="center">
          <Logo size={30} />
          <Text fw={700} fz="xl">
            Postroom
          </Text>
        </Group>
        <Paper withBorder p="lg" radius="lg" shadow="sm">
          <Stack gap="md">
            <div>
              <PageHeading title={title} />
              {lead && (
                <Text c="dimmed" size="sm" mt={4}>
                  {lead}
                </Text>
              )}
            </div>
            {error ? (
              <Alert color="red" icon={<IconAlertCircle />} role="alert">
                {messageOf(error)}
              </Alert>
            ) : null}
            {children}
          </Stack>
        </Paper>
      </Box>
    </Center>
  )
}
