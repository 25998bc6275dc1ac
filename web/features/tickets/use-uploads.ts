// Files on their way into a reply. What has arrived is kept in the draft; what has not is shown with its progress.
import { useState } from 'react'
import { HTTP_LIMITS } from '../../../worker/contract/limits'
import { fileSize } from '../../lib/format'
import { messageOf } from '../../lib/http'
import { randomKey } from '../../lib/random'
import { type Uploaded, uploadAttachment } from './upload'

export type PendingUpload = { key: string; file: File; progress: number; error: string | null; cancel: () => void }

export function useUploads(onUploaded: (file: Uploaded) => void) {
  const [pending, setPending] = useState<PendingUpload[]>([])
  const change = (key: string, patch: Partial<PendingUpload>) =>
    setPending((list) => list.map((upload) => (upload.key === key ? { ...upload, ...patch } : upload)))
  const drop = (key: string) => setPending((list) => list.filter((upload) => upload.key !== key))

  const add = (files: readonly File[]) => {
    for (const file of files) {
      const key = randomKey()
      const abort = new AbortController()
      const cancel = () => {
        abort.abort()
        drop(key)
      }
      const tooLarge = file.size > HTTP_LIMITS.upload
      const error = tooLarge ? `Too large: a file may have up to ${fileSize(HTTP_LIMITS.upload)}.` : null
      setPending((list) => [...list, { key, file, progress: 0, error, cancel }])
      if (tooLarge) continue
      uploadAttachment(file, (progress) => change(key, { progress }), abort.signal).then(
        (uploaded) => {
          drop(key)
          onUploaded(uploaded)
        },
        (cause: unknown) => {
          if (!abort.signal.aborted) change(key, { error: messageOf(cause) })
        },
      )
    }
  }
  const again = (upload: PendingUpload) => {
    upload.cancel()
    add([upload.file])
  }
  const busy = pending.some((upload) => upload.error === null)
  return { pending, add, again, busy }
}
