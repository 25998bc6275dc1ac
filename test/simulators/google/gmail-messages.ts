// users.messages and users.history: what is read, and labels and deletion of single messages. Sending is in gmail-send.
import type { Route, SimResponse } from '../shell/http.ts'
import { field } from '../shell/mime.ts'
import { readableText } from '../shell/mime-tree.ts'
import { attachmentBytes, base64url, type Format, formatMessage, hasAttachment } from './derive.ts'
import {
  brief,
  type Call,
  forbidden,
  type Gmail,
  gmailRoute,
  invalid,
  jsonBody,
  messageOf,
  metadataOnly,
  noContent,
  notFound,
  ok,
} from './gmail-access.ts'
import { newestFirst, pageOf, pageSize } from './gmail-paging.ts'
import { googleError } from './google-error.ts'
import { listHistory } from './history.ts'
import { parseQuery, type Searchable } from './search.ts'
import { type Mailbox, type Store, type StoredMessage, SYSTEM_LABELS } from './store.ts'

/** Google's estimate knows no more than this. */
const MOST_ESTIMATED = 201

export function messageRoutes(gmail: Gmail): Route[] {
  const { store, world } = gmail

  const profile = ({ mailbox }: Call): SimResponse => {
    const messages = Object.values(mailbox.messages)
    const threads = new Set(messages.map(({ threadId }) => threadId))
    const { email: emailAddress, historyId } = mailbox
    return ok({ emailAddress, messagesTotal: messages.length, threadsTotal: threads.size, historyId })
  }

  const list = (call: Call): SimResponse => {
    const found = select(store, world.clock(), call)
    if ('status' in found) return found
    const size = pageSize(call.query)
    if (size === null) return invalid('Invalid value for maxResults')
    const result = pageOf(found.messages, size, call.query.get('pageToken'))
    if (!result) return invalid('Invalid pageToken')
    const { page, nextPageToken } = result
    return ok({
      ...(page.length > 0 && { messages: page.map(({ id, threadId }) => ({ id, threadId })) }),
      ...(nextPageToken && { nextPageToken }),
      resultSizeEstimate: Math.min(MOST_ESTIMATED, found.messages.length),
    })
  }

  const get = (call: Call): SimResponse => {
    const message = messageOf(call)
    if ('status' in message) return message
    return formatted(gmail, call, message)
  }

  const attachment = (call: Call): SimResponse => {
    const message = messageOf(call, call.params.messageId)
    if ('status' in message) return message
    const bytes = attachmentBytes(message, store.rawOf(message), call.params.id ?? '')
    return bytes ? ok({ size: bytes.length, data: base64url(bytes) }) : invalid('Invalid attachment token')
  }

  const history = ({ mailbox, query }: Call): SimResponse => {
    const maxResults = pageSize(query)
    if (maxResults === null) return invalid('Invalid value for maxResults')
    const answer = listHistory(mailbox, {
      startHistoryId: query.get('startHistoryId'),
      historyTypes: query.getAll('historyTypes'),
      labelId: query.get('labelId'),
      maxResults,
      pageToken: query.get('pageToken'),
    })
    switch (answer) {
      case 'missing':
        return invalid('Missing required parameter: startHistoryId')
      case 'start':
        return invalid("Invalid value at 'start_history_id' (TYPE_UINT64)")
      case 'types':
        return invalid("Invalid value at 'history_types'")
      case 'token':
        return invalid('Invalid pageToken')
      case 'expired':
        return notFound()
      default:
        return ok(answer)
    }
  }

  const modify = (call: Call): SimResponse => {
    const message = messageOf(call)
    if ('status' in message) return message
    const change = labelChange(call)
    if ('status' in change) return change
    store.relabel(call.email, message, change.add, change.remove)
    return ok(brief(message))
  }

  const batchModify = (call: Call): SimResponse => {
    const change = labelChange(call)
    if ('status' in change) return change
    for (const id of jsonBody<{ ids: string[] }>(call.request).ids ?? []) {
      const message = call.mailbox.messages[id]
      if (message) store.relabel(call.email, message, change.add, change.remove)
    }
    return noContent
  }

  const relabelled =
    (add: string[], remove: string[]) =>
    (call: Call): SimResponse => {
      const message = messageOf(call)
      if ('status' in message) return message
      store.relabel(call.email, message, add, remove)
      return ok(brief(message))
    }

  const remove = (call: Call): SimResponse => {
    const message = messageOf(call)
    if ('status' in message) return message
    store.remove(call.email, message)
    return noContent
  }

  return [
    gmailRoute(gmail, 'GET', 'profile', 'getProfile', profile),
    gmailRoute(gmail, 'GET', 'history', 'history.list', history),
    gmailRoute(gmail, 'GET', 'messages', 'messages.list', list),
    gmailRoute(gmail, 'GET', 'messages/:id', 'messages.get', get),
    gmailRoute(gmail, 'GET', 'messages/:messageId/attachments/:id', 'messages.attachments.get', attachment),
    gmailRoute(gmail, 'POST', 'messages/batchModify', 'messages.batchModify', batchModify),
    gmailRoute(gmail, 'POST', 'messages/:id/modify', 'messages.modify', modify),
    gmailRoute(gmail, 'POST', 'messages/:id/trash', 'messages.trash', relabelled(['TRASH'], ['INBOX', 'SPAM'])),
    gmailRoute(gmail, 'POST', 'messages/:id/untrash', 'messages.untrash', relabelled([], ['TRASH'])),
    gmailRoute(gmail, 'DELETE', 'messages/:id', 'messages.delete', remove),
  ]
}

/** The message in the format the query asks for, or the refusal. */
export function formatted({ store }: Gmail, call: Call, message: StoredMessage): SimResponse {
  const format = formatOf(call)
  if (typeof format !== 'string') return format
  return ok(formatMessage(message, store.rawOf(message), format, call.query.getAll('metadataHeaders')))
}

/** full, metadata, minimal or raw, in any case; the metadata scope may have neither full nor raw. */
export function formatOf(call: Call): Format | SimResponse {
  const format = (call.query.get('format') ?? 'full').toLowerCase()
  if (format !== 'full' && format !== 'metadata' && format !== 'minimal' && format !== 'raw') {
    return invalid(`Invalid value at 'format' (type.googleapis.com/gmail.Format), "${format}"`)
  }
  const withheld = metadataOnly(call) && (format === 'full' || format === 'raw')
  return withheld ? forbidden(`Metadata scope doesn't allow format ${format.toUpperCase()}`) : format
}

/** The messages that q, labelIds and includeSpamTrash select, newest first. */
export function select(store: Store, now: number, call: Call): { messages: StoredMessage[] } | SimResponse {
  const { query, mailbox } = call
  const text = query.get('q') ?? ''
  if (text !== '' && metadataOnly(call)) return forbidden("Metadata scope does not support 'q' parameter")
  const labels = query.getAll('labelIds')
  if (labels.some((label) => !isLabel(mailbox, label))) return invalid(`Invalid label: ${labels.join(', ')}`)
  const parsed = parseQuery(text, now, (name) => labelNamed(mailbox, name))
  const named = labels.some((label) => label === 'SPAM' || label === 'TRASH')
  const all = query.get('includeSpamTrash') === 'true' || parsed.everywhere || named
  const messages = Object.values(mailbox.messages).filter(
    (message) =>
      (all || !(message.labelIds.includes('SPAM') || message.labelIds.includes('TRASH'))) &&
      labels.every((label) => message.labelIds.includes(label)) &&
      parsed.matches(searchable(store, message)),
  )
  return { messages: messages.sort(newestFirst) }
}

function searchable(store: Store, message: StoredMessage): Searchable {
  return {
    labelIds: message.labelIds,
    internalDate: message.internalDate,
    size: message.size,
    header: (name) => field(store.headOf(message).fields, name) ?? '',
    text: () => readableText(store.rawOf(message)),
    hasAttachment: () => hasAttachment(store.rawOf(message)),
  }
}

const isLabel = (mailbox: Mailbox, id: string): boolean =>
  SYSTEM_LABELS.includes(id) || mailbox.labels.some((label) => label.id === id)

const labelNamed = (mailbox: Mailbox, name: string): string =>
  mailbox.labels.find((label) => label.name.toLowerCase().replace(/[ /]/g, '-') === name)?.id ?? name.toUpperCase()

/** Labels to add and remove; SENT and DRAFT are Gmail's own. */
export function labelChange(call: Call): { add: string[]; remove: string[] } | SimResponse {
  const body = jsonBody<{ addLabelIds: string[]; removeLabelIds: string[] }>(call.request)
  const add = body.addLabelIds ?? []
  const remove = body.removeLabelIds ?? []
  const unknown = [...add, ...remove].find((label) => !isLabel(call.mailbox, label))
  if (unknown !== undefined) return invalid(`Invalid label: ${unknown}`)
  const fixed = [...add, ...remove].find((label) => label === 'SENT' || label === 'DRAFT')
  if (fixed) return googleError(400, `Cannot modify label: ${fixed}`, FIXED)
  return { add, remove }
}

const FIXED = { reason: 'invalidArgument', status: 'INVALID_ARGUMENT' }
