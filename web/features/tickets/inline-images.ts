// Pictures that a mail carries and shows within its text, read as data: URLs for its frame.
import { queryOptions } from '@tanstack/react-query'
import { attachmentUrl } from './api'
import { inlineImageIds } from './mail-html'

/** One mail's pictures together, in bytes: what a tab holds without trouble. */
const TOTAL_LIMIT = 15_000_000

/** attachment id → data: URL, for each picture that is stored and small enough. */
export const inlineImagesQuery = (messageId: string, html: string) =>
  queryOptions({
    queryKey: ['inline-images', messageId],
    queryFn: async ({ signal }) => {
      const images = new Map<string, string>()
      let total = 0
      for (const id of inlineImageIds(html)) {
        const response = await fetch(`${attachmentUrl(id)}?inline=1`, { signal })
        const type = response.headers.get('content-type') ?? ''
        // A picture that is not stored yet, or is none, leaves a gap; the mail is shown all the same.
        if (!response.ok || !type.startsWith('image/')) continue
        const picture = await response.blob()
        total += picture.size
        if (total > TOTAL_LIMIT) break
        images.set(id, await dataUrl(picture))
      }
      return images
    },
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
  })

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}
