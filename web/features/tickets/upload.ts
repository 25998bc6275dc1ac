// Uploads one attachment of a reply; XMLHttpRequest, because fetch cannot tell how far an upload is.
import type { z } from 'zod'
import type { UploadAnswer } from '../../../worker/contract/tickets'
import { OfflineError, problemOf } from '../../lib/http'

export type Uploaded = z.infer<typeof UploadAnswer>

/** Sends the file's bytes. `onProgress` gets a share from 0 to 1. Rejects with ApiError, OfflineError or AbortError. */
export function uploadAttachment(file: File, onProgress: (share: number) => void, signal: AbortSignal) {
  return new Promise<Uploaded>((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', `/api/attachments?${new URLSearchParams({ filename: file.name || 'image.png' })}`)
    request.setRequestHeader('content-type', file.type || 'application/octet-stream')
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total)
    request.onerror = () => reject(new OfflineError(undefined))
    request.onabort = () => reject(new DOMException('Upload cancelled', 'AbortError'))
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText) as Uploaded)
      else reject(problemOf(request.status, request.responseText))
    }
    signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(file)
  })
}
