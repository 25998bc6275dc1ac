// The HTML of a message as a browser may have it: sanitised, its inline pictures from our store, all others only on request.
import { parseBytes } from '../../mail/parse'
import { sanitizeHtml } from '../../mail/sanitize'
import type { MessageBody } from '../../platform/blobs'
import type { AttachmentRow } from './ticket-row'

/** `remote`: also let the browser load pictures from elsewhere; otherwise they are left out and counted. */
export function shownHtml(
  html: string | null,
  files: Pick<AttachmentRow, 'id' | 'contentId'>[],
  remote: boolean,
): { html: string | null; blockedRemote: number } {
  if (html === null) return { html, blockedRemote: 0 }
  return sanitizeHtml(html, {
    allowRemote: remote,
    cid(contentId) {
      const file = files.find((candidate) => candidate.contentId === contentId)
      return file ? `/api/attachments/${file.id}?inline=1` : null
    },
  })
}

/** The body of a stored original, for `loadBody`. */
export async function parseBody(raw: Uint8Array): Promise<MessageBody> {
  const { text, fullText, html } = await parseBytes(raw)
  return { text, fullText, html }
}
