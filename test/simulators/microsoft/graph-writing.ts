// Everything that writes: sendMail, drafts and replies, changes, moves, deletions, attachments of drafts, categories.
import { randomUUID } from 'node:crypto'
import type { Route, SimResponse } from '../shell/http.ts'
import { addresses, decodeWords, field, messageIds, readHead } from '../shell/mime.ts'
import { attachmentJson, attachmentsOf, mailboxes, messageJson } from './derive.ts'
import {
  type Call,
  type Graph,
  graphRoutes,
  jsonBody,
  messageAnswer,
  messageOf,
  ok,
  parameter,
} from './graph-access.ts'
import {
  type Address,
  encodedWords,
  type Mail,
  mimeOf,
  shown,
  withAttachment,
  withBody,
  withFields,
} from './graph-compose.ts'
import { badRequest, graphError, isRefusal, itemNotFound, malformedId } from './graph-error.ts'
import { fileOf, isMime, mailOf, mimeBody, objectParameter, tooLarge } from './graph-input.ts'
import { sendDraft, sendMail, sendRefusal, submitted } from './graph-send.ts'
import type { MessagePatch, StoredMessage } from './store.ts'

type Json = Record<string, unknown>
type Handler = (call: Call) => SimResponse | Promise<SimResponse>

const ACCEPTED: SimResponse = { status: 202 }

export function writingRoutes(graph: Graph): Route[] {
  const { store, world } = graph

  /** The bytes of a new mail out of a message resource. */
  const composed = (call: Call, json: Json): Buffer | SimResponse => {
    const mail = mailOf(json)
    if ('status' in mail) return mail
    return mimeOf({
      from: { name: call.account.name, address: call.email },
      date: world.clock(),
      ...(mail as Partial<Mail>),
    })
  }

  const send: Handler = (call) => {
    const large = tooLarge(call.request)
    if (large) return large
    const mime = isMime(call.request)
    const given = mime ? mimeBody(call.request) : composed(call, objectParameter(call.request, 'message'))
    if (isRefusal(given)) return given
    const raw = mime ? submitted(graph, given) : given
    const refusal = sendRefusal(graph, call.email, call.caller.account?.email ?? null, raw)
    if (refusal) return refusal
    const save = mime || parameter(jsonBody(call.request), 'saveToSentItems') !== false
    sendMail(graph, { email: call.email, by: call.caller.account?.email, raw, save })
    return ACCEPTED
  }

  const create: Handler = (call) => {
    const large = tooLarge(call.request)
    if (large) return large
    const mime = isMime(call.request)
    const given = mime ? mimeBody(call.request) : composed(call, jsonBody(call.request))
    if (isRefusal(given)) return given
    const raw = mime ? submitted(graph, given) : given
    const draft = store.add(call.email, { raw: withSender(call, raw), folder: 'drafts', isDraft: true, isRead: true })
    return messageAnswer(graph, call, draft, { status: 201 })
  }

  /** The reply that Outlook would open, as a draft of the same conversation. */
  const replyTo = (call: Call, original: StoredMessage, all: boolean): StoredMessage | SimResponse => {
    const given = objectParameter(call.request, 'message')
    const comment = parameter(jsonBody(call.request), 'comment')
    if (typeof comment === 'string' && given.body !== undefined) {
      return badRequest('ErrorInvalidRequest', 'Specify either a comment or the body of the message, not both.')
    }
    const mail = mailOf(given)
    if ('status' in mail) return mail
    const opened = reply(graph, call, original, all, String(comment ?? ''))
    const changes = mail as Partial<Mail>
    const raw = mimeOf({ ...opened, ...changes, fields: [...(opened.fields ?? []), ...(changes.fields ?? [])] })
    const { conversationId } = original
    return store.add(call.email, { raw, folder: 'drafts', isDraft: true, isRead: true, conversationId })
  }

  const createReply =
    (all: boolean): Handler =>
    (call) => {
      const original = messageOf(graph, call)
      if (isRefusal(original)) return original
      const draft = replyTo(call, original, all)
      return isRefusal(draft) ? draft : messageAnswer(graph, call, draft, { status: 201 })
    }

  const replyAtOnce: Handler = (call) => {
    const original = messageOf(graph, call)
    if (isRefusal(original)) return original
    const draft = replyTo(call, original, false)
    return isRefusal(draft) ? draft : sendNow(call, draft)
  }

  const sendNow = (call: Call, draft: StoredMessage): SimResponse => {
    const refusal = sendRefusal(graph, call.email, call.caller.account?.email ?? null, store.rawOf(draft))
    if (refusal) return refusal
    sendDraft(graph, { email: call.email, by: call.caller.account?.email, draft })
    return ACCEPTED
  }

  const sendExisting: Handler = (call) => {
    const draft = messageOf(graph, call)
    if (isRefusal(draft)) return draft
    return draft.isDraft ? sendNow(call, draft) : badRequest('ErrorInvalidOperation', 'The message is not a draft.')
  }

  const change: Handler = (call) => {
    const message = messageOf(graph, call)
    if (isRefusal(message)) return message
    const large = tooLarge(call.request)
    if (large) return large
    const json = jsonBody(call.request)
    const wrong = Object.keys(json).find((name) => !(name in CHANGEABLE) && !(message.isDraft && DRAFT_ONLY.has(name)))
    if (wrong) return badRequest('ErrorInvalidPropertySet', `The property '${wrong}' cannot be set on this message.`)
    if (Object.keys(json).some((name) => DRAFT_ONLY.has(name))) {
      const mail = mailOf(json)
      if ('status' in mail) return mail
      store.rewrite(call.email, message, redrafted(store.rawOf(message), mail as Partial<Mail>))
    }
    const changes = Object.entries(CHANGEABLE).flatMap(([name, read]) => (name in json ? [read(json[name])] : []))
    store.update(call.email, message, Object.assign({}, ...changes))
    return messageAnswer(graph, call, message)
  }

  const move: Handler = (call) => {
    const message = messageOf(graph, call)
    if (isRefusal(message)) return message
    const folder = store.folderOf(call.mailbox, String(parameter(jsonBody(call.request), 'destinationId') ?? ''))
    if (!folder) return malformedId()
    store.move(call.email, message, folder)
    return messageAnswer(graph, call, message, { status: 201 })
  }

  /** Into Deleted Items, and for good from there. */
  const remove: Handler = (call) => {
    const message = messageOf(graph, call)
    if (isRefusal(message)) return message
    const bin = store.folderOf(call.mailbox, 'deleteditems')
    if (bin && message.folder !== bin.id) store.move(call.email, message, bin)
    else store.remove(call.email, message)
    return { status: 204 }
  }

  const attach: Handler = (call) => {
    const draft = messageOf(graph, call)
    if (isRefusal(draft)) return draft
    const large = tooLarge(call.request)
    if (large) return large
    const file = fileOf(jsonBody(call.request))
    if ('status' in file) return file
    store.rewrite(call.email, draft, withAttachment(store.rawOf(draft), file))
    const added = attachmentsOf(store, draft).findLast(({ kind }) => kind === 'file')
    if (!added) return itemNotFound()
    return ok(attachmentJson({ store, box: call.mailbox, message: draft, ids: call.ids }, added), 201)
  }

  const categories: Handler = ({ mailbox }) => ok({ value: mailbox.categories })

  const addCategory: Handler = (call) => {
    const { displayName, color } = jsonBody(call.request)
    if (call.mailbox.categories.some((one) => one.displayName === displayName)) {
      return graphError(409, 'CategoryNameDuplicate', 'A category with this name exists already.')
    }
    const category = { id: randomUUID(), displayName: String(displayName), color: String(color ?? 'preset0') }
    call.mailbox.categories.push(category)
    world.changed()
    return ok(category, 201)
  }

  const route = (method: string, path: string, needs: 'write' | 'send' | 'settings', handle: Handler) => {
    const operation = `${method} /me/${path.replace(':id', '{id}')}`
    return graphRoutes(graph, { method, path, needs, operation }, handle)
  }
  return [
    ...route('POST', 'sendMail', 'send', send),
    ...route('POST', 'messages', 'write', create),
    ...route('PATCH', 'messages/:id', 'write', change),
    ...route('DELETE', 'messages/:id', 'write', remove),
    ...route('POST', 'messages/:id/move', 'write', move),
    ...route('POST', 'messages/:id/createReply', 'write', createReply(false)),
    ...route('POST', 'messages/:id/createReplyAll', 'write', createReply(true)),
    ...route('POST', 'messages/:id/reply', 'send', replyAtOnce),
    ...route('POST', 'messages/:id/send', 'send', sendExisting),
    ...route('POST', 'messages/:id/attachments', 'write', attach),
    ...route('GET', 'outlook/masterCategories', 'settings', categories),
    ...route('POST', 'outlook/masterCategories', 'settings', addCategory),
  ]
}

/** What PATCH may set on any message, and what it makes of the value. */
const CHANGEABLE: Record<string, (value: unknown) => MessagePatch> = {
  isRead: (value) => ({ isRead: value === true }),
  categories: (value) => ({ categories: Array.isArray(value) ? value.map(String) : [] }),
  importance: (value) => ({ importance: value === 'low' || value === 'high' ? value : 'normal' }),
  flag: (value) => {
    const status = typeof value === 'object' && value !== null && 'flagStatus' in value ? value.flagStatus : null
    return { flag: status === 'flagged' || status === 'complete' ? status : 'notFlagged' }
  },
}

const DRAFT_ONLY = new Set([
  'from',
  'sender',
  'toRecipients',
  'ccRecipients',
  'bccRecipients',
  'replyTo',
  'subject',
  'body',
  'internetMessageId',
  'internetMessageHeaders',
])

/** A draft with the parts that were named replaced. */
function redrafted(raw: Buffer, mail: Partial<Mail>): Buffer {
  const list = (of: readonly Address[] | undefined) => (of && of.length > 0 ? of.map(shown).join(', ') : null)
  const changed = withFields(raw, {
    ...(mail.from && { From: shown(mail.from) }),
    ...(mail.sender && { Sender: shown(mail.sender) }),
    ...('to' in mail && { To: list(mail.to) }),
    ...('cc' in mail && { Cc: list(mail.cc) }),
    ...('bcc' in mail && { Bcc: list(mail.bcc) }),
    ...('replyTo' in mail && { 'Reply-To': list(mail.replyTo) }),
    ...(mail.subject !== undefined && { Subject: encodedWords(mail.subject) }),
    ...(mail.messageId !== undefined && { 'Message-ID': mail.messageId }),
    ...Object.fromEntries(mail.fields ?? []),
  })
  return mail.body ? withBody(changed, mail.body) : changed
}

/** A draft says who sends it. */
const withSender = ({ account, email }: Call, raw: Buffer): Buffer =>
  field(readHead(raw).fields, 'from') === null
    ? withFields(raw, { From: shown({ name: account.name, address: email }) })
    : raw

/** Head and quoted text of a reply. */
function reply({ store, world }: Graph, call: Call, original: StoredMessage, all: boolean, comment: string): Mail {
  const head = store.headOf(original)
  const named = (name: string) => mailboxes(field(head, name) ?? '').map(({ emailAddress }) => emailAddress)
  const sender = named('reply-to').length > 0 ? named('reply-to') : named('from')
  const others = (list: Address[]) => list.filter(({ address }) => address.toLowerCase() !== call.email)
  const own = original.messageId
  const chain = [...messageIds(field(head, 'references')), ...(own ? [own] : [])]
  const source = { store, box: call.mailbox, message: original, ids: call.ids }
  const body = messageJson(source, ['body']).body as { contentType: string; content: string }
  const quoted = body.contentType === 'html' ? body.content : `<pre>${escaped(body.content)}</pre>`
  const [from] = addresses(field(head, 'from'))
  return {
    from: { name: call.account.name, address: call.email },
    to: all ? [...sender, ...others(named('to'))] : sender,
    cc: all ? others(named('cc')) : [],
    subject: `Re: ${decodeWords(field(head, 'subject') ?? '').replace(/^re:\s*/i, '')}`,
    date: world.clock(),
    fields: own
      ? [
          ['In-Reply-To', own],
          ['References', chain.join('\r\n ')],
        ]
      : [],
    body: {
      html: true,
      content: `<html><body>${escaped(comment)}<hr><p>From: ${escaped(from ?? '')}</p>${quoted}</body></html>`,
    },
  }
}

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
