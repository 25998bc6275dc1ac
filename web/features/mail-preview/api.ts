// What would happen to a mail, without anything happening.
import { useMutation } from '@tanstack/react-query'
import { answer } from '../../lib/http'

/** The part of the preview's answer that the screen shows. */
export type Preview = {
  message: {
    subject: string
    from: { name: string; email: string } | null
    to: { name: string; email: string }[]
    date: string | null
    text: string
    attachments: { filename: string; contentType: string; size: number; inline: boolean; decision: string }[]
  }
  plan: {
    disposition: string
    reason: string | null
    matchedBy: string | null
    ticketId: string | null
    automated: { is: boolean; rule: string | null }
  }
  warnings: string[]
}

export function usePreview() {
  return useMutation({
    mutationFn: async ({ file, inboxId }: { file: File; inboxId: string }) => {
      const response = await answer(
        fetch(`/api/messages/preview?${new URLSearchParams({ inboxId })}`, {
          method: 'POST',
          headers: { 'content-type': 'message/rfc822' },
          body: file,
        }),
      )
      return (await response.json()) as Preview
    },
  })
}
