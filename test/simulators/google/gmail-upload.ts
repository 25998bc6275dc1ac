// Mails that come in through the API: `raw` in JSON, and the upload endpoint's simple, multipart and resumable forms.
// messages.send, insert and import; drafts use the same bodies.
import { randomBytes } from 'node:crypto'
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { field, readHead, structured } from '../shell/mime.ts'
import { brief, type Call, type Gmail, gmailRoute, invalid, jsonBody, ok } from './gmail-access.ts'
import { sendMail, threadRefusal } from './gmail-send.ts'
import { googleError } from './google-error.ts'

/** A mail and what its JSON says about it. */
export type Incoming = { raw: Buffer; message: { threadId?: string; labelIds?: string[] }; draftId?: string }

type MessageJson = { raw?: string; threadId?: string; labelIds?: string[] }
type BodyJson = MessageJson & { id?: string; message?: MessageJson }

/** Google's limit of a request that is no upload. */
const MAX_JSON = 10 * 1024 * 1024

const UPLOAD = '/upload'

export function sendingRoutes(gmail: Gmail): Route[] {
  const send = (call: Call, { raw, message }: Incoming): SimResponse => {
    const sent = sendMail(gmail, call.email, { raw, threadId: message.threadId })
    return 'status' in sent ? sent : ok(brief(sent))
  }
  const put =
    (dateByDefault: boolean) =>
    (call: Call, { raw, message }: Incoming): SimResponse => {
      const { store } = gmail
      const refusal = threadRefusal(gmail, call.email, message.threadId)
      if (refusal) return refusal
      const source = call.query.get('internalDateSource') ?? (dateByDefault ? 'dateHeader' : 'receivedTime')
      const date = Date.parse(field(readHead(raw).fields, 'date') ?? '')
      const internalDate = source === 'dateHeader' && !Number.isNaN(date) ? date : undefined
      const labelIds = message.labelIds ?? []
      const stored = store.add(call.email, { raw, labelIds, threadId: message.threadId, internalDate })
      return ok(brief(stored))
    }
  return [
    ...incomingRoutes(gmail, 'POST', 'messages/send', 'messages.send', send),
    ...incomingRoutes(gmail, 'POST', 'messages/import', 'messages.import', put(true)),
    ...incomingRoutes(gmail, 'POST', 'messages', 'messages.insert', put(false)),
  ]
}

type Handler = (call: Call, incoming: Incoming) => SimResponse

/** The plain, the upload and the resumable route of an operation that takes a mail. */
export function incomingRoutes(
  gmail: Gmail,
  method: string,
  path: string,
  operation: string,
  handle: Handler,
): Route[] {
  const plain = (call: Call): SimResponse => {
    const incoming = fromJson(call.request)
    return 'status' in incoming ? incoming : handle(call, incoming)
  }
  const upload = (call: Call): SimResponse => {
    switch (call.query.get('uploadType')) {
      case 'media':
        return handle(call, { raw: call.request.body, message: {} })
      case 'multipart': {
        const incoming = fromMultipart(call.request)
        return 'status' in incoming ? incoming : handle(call, incoming)
      }
      case 'resumable':
        return begin(gmail, call, handle)
      default:
        return invalid('Invalid upload request')
    }
  }
  return [
    gmailRoute(gmail, method, path, operation, plain),
    gmailRoute(gmail, method, path, operation, upload, UPLOAD),
    resumableRoute(method, path),
  ]
}

function fromJson(request: SimRequest): Incoming | SimResponse {
  if (request.body.length > MAX_JSON) {
    return googleError(400, `Request payload size exceeds the limit: ${MAX_JSON} bytes.`, {
      reason: 'badRequest',
      status: 'INVALID_ARGUMENT',
    })
  }
  const body = jsonBody<BodyJson>(request)
  const message = body.message ?? body
  if (message.raw === undefined)
    return invalid("'raw' RFC822 payload message string or uploading message via /upload/* URL required")
  const raw = decoded(message.raw)
  if (!raw) return invalid("Invalid value at 'message.raw' (TYPE_BYTES), Base64 decoding failed")
  return { raw, message, draftId: body.id }
}

/** Base64 of either alphabet, with or without padding; null for anything else. */
function decoded(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  const bare = text.replace(/=+$/, '')
  return bytes.length === Math.floor((bare.length * 3) / 4) ? bytes : null
}

/** multipart/related: the JSON part, then the mail. */
function fromMultipart(request: SimRequest): Incoming | SimResponse {
  const type = structured(request.headers['content-type'] ?? null)
  const parts = type.token === 'multipart/related' ? multipartOf(request.body, type.params.boundary ?? '') : []
  const [meta, mail] = parts
  if (!meta || !mail) return invalid('Malformed multipart body.')
  const mailType = structured(field(mail.fields, 'content-type')).token
  if (!mailType.startsWith('message/')) {
    return invalid(`Media type '${mailType}' is not supported. Valid media types: [message/*]`)
  }
  let body: BodyJson
  try {
    body = JSON.parse(meta.body.toString('utf8').trim() || '{}') as BodyJson
  } catch {
    return invalid('Malformed multipart body.')
  }
  const base64 = field(mail.fields, 'content-transfer-encoding')?.toLowerCase() === 'base64'
  const raw = base64 ? Buffer.from(mail.body.toString('latin1'), 'base64') : mail.body
  return { raw, message: body.message ?? body, draftId: body.id }
}

/** The parts of a multipart request body. Written for HTTP: boundaries stand at line starts, CRLF before one belongs to it. */
export function multipartOf(
  body: Buffer,
  boundary: string,
): { fields: ReturnType<typeof readHead>['fields']; body: Buffer }[] {
  const delimiter = Buffer.from(`--${boundary}`)
  const parts: ReturnType<typeof multipartOf> = []
  let open = -1
  for (let at = body.indexOf(delimiter); boundary !== '' && at >= 0; at = body.indexOf(delimiter, at + 1)) {
    if (at > 0 && body[at - 1] !== 10) continue
    if (open >= 0) {
      const bytes = body.subarray(open, Math.max(open, at - (body[at - 2] === 13 ? 2 : 1)))
      const { fields, bodyStart } = readHead(bytes)
      parts.push({ fields, body: bytes.subarray(bodyStart) })
    }
    const after = at + delimiter.length
    if (body[after] === 45 && body[after + 1] === 45) break
    const newline = body.indexOf(10, after)
    open = newline < 0 ? body.length : newline + 1
  }
  return parts
}

type Session = { call: Call; incoming: Incoming; handle: Handler; chunks: Buffer[]; size: number; gmail: Gmail }

/** Uploads that have begun and are not complete; they do not outlive the process. */
const sessions = new Map<string, Session>()

function begin(gmail: Gmail, call: Call, handle: Handler): SimResponse {
  const id = randomBytes(16).toString('hex')
  const body = jsonBody<BodyJson>(call.request)
  const incoming = { raw: Buffer.alloc(0), message: body.message ?? body, draftId: body.id }
  sessions.set(id, { call, incoming, handle, chunks: [], size: 0, gmail })
  const location = new URL(call.request.url)
  location.searchParams.set('upload_id', id)
  return { status: 200, headers: { location: location.href, 'x-guploader-uploadid': id } }
}

/** Takes the bytes of a resumable upload, whole or in ranges; its URL is the credential. */
function resumableRoute(method: string, path: string): Route {
  return {
    method: 'PUT',
    path: `${UPLOAD}/gmail/v1/users/:userId/${path}`,
    handle(request) {
      const id = request.url.searchParams.get('upload_id') ?? ''
      const session = sessions.get(id)
      if (!session || session.call.request.method !== method) return { status: 404, body: 'Not Found' }
      const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '')
      if (range && range[1] !== undefined && Number(range[1]) !== session.size)
        return { status: 400, body: 'Bad range' }
      if (!range || range[1] !== undefined) {
        session.chunks.push(request.body)
        session.size += request.body.length
      }
      if (range && (range[3] === '*' || session.size < Number(range[3]))) {
        return { status: 308, headers: session.size > 0 ? { range: `bytes=0-${session.size - 1}` } : {} }
      }
      sessions.delete(id)
      return session.handle(session.call, { ...session.incoming, raw: Buffer.concat(session.chunks) })
    },
  }
}
