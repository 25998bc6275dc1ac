// The first question about a new inbox: how its mail comes in.
import { Alert, Radio, Stack } from '@mantine/core'
import type { NewInboxValues } from './use-add-inbox'

type Type = NewInboxValues['type']

const CHOICES: { value: Type; label: string; description: string }[] = [
  {
    value: 'imap',
    label: 'Connect a mailbox (IMAP and SMTP)',
    description: 'Postroom signs in to the mailbox and fetches its mail. Works with nearly every provider.',
  },
  {
    value: 'google',
    label: 'Google (Gmail or Workspace)',
    description:
      'Sign in with Google, no password to type. New mail can be pushed within seconds, and replies are sent by Gmail itself.',
  },
  {
    value: 'microsoft',
    label: 'Microsoft 365 (Outlook or Exchange Online)',
    description:
      'Sign in with Microsoft, for your own mailbox or a shared one. New mail can be pushed within seconds, and replies are sent by Outlook itself.',
  },
  {
    value: 'forward',
    label: 'Forwarding address',
    description:
      'Mail is sent or forwarded to an address that Postroom receives itself. No password is needed to receive.',
  },
]

export function InboxTypeStep({ value, onChange }: { value: Type; onChange: (type: Type) => void }) {
  return (
    <Radio.Group
      label="How does mail come in?"
      value={value}
      onChange={(chosen) => onChange(CHOICES.find((choice) => choice.value === chosen)?.value ?? 'imap')}
    >
      <Stack gap="sm" mt="xs">
        {CHOICES.map((choice) => (
          <Radio key={choice.value} {...choice} />
        ))}
      </Stack>
      {value === 'forward' && (
        <Alert mt="md" color="gray">
          The address has to belong to a domain whose Email Routing sends mail to this Worker. Point a route at it, then
          forward your mail there.
        </Alert>
      )}
    </Radio.Group>
  )
}
