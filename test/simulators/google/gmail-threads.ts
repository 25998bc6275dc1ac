// users.threads, users.drafts, users.labels and users.settings.sendAs.
import { randomInt } from 'node:crypto'
import type { Route, SimResponse } from '../shell/http.ts'
import { formatMessage, snippetOf } from './derive.ts'
import { brief, type Call, type Gmail, gmailRoute, invalid, jsonBody, noContent, notFound, ok } from './gmail-access.ts'
import { formatOf, labelChange, select } from './gmail-messages.ts'
import { pageOf, pageSize } from './gmail-paging.ts'
import { MAX_SEND, sendMail, threadRefusal } from './gmail-send.ts'
import { type Incoming, incomingRoutes } from './gmail-upload.ts'
import { googleError } from './google-error.ts'
import { type StoredMessage, SYSTEM_LABELS } from './store.ts'

export function threadRoutes(gmail: Gmail): Route[] {
  const { store, world } = gmail
  const messagesOf = (call: Call): StoredMessage[] =>
    store
      .inThread(call.mailbox, (call.params.id ?? '').toLowerCase())
      .sort((a, b) => a.internalDate - b.internalDate || (a.id < b.id ? -1 : 1))

  const list = (call: Call): SimResponse => {
    const found = select(store, world.clock(), call)
    if ('status' in found) return found
    const newest = new Map<string, StoredMessage>()
    for (const message of found.messages) if (!newest.has(message.threadId)) newest.set(message.threadId, message)
    const size = pageSize(call.query)
    const result = size === null ? null : pageOf([...newest.values()], size, call.query.get('pageToken'))
    if (!result) return invalid('Invalid pageToken')
    const threads = result.page.map((message) => ({
      id: message.threadId,
      snippet: snippetOf(message, store.rawOf(message)),
      historyId: message.historyId,
    }))
    return ok({
      ...(threads.length > 0 && { threads }),
      ...(result.nextPageToken && { nextPageToken: result.nextPageToken }),
      resultSizeEstimate: newest.size,
    })
  }

  const get = (call: Call): SimResponse => {
    const messages = messagesOf(call)
    const last = messages.at(-1)
    if (!last) return notFound()
    const format = formatOf(call)
    if (typeof format !== 'string') return format
    if (format === 'raw') return invalid("Invalid value at 'format', RAW is not supported for threads")
    const names = call.query.getAll('metadataHeaders')
    return ok({
      id: last.threadId,
      historyId: last.historyId,
      messages: messages.map((message) => formatMessage(message, store.rawOf(message), format, names)),
    })
  }

  const modify = (call: Call): SimResponse => {
    const messages = messagesOf(call)
    const [first] = messages
    if (!first) return notFound()
    const change = labelChange(call)
    if ('status' in change) return change
    for (const message of messages) store.relabel(call.email, message, change.add, change.remove)
    return ok({ id: first.threadId, messages: messages.map(brief) })
  }

  return [
    gmailRoute(gmail, 'GET', 'threads', 'threads.list', list),
    gmailRoute(gmail, 'GET', 'threads/:id', 'threads.get', get),
    gmailRoute(gmail, 'POST', 'threads/:id/modify', 'threads.modify', modify),
  ]
}

export function draftRoutes(gmail: Gmail): Route[] {
  const { store, world } = gmail
  const draftOf = (call: Call, id = call.params.id ?? ''): StoredMessage | null =>
    call.mailbox.messages[call.mailbox.drafts[id] ?? ''] ?? null
  const save = (call: Call, draftId: string, { raw, message }: Incoming): SimResponse => {
    if (raw.length > MAX_SEND) return invalid('Message exceeds maximum size')
    const refusal = threadRefusal(gmail, call.email, message.threadId)
    if (refusal) return refusal
    const old = draftOf(call, draftId)
    const threadId = message.threadId ?? old?.threadId
    // A changed draft is a new message: the old one leaves history as deleted.
    if (old) store.remove(call.email, old)
    const stored = store.add(call.email, { raw, labelIds: ['DRAFT'], threadId })
    call.mailbox.drafts[draftId] = stored.id
    world.changed()
    return ok({ id: draftId, message: brief(stored) })
  }

  const create = (call: Call, incoming: Incoming): SimResponse =>
    save(call, `r${randomInt(10 ** 9, 10 ** 12)}${randomInt(10 ** 6)}`, incoming)
  const update = (call: Call, incoming: Incoming): SimResponse =>
    draftOf(call) ? save(call, call.params.id ?? '', incoming) : notFound()

  const get = (call: Call): SimResponse => {
    const message = draftOf(call)
    if (!message) return notFound()
    const format = formatOf(call)
    if (typeof format !== 'string') return format
    // Unlike messages.get a draft's raw is never streamed: drafts here are small.
    const body = formatMessage(message, store.rawOf(message), format)
    return Symbol.asyncIterator in body ? invalid('Draft too large') : ok({ id: call.params.id, message: body })
  }

  const list = (call: Call): SimResponse => {
    const found = select(store, world.clock(), call)
    if ('status' in found) return found
    const draftIds = new Map(Object.entries(call.mailbox.drafts).map(([draftId, messageId]) => [messageId, draftId]))
    const size = pageSize(call.query)
    const entries = found.messages.filter((message) => draftIds.has(message.id))
    const result = size === null ? null : pageOf(entries, size, call.query.get('pageToken'))
    if (!result) return invalid('Invalid pageToken')
    const drafts = result.page.map(({ id, threadId }) => ({ id: draftIds.get(id), message: { id, threadId } }))
    return ok({
      ...(drafts.length > 0 && { drafts }),
      ...(result.nextPageToken && { nextPageToken: result.nextPageToken }),
      resultSizeEstimate: entries.length,
    })
  }

  const remove = (call: Call): SimResponse => {
    const message = draftOf(call)
    if (!message) return notFound()
    delete call.mailbox.drafts[call.params.id ?? '']
    store.remove(call.email, message)
    return noContent
  }

  /** The draft goes, a message with another id comes: what history shows of a draft that was sent. */
  const send = (call: Call): SimResponse => {
    const { id = '' } = jsonBody<{ id: string }>(call.request)
    const draft = draftOf(call, id)
    if (!draft) return notFound()
    const sent = sendMail(gmail, call.email, { raw: store.rawOf(draft), threadId: draft.threadId, typed: true })
    if ('status' in sent) return sent
    delete call.mailbox.drafts[id]
    store.remove(call.email, draft)
    return ok(brief(sent))
  }

  return [
    ...incomingRoutes(gmail, 'POST', 'drafts', 'drafts.create', create),
    ...incomingRoutes(gmail, 'PUT', 'drafts/:id', 'drafts.update', update),
    gmailRoute(gmail, 'GET', 'drafts', 'drafts.list', list),
    gmailRoute(gmail, 'GET', 'drafts/:id', 'drafts.get', get),
    gmailRoute(gmail, 'DELETE', 'drafts/:id', 'drafts.delete', remove),
    gmailRoute(gmail, 'POST', 'drafts/send', 'drafts.send', send),
  ]
}

export function labelRoutes(gmail: Gmail): Route[] {
  const { world } = gmail
  const labelsOf = ({ mailbox }: Call) => [
    ...SYSTEM_LABELS.map((id) => ({ id, name: id, type: 'system' })),
    ...mailbox.labels.map(({ id, name }) => ({ id, name, type: 'user' })),
  ]
  const get = (call: Call): SimResponse => {
    const label = labelsOf(call).find(({ id }) => id === call.params.id)
    if (!label) return notFound()
    const messages = Object.values(call.mailbox.messages).filter(({ labelIds }) => labelIds.includes(label.id))
    const unread = messages.filter(({ labelIds }) => labelIds.includes('UNREAD'))
    const threads = (of: StoredMessage[]) => new Set(of.map(({ threadId }) => threadId)).size
    return ok({
      ...label,
      messagesTotal: messages.length,
      messagesUnread: unread.length,
      threadsTotal: threads(messages),
      threadsUnread: threads(unread),
    })
  }
  const create = (call: Call): SimResponse => {
    const name = jsonBody<{ name: string }>(call.request).name?.trim()
    if (!name) return invalid('Invalid label name')
    if (labelsOf(call).some((label) => label.name.toLowerCase() === name.toLowerCase())) {
      return googleError(409, 'Label name exists or conflicts', { reason: 'aborted', status: 'ABORTED' })
    }
    const id = `Label_${call.mailbox.labels.length + 1}`
    call.mailbox.labels.push({ id, name })
    world.changed()
    return ok({ id, name, messageListVisibility: 'show', labelListVisibility: 'labelShow', type: 'user' })
  }
  const sendAs = ({ email }: Call) => ({
    sendAsEmail: email,
    displayName: world.accounts.get(email)?.name ?? '',
    replyToAddress: '',
    signature: '',
    isPrimary: true,
    isDefault: true,
  })
  const sendAsOf = (call: Call): SimResponse =>
    call.params.sendAsEmail?.toLowerCase() === call.email ? ok(sendAs(call)) : notFound()

  return [
    gmailRoute(gmail, 'GET', 'labels', 'labels.list', (call) => ok({ labels: labelsOf(call) })),
    gmailRoute(gmail, 'GET', 'labels/:id', 'labels.get', get),
    gmailRoute(gmail, 'POST', 'labels', 'labels.create', create),
    gmailRoute(gmail, 'GET', 'settings/sendAs', 'settings.sendAs.list', (call) => ok({ sendAs: [sendAs(call)] })),
    gmailRoute(gmail, 'GET', 'settings/sendAs/:sendAsEmail', 'settings.sendAs.get', sendAsOf),
  ]
}
