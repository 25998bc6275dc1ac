// The reply: recipients, rich text, files, and what becomes of the ticket. Nothing typed is dropped until the server has it.
import { ActionIcon, Alert, Button, Group, Menu, Stack, Text } from '@mantine/core'
import { Dropzone } from '@mantine/dropzone'
import '@mantine/dropzone/styles.layer.css'
import { IconChevronDown, IconPaperclip } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react'
import type { TicketAnswer, TicketStatus } from '../../../worker/contract/tickets'
import { messageOf } from '../../lib/http'
import { inboxesQuery } from '../inboxes/api'
import { useReply } from './api'
import classes from './composer.module.css'
import { afterSending, type Draft } from './draft'
import { RecipientFields } from './recipient-fields'
import { suggestedRecipients } from './recipients'
import { RichText, type RichTextHandle } from './rich-text'
import { UploadList } from './upload-list'
import { useUploads } from './use-uploads'

export type ReplyFormHandle = { focus: () => void }

const THEN: { status: TicketStatus; label: string }[] = [
  { status: 'resolved', label: 'Send and resolve' },
  { status: 'waiting', label: 'Send and wait for the customer' },
  { status: 'in_progress', label: 'Send and keep in progress' },
  { status: 'closed', label: 'Send and close' },
]

type Props = {
  ticket: TicketAnswer
  draft: Draft
  onDraft: (change: Partial<Draft>) => void
  ref: Ref<ReplyFormHandle>
}

export function ReplyForm({ ticket, draft, onDraft, ref }: Props) {
  const inboxes = useQuery(inboxesQuery()).data
  const inbox = inboxes?.find((each) => each.id === ticket.inboxId)
  const editor = useRef<RichTextHandle>(null)
  const openFiles = useRef<(() => void) | null>(null)
  const reply = useReply(ticket.id)
  const [problem, setProblem] = useState<string | null>(null)
  const [waiting, setWaiting] = useState<{ status?: TicketStatus } | null>(null)
  const attachments = useRef(draft.attachments)
  attachments.current = draft.attachments
  const setAttachments = (next: Draft['attachments']) => {
    // Several uploads may end between two renders; the ref always has the latest list.
    attachments.current = next
    onDraft({ attachments: next })
  }
  const uploads = useUploads((file) => setAttachments([...attachments.current, file]))
  useImperativeHandle(ref, () => ({ focus: () => editor.current?.focus() }))

  const suggested = suggestedRecipients(ticket, new Set((inboxes ?? []).map((each) => each.emailAddress)))
  const to = draft.to ?? suggested.to
  const cc = draft.cc ?? suggested.cc
  const blocked =
    inbox && !inbox.canSend
      ? inbox.connectionType === 'google'
        ? 'This inbox is not connected to Google. Connect it under Inboxes to reply.'
        : 'This inbox has no sending settings yet. Add them under Inboxes to reply.'
      : null

  const problemNow = () => {
    if (!editor.current?.text().trim() && draft.attachments.length + uploads.pending.length === 0) {
      return 'Write something first.'
    }
    if (to.length + cc.length + draft.bcc.length === 0) return 'Add a recipient first.'
    return uploads.pending.some((upload) => upload.error) ? 'A file could not be uploaded. Retry or remove it.' : null
  }
  const send = (status?: TicketStatus) => {
    if (reply.isPending || blocked) return
    const wrong = problemNow()
    setProblem(wrong)
    setWaiting(!wrong && uploads.busy ? { status } : null)
    if (wrong || uploads.busy) return
    const text = editor.current?.text().trim() ?? ''
    reply.mutate(
      {
        key: draft.key,
        text,
        html: draft.html,
        to,
        cc,
        bcc: draft.bcc,
        attachmentIds: draft.attachments.map((file) => file.id),
        ...(status ? { status } : {}),
      },
      {
        onSuccess: () => {
          onDraft(afterSending())
          editor.current?.clear()
        },
      },
    )
  }
  // Pressed while files were on their way: it goes out when they have arrived, or says why not.
  const settled = waiting !== null && (!uploads.busy || uploads.pending.some((upload) => upload.error))
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time the uploads settle
  useEffect(() => {
    if (settled) send(waiting?.status)
  }, [settled])
  const busy = reply.isPending || waiting !== null

  return (
    <Dropzone
      onDrop={uploads.add}
      openRef={openFiles}
      activateOnClick={false}
      activateOnKeyboard={false}
      enablePointerEvents
      className={classes.drop}
      inputProps={{ 'aria-label': 'Attach files' }}
      tabIndex={-1}
    >
      <Stack gap="sm">
        <RecipientFields to={to} cc={cc} bcc={draft.bcc} onChange={onDraft} />
        <RichText
          ref={editor}
          label="Reply"
          editable={!reply.isPending}
          html={draft.html}
          onHtml={(html) => onDraft({ html })}
          onFiles={uploads.add}
          onSubmit={() => send()}
        />
        <UploadList
          uploaded={draft.attachments}
          pending={uploads.pending}
          onRemove={(id) => setAttachments(draft.attachments.filter((file) => file.id !== id))}
          onAgain={uploads.again}
        />
        {(problem || reply.error) && (
          <Alert color="red" role="alert">
            {problem ?? `${messageOf(reply.error)} Your reply is still here.`}
          </Alert>
        )}
        {blocked && <Alert color="yellow">{blocked}</Alert>}
        <Group justify="space-between">
          <Button variant="default" leftSection={<IconPaperclip size={18} />} onClick={() => openFiles.current?.()}>
            Attach
          </Button>
          <Group gap="sm">
            <Text size="xs" c="dimmed" visibleFrom="sm" role="status">
              {waiting ? 'Sends when the files are uploaded' : 'Ctrl Enter sends'}
            </Text>
            <Group gap={1} wrap="nowrap">
              <Button onClick={() => send()} loading={busy} disabled={blocked !== null} className={classes.send}>
                Send
              </Button>
              <Menu position="top-end">
                <Menu.Target>
                  <ActionIcon
                    size={36}
                    className={classes.sendMore}
                    aria-label="Send and change status"
                    disabled={blocked !== null || busy}
                  >
                    <IconChevronDown size={18} />
                  </ActionIcon>
                </Menu.Target>
                <Menu.Dropdown>
                  {THEN.map(({ status, label }) => (
                    <Menu.Item key={status} onClick={() => send(status)}>
                      {label}
                    </Menu.Item>
                  ))}
                </Menu.Dropdown>
              </Menu>
            </Group>
          </Group>
        </Group>
      </Stack>
    </Dropzone>
  )
}
