// Adds or edits a profile. The secret only goes in: left blank, the stored one stays.
import { Alert, Button, Checkbox, Group, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useQuery } from '@tanstack/react-query'
import type { ProfileAnswer } from '../../../worker/contract/microsoft'
import { Dialog } from '../../components/dialog'
import { fieldErrors } from '../../lib/form'
import { messageOf } from '../../lib/http'
import { notifyDone } from '../../lib/notify'
import { bindingsQuery, useCreateProfile, useUpdateProfile } from './api'
import { reconnectWords } from './left-inboxes'
import { CAPABILITY_LABEL, lackedConsumers } from './microsoft-words'
import { isOtherApp, profileInput, profileRules, profileValues } from './profile-form'
import { useLeftInboxes } from './use-left-inboxes'

type Props = { profile: ProfileAnswer | null; onClose: () => void }

export function ProfileDialog({ profile, onClose }: Props) {
  const create = useCreateProfile()
  const update = useUpdateProfile(profile?.id ?? '')
  const form = useForm({ initialValues: profileValues(profile), validate: profileRules(profile) })
  const { error, isPending } = profile ? update : create
  const { consentRequired, capabilities } = form.values
  const otherApp = isOtherApp(form.values, profile)
  const serving = profile?.boundConsumers.includes('email')
    ? { profileId: profile.id, clientId: profile.clientId }
    : null
  const left = useLeftInboxes(serving, null)
  // A capability that belongs to a consumer has its name.
  const lacked: string[] = lackedConsumers(useQuery(bindingsQuery).data ?? [])
  const submit = form.onSubmit((values) => {
    const after = {
      onSuccess: (saved: ProfileAnswer) => {
        notifyDone(`${saved.displayName} is saved.`)
        onClose()
      },
      onError: (refusal: Error) => form.setErrors(fieldErrors(refusal)),
    }
    if (profile) update.mutate(profileInput(values, profile), after)
    else create.mutate(profileInput(values, profile), after)
  })
  return (
    <Dialog onClose={onClose} title={profile ? `Edit ${profile.displayName}` : 'Add a Microsoft profile'}>
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          {error && (
            <Alert color="red" role="alert">
              {messageOf(error)}
            </Alert>
          )}
          <TextInput
            label="Name"
            description="What your team calls it"
            data-autofocus
            {...form.getInputProps('displayName')}
          />
          <TextInput
            label="Client id"
            description="Application (client) ID of the app registration"
            autoComplete="off"
            spellCheck={false}
            {...form.getInputProps('clientId')}
          />
          {otherApp && left.length > 0 && <Alert color="yellow">{reconnectWords(left)}</Alert>}
          <PasswordInput
            label="Client secret"
            description={
              !profile?.hasSecret
                ? 'The value of the secret, not its id'
                : otherApp
                  ? 'The stored one belongs to the client id before; blank keeps it all the same'
                  : 'Leave blank to keep the stored one'
            }
            autoComplete="new-password"
            {...form.getInputProps('clientSecret')}
          />
          <TextInput
            label="Directory"
            description="A tenant id or a domain; or organizations or common, for accounts of any directory"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            {...form.getInputProps('directoryTenant')}
          />
          <Checkbox.Group
            label="Set up for"
            description="What the registration is meant for"
            {...form.getInputProps('capabilities')}
          >
            <Stack gap={6} mt="xs">
              {Object.entries(CAPABILITY_LABEL)
                .filter(([value]) => !lacked.includes(value) || capabilities.includes(value))
                .map(([value, label]) => (
                  <Checkbox key={value} value={value} label={label} />
                ))}
            </Stack>
          </Checkbox.Group>
          <Checkbox
            label="An administrator of the directory has to agree first"
            description="Until that is done, the profile serves nothing"
            {...form.getInputProps('consentRequired', { type: 'checkbox' })}
          />
          {consentRequired && (
            <Checkbox
              label="The administrator has agreed"
              {...form.getInputProps('consentGranted', { type: 'checkbox' })}
            />
          )}
          <Group justify="end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isPending}>
              {profile ? 'Save profile' : 'Add profile'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
