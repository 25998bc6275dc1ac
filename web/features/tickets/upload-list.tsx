// Files of a reply: those stored, those on their way, those that failed.
import { Button, CloseButton, Progress, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { fileSize } from '../../lib/format'
import { FileIcon } from './attachment-list'
import classes from './message.module.css'
import type { Uploaded } from './upload'
import type { PendingUpload } from './use-uploads'

type Props = {
  uploaded: Uploaded[]
  pending: PendingUpload[]
  onRemove: (id: string) => void
  onAgain: (upload: PendingUpload) => void
}

export function UploadList({ uploaded, pending, onRemove, onAgain }: Props) {
  if (uploaded.length + pending.length === 0) return null
  return (
    <ul className={classes.files} aria-label="Attached files">
      {uploaded.map((file) => (
        <li key={file.id} className={classes.file}>
          <FileIcon type={file.contentType} />
          <Words name={file.filename} detail={fileSize(file.size)} />
          <CloseButton size="sm" aria-label={`Remove ${file.filename}`} onClick={() => onRemove(file.id)} />
        </li>
      ))}
      {pending.map((upload) => (
        <li key={upload.key} className={classes.file}>
          {upload.error ? <IconAlertTriangle size={20} aria-hidden /> : <FileIcon type={upload.file.type} />}
          <span className={classes.fileWords}>
            <Words name={upload.file.name} detail={upload.error ?? `${Math.round(upload.progress * 100)} %`} />
            {!upload.error && (
              <Progress value={upload.progress * 100} size="xs" aria-label={`Uploading ${upload.file.name}`} mt={2} />
            )}
          </span>
          {upload.error && !upload.error.startsWith('Too large') && (
            <Button size="compact-xs" variant="default" onClick={() => onAgain(upload)}>
              Retry
            </Button>
          )}
          <CloseButton size="sm" aria-label={`Remove ${upload.file.name}`} onClick={upload.cancel} />
        </li>
      ))}
    </ul>
  )
}

function Words({ name, detail }: { name: string; detail: string }) {
  return (
    <span className={classes.fileWords}>
      <Text component="span" display="block" size="sm" className={classes.fileName} title={name}>
        {name}
      </Text>
      <Text component="span" display="block" size="xs" c="dimmed">
        {detail}
      </Text>
    </span>
  )
}
