// Controls of the mailboxes: mail that arrives, replies typed in Outlook, moves and deletions, sync tokens, throttling, what sending does.
import { accountOf, control, controlGet, text } from '../shell/control.ts'
import type { Route } from '../shell/http.ts'
import { addresses, decodeWords, field, messageIds } from '../shell/mime.ts'
import { mailboxes } from './derive.ts'
import type { Graph } from './graph-access.ts'
import { mimeOf } from './graph-compose.ts'
import { accountFor, sendMail } from './graph-send.ts'
import type { CloudLink, Mailbox, StoredMessage } from './store.ts'

type Input = Record<string, unknown>

const EXPIRIES = ['gone', 'resync', 'not_found', 'invalid'] as const
const LINKS = ['nextLink', 'deltaLink', 'uploadUrl'] as const

export function graphControls(graph: Graph): Route[] {
  const { world, store, quota, settings } = graph
  const boxOf = (input: Input): Mailbox => store.mailbox(accountOf(world, input).email)
  const messageOf = (input: Input): StoredMessage => {
    const message = store.find(boxOf(input), text(input, 'id'))
    if (!message) throw new Error('no such message')
    return message
  }
  const placed = ({ id, immutableId, conversationId, messageId }: StoredMessage) => ({
    id,
    immutableId,
    conversationId,
    internetMessageId: messageId,
  })

  return [
    control('deliver', (input) => {
      const [to] = addresses(text(input, 'to'))
      if (!to) throw new Error('to is no address')
      const { email } = accountFor(world, to) ?? world.addAccount(to)
      const raw = typeof input.raw === 'string' ? Buffer.from(input.raw, 'base64') : composed(input, world.clock())
      const folder = typeof input.folder === 'string' ? input.folder : 'inbox'
      return placed(
        store.add(email, { raw, folder, receivedAt: dateOf(input.receivedAt), links: linksOf(input.links) }),
      )
    }),

    control('send-as-user', (input) => {
      const account = accountOf(world, input)
      const parent = parentOf(graph, store.mailbox(account.email), input)
      const head = parent ? store.headOf(parent) : []
      const own = parent?.messageId ?? undefined
      const subject = input.subject ?? `Re: ${decodeWords(field(head, 'subject') ?? '').replace(/^re:\s*/i, '')}`
      const references = [...messageIds(field(head, 'references')), own].filter(Boolean).join(' ')
      const from = `${account.name} <${account.email}>`
      const raw = composed({ from, ...input, subject, inReplyTo: own ?? input.inReplyTo, references }, world.clock())
      const sent = sendMail(graph, { email: account.email, raw, conversationId: parent?.conversationId })
      return placed(sent)
    }),

    control('remove', (input) => store.remove(accountOf(world, input).email, messageOf(input))),

    control('move', (input) => {
      const message = messageOf(input)
      const folder = store.folderOf(boxOf(input), text(input, 'folder'))
      if (!folder) throw new Error('no such folder')
      store.move(accountOf(world, input).email, message, folder)
      return placed(message)
    }),

    control('change', (input) => {
      const message = messageOf(input)
      const patch = {
        ...(typeof input.isRead === 'boolean' && { isRead: input.isRead }),
        ...(Array.isArray(input.categories) && { categories: input.categories.map(String) }),
      }
      store.update(accountOf(world, input).email, message, patch)
    }),

    controlGet('messages', (input) => {
      const account = world.accounts.get(text(input, 'account').toLowerCase())
      const box = account && store.mailbox(account.email)
      return { messages: box ? store.list(box, null).map((message) => described(graph, box, message)) : [] }
    }),

    controlGet('raw', (input) => ({ raw: store.rawOf(messageOf(input)).toString('base64') })),

    controlGet('sent', (input) => {
      const boxes = input.account === undefined ? store.all() : [boxOf(input)]
      const sent = boxes.flatMap(({ email, sent }) =>
        sent.map(({ blob, ...record }) => ({
          account: email,
          ...record,
          raw: store.rawOf({ blob }).toString('base64'),
        })),
      )
      return { sent: sent.sort((a, b) => a.at - b.at) }
    }),

    control('delta/expire', (input) => {
      const expiry = EXPIRIES.find((kind) => kind === (input.variant ?? 'gone'))
      if (!expiry) throw new Error(`variant must be one of ${EXPIRIES.join(', ')}`)
      store.expireTokens(accountOf(world, input).email, expiry)
    }),

    control('delta/quirks', ({ emptyPages, duplicates }) => {
      if (typeof emptyPages === 'number') settings.emptyPages = emptyPages
      if (typeof duplicates === 'number') settings.duplicates = duplicates
      return settings
    }),

    control('links/forge', (input) => {
      const kind = LINKS.find((one) => one === input.kind)
      if (!kind) throw new Error(`kind must be one of ${LINKS.join(', ')}`)
      const left = typeof input.count === 'number' ? input.count : 1
      graph.forgedLinks.push({ kind, origin: new URL(text(input, 'origin')).origin, left })
    }),

    control('mailbox', (input) => {
      const box = boxOf(input)
      if (typeof input.enabled === 'boolean') box.enabled = input.enabled
      if (input.language === 'en' || input.language === 'de') store.localise(box.email, input.language)
      if (input.closedToApps === true) graph.closedToApps[box.email] = true
      if (input.closedToApps === false) delete graph.closedToApps[box.email]
      if (typeof input.folder === 'string') return store.newFolder(box.email, input.folder)
      world.changed()
      return { folders: box.folders }
    }),

    control('headers', ({ mode }) => {
      if (mode !== 'keep' && mode !== 'strip') throw new Error('mode must be keep or strip')
      settings.headers = mode
      world.changed()
    }),

    control('sent-copies', ({ in: place }) => {
      if (place !== 'mailbox' && place !== 'sender' && place !== 'both')
        throw new Error('in must be mailbox, sender or both')
      settings.copies = place
      world.changed()
    }),

    control('sent-delay', ({ ms }) => {
      if (typeof ms !== 'number') throw new Error('ms is missing (a number)')
      settings.sentDelay = ms
      world.changed()
    }),

    control('quota', ({ requests }) => quota.limit({ requests: limitOf(requests, 'requests') })),
    control('concurrency', ({ max }) => quota.limit({ atOnce: limitOf(max, 'max') })),
    control('latency', ({ ms }) => {
      if (typeof ms !== 'number') throw new Error('ms is missing (a number)')
      return quota.limit({ latency: ms })
    }),
  ]
}

function limitOf(value: unknown, name: string): number | null {
  if (value !== null && typeof value !== 'number') throw new Error(`${name} is missing (a number or null)`)
  return value
}

/** The message a typed reply answers: named by any of its ids, else the newest of the conversation. */
function parentOf({ store }: Graph, box: Mailbox, { inReplyTo, conversationId }: Input): StoredMessage | null {
  const all = store.list(box, null)
  if (typeof inReplyTo === 'string') {
    return store.find(box, inReplyTo) ?? all.find(({ messageId }) => messageId === inReplyTo) ?? null
  }
  return all.find((message) => message.conversationId === conversationId) ?? null
}

function described({ store }: Graph, box: Mailbox, message: StoredMessage) {
  const { id, immutableId, conversationId, messageId, receivedAt, isRead, isDraft, categories, size } = message
  const head = store.headOf(message)
  const folder = box.folders.find((one) => one.id === message.folder)
  const readable = (name: string) => decodeWords(field(head, name) ?? '')
  return {
    id,
    immutableId,
    conversationId,
    internetMessageId: messageId,
    folder: folder?.wellKnown ?? folder?.displayName,
    receivedAt,
    isRead,
    isDraft,
    categories,
    size,
    subject: readable('subject'),
    from: readable('from'),
    to: readable('to'),
  }
}

/** A plain mail of from, to, cc, subject, text or html; Message-ID as Exchange makes them unless one is given. */
function composed(input: Input, now: number): Buffer {
  const list = (value: unknown) => mailboxes(String(value ?? '')).map(({ emailAddress }) => emailAddress)
  const html = typeof input.html === 'string'
  const references = input.references || input.inReplyTo
  return mimeOf({
    from: list(input.from ?? 'somebody@example.com')[0] ?? null,
    to: list(input.to),
    cc: list(input.cc),
    subject: String(input.subject ?? ''),
    body: { html, content: String(html ? input.html : (input.text ?? '')) },
    messageId: typeof input.messageId === 'string' ? input.messageId : undefined,
    date: dateOf(input.receivedAt) ?? now,
    fields: [
      ...(input.inReplyTo ? [['In-Reply-To', String(input.inReplyTo)] as const] : []),
      ...(references ? [['References', String(references)] as const] : []),
    ],
  })
}

/** Milliseconds from a number, digits or a date in words; undefined where nothing is given. */
function dateOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  const ms = typeof value === 'number' || /^\d+$/.test(String(value)) ? Number(value) : Date.parse(String(value))
  if (Number.isNaN(ms)) throw new Error('receivedAt is no date')
  return ms
}

/** `links`: names of files in a cloud. */
function linksOf(value: unknown): CloudLink[] {
  return Array.isArray(value) ? value.map((name, index) => ({ id: String(index), name: String(name), size: 0 })) : []
}
