// The files of a message, each with its state in plain words and what can be done about it.
import { Button, Loader, Text } from '@mantine/core'
import {
  IconAlertTriangle,
  IconCloud,
  IconFile,
  IconFileText,
  IconFileTypePdf,
  IconFileZip,
  IconMail,
  IconPhoto,
  IconTable,
} from '@tabler/icons-react'
import type { AttachmentAnswer } from '../../../worker/contract/tickets'
import { fileSize } from '../../lib/format'
import { notifyError } from '../../lib/notify'
import { attachmentUrl, useFetchAttachment } from './api'
import classes from './message.module.css'

type Props = { attachments: AttachmentAnswer[]; ticketId: string }

export function AttachmentList({ attachments, ticketId }: Props) {
  return (
    <ul className={classes.files} aria-label="Attachments">
      {attachments.map((attachment) => (
        <li key={attachment.id}>
          {attachment.state === 'stored' ? (
            <a href={attachmentUrl(attachment.id)} download={attachment.filename} className={classes.file}>
              <FileIcon type={attachment.contentType} />
              <FileWords attachment={attachment} />
            </a>
          ) : (
            <UnstoredFile attachment={attachment} ticketId={ticketId} />
          )}
        </li>
      ))}
    </ul>
  )
}

function UnstoredFile({ attachment, ticketId }: { attachment: AttachmentAnswer; ticketId: string }) {
  const fetchNow = useFetchAttachment(ticketId)
  const pending = attachment.state === 'pending'
  const elsewhere = isElsewhere(attachment)
  return (
    <div className={classes.file}>
      {pending ? (
        <Loader size={18} role="img" aria-label="Being stored" />
      ) : elsewhere ? (
        <IconCloud size={20} stroke={1.5} aria-hidden style={{ flexShrink: 0 }} />
      ) : (
        <IconAlertTriangle size={20} aria-hidden />
      )}
      <FileWords attachment={attachment} />
      {!pending && !elsewhere && (
        <Button
          size="compact-xs"
          variant="default"
          style={{ flexShrink: 0 }}
          aria-label={`Retry ${attachment.filename}`}
          loading={fetchNow.isPending}
          onClick={() => fetchNow.mutate(attachment.id, { onError: notifyError })}
        >
          Retry
        </Button>
      )}
    </div>
  )
}

function FileWords({ attachment }: { attachment: AttachmentAnswer }) {
  return (
    <span className={classes.fileWords}>
      <Text component="span" display="block" size="sm" className={classes.fileName} title={attachment.filename}>
        {attachment.filename}
      </Text>
      <Text component="span" display="block" size="xs" c="dimmed">
        {stateInWords(attachment)}
      </Text>
    </span>
  )
}

/** A file that the message only points at. */
const isElsewhere = ({ state, reason }: AttachmentAnswer) => state === 'skipped' && reason === 'cloud_link'

function stateInWords(attachment: AttachmentAnswer): string {
  const { state, reason, size } = attachment
  if (isElsewhere(attachment)) return 'In the sender’s cloud storage; open it by the link in the message.'
  if (state === 'stored') return fileSize(size)
  if (state === 'pending') return `${fileSize(size)}, being stored`
  if (reason === 'too_large') return `${fileSize(size)}, not stored: it is very large. Retry stores it anyway.`
  return `${fileSize(size)}, not stored: ${reason ?? 'no reason was given'}`
}

export function FileIcon({ type }: { type: string }) {
  const Icon = iconOf(type)
  return <Icon size={20} stroke={1.5} aria-hidden style={{ flexShrink: 0 }} />
}

function iconOf(type: string) {
  if (type.startsWith('image/')) return IconPhoto
  if (type === 'application/pdf') return IconFileTypePdf
  if (type === 'message/rfc822') return IconMail
  if (/zip|compressed|tar|rar/.test(type)) return IconFileZip
  if (/spreadsheet|excel|csv/.test(type)) return IconTable
  if (type.startsWith('text/') || /word|document/.test(type)) return IconFileText
  return IconFile
}
