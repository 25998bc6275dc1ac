// The mailboxes: raw mails as blobs, and per account ids, labels, threads, history, drafts, watch. Everything else is derived when asked for.
// The data is one section of the world's JSON; bytes are never in it.
import { createHash, randomInt } from 'node:crypto'
import { addresses, field, type Header, messageIds, readHead, subjectKey } from '../shell/mime.ts'
import type { World } from './world.ts'

/** `internalDate` in ms. `historyId` is the record that last changed the message; history ids are decimal strings, beyond 2^53 in many mailboxes. */
export type StoredMessage = {
  id: string
  threadId: string
  labelIds: string[]
  internalDate: number
  historyId: string
  /** bytes */
  size: number
  /** where the raw bytes are */
  blob: string
}

export type HistoryType = 'messageAdded' | 'messageDeleted' | 'labelAdded' | 'labelRemoved'

/** `labelIds`: all labels of the message after the change. `changed`: those added or removed. */
export type HistoryRecord = {
  id: string
  type: HistoryType
  messageId: string
  threadId: string
  labelIds: string[]
  changed?: string[]
}

/** `expiration` in ms. */
export type Watch = { topic: string; labelIds: string[]; exclude: boolean; expiration: number }

/** A mail that went out; `recipients` includes Bcc. The blob outlives the message. */
export type SentRecord = { id: string; threadId: string; at: number; recipients: string[]; blob: string }

export type Mailbox = {
  email: string
  historyId: string
  /** start ids below this one are answered 404 */
  horizon: string
  history: HistoryRecord[]
  messages: Record<string, StoredMessage>
  /** thread of each Message-ID seen */
  threadOf: Record<string, string>
  labels: { id: string; name: string }[]
  /** draft id → message id */
  drafts: Record<string, string>
  sent: SentRecord[]
  watch: Watch | null
  /** page tokens of an earlier epoch are refused */
  epoch: number
}

export type NewMessage = {
  raw: Buffer
  labelIds: readonly string[]
  /** joins this thread; otherwise threading decides */
  threadId?: string
  /** starts a thread of its own, whatever it refers to */
  own?: boolean
  /** ms; now where absent */
  internalDate?: number
}

export type Store = ReturnType<typeof createStore>

export const SYSTEM_LABELS = [
  'INBOX',
  'SENT',
  'DRAFT',
  'SPAM',
  'TRASH',
  'UNREAD',
  'STARRED',
  'IMPORTANT',
  'CHAT',
  'CATEGORY_PERSONAL',
  'CATEGORY_SOCIAL',
  'CATEGORY_PROMOTIONS',
  'CATEGORY_UPDATES',
  'CATEGORY_FORUMS',
]

const BEYOND_DOUBLES = 2n ** 53n

/** The mailboxes of a world. Every change tells `world.events` and has itself saved. */
export function createStore(world: World) {
  const boxes = world.section<Record<string, Mailbox>>('mailboxes', {})
  const heads = new WeakMap<StoredMessage, { fields: Header[] }>()

  function mailbox(email: string): Mailbox {
    const existing = boxes[email]
    if (existing) return existing
    const historyId = String(firstHistoryId(email))
    const made: Mailbox = {
      email,
      historyId,
      horizon: historyId,
      history: [],
      messages: {},
      threadOf: {},
      labels: [],
      drafts: {},
      sent: [],
      watch: null,
      epoch: 0,
    }
    boxes[email] = made
    return made
  }

  const rawOf = (message: { blob: string }): Buffer => {
    const raw = world.blobs.get(message.blob)
    if (!raw) throw new Error(`the mail ${message.blob} is gone from the simulator's state`)
    return raw
  }

  /** The header of a message; remembered without the bytes it was read from. */
  const headOf = (message: StoredMessage): { fields: Header[] } => {
    const known = heads.get(message)
    if (known) return known
    const head = { fields: readHead(rawOf(message)).fields.map(({ name, value }) => ({ name, value })) }
    heads.set(message, head)
    return head
  }

  const inThread = (box: Mailbox, threadId: string): StoredMessage[] =>
    Object.values(box.messages).filter((message) => message.threadId === threadId)

  /** The thread a mail joins: one it refers to, with the same subject. `wanted` is what a sender asked for. */
  function threadFor(box: Mailbox, head: { fields: readonly Header[] }, wanted?: string): string | null {
    const referred = [...messageIds(field(head.fields, 'references')), ...messageIds(field(head.fields, 'in-reply-to'))]
    const known = referred.reverse().flatMap((id) => box.threadOf[id] ?? [])
    const candidates = wanted === undefined ? known : known.filter((threadId) => threadId === wanted)
    const subject = subjectKey(field(head.fields, 'subject'))
    const matches = (threadId: string) =>
      inThread(box, threadId).some((message) => subjectKey(field(headOf(message).fields, 'subject')) === subject)
    return candidates.find(matches) ?? null
  }

  /** Adds a record of a change; the message carries its id from then on. */
  function record(box: Mailbox, message: StoredMessage, type: HistoryType, changed?: string[]): void {
    box.historyId = String(BigInt(box.historyId) + BigInt(randomInt(1, 180)))
    message.historyId = box.historyId
    const { id: messageId, threadId } = message
    const labelIds = [...message.labelIds]
    box.history.push({ id: box.historyId, type, messageId, threadId, labelIds, ...(changed && { changed }) })
    world.changed()
    world.events.emit('mailbox', box.email, box.historyId)
  }

  function add(email: string, { raw, labelIds, threadId, own = false, internalDate }: NewMessage): StoredMessage {
    const box = mailbox(email)
    const head = readHead(raw)
    const id = newId(box, world.clock())
    const thread = threadId ?? (own ? id : (threadFor(box, head) ?? id))
    const message: StoredMessage = {
      id,
      threadId: thread,
      labelIds: [...new Set(labelIds)],
      internalDate: internalDate ?? world.clock(),
      historyId: box.historyId,
      size: raw.length,
      blob: `${digest(email).slice(0, 12)}-${id}`,
    }
    world.blobs.put(message.blob, raw)
    box.messages[id] = message
    for (const own of messageIds(field(head.fields, 'message-id'))) box.threadOf[own] ??= thread
    record(box, message, 'messageAdded')
    return message
  }

  /** Changes labels; what is already so leaves no record. */
  function relabel(email: string, message: StoredMessage, add: readonly string[], remove: readonly string[]): void {
    const box = mailbox(email)
    const added = add.filter((label) => !message.labelIds.includes(label))
    const removed = remove.filter((label) => message.labelIds.includes(label))
    if (added.length > 0) {
      message.labelIds = [...message.labelIds, ...added]
      record(box, message, 'labelAdded', added)
    }
    if (removed.length > 0) {
      message.labelIds = message.labelIds.filter((label) => !removed.includes(label))
      record(box, message, 'labelRemoved', removed)
    }
  }

  /** Deletes for good. A mail that was sent stays readable for control. */
  function remove(email: string, message: StoredMessage): void {
    const box = mailbox(email)
    delete box.messages[message.id]
    if (!box.sent.some(({ blob }) => blob === message.blob)) world.blobs.delete(message.blob)
    record(box, message, 'messageDeleted')
  }

  /** From now on every history id and page token given out before is refused. */
  function expireHistory(email: string): void {
    const box = mailbox(email)
    box.historyId = String(BigInt(box.historyId) + BigInt(randomInt(1, 180)))
    box.horizon = box.historyId
    box.history = []
    box.epoch += 1
    world.changed()
  }

  const all = (): Mailbox[] => Object.values(boxes)

  return { mailbox, all, add, relabel, remove, rawOf, headOf, inThread, threadFor, expireHistory }
}

/** Whether a mailbox existed before anybody asked does not matter: its first id follows from its address. Odd ones start beyond 2^53. */
function firstHistoryId(email: string): bigint {
  const number = BigInt(`0x${digest(email).slice(0, 8)}`)
  return number % 2n === 1n ? BEYOND_DOUBLES + number : 1000n + (number % 1_000_000n)
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Sixteen hex digits that grow with time, as Gmail's ids do: milliseconds, then twenty random bits. */
function newId(box: Mailbox, now: number): string {
  for (;;) {
    const id = ((BigInt(Math.max(0, now)) << 20n) | BigInt(randomInt(1 << 20))).toString(16).padStart(16, '0')
    if (!box.messages[id]) return id
  }
}

/** Everybody a mail is addressed to, each once. */
export function recipientsOf(head: { fields: readonly Header[] }): string[] {
  return [...new Set(['to', 'cc', 'bcc'].flatMap((name) => head.fields.filter(named(name)).flatMap(addressesIn)))]
}

const named = (name: string) => (candidate: { name: string }) => candidate.name.toLowerCase() === name
const addressesIn = ({ value }: { value: string }) => addresses(value)
