// First visit: makes the workspace and its owner.
import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useNavigate } from '@tanstack/react-router'
import { AuthCard } from '../../components/auth-card'
import { fieldErrors, rules } from '../../lib/form'
import { useSetup } from './api'

export function SetupPage() {
  const navigate = useNavigate()
  const setup = useSetup()
  const form = useForm({
    initialValues: { tenantName: '', name: '', email: '', password: '' },
    validate: {
      tenantName: rules.required('The name'),
      name: rules.required('Your name'),
      email: rules.email,
      password: rules.newPassword,
    },
  })
  const submit = form.onSubmit((values) =>
    setup.mutate(values, {
      onSuccess: () => navigate({ to: '/tickets' }),
      onError: (error) => form.setErrors(fieldErrors(error)),
    }),
  )
  return (
    <AuthCard
      title="Set up Postroom"
      lead="This makes your workspace and its owner. It takes a minute."
      error={setup.error}
    >
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <TextInput
            label="Workspace name"
            description="Usually your company or team"
            autoComplete="organization"
            {...form.getInputProps('tenantName')}
          />
          <TextInput label="Your name" autoComplete="name" {...form.getInputProps('name')} />
          <TextInput label="Email" type="email" autoComplete="username" {...form.getInputProps('email')} />
          <PasswordInput
            label="Password"
            description="At least 10 characters"
            autoComplete="new-password"
            {...form.getInputProps('password')}
          />
          <Button type="submit" loading={setup.isPending} mt="xs" fullWidth>
            Create workspace
          </Button>
        </Stack>
      </form>
    </AuthCard>
  )
}
