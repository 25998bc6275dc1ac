// What a screen shows when it has nothing yet, nothing at all, or failed.
import { Alert, Button, Center, EmptyState as MantineEmptyState, Skeleton, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconMapOff, IconRefresh } from '@tabler/icons-react'
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { messageOf } from '../lib/http'
import { ButtonLink } from './links'
import { PageHeading } from './page'

export function ErrorState({ error, retry, title }: { error: unknown; retry: () => void; title: string }) {
  return (
    <Alert color="red" icon={<IconAlertTriangle />} title={title} role="alert">
      <Stack gap="sm" align="start">
        {messageOf(error)}
        <Button size="xs" variant="default" leftSection={<IconRefresh size={16} />} onClick={retry}>
          Try again
        </Button>
      </Stack>
    </Alert>
  )
}

export function EmptyState(props: { icon: ReactNode; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <MantineEmptyState py="xl" icon={props.icon} title={props.title} description={props.children}>
      {props.action && <MantineEmptyState.Actions>{props.action}</MantineEmptyState.Actions>}
    </MantineEmptyState>
  )
}

/** Grey rows in place of a list that is on its way. */
export function ListSkeleton({ rows = 8, height = 52 }: { rows?: number; height?: number }) {
  return (
    <Stack gap={6} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike and never move
        <Skeleton key={index} height={height} radius="sm" />
      ))}
    </Stack>
  )
}

export function PageSkeleton() {
  return (
    <Stack p="md" gap="lg" role="status" aria-label="Loading">
      <Skeleton height={28} width={180} />
      <ListSkeleton />
    </Stack>
  )
}

/** In place of something that a page was asked for and that does not exist. */
export function NotFound() {
  return (
    <Center mih="60vh" p="md">
      <Stack align="center" gap="xs">
        <IconMapOff size={40} stroke={1.5} aria-hidden />
        <PageHeading title="There is nothing here" />
        <Text c="dimmed">The address may be wrong, or what was here is gone.</Text>
        <ButtonLink to="/tickets" mt="sm">
          Go to the tickets
        </ButtonLink>
      </Stack>
    </Center>
  )
}

export function NotFoundPage() {
  return (
    <main>
      <NotFound />
    </main>
  )
}

export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  return (
    <Center mih="60vh" p="md" component="main">
      <ErrorState
        title="This page could not be shown"
        error={error}
        retry={() => {
          reset()
          void router.invalidate()
        }}
      />
    </Center>
  )
}
