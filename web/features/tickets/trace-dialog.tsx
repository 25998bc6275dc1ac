// "Why here?": which rule put a message on this ticket, and the evidence for it.
import { Code, List, Stack, Text } from '@mantine/core'
import type { MessageAnswer } from '../../../worker/contract/tickets'
import { Dialog } from '../../components/dialog'

const RULES: Record<string, string> = {
  reply_token: 'It answers one of our own mails: the signed token in the address or Message-ID is right.',
  in_reply_to: 'It says that it answers a message of this ticket.',
  references: 'It refers to a message of this ticket.',
  provider_thread: 'The mail provider keeps it in the same thread, and the sender takes part in this ticket.',
  subject_number: 'Its subject names this ticket, and the sender takes part in it.',
  late_ancestor: 'A message of this ticket refers to it.',
  common_ancestor: 'It and this ticket refer to the same earlier message, and the sender takes part in it.',
  bounce: 'A mail server reports that one of our mails on this ticket did not arrive.',
  new_ticket: 'Nothing known fits it, so it began this ticket.',
}

type Props = { message: MessageAnswer; onClose: () => void }

export function TraceDialog({ message, onClose }: Props) {
  const { trace } = message
  return (
    <Dialog onClose={onClose} title="Why is this message here?" size="lg">
      <Stack gap="sm">
        {trace && <Text>{RULES[trace.matchedBy] ?? trace.matchedBy.replaceAll('_', ' ')}</Text>}
        {trace && trace.evidence.length > 0 && (
          <List size="sm" spacing={4} style={{ overflowWrap: 'anywhere' }}>
            {trace.evidence.map((line) => (
              <List.Item key={line}>{line}</List.Item>
            ))}
          </List>
        )}
        {message.messageId && <HeaderLine name="Message-ID" value={message.messageId} />}
        {message.inReplyTo && <HeaderLine name="In-Reply-To" value={message.inReplyTo} />}
      </Stack>
    </Dialog>
  )
}

function HeaderLine({ name, value }: { name: string; value: string }) {
  return (
    <Text size="xs" c="dimmed" component="div">
      {name} <Code style={{ overflowWrap: 'anywhere', whiteSpace: 'normal' }}>{value}</Code>
    </Text>
  )
}
