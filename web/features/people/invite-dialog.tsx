// Invites a person and shows the link to hand over; it is shown once.
import { Alert, Button, CopyButton, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { ROLES, type Role } from '../../../worker/contract/permissions'
import { Dialog } from '../../components/dialog'
import { fieldErrors, rules } from '../../lib/form'
import { messageOf } from '../../lib/http'
import { useSession } from '../session/session-context'
import { useInvite } from './api'
import { ROLE_LABEL, ROLE_MEANING } from './roles'

export function InviteDialog({ onClose }: { onClose: () => void }) {
  const { role: ownRole } = useSession()
  const invite = useInvite()
  const form = useForm({
    initialValues: { email: '', role: 'agent' as Role },
    validate: { email: rules.email },
  })
  const roles = ROLES.filter((role) => role !== 'owner' || ownRole === 'owner')
  return (
    <Dialog onClose={onClose} title="Invite a person">
      {invite.data ? (
        <Stack gap="sm">
          <Text size="sm">Send this link to {form.values.email}. It works once and is not shown again.</Text>
          <TextInput label="Link" value={invite.data.url} readOnly onFocus={(event) => event.currentTarget.select()} />
          <Group justify="end">
            <Button variant="default" onClick={onClose}>
              Done
            </Button>
            <CopyButton value={invite.data.url}>
              {({ copied, copy }) => (
                <Button
                  leftSection={copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
                  onClick={copy}
                  data-autofocus
                >
                  {copied ? 'Copied' : 'Copy link'}
                </Button>
              )}
            </CopyButton>
          </Group>
        </Stack>
      ) : (
        <form
          noValidate
          onSubmit={form.onSubmit((values) =>
            invite.mutate(values, { onError: (error) => form.setErrors(fieldErrors(error)) }),
          )}
        >
          <Stack gap="sm">
            {invite.error && (
              <Alert color="red" role="alert">
                {messageOf(invite.error)}
              </Alert>
            )}
            <TextInput label="Email" type="email" data-autofocus {...form.getInputProps('email')} />
            <Select
              label="Role"
              description={ROLE_MEANING[form.values.role]}
              data={roles.map((role) => ({ value: role, label: ROLE_LABEL[role] }))}
              allowDeselect={false}
              {...form.getInputProps('role')}
            />
            <Group justify="end">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={invite.isPending}>
                Make invitation link
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Dialog>
  )
}
