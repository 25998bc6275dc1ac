// One's own account: who I am, my password, where I am signed in.
import { Alert, Badge, Button, Group, PasswordInput, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useQuery } from '@tanstack/react-query'
import { Page } from '../../components/page'
import { Section } from '../../components/section'
import { ErrorState, ListSkeleton } from '../../components/states'
import { fieldErrors, rules } from '../../lib/form'
import { messageOf } from '../../lib/http'
import { notifyDone, notifyError } from '../../lib/notify'
import { Time } from '../../lib/time'
import { ownSessionsQuery, useChangePassword, useEndSession } from './api-account'
import { useSession } from './session-context'

export function AccountPage() {
  const { user, tenant, role } = useSession()
  return (
    <Page title="Account" width={720}>
      <Section title={user.name} lead={`${user.email} · ${role} of ${tenant.name}`} />
      <PasswordSection />
      <SessionsSection />
    </Page>
  )
}

function PasswordSection() {
  const change = useChangePassword()
  const form = useForm({
    initialValues: { currentPassword: '', newPassword: '' },
    validate: { currentPassword: rules.required('The current password'), newPassword: rules.newPassword },
  })
  const submit = form.onSubmit((values) =>
    change.mutate(values, {
      onSuccess: () => {
        form.reset()
        notifyDone('Your password is changed. Your other sessions have ended.')
      },
      onError: (error) => form.setErrors(fieldErrors(error)),
    }),
  )
  return (
    <Section title="Password" lead="Changing it ends your other sessions.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm" maw={360}>
          {change.error && (
            <Alert color="red" role="alert">
              {messageOf(change.error)}
            </Alert>
          )}
          <PasswordInput
            label="Current password"
            autoComplete="current-password"
            {...form.getInputProps('currentPassword')}
          />
          <PasswordInput
            label="New password"
            description="At least 10 characters"
            autoComplete="new-password"
            {...form.getInputProps('newPassword')}
          />
          <Group>
            <Button type="submit" loading={change.isPending}>
              Change password
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  )
}

function SessionsSection() {
  const sessions = useQuery(ownSessionsQuery)
  const end = useEndSession()
  return (
    <Section title="Where you are signed in">
      {sessions.isPending && <ListSkeleton rows={2} />}
      {sessions.isError && (
        <ErrorState title="The list could not be loaded" error={sessions.error} retry={() => void sessions.refetch()} />
      )}
      <Stack gap="sm">
        {sessions.data?.map((session) => (
          <Group key={session.id} justify="space-between" wrap="nowrap">
            <div>
              <Text size="sm">
                {deviceOf(session.userAgent)}{' '}
                {session.current && (
                  <Badge size="sm" variant="default" tt="none">
                    This one
                  </Badge>
                )}
              </Text>
              <Text size="xs" c="dimmed">
                Last used <Time iso={session.lastSeenAt} form="relative" />
              </Text>
            </div>
            {!session.current && (
              <Button
                size="xs"
                variant="default"
                aria-label={`End the session on ${deviceOf(session.userAgent)}`}
                loading={end.isPending && end.variables === session.id}
                onClick={() => end.mutate(session.id, { onError: notifyError })}
              >
                End
              </Button>
            )}
          </Group>
        ))}
      </Stack>
    </Section>
  )
}

/** 'Firefox on Linux' out of a user agent; good enough to recognise one's own machine. */
function deviceOf(userAgent: string | null): string {
  if (!userAgent) return 'Unknown device'
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//
    .exec(userAgent)?.[1]
    ?.replace('Edg', 'Edge')
    .replace('OPR', 'Opera')
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1]?.replace('Mac OS X', 'macOS')
  return [browser ?? 'A browser', system].filter(Boolean).join(' on ')
}
