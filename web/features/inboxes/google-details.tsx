// What a new Google inbox needs to know, and what Google is about to ask and why.
import { Alert, Stack, Text, TextInput } from '@mantine/core'
import { type DetailsForm, InboxNaming } from './inbox-naming'
import { nameFrom } from './new-inbox-names'
import { Permissions } from './permissions'
import { VendorIcon } from './vendor-icon'

export function GoogleDetails({ form }: { form: DetailsForm }) {
  return (
    <>
      <TextInput
        label="Email"
        description="The Gmail or Workspace account to connect"
        type="email"
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('email')}
      />
      <InboxNaming form={form} suggested={nameFrom(form.values.email)} />
      <Alert color="gray" icon={<VendorIcon vendor="google" />} title="Google will ask you to allow two things">
        <Stack gap="xs">
          <Permissions vendor="google" kind="own" scopes={null} />
          <Text size="sm">
            Leave both ticked. Postroom never sees the password, and you can take the access back at any time, here or
            in your Google account.
          </Text>
        </Stack>
      </Alert>
    </>
  )
}
