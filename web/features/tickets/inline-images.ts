// Images that a mail carries and shows by Content-ID, read as data: URLs for its frame.
import { queryOptions } from '@tanstack/react-query'
import type { MessageAnswer } from '../../../worker/contract/tickets'
import { answer } from '../../lib/http'
import { attachmentUrl } from './api'
import { referencedContentIds } from './mail-html'

/** One mail's images together, in bytes: what a tab holds without trouble. */
const TOTAL_LIMIT = 15_000_000

export const inlineImagesQuery = (message: MessageAnswer, html: string) =>
  queryOptions({
    queryKey: ['inline-images', message.id, message.attachments.map((attachment) => attachment.state)],
    queryFn: async ({ signal }) => {
      const wanted = referencedContentIds(html)
      const images = new Map<string, string>()
      let total = 0
      for (const { id, contentId, contentType, size, state } of message.attachments) {
        if (!contentId || !wanted.has(contentId) || state !== 'stored' || !contentType.startsWith('image/')) continue
        total += size
        if (total > TOTAL_LIMIT) break
        const response = await answer(fetch(attachmentUrl(id), { signal }))
        images.set(contentId, await dataUrl(await response.blob(), contentType))
      }
      return images
    },
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
  })

function dataUrl(blob: Blob, type: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(new Blob([blob], { type }))
  })
}
