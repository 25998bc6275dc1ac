// Asks before email loses its profile: which inboxes that stops is said first.
import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { reconnectWords } from './left-inboxes'

type Props = { left: readonly string[]; removing: boolean; onRemove: () => void; onClose: () => void }

export function UnbindDialog({ left, removing, onRemove, onClose }: Props) {
  return (
    <Modal
      opened
      onClose={onClose}
      title="Take the profile away from Email?"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
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
    </Modal>
  )
}
