// What a new Microsoft inbox needs to know, whether an app stands ready for it, and what Microsoft is about to ask and why.
import { Alert, Stack, Text, TextInput } from '@mantine/core'
import { AppNotice } from '../microsoft/app-notice'
import { type DetailsForm, InboxNaming } from './inbox-naming'
import { MailboxKindChoice } from './mailbox-kind-choice'
import { nameFrom } from './new-inbox-names'
import { Permissions } from './permissions'
import { VendorIcon } from './vendor-icon'

export function MicrosoftDetails({ form }: { form: DetailsForm }) {
  const { kind, email } = form.values
  return (
    <>
      <AppNotice kind={kind} />
      <MailboxKindChoice value={kind} onChange={(chosen) => form.setFieldValue('kind', chosen)} />
      <TextInput
        label="Email"
        description={
          kind === 'own' ? 'The Microsoft 365 account to connect' : 'The mailbox to open; not your own account'
        }
        type="email"
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('email')}
      />
      <InboxNaming form={form} suggested={nameFrom(email)} />
      <Alert
        color="gray"
        icon={<VendorIcon vendor="microsoft" />}
        title={kind === 'app' ? 'The app needs two permissions' : 'Microsoft will ask you to allow two things'}
      >
        <Stack gap="xs">
          <Permissions vendor="microsoft" kind={kind} scopes={null} />
          <Text size="sm">
            {kind === 'app'
              ? 'They reach every mailbox of the directory unless an administrator limits the app to some of them in Exchange. Postroom opens this one only.'
              : 'Postroom never sees the password, and you can take the access back at any time.'}
          </Text>
        </Stack>
      </Alert>
    </>
  )
}
