// What "?" shows.
import { Group, Kbd, Table } from '@mantine/core'
import { Dialog } from './dialog'

const SHORTCUTS: [keys: string[], what: string][] = [
  [['j'], 'Next ticket in the list'],
  [['k'], 'Previous ticket in the list'],
  [['Enter'], 'Open the ticket'],
  [['/'], 'Search tickets'],
  [['r'], 'Reply'],
  [['n'], 'Write a note'],
  [['u'], 'Back to the list'],
  [['Ctrl', 'Enter'], 'Send (⌘ Enter on a Mac)'],
  [['?'], 'Show or hide this'],
]

export function ShortcutsHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog onClose={onClose} title="Keyboard shortcuts">
      <Table>
        <Table.Tbody>
          {SHORTCUTS.map(([keys, what]) => (
            <Table.Tr key={what}>
              <Table.Td>{what}</Table.Td>
              <Table.Td>
                <Group gap={4} justify="end">
                  {keys.map((key) => (
                    <Kbd key={key}>{key}</Kbd>
                  ))}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Dialog>
  )
}
