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

/** `path`: of the message. `optional`: trouble of the moment has kept it from coming before. */
type Wanted = { path: string; optional: boolean; signal: AbortSignal }

/**
 * The links of a message, at most `limits.links`. Throws the ProviderErrors after which the mailbox or the message has to be asked again later.
 * A refusal only costs the links that are not read yet: whether the mail can be had is for its MIME to say.
 */
export async function cloudLinks(
  { client, limits }: { client: GraphClient; limits: GraphLimits },
  { path, optional, signal }: Wanted,
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
    if (!(error instanceof ProviderError) || endsFetch(error, optional)) throw error
  }
  return links.slice(0, limits.links)
}

/** Whether an error speaks of the whole mailbox, or may be over at the next try of a message that has some left. */
function endsFetch({ kind, code }: ProviderError, optional: boolean): boolean {
  if (kind === 'rate_limited' || kind === 'auth_revoked') return true
  return kind === 'transient' && code !== 'graph_forbidden' && !optional
}

function linkOf({ name, contentType, size }: Attachment): CloudLink {
  return { name: safeFilename(name) || 'file', contentType, size }
}
