// Asks before email loses its profile: which inboxes that stops is said first.
import { Button, Group, Stack, Text } from '@mantine/core'
import { Dialog } from '../../components/dialog'
import { reconnectWords } from './left-inboxes'

type Props = { left: readonly string[]; removing: boolean; onRemove: () => void; onClose: () => void }

export function UnbindDialog({ left, removing, onRemove, onClose }: Props) {
  return (
    <Dialog onClose={onClose} title="Take the profile away from Email?">
      <Stack gap="sm">
        <Text size="sm">{reconnectWords(left)} Until then nothing is fetched and no reply is sent there.</Text>
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button color="red" loading={removing} onClick={onRemove}>
            Remove
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}
