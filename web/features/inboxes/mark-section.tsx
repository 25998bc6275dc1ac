// What is done to a mail in its Microsoft mailbox once it is on a ticket, and what keeps that from working.
import { Alert, Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { Section } from '../../components/section'
import { fieldErrors, rules } from '../../lib/form'
import { notifyDone, notifyError } from '../../lib/notify'
import { accessNeeded } from './account-access'
import { useUpdateInbox } from './api'
import { ConnectAccountButton } from './connect-account-button'
import { MARK_LABEL, MARK_MEANING, type MarkForm, markAction, markBody, markForm } from './mark-words'

const ACTIONS = Object.keys(MARK_LABEL).map(markAction)

export function MarkSection({ inbox }: { inbox: InboxAnswer }) {
  const { action, folder, problem } = inbox.markProcessed
  return (
    <Section title="When a mail is on a ticket" lead="What happens to it in the Microsoft mailbox">
      <Stack gap="md">
        {problem && <Problem inbox={inbox} problem={problem} />}
        {/* Keyed by what is stored, so that the choice follows it. */}
        <Choice key={`${action}/${folder}`} inbox={inbox} />
      </Stack>
    </Section>
  )
}

function Problem({ inbox, problem }: { inbox: InboxAnswer; problem: string }) {
  const update = useUpdateInbox(inbox.id)
  const { stopped } = inbox.markProcessed
  const dismiss = () => update.mutate(markBody(markForm(inbox.markProcessed)), { onError: notifyError })
  return (
    <Alert
      color={stopped ? 'yellow' : 'gray'}
      icon={stopped ? <IconAlertTriangle /> : <IconInfoCircle />}
      title={stopped ? 'Mail is not marked' : 'Not all mail was marked'}
    >
      <Group justify="space-between" gap="sm">
        <Text size="sm" flex="1 1 14rem" style={{ overflowWrap: 'anywhere' }}>
          {problem} New mail becomes tickets all the same.
        </Text>
        {/* Where access is needed altogether, the notice on top has the button. */}
        {stopped && !accessNeeded(inbox) && (
          <ConnectAccountButton inbox={inbox} size="xs">
            Reconnect
          </ConnectAccountButton>
        )}
        {!stopped && (
          <Button size="xs" variant="default" loading={update.isPending} onClick={dismiss}>
            Dismiss
          </Button>
        )}
      </Group>
    </Alert>
  )
}

function Choice({ inbox }: { inbox: InboxAnswer }) {
  const update = useUpdateInbox(inbox.id)
  const form = useForm<MarkForm>({
    initialValues: markForm(inbox.markProcessed),
    validate: {
      folder: (value, { action }) => (action === 'move' ? rules.required('The name of the folder')(value) : null),
    },
  })
  const { action } = form.values
  const submit = form.onSubmit((values) =>
    update.mutate(markBody(values), {
      onSuccess: () => notifyDone('Saved.'),
      onError: (error) => {
        const folder = fieldErrors(error)['markProcessed.folder']
        if (folder) form.setFieldError('folder', folder)
        notifyError(error)
      },
    }),
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm" maw={520}>
        <Radio.Group
          aria-label="When a mail is on a ticket"
          value={action}
          onChange={(value) => form.setFieldValue('action', markAction(value))}
        >
          <Stack gap="xs">
            {ACTIONS.map((each) => (
              <Radio key={each} value={each} label={MARK_LABEL[each]} description={MARK_MEANING[each]} />
            ))}
          </Stack>
        </Radio.Group>
        {action === 'move' && (
          <TextInput
            label="Folder"
            description="Its name in Outlook, for example Processed or Inbox/Processed"
            maxLength={255}
            {...form.getInputProps('folder')}
          />
        )}
        {action !== 'none' && (
          <Text size="sm" c="dimmed">
            This needs the permission to change mail, which Postroom does not ask for otherwise. If Microsoft has not
            given it yet, you will be asked to reconnect. Mail that is on a ticket already stays as it is.
          </Text>
        )}
        <Group>
          <Button type="submit" loading={update.isPending} disabled={!form.isDirty()}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
