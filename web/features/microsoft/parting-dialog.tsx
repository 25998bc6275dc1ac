// Archives or deletes a profile: says what that takes, and who still uses it where that is in the way.
import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { ProfileAnswer } from '../../../worker/contract/microsoft'
import { Dialog } from '../../components/dialog'
import { messageOf } from '../../lib/http'
import { notifyDone } from '../../lib/notify'
import { bindingsQuery, type Parting, usePartWithProfile } from './api'
import { consumerList, lackedConsumers, usersOf } from './microsoft-words'

const WORDS: Record<Parting, { yes: string; text: string; done: string }> = {
  archive: {
    yes: 'Archive',
    text: 'It stays on the list with its secret, but cannot be chosen to serve anything until it is restored.',
    done: 'archived',
  },
  delete: {
    yes: 'Delete',
    text: 'The profile and its client secret are erased here. The app registration at Microsoft stays. This cannot be undone.',
    done: 'deleted',
  },
}

type Props = { profile: ProfileAnswer; how: Parting; onClose: () => void }

export function PartingDialog({ profile, how, onClose }: Props) {
  const part = usePartWithProfile(profile.id)
  const words = WORDS[how]
  // What is known beforehand is said beforehand; the server has the last word.
  const users = usersOf(part.error) ?? profile.boundConsumers
  const lacked: string[] = lackedConsumers(useQuery(bindingsQuery).data ?? [])
  // Nobody can choose another profile for what this edition does not have, so that is no reason to keep a secret here.
  const onlyHidden = users.length > 0 && users.every((user) => lacked.includes(user))
  const unbindHidden = how === 'delete' && onlyHidden
  const blocked = users.length > 0 && !unbindHidden
  // Not by callbacks of the call: the row this belongs to may be gone before they are.
  const send = async () => {
    await part.mutateAsync({ how, unbindHidden })
    notifyDone(`${profile.displayName} is ${words.done}.`)
    onClose()
  }
  return (
    <Dialog onClose={onClose} title={`${words.yes} ${profile.displayName}?`}>
      <Stack gap="sm">
        {blocked ? (
          <Alert color="yellow" icon={<IconAlertTriangle />} role="alert" title={`In use by ${consumerList(users)}`}>
            {onlyHidden
              ? 'This edition does not have that, so the profile can be deleted here but not archived.'
              : `Choose another profile there, or take this one away, before you ${how} it.`}
          </Alert>
        ) : (
          <Text size="sm">
            {words.text}
            {unbindHidden &&
              ` It is bound to ${consumerList(users)}, which this edition does not have: with the enterprise edition, another profile has to be chosen there.`}
          </Text>
        )}
        {part.error && !blocked && (
          <Alert color="red" role="alert">
            {messageOf(part.error)}
          </Alert>
        )}
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            {blocked ? 'Close' : 'Cancel'}
          </Button>
          {!blocked && (
            <Button color="red" loading={part.isPending} onClick={() => void send().catch(() => undefined)}>
              {words.yes}
            </Button>
          )}
        </Group>
      </Stack>
    </Dialog>
  )
}
