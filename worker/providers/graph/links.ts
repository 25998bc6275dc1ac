// The files in a cloud that a message points at (Graph: referenceAttachment). Its MIME does not have them, so they take a request of their own.
import type { CloudLink } from '../../mail/cloud-link'
import { safeFilename } from '../../mail/filename'
import { ProviderError } from '../provider'
import { type Attachment, AttachmentPage } from './answers'
import type { Call, GraphClient } from './client'
import type { GraphLimits } from './limits'

/** Without it the bytes of all files come along; a property that only some kinds of attachments have is refused with 400. */
const SELECT = 'id,name,contentType,size,isInline'
const REFERENCE = '#microsoft.graph.referenceAttachment'

/**
 * The links of the message at `path`, at most `limits.links`. Throws the ProviderErrors after which the mailbox or the message has to be asked
 * again later. A refusal only costs the links that are not read yet: whether the mail can be had is for its MIME to say.
 */
export async function cloudLinks(
  { client, limits }: { client: GraphClient; limits: GraphLimits },
  path: string,
  signal: AbortSignal,
): Promise<CloudLink[]> {
  const links: CloudLink[] = []
  let call: Call = { path: `${path}/attachments`, query: { $select: SELECT }, signal }
  try {
    for (let page = 0; page < limits.linkPages; page++) {
      const answer: AttachmentPage = await client.call(AttachmentPage, call)
      links.push(...answer.value.filter((one) => one['@odata.type'] === REFERENCE).map(linkOf))
      const next = answer['@odata.nextLink']
      if (next === undefined || links.length >= limits.links) break
      call = { link: next, signal }
    }
  } catch (error) {
    if (!(error instanceof ProviderError) || passes(error)) throw error
  }
  return links.slice(0, limits.links)
}

/** Whether an error may be over at the next try. */
function passes({ kind, code }: ProviderError): boolean {
  return kind === 'rate_limited' || kind === 'auth_revoked' || (kind === 'transient' && code !== 'graph_forbidden')
}

function linkOf({ name, contentType, size }: Attachment): CloudLink {
  return { name: safeFilename(name) || 'file', contentType, size }
}
