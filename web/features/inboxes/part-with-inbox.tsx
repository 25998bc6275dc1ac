// Disconnect, archive, restore, delete: each says what it keeps and what it takes before it happens.
import { Alert, Button, Group, Radio, Select, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { Dialog } from '../../components/dialog'
import { Section } from '../../components/section'
import { count } from '../../lib/format'
import { ApiError, messageOf } from '../../lib/http'
import { notifyDone, notifyError } from '../../lib/notify'
import { type InboxAction, inboxesQuery, type OpenTickets, useDeleteInbox, useInboxAction } from './api'
import { accountOf, type Vendor, vendorOf } from './vendors'

type Question = { title: string; text: string; yes: string; done: string }
const QUESTIONS: Partial<Record<InboxAction, Question>> = {
  disconnect: {
    title: 'Disconnect this inbox?',
    text: 'This wipes the stored passwords and stops fetching. Tickets and mail stay. You can connect it again with a password.',
    yes: 'Disconnect',
    done: 'Disconnected. The stored passwords are gone.',
  },
  archive: {
    title: 'Archive this inbox?',
    text: 'Nothing is fetched any more and the inbox leaves your lists. Tickets and mail stay. You can restore it.',
    yes: 'Archive',
    done: 'Archived.',
  },
}

const DISCONNECT_ACCOUNT: Record<Vendor, Question> = {
  google: {
    title: 'Disconnect this inbox?',
    text: 'This gives the access to the Google account back and stops fetching. Tickets and mail stay. You can connect it again.',
    yes: 'Disconnect',
    done: 'Disconnected. The access to the Google account is given back.',
  },
  microsoft: {
    title: 'Disconnect this inbox?',
    text: 'This forgets the access to the mailbox and stops fetching. Tickets and mail stay. You can connect it again. Microsoft keeps the permission itself on its list until it is removed there.',
    yes: 'Disconnect',
    done: 'Disconnected. The access to the mailbox is forgotten.',
  },
}

export function PartWithInbox({ inbox }: { inbox: InboxAnswer }) {
  const [asking, setAsking] = useState<'disconnect' | 'archive' | 'delete' | null>(null)
  const act = useInboxAction(inbox.id)
  const vendor = vendorOf(inbox)
  const connected = inbox.connection?.imap ?? inbox.connection?.smtp ?? accountOf(inbox)
  const question =
    asking === 'disconnect' && vendor
      ? DISCONNECT_ACCOUNT[vendor]
      : asking && asking !== 'delete'
        ? QUESTIONS[asking]
        : undefined
  const run = (action: InboxAction, done: string) =>
    act.mutate(action, {
      onSuccess: () => {
        setAsking(null)
        notifyDone(done)
      },
      onError: notifyError,
    })
  return (
    <Section title="Part with this inbox" lead="Nothing here deletes tickets or mail.">
      <Group gap="xs">
        {connected && !inbox.archivedAt && (
          <Button variant="default" onClick={() => setAsking('disconnect')}>
            Disconnect
          </Button>
        )}
        {inbox.archivedAt ? (
          <Button variant="default" loading={act.isPending} onClick={() => run('restore', 'Restored.')}>
            Restore
          </Button>
        ) : (
          <Button variant="default" onClick={() => setAsking('archive')}>
            Archive
          </Button>
        )}
        <Button variant="outline" color="red" onClick={() => setAsking('delete')}>
          Delete
        </Button>
      </Group>
      {asking && question && (
        <Dialog onClose={() => setAsking(null)} title={question.title}>
          <Text size="sm">{question.text}</Text>
          <Group justify="end" mt="md">
            <Button variant="default" onClick={() => setAsking(null)}>
              Cancel
            </Button>
            <Button color="red" loading={act.isPending} onClick={() => run(asking as InboxAction, question.done)}>
              {question.yes}
            </Button>
          </Group>
        </Dialog>
      )}
      {asking === 'delete' && <DeleteDialog inbox={inbox} onClose={() => setAsking(null)} />}
    </Section>
  )
}

function DeleteDialog({ inbox, onClose }: { inbox: InboxAnswer; onClose: () => void }) {
  const navigate = useNavigate()
  const remove = useDeleteInbox(inbox.id)
  const others = (useQuery(inboxesQuery()).data ?? []).filter((other) => other.id !== inbox.id)
  const [choice, setChoice] = useState('close')
  const [target, setTarget] = useState<string | null>(null)
  // The server says whether there are open tickets; only then is there anything to choose.
  const openTickets = remove.error instanceof ApiError ? Number(remove.error.problem.openTicketCount ?? 0) : 0
  const decision: OpenTickets =
    openTickets === 0
      ? undefined
      : choice === 'close'
        ? { action: 'close' }
        : { action: 'transfer', toInboxId: target ?? '' }
  const send = () =>
    remove.mutate(decision, {
      onSuccess: async () => {
        notifyDone(`${inbox.name} is deleted.`)
        await navigate({ to: '/inboxes' })
      },
    })
  return (
    <Dialog onClose={onClose} title={`Delete ${inbox.name}?`}>
      <Stack gap="sm">
        <Text size="sm">
          The inbox and its access to the mailbox go. Its tickets and mail stay readable. This cannot be undone.
        </Text>
        {openTickets > 0 ? (
          <Radio.Group
            label={`It has ${count(openTickets, 'open ticket')}. What becomes of them?`}
            value={choice}
            onChange={setChoice}
          >
            <Stack gap="xs" mt="xs">
              <Radio value="close" label="Close them" />
              <Radio value="transfer" label="Move them to another inbox" disabled={others.length === 0} />
              {choice === 'transfer' && (
                <Select
                  aria-label="Move to"
                  placeholder="Choose an inbox"
                  data={others.map((other) => ({ value: other.id, label: other.name }))}
                  value={target}
                  onChange={setTarget}
                />
              )}
            </Stack>
          </Radio.Group>
        ) : (
          remove.error && <Alert color="red">{messageOf(remove.error)}</Alert>
        )}
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            color="red"
            loading={remove.isPending}
            disabled={openTickets > 0 && choice === 'transfer' && !target}
            onClick={send}
          >
            Delete inbox
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}
