// Where an agent answers: a reply to the customer or a note for the team.
import { Paper, Tabs, VisuallyHidden } from '@mantine/core'
import { IconMailForward, IconNote } from '@tabler/icons-react'
import { type Ref, useId, useImperativeHandle, useRef, useState } from 'react'
import type { TicketAnswer } from '../../../worker/contract/tickets'
import { useSession } from '../session/session-context'
import { useDraft } from './draft'
import { NoteForm } from './note-form'
import { ReplyForm, type ReplyFormHandle } from './reply-form'

export type ComposerHandle = { focusReply: () => void; focusNote: () => void }

export function Composer({ ticket, ref }: { ticket: TicketAnswer; ref: Ref<ComposerHandle> }) {
  const { user } = useSession()
  const [draft, update] = useDraft(user.id, ticket.id)
  const [tab, setTab] = useState<string | null>(draft.note && !draft.html ? 'note' : 'reply')
  const id = useId()
  const reply = useRef<ReplyFormHandle>(null)
  const note = useRef<HTMLTextAreaElement>(null)
  useImperativeHandle(ref, () => ({
    focusReply: () => {
      setTab('reply')
      requestAnimationFrame(() => reply.current?.focus())
    },
    focusNote: () => {
      setTab('note')
      requestAnimationFrame(() => note.current?.focus())
    },
  }))
  return (
    <Paper component="section" aria-label="Answer" withBorder mt="md" radius="lg" bg="var(--surface)">
      <Tabs value={tab} onChange={setTab} keepMounted keepMountedMode="display-none">
        <Tabs.List px="xs">
          <Tabs.Tab value="reply" leftSection={<IconMailForward size={16} />}>
            Reply
          </Tabs.Tab>
          <Tabs.Tab value="note" leftSection={<IconNote size={16} />}>
            Note
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="reply" p="sm" aria-labelledby={`${id}-reply`}>
          <VisuallyHidden id={`${id}-reply`}>To the customer</VisuallyHidden>
          <ReplyForm ticket={ticket} draft={draft} onDraft={update} ref={reply} />
        </Tabs.Panel>
        <Tabs.Panel value="note" p="sm" aria-labelledby={`${id}-note`}>
          <VisuallyHidden id={`${id}-note`}>For the team</VisuallyHidden>
          <NoteForm ticketId={ticket.id} text={draft.note} onText={(text) => update({ note: text })} ref={note} />
        </Tabs.Panel>
      </Tabs>
    </Paper>
  )
}
