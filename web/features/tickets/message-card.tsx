// One message of the conversation: who, when, what, its files, and how it got here.
import { ActionIcon, Avatar, Badge, Group, Menu, Skeleton, Text } from '@mantine/core'
import { IconDots, IconDownload, IconFileText, IconHtml, IconNote, IconRobot, IconRoute } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import type { MessageAnswer } from '../../../worker/contract/tickets'
import { addressText, nameOf } from '../../lib/format'
import { Time } from '../../lib/time'
import { usersQuery } from '../people/api'
import { originalUrl } from './api'
import { AttachmentList } from './attachment-list'
import { DeliveryState } from './delivery-state'
import classes from './message.module.css'
import { MessageText } from './message-text'
import { isFromMailbox, SentFrom } from './sent-from'
import { TraceDialog } from './trace-dialog'

const HtmlFrame = lazy(() => import('./html-frame').then((m) => ({ default: m.HtmlFrame })))

type Props = { message: MessageAnswer; ticketId: string }

export function MessageCard({ message, ticketId }: Props) {
  const textless = !message.text.trim() && !message.fullText.trim()
  const [asHtml, setAsHtml] = useState(textless && message.html !== null)
  const [traceOpen, setTraceOpen] = useState(false)
  const { direction, from } = message
  const users = useQuery(usersQuery).data
  const author = users?.find((user) => user.id === message.authorId)?.name ?? nameOf(from)
  const files = message.attachments.filter((attachment) => !attachment.inline)
  return (
    <article className={classes.message} data-direction={direction} aria-label={labelOf(direction, author)}>
      <header className={classes.head}>
        <Avatar name={author} size={32} color={direction === 'inbound' ? 'gray' : 'pine'} aria-hidden />
        <div className={classes.who}>
          <Text size="sm" component="div" className={classes.from}>
            <b>{author}</b>
            {direction === 'outbound' && message.authorId !== null && (
              <span className={classes.address}>as {addressText(from)}</span>
            )}
            {direction !== 'note' && message.authorId === null && from.name && (
              <span className={classes.address}>{from.email}</span>
            )}
            {direction === 'note' && (
              <Badge size="sm" variant="default" tt="none" leftSection={<IconNote size={12} />}>
                Note, only your team sees it
              </Badge>
            )}
            {isFromMailbox(message) && <SentFrom ticketId={ticketId} />}
            {message.automated?.is && (
              <Badge
                size="sm"
                variant="default"
                tt="none"
                leftSection={<IconRobot size={12} />}
                title={message.automated.rule ?? undefined}
              >
                Automated
              </Badge>
            )}
          </Text>
          {direction !== 'note' && <Recipients message={message} />}
        </div>
        <Text size="xs" c="dimmed" component="div" className={classes.time}>
          <Time iso={message.receivedAt} />
        </Text>
        {direction !== 'note' && (
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" aria-label="More about this message">
                <IconDots size={18} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {message.html !== null && (
                <Menu.Item
                  leftSection={asHtml ? <IconFileText size={16} /> : <IconHtml size={16} />}
                  onClick={() => setAsHtml(!asHtml)}
                >
                  {asHtml ? 'Show as text' : 'Show as HTML'}
                </Menu.Item>
              )}
              {message.trace && (
                <Menu.Item leftSection={<IconRoute size={16} />} onClick={() => setTraceOpen(true)}>
                  Why here?
                </Menu.Item>
              )}
              {message.hasOriginal && (
                <Menu.Item
                  component="a"
                  href={originalUrl(message.id)}
                  download
                  leftSection={<IconDownload size={16} />}
                >
                  Download original (.eml)
                </Menu.Item>
              )}
            </Menu.Dropdown>
          </Menu>
        )}
      </header>
      <div className={classes.body}>
        {asHtml && message.html !== null ? (
          <Suspense fallback={<Skeleton height={160} />}>
            <HtmlFrame message={message} html={message.html} />
          </Suspense>
        ) : (
          <MessageText text={message.text} fullText={message.fullText} />
        )}
        {files.length > 0 && <AttachmentList attachments={files} ticketId={ticketId} />}
        {message.delivery && <DeliveryState delivery={message.delivery} messageId={message.id} ticketId={ticketId} />}
        {message.html !== null && direction === 'inbound' && (
          <Group mt={6}>
            <button type="button" className={classes.quiet} onClick={() => setAsHtml(!asHtml)}>
              {asHtml ? 'Show as text' : 'Show as HTML'}
            </button>
          </Group>
        )}
      </div>
      {traceOpen && <TraceDialog message={message} onClose={() => setTraceOpen(false)} />}
    </article>
  )
}

function Recipients({ message: { to, cc, bcc } }: { message: MessageAnswer }) {
  const lines = [
    ['to', to],
    ['cc', cc],
    ['bcc', bcc],
  ] as const
  return (
    <Text size="xs" c="dimmed" component="div" className={classes.recipients}>
      {lines.map(([field, addresses]) =>
        addresses.length > 0 ? (
          <span key={field}>
            {field} {addresses.map(addressText).join(', ')}{' '}
          </span>
        ) : null,
      )}
    </Text>
  )
}

function labelOf(direction: MessageAnswer['direction'], author: string): string {
  if (direction === 'note') return `Note by ${author}`
  return direction === 'inbound' ? `Mail from ${author}` : `Reply by ${author}`
}
