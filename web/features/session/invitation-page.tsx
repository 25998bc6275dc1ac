// Accepting an invitation. The token is in the fragment, so it never reaches a server log or a Referer header.
import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { AuthCard } from '../../components/auth-card'
import { fieldErrors, rules } from '../../lib/form'
import { useAcceptInvitation } from './api'

export function InvitationPage() {
  const navigate = useNavigate()
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get('token') ?? '')
  const accept = useAcceptInvitation()
  const form = useForm({
    initialValues: { name: '', password: '' },
    validate: { name: rules.required('Your name'), password: rules.newPassword },
  })
  const submit = form.onSubmit((values) =>
    accept.mutate(
      { token, ...values },
      {
        onSuccess: () => navigate({ to: '/tickets' }),
        onError: (error) => form.setErrors(fieldErrors(error)),
      },
    ),
  )
  if (!token) {
    return (
      <AuthCard title="Join the workspace">
        <Alert color="red">This link is not complete. Copy the whole link from your invitation and try again.</Alert>
      </AuthCard>
    )
  }
  return (
    <AuthCard title="Join the workspace" lead="Choose your name and a password." error={accept.error}>
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <TextInput label="Your name" autoComplete="name" {...form.getInputProps('name')} />
          <PasswordInput
            label="Password"
            description="At least 10 characters"
            autoComplete="new-password"
            {...form.getInputProps('password')}
          />
          <Button type="submit" loading={accept.isPending} mt="xs" fullWidth>
            Accept invitation
          </Button>
        </Stack>
      </form>
    </AuthCard>
  )
}
