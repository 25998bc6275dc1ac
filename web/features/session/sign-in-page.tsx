// Signing in, and back to where the session ended.
import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconClock } from '@tabler/icons-react'
import { getRouteApi, useRouter } from '@tanstack/react-router'
import { AuthCard } from '../../components/auth-card'
import { rules } from '../../lib/form'
import { useSignIn } from './api'

const route = getRouteApi('/sign-in')

export function SignInPage() {
  const router = useRouter()
  const { redirect, expired } = route.useSearch()
  const signIn = useSignIn()
  const form = useForm({
    initialValues: { email: '', password: '' },
    validate: { email: rules.email, password: rules.required('The password') },
  })
  const submit = form.onSubmit((values) =>
    signIn.mutate(values, { onSuccess: () => router.history.replace(redirect ?? '/tickets') }),
  )
  return (
    <AuthCard title="Sign in" error={signIn.error}>
      {expired && !signIn.error && (
        <Alert icon={<IconClock />} color="yellow">
          Your session has ended. Sign in to go on where you were; drafts are kept.
        </Alert>
      )}
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <TextInput label="Email" type="email" autoComplete="username" {...form.getInputProps('email')} />
          <PasswordInput label="Password" autoComplete="current-password" {...form.getInputProps('password')} />
          <Button type="submit" loading={signIn.isPending} mt="xs" fullWidth>
            Sign in
          </Button>
        </Stack>
      </form>
    </AuthCard>
  )
}
