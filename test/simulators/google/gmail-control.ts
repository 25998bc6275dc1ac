// Controls of the mailboxes: mail that arrives, replies typed in Gmail's own window, deletions, expired history, quota, Message-IDs.
import { randomBytes } from 'node:crypto'
import { accountOf, control, controlGet, text } from '../shell/control.ts'
import type { Route } from '../shell/http.ts'
import { addresses, decodeWords, field, messageIds } from '../shell/mime.ts'
import { snippetOf } from './derive.ts'
import type { Gmail } from './gmail-access.ts'
import { newestFirst } from './gmail-paging.ts'
import { accountFor, messageIdSettings, rfc2822, sendMail } from './gmail-send.ts'
import type { Mailbox, Store, StoredMessage } from './store.ts'

type Input = Record<string, unknown>

export function gmailControls(gmail: Gmail): Route[] {
  const { world, store, quota } = gmail
  const placed = ({ id, threadId, historyId }: StoredMessage) => ({ id, threadId, historyId })
  const boxOf = (input: Input): Mailbox => store.mailbox(accountOf(world, input).email)
  const messageOf = (input: Input): StoredMessage => {
    const message = boxOf(input).messages[text(input, 'id')]
    if (!message) throw new Error('no such message')
    return message
  }

  return [
    control('deliver', (input) => {
      const [to] = addresses(text(input, 'to'))
      if (!to) throw new Error('to is no address')
      const { email } = accountFor(world, to) ?? world.addAccount(to)
      const raw = typeof input.raw === 'string' ? Buffer.from(input.raw, 'base64') : composed(input, world.clock())
      const labelIds = strings(input.labels) ?? ['UNREAD', 'INBOX']
      const message = store.add(email, { raw, labelIds, internalDate: dateOf(input.internalDate) })
      return placed(message)
    }),

    control('send-as-user', (input) => {
      const { email } = accountOf(world, input)
      const parent = parentOf(store, store.mailbox(email), input)
      const references = parent ? store.headOf(parent).fields : []
      const own = field(references, 'message-id')
      const raw = composed(
        {
          from: `${world.accounts.get(email)?.name ?? ''} <${email}>`,
          ...input,
          subject: input.subject ?? replySubject(field(references, 'subject')),
          inReplyTo: own ?? input.inReplyTo,
          references: [...messageIds(field(references, 'references')), own].filter(Boolean).join(' ') || undefined,
        },
        world.clock(),
      )
      const threadId = typeof input.threadId === 'string' ? input.threadId : parent?.threadId
      const sent = sendMail(gmail, email, { raw, threadId, typed: true })
      if ('status' in sent) throw new Error(JSON.stringify(sent.body))
      return placed(sent)
    }),

    control('remove', (input) => store.remove(accountOf(world, input).email, messageOf(input))),

    control('relabel', (input) => {
      const message = messageOf(input)
      store.relabel(accountOf(world, input).email, message, strings(input.add) ?? [], strings(input.remove) ?? [])
      return { labelIds: message.labelIds }
    }),

    controlGet('messages', (input) => {
      const email = text(input, 'account').toLowerCase()
      const messages = world.accounts.has(email) ? Object.values(store.mailbox(email).messages) : []
      return { messages: messages.sort(newestFirst).map((message) => described(store, message)) }
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

    control('history/expire', (input) => store.expireHistory(accountOf(world, input).email)),

    control('history/page-tokens', (input) => {
      boxOf(input).epoch += 1
      world.changed()
    }),

    control('quota', ({ unitsPerMinute }) => {
      if (unitsPerMinute !== null && typeof unitsPerMinute !== 'number') {
        throw new Error('unitsPerMinute is missing (a number or null)')
      }
      quota.limit(unitsPerMinute)
    }),

    control('latency', ({ ms }) => {
      if (typeof ms !== 'number') throw new Error('ms is missing (a number)')
      quota.setLatency(ms)
    }),

    control('message-ids', ({ mode, keepOriginal }) => {
      if (mode !== 'keep' && mode !== 'rewrite') throw new Error('mode must be keep or rewrite')
      const settings = messageIdSettings(gmail)
      settings.mode = mode
      settings.keepOriginal = keepOriginal !== false
      world.changed()
      return settings
    }),
  ]
}

/** The message a typed reply answers: named by Gmail's id or by Message-ID, else the newest of the thread. */
function parentOf(store: Store, mailbox: Mailbox, { inReplyTo, threadId }: Input): StoredMessage | null {
  const messages = Object.values(mailbox.messages).sort(newestFirst)
  if (typeof inReplyTo === 'string') {
    const named = mailbox.messages[inReplyTo]
    return named ?? messages.find((message) => field(store.headOf(message).fields, 'message-id') === inReplyTo) ?? null
  }
  return messages.find((message) => message.threadId === threadId) ?? null
}

const replySubject = (subject: string | null): string => `Re: ${(subject ?? '').replace(/^re:\s*/i, '')}`

function described(store: Store, message: StoredMessage) {
  const { fields } = store.headOf(message)
  const { id, threadId, labelIds, historyId, internalDate, size } = message
  const readable = (name: string) => decodeWords(field(fields, name) ?? '')
  return {
    id,
    threadId,
    labelIds,
    historyId,
    internalDate,
    size,
    subject: readable('subject'),
    from: readable('from'),
    to: readable('to'),
    messageId: field(fields, 'message-id'),
    snippet: snippetOf(message, store.rawOf(message)),
  }
}

/** A plain mail of from, to, cc, subject, text and html; Message-ID as Gmail makes them unless one is given. */
function composed(input: Input, now: number): Buffer {
  const messageId = input.messageId ?? `<CA+${randomBytes(27).toString('base64url')}@mail.gmail.com>`
  const references = input.references ?? input.inReplyTo
  const html = typeof input.html === 'string'
  const headers: [string, unknown][] = [
    ['From', mailboxList(input.from ?? 'somebody@example.com')],
    ['To', mailboxList(input.to)],
    ['Cc', mailboxList(input.cc)],
    ['Subject', encodedWord(String(input.subject ?? ''))],
    ['Date', rfc2822(dateOf(input.internalDate) ?? now)],
    ['Message-ID', messageId],
    ['In-Reply-To', input.inReplyTo],
    ['References', references],
    ['MIME-Version', '1.0'],
    ['Content-Type', `text/${html ? 'html' : 'plain'}; charset=utf-8`],
    ['Content-Transfer-Encoding', 'base64'],
  ]
  const head = headers.filter(([, value]) => value !== undefined && value !== null && value !== '')
  const body = Buffer.from(String(html ? input.html : (input.text ?? ''))).toString('base64')
  const lines = [
    ...head.map(([name, value]) => `${name}: ${oneLine(String(value))}`),
    '',
    ...(body.match(/.{1,76}/g) ?? []),
    '',
  ]
  return Buffer.from(lines.join('\r\n'))
}

/** Names outside ASCII are encoded; the addresses stay. */
const mailboxList = (value: unknown): string =>
  String(value ?? '').replace(/[^<>,"]*[^\x20-\x7e][^<>,"]*(?=\s*<)/g, (name) => `${encodedWord(name.trim())} `)

const oneLine = (value: string): string => value.replace(/[\r\n]+/g, ' ')

const encodedWord = (value: string): string =>
  /^[\x20-\x7e]*$/.test(value) ? value : `=?utf-8?B?${Buffer.from(value).toString('base64')}?=`

/** Milliseconds from a number, digits or a date in words; undefined where nothing is given. */
function dateOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  const ms = typeof value === 'number' || /^\d+$/.test(String(value)) ? Number(value) : Date.parse(String(value))
  if (Number.isNaN(ms)) throw new Error('internalDate is no date')
  return ms
}

const strings = (value: unknown): string[] | null => (Array.isArray(value) ? value.map(String) : null)
