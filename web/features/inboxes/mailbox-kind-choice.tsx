// Whose mailbox a Microsoft sign-in opens: one's own, a shared one, or any by the app itself.
import { Radio, Stack } from '@mantine/core'
import type { MailboxKind } from '../../../worker/contract/inboxes'
import { MAILBOX_KIND_LABEL, MAILBOX_KIND_MEANING, mailboxKind } from './vendors'

const KINDS = Object.keys(MAILBOX_KIND_LABEL) as MailboxKind[]

export function MailboxKindChoice({ value, onChange }: { value: MailboxKind; onChange: (kind: MailboxKind) => void }) {
  return (
    <Radio.Group label="Whose mailbox is it?" value={value} onChange={(kind) => onChange(mailboxKind(kind) ?? 'own')}>
      <Stack gap="xs" mt="xs">
        {KINDS.map((kind) => (
          <Radio key={kind} value={kind} label={MAILBOX_KIND_LABEL[kind]} description={MAILBOX_KIND_MEANING[kind]} />
        ))}
      </Stack>
    </Radio.Group>
  )
}
