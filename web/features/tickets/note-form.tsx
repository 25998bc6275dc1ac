// A note: seen by the team, never by the customer.
import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import type { Ref } from 'react'
import { messageOf } from '../../lib/http'
import { useAddNote } from './api'

type Props = { ticketId: string; text: string; onText: (text: string) => void; ref: Ref<HTMLTextAreaElement> }

export function NoteForm({ ticketId, text, onText, ref }: Props) {
  const add = useAddNote(ticketId)
  const submit = () => {
    if (!text.trim() || add.isPending) return
    add.mutate(text.trim(), { onSuccess: () => onText('') })
  }
  return (
    <Stack gap="sm">
      <Textarea
        ref={ref}
        aria-label="Note"
        placeholder="Only your team sees this"
        autosize
        minRows={4}
        maxRows={16}
        value={text}
        onChange={(event) => onText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
          event.preventDefault()
          submit()
        }}
      />
      {add.error && (
        <Alert color="red" role="alert">
          {messageOf(add.error)} Your note is still here.
        </Alert>
      )}
      <Group justify="space-between">
        <Text size="xs" c="dimmed">
          The customer does not get notes.
        </Text>
        <Button onClick={submit} loading={add.isPending} disabled={!text.trim()}>
          Add note
        </Button>
      </Group>
    </Stack>
  )
}
