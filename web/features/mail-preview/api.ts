// What would happen to a mail, without anything happening.
import { useMutation } from '@tanstack/react-query'
import type { PreviewAnswer } from '../../../worker/contract/preview'
import { accepted } from '../../lib/http'

/** Sends the bytes as they are; the typed client knows JSON bodies only. */
export function usePreview() {
  return useMutation({
    mutationFn: async ({ file, inboxId }: { file: File; inboxId: string }) => {
      const url = `/api/messages/preview?${new URLSearchParams({ inboxId })}`
      const headers = { 'content-type': 'message/rfc822' }
      const response = await accepted(fetch(url, { method: 'POST', headers, body: file }))
      return (await response.json()) as PreviewAnswer
    },
  })
}
