// The last questions about a new inbox: its names, and how much of the mailbox's past is imported.
import { Select, TextInput } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { IMPORT_CHOICES } from './import-choices'
import type { NewInboxValues } from './use-add-inbox'

export type DetailsForm = UseFormReturnType<
  Pick<NewInboxValues, 'type' | 'kind' | 'email' | 'name' | 'displayName'> & { importDays: string }
>

/** `suggested`: the name that an empty field stands for. */
export function InboxNaming({ form, suggested }: { form: DetailsForm; suggested: string }) {
  return (
    <>
      <TextInput
        label="Name"
        description="What your team calls it"
        placeholder={suggested}
        {...form.getInputProps('name')}
      />
      <TextInput
        label="Display name"
        description="What customers see as the sender. Empty: the same as the name"
        {...form.getInputProps('displayName')}
      />
      {form.values.type !== 'forward' && (
        <Select
          label="Import"
          description="Mail that is in the mailbox already"
          data={IMPORT_CHOICES}
          allowDeselect={false}
          {...form.getInputProps('importDays')}
        />
      )}
    </>
  )
}
