// Sending: what Gmail makes of a mail on its way out, its copy in Sent, and its arrival in other simulated mailboxes.
import { randomBytes } from 'node:crypto'
import type { SimResponse } from '../shell/http.ts'
import { addresses, type Field, field, messageIds, readHead, withHead } from '../shell/mime.ts'
import { type Gmail, invalid, notFound } from './gmail-access.ts'
import { googleError } from './google-error.ts'
import { recipientsOf, type StoredMessage } from './store.ts'
import type { Account, World } from './world.ts'

/** Gmail's limit for messages.send, 35 MiB of mail. */
export const MAX_SEND = 36_700_160

/** `rewrite`: Message-IDs become Gmail's own; the sender's stays in X-Google-Original-Message-ID only with `keepOriginal`. */
export type MessageIdSettings = { mode: 'keep' | 'rewrite'; keepOriginal: boolean }

export const messageIdSettings = ({ world }: Gmail): MessageIdSettings =>
  world.section<MessageIdSettings>('message-ids', { mode: 'keep', keepOriginal: true })

/** `typed`: written in Gmail's own window, where a thread is a thread and Message-IDs are Gmail's already. */
type Outgoing = { raw: Buffer; threadId?: string; typed?: boolean }

/** Sends for `email`: the copy in Sent, or Google's refusal. Nothing is sent where it refuses. */
export function sendMail(
  gmail: Gmail,
  email: string,
  { raw, threadId, typed = false }: Outgoing,
): StoredMessage | SimResponse {
  const { store, world } = gmail
  if (raw.length > MAX_SEND) {
    return googleError(413, 'Request Entity Too Large', { reason: 'uploadTooLarge', status: 'INVALID_ARGUMENT' })
  }
  const refusal = threadRefusal(gmail, email, threadId)
  if (refusal) return refusal
  const recipients = recipientsOf(readHead(raw))
  if (recipients.length === 0) return invalid('Recipient address required')

  const now = world.clock()
  const settings: MessageIdSettings = typed ? { mode: 'keep', keepOriginal: false } : messageIdSettings(gmail)
  const out = withHead(raw, (fields) => outgoingHead(fields, email, now, settings))
  const box = store.mailbox(email)
  const head = readHead(out)
  // A thread is joined only by a mail that refers to it under its subject; otherwise it starts its own, whatever was asked for.
  const thread = typed || !threadId ? threadId : (store.threadFor(box, head, threadId) ?? undefined)
  const mailboxes = new Set(recipients.flatMap((recipient) => accountFor(world, recipient)?.email ?? []))
  const toSelf = mailboxes.delete(email)
  const labelIds = toSelf ? ['UNREAD', 'SENT', 'INBOX'] : ['SENT']
  const copy = store.add(email, {
    raw: out,
    labelIds,
    threadId: thread || undefined,
    own: Boolean(threadId) && !thread,
  })
  box.sent.push({ id: copy.id, threadId: copy.threadId, at: now, recipients, blob: copy.blob })

  const withoutBcc = withHead(out, (fields) =>
    fields.filter(({ name }) => !/^bcc$/i.test(name)).map((line) => line.raw),
  )
  for (const recipient of mailboxes) {
    store.add(recipient, { raw: received(withoutBcc, email, recipient, now), labelIds: ['UNREAD', 'INBOX'] })
  }
  return copy
}

/** The account that mail to an address reaches: Gmail ignores what follows a plus, and dots in addresses of its own. */
export function accountFor({ accounts }: World, address: string): Account | undefined {
  const [local = '', domain = ''] = address.toLowerCase().split('@')
  const plain = local.split('+')[0] ?? local
  if (domain !== 'gmail.com' && domain !== 'googlemail.com') {
    return accounts.get(`${local}@${domain}`) ?? accounts.get(`${plain}@${domain}`)
  }
  const bare = (email: string) => email.replace('@googlemail.com', '@gmail.com').replace(/\.(?=.*@)/g, '')
  return [...accounts.values()].find(({ email }) => bare(email) === bare(`${plain}@gmail.com`))
}

/** Google's answer to a thread id that is malformed or unknown in this mailbox; null where it may be used. */
export function threadRefusal({ store }: Gmail, email: string, threadId: string | undefined): SimResponse | null {
  if (threadId === undefined || threadId === '') return null
  if (!/^[0-9a-f]{1,16}$/i.test(threadId)) return invalid('Invalid thread_id value')
  return store.inThread(store.mailbox(email), threadId).length > 0 ? null : notFound()
}

/** From is made the account's own, Date and Message-ID are there, and the trace of the API stands on top. */
function outgoingHead(fields: Field[], email: string, now: number, settings: MessageIdSettings): Buffer[] {
  const from = field(fields, 'from')
  const original = messageIds(field(fields, 'message-id'))[0] ?? null
  const rewrite = settings.mode === 'rewrite' || original === null
  const foreign = from !== null && !addresses(from).includes(email)
  const head: Buffer[] = [
    line('Received', `from 000000000000 named unknown by gmailapi.google.com with HTTPREST; ${rfc2822(now)}`),
  ]
  for (const { name, raw } of fields) {
    if (/^from$/i.test(name) && foreign) {
      head.push(line('X-Google-Original-From', from), line('From', withAddress(from, email)))
    } else if (/^message-id$/i.test(name) && rewrite) {
      if (settings.keepOriginal && original) head.push(line('X-Google-Original-Message-ID', original))
    } else head.push(endedLine(raw))
  }
  if (from === null) head.push(line('From', email))
  if (field(fields, 'date') === null) head.push(line('Date', rfc2822(now)))
  if (rewrite) head.push(line('Message-ID', gmailMessageId()))
  return head
}

/** What a receiving server puts on top. */
function received(raw: Buffer, from: string, to: string, now: number): Buffer {
  const via = `by 2002:a05:6a20:9c8d:b0:1d9:${randomBytes(2).toString('hex')} with SMTP id ${randomBytes(6).toString('hex')}`
  return Buffer.concat([
    line('Delivered-To', to),
    line('Received', `${via}; ${rfc2822(now)}`),
    line('Return-Path', `<${from}>`),
    raw,
  ])
}

const gmailMessageId = (): string => `<CA+${randomBytes(27).toString('base64url')}@mail.gmail.com>`

const line = (name: string, value: string): Buffer => Buffer.from(`${name}: ${value}\r\n`)

/** A head that ends without a line end (a mail without a body) gets one. */
const endedLine = (raw: Buffer): Buffer => (raw.at(-1) === 10 ? raw : Buffer.concat([raw, Buffer.from('\r\n')]))

const withAddress = (from: string, email: string): string =>
  /<[^<>]*>/.test(from) ? from.replace(/<[^<>]*>/, `<${email}>`) : email

/** A date as mail headers carry it, in UTC. */
export const rfc2822 = (ms: number): string => new Date(ms).toUTCString().replace('GMT', '+0000')
