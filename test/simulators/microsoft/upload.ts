// Upload sessions for attachments from 3 MB on: begun at Graph, fed in ranges at Outlook's own path, whose URL is the credential.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { attachmentsOf } from './derive.ts'
import { type Call, type Graph, graphRoutes, linkOrigin, messageOf, ok } from './graph-access.ts'
import { withAttachment } from './graph-compose.ts'
import { badRequest, graphError, isRefusal, itemNotFound } from './graph-error.ts'
import { MAX_SINGLE_ATTACHMENT, objectParameter } from './graph-input.ts'
import type { StoredMessage } from './store.ts'

type Session = {
  email: string
  draft: StoredMessage
  file: { name: string; type: string; contentId: string | null; inline: boolean }
  size: number
  chunks: Buffer[]
  received: number
  token: string
  expires: number
}

const MAX_ATTACHMENT = 150 * 1024 * 1024
const MAX_RANGE = 4 * 1024 * 1024
const LIFE = 7 * 86_400_000
const PATH = '/api/v2.0/users/:user/messages/:id/attachmentSessions/:session'

export function uploadRoutes(graph: Graph): Route[] {
  const { store, world } = graph
  /** Uploads that have begun and are not complete; they do not outlive the process. */
  const sessions = new Map<string, Session>()

  const begin = (call: Call): SimResponse => {
    const draft = messageOf(graph, call)
    if (isRefusal(draft)) return draft
    const item = objectParameter(call.request, 'attachmentItem')
    const { size } = item
    if (item.attachmentType !== 'file' || typeof item.name !== 'string' || typeof size !== 'number') {
      return badRequest('ErrorInvalidRequest', 'attachmentType file, name and size are required.')
    }
    if (size < MAX_SINGLE_ATTACHMENT) {
      const message = 'Attachment size must be greater than the minimum size of 3 MB.'
      return badRequest('ErrorAttachmentSizeShouldNotBeLessThanMinimumSize', message)
    }
    if (size > MAX_ATTACHMENT) {
      return badRequest('ErrorAttachmentSizeLimitExceeded', 'Attachment size must not be greater than 150 MB.')
    }
    const id = randomUUID()
    const session: Session = {
      email: call.email,
      draft,
      file: {
        name: item.name,
        type: typeof item.contentType === 'string' ? item.contentType : 'application/octet-stream',
        contentId: typeof item.contentId === 'string' ? item.contentId : null,
        inline: item.isInline === true,
      },
      size,
      chunks: [],
      received: 0,
      token: randomBytes(32).toString('base64url'),
      expires: world.clock() + LIFE,
    }
    sessions.set(id, session)
    const origin = linkOrigin(graph, call.request, 'uploadUrl')
    const user = `${call.account.id}@${call.account.directory}`
    const path = `/api/v2.0/Users('${user}')/Messages('${encodeURIComponent(draft.id)}')/AttachmentSessions('${id}')`
    const status = { expirationDateTime: new Date(session.expires).toISOString(), nextExpectedRanges: ['0-'] }
    const context = `${call.request.url.origin}/v1.0/$metadata#microsoft.graph.uploadSession`
    return ok({ '@odata.context': context, uploadUrl: `${origin}${path}?authtoken=${session.token}`, ...status }, 201)
  }

  /** The session of an upload URL, or why it takes nothing. */
  const sessionOf = (request: SimRequest): Session | SimResponse => {
    if (request.headers.authorization !== undefined) {
      world.violate(`${request.method} to an uploadUrl with an Authorization header`)
      return graphError(401, 'InvalidAuthenticationToken', 'Do not send an Authorization header to an upload URL.')
    }
    const session = sessions.get(request.params.session ?? '')
    if (!session || session.token !== request.url.searchParams.get('authtoken')) return itemNotFound()
    return session.expires > world.clock() ? session : itemNotFound()
  }

  const statusOf = ({ expires, received }: Session): SimResponse =>
    ok({ ExpirationDateTime: new Date(expires).toISOString(), NextExpectedRanges: [`${received}-`] })

  const put = (session: Session, request: SimRequest): SimResponse => {
    const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(request.headers['content-range'] ?? '') ?? []
    const fits =
      Number(from) === session.received &&
      Number(to) - Number(from) + 1 === request.body.length &&
      Number(total) === session.size &&
      Number(to) < session.size
    if (!fits) return graphError(416, 'InvalidContentRange', `Expected the range from ${session.received} on.`)
    if (request.body.length > MAX_RANGE) return graphError(413, 'RequestEntityTooLarge', 'A range may have 4 MB.')
    session.chunks.push(request.body)
    session.received += request.body.length
    if (session.received < session.size) return statusOf(session)

    sessions.delete(request.params.session ?? '')
    const { draft, email, file } = session
    const raw = store.rawOf(draft)
    store.rewrite(email, draft, withAttachment(raw, { ...file, bytes: Buffer.concat(session.chunks) }))
    const added = attachmentsOf(store, draft).findLast(({ kind }) => kind === 'file')
    const messages = request.url.pathname.split('/').slice(0, -2).join('/')
    return { status: 201, headers: { location: `${request.url.origin}${messages}/Attachments('${added?.id}')` } }
  }

  const upload = (method: string, handle: (session: Session, request: SimRequest) => SimResponse): Route => ({
    method,
    path: PATH,
    handle(request) {
      const session = sessionOf(request)
      return isRefusal(session) ? session : handle(session, request)
    },
  })
  const path = 'messages/:id/attachments/createUploadSession'
  const operation = 'POST /me/messages/{id}/attachments/createUploadSession'
  return [
    ...graphRoutes(graph, { method: 'POST', path, needs: 'write', operation }, begin),
    upload('PUT', put),
    upload('GET', statusOf),
    upload('DELETE', (_session, request) => {
      sessions.delete(request.params.session ?? '')
      return { status: 204 }
    }),
  ]
}
