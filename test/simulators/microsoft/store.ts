// The mailboxes as Exchange keeps them: folders, messages (raw bytes as blobs), both kinds of ids, conversations, and a log of changes for delta.
// The data is one section of the world's JSON; bytes are never in it.
import { createHash, randomBytes } from 'node:crypto'
import { field, type Header, messageIds, readHead, subjectKey } from '../shell/mime.ts'
import type { World } from '../shell/world.ts'

/** A file in a cloud storage that a mail points at; Graph's referenceAttachment. */
export type CloudLink = { id: string; name: string; size: number }

/** Times in ms. `id` changes when the message moves, `immutableId` does not. Both are case-sensitive. */
export type StoredMessage = {
  id: string
  immutableId: string
  /** folder id */
  folder: string
  conversationId: string
  messageId: string | null
  receivedAt: number
  sentAt: number
  modifiedAt: number
  isRead: boolean
  isDraft: boolean
  categories: string[]
  importance: 'low' | 'normal' | 'high'
  flag: 'notFlagged' | 'flagged' | 'complete'
  links: CloudLink[]
  /** the change that brought it into its folder, and its last one */
  arrived: number
  changed: number
  /** bytes */
  size: number
  /** where the raw bytes are */
  blob: string
}

/** `parent`: id of the folder it is in; none at the top. */
export type Folder = { id: string; wellKnown: string | null; displayName: string; parent?: string }

export type ChangeKind = 'created' | 'updated' | 'deleted'

/** One change of a folder. `moved`: the message lives on in another folder. */
export type Change = { seq: number; folder: string; kind: ChangeKind; moved: boolean; id: string; immutableId: string }

/** A mail that went out; `recipients` includes Bcc. The blob outlives the message. */
export type SentRecord = { at: number; from: string; recipients: string[]; messageId: string | null; blob: string }

export type Mailbox = {
  email: string
  /** what all ids of the mailbox begin with */
  prefix: string
  /** ids given out so far, by kind */
  made: Record<string, number>
  seq: number
  /** sync tokens of an earlier epoch are refused, in the way that `expiry` says */
  epoch: number
  expiry: 'gone' | 'resync' | 'not_found' | 'invalid'
  folders: Folder[]
  /** by immutable id */
  messages: Record<string, StoredMessage>
  changes: Change[]
  /** conversation of each Message-ID seen */
  conversationOf: Record<string, string>
  categories: { id: string; displayName: string; color: string }[]
  sent: SentRecord[]
  /** false: Graph answers MailboxNotEnabledForRESTAPI */
  enabled: boolean
}

export type NewMessage = {
  raw: Buffer
  /** folder id or well-known name */
  folder: string
  isRead?: boolean
  isDraft?: boolean
  /** ms; now where absent */
  receivedAt?: number
  /** joins this conversation; otherwise threading decides */
  conversationId?: string
  links?: CloudLink[]
}

/** What PATCH and controls may change. */
export type MessagePatch = Partial<Pick<StoredMessage, 'isRead' | 'categories' | 'importance' | 'flag'>>

type Listener = (box: Mailbox, change: Change, message: StoredMessage) => void

export type Store = ReturnType<typeof createStore>

/** Display names by language; what clients must not look folders up by. */
const FOLDERS: Record<string, { en: string; de: string }> = {
  inbox: { en: 'Inbox', de: 'Posteingang' },
  drafts: { en: 'Drafts', de: 'Entwürfe' },
  sentitems: { en: 'Sent Items', de: 'Gesendete Elemente' },
  deleteditems: { en: 'Deleted Items', de: 'Gelöschte Elemente' },
  junkemail: { en: 'Junk Email', de: 'Junk-E-Mail' },
  archive: { en: 'Archive', de: 'Archiv' },
  outbox: { en: 'Outbox', de: 'Postausgang' },
}
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/** The mailboxes of a world. Every change tells the listeners and has itself saved. */
export function createStore(world: World) {
  const boxes = world.section<Record<string, Mailbox>>('mailboxes', {})
  const heads = new WeakMap<StoredMessage, { blob: string; fields: Header[] }>()
  const byRestId = new Map<string, Map<string, StoredMessage>>()
  const sorted = new Map<string, { seq: number; list: StoredMessage[] }>()
  const listeners: Listener[] = []

  function mailbox(email: string): Mailbox {
    const known = boxes[email]
    if (known) return known
    const prefix = createHash('sha256').update(email).digest('base64url').slice(0, 24)
    const folders = Object.entries(FOLDERS).map(([wellKnown, { en }], index) => ({
      id: `AQMkAD${prefix}ALgAAAAIB${LETTERS.charAt(index).toUpperCase()}AAAAA==`,
      wellKnown,
      displayName: en,
    }))
    const made: Mailbox = {
      email,
      prefix,
      made: {},
      seq: 0,
      epoch: 0,
      expiry: 'gone',
      folders,
      messages: {},
      changes: [],
      conversationOf: {},
      categories: [],
      sent: [],
      enabled: true,
    }
    boxes[email] = made
    return made
  }

  /** Ids count up; two that follow each other differ in nothing but the case of one letter. */
  function newId(box: Mailbox, kind: 'AAMkAG' | 'AAkALgAAAAAAHYQD' | 'AAQkAG'): string {
    const number = box.made[kind] ?? 0
    box.made[kind] = number + 1
    let letters = ''
    for (let rest = number >> 1; letters.length < 8; rest = Math.floor(rest / 26)) letters += LETTERS.charAt(rest % 26)
    const pair = number % 2 === 0 ? 'q' : 'Q'
    return `${kind}${box.prefix}${letters}${pair}AAA=`
  }

  const indexOf = (box: Mailbox): Map<string, StoredMessage> => {
    const known = byRestId.get(box.email)
    if (known) return known
    const index = new Map(Object.values(box.messages).map((message) => [message.id, message]))
    byRestId.set(box.email, index)
    return index
  }

  /** The folder of an id or of a well-known name in any case. */
  const folderOf = (box: Mailbox, name: string): Folder | null =>
    box.folders.find(({ id, wellKnown }) => id === name || wellKnown === name.toLowerCase()) ?? null

  const rawOf = (message: { blob: string }): Buffer => {
    const raw = world.blobs.get(message.blob)
    if (!raw) throw new Error(`the mail ${message.blob} is gone from the simulator's state`)
    return raw
  }

  /** The header of a message; remembered without the bytes it was read from. */
  const headOf = (message: StoredMessage): readonly Header[] => {
    const known = heads.get(message)
    if (known?.blob === message.blob) return known.fields
    const fields = readHead(rawOf(message)).fields.map(({ name, value }) => ({ name, value }))
    heads.set(message, { blob: message.blob, fields })
    return fields
  }

  function record(
    box: Mailbox,
    message: StoredMessage,
    kind: ChangeKind,
    folder = message.folder,
    moved = false,
  ): void {
    box.seq += 1
    if (kind !== 'deleted') message.changed = box.seq
    if (kind === 'created') message.arrived = box.seq
    const change = { seq: box.seq, folder, kind, moved, id: message.id, immutableId: message.immutableId }
    box.changes.push(change)
    world.changed()
    for (const listener of listeners) listener(box, change, message)
  }

  /** The conversation a mail joins: that of a mail it refers to, as long as the subject is the same. */
  function conversationFor(box: Mailbox, fields: readonly Header[]): string | null {
    const referred = [...messageIds(field(fields, 'references')), ...messageIds(field(fields, 'in-reply-to'))]
    const topic = subjectKey(field(fields, 'subject'))
    for (const id of referred.reverse()) {
      const known = box.conversationOf[`${id} ${topic}`]
      if (known) return known
    }
    return null
  }

  function keep(box: Mailbox, message: StoredMessage, raw: Buffer): void {
    message.blob = `${createHash('sha256').update(box.email).digest('hex').slice(0, 12)}-${randomBytes(8).toString('hex')}`
    message.size = raw.length
    world.blobs.put(message.blob, raw)
    const { fields } = readHead(raw)
    message.messageId = messageIds(field(fields, 'message-id'))[0] ?? null
    if (message.messageId) {
      box.conversationOf[`${message.messageId} ${subjectKey(field(fields, 'subject'))}`] ??= message.conversationId
    }
  }

  function add(email: string, { raw, folder, receivedAt, conversationId, ...given }: NewMessage): StoredMessage {
    const box = mailbox(email)
    const place = folderOf(box, folder)
    if (!place) throw new Error(`no such folder: ${folder}`)
    const { fields } = readHead(raw)
    const now = world.clock()
    const dated = Date.parse(field(fields, 'date') ?? '')
    const message: StoredMessage = {
      id: newId(box, 'AAMkAG'),
      immutableId: newId(box, 'AAkALgAAAAAAHYQD'),
      folder: place.id,
      conversationId: conversationId ?? conversationFor(box, fields) ?? newId(box, 'AAQkAG'),
      messageId: null,
      receivedAt: receivedAt ?? now,
      sentAt: Number.isNaN(dated) ? (receivedAt ?? now) : dated,
      modifiedAt: now,
      isRead: given.isRead ?? false,
      isDraft: given.isDraft ?? false,
      categories: [],
      importance: 'normal',
      flag: 'notFlagged',
      links: given.links ?? [],
      arrived: 0,
      changed: 0,
      size: 0,
      blob: '',
    }
    keep(box, message, raw)
    box.messages[message.immutableId] = message
    indexOf(box).set(message.id, message)
    record(box, message, 'created')
    return message
  }

  function find(box: Mailbox, id: string): StoredMessage | null {
    return box.messages[id] ?? indexOf(box).get(id) ?? null
  }

  /** Changes fields; what is already so leaves no record. */
  function update(email: string, message: StoredMessage, patch: MessagePatch): void {
    const same = Object.entries(patch).every(
      ([name, value]) => JSON.stringify(message[name as keyof MessagePatch]) === JSON.stringify(value),
    )
    if (same) return
    Object.assign(message, patch, { modifiedAt: world.clock() })
    record(mailbox(email), message, 'updated')
  }

  /** Gives a draft other bytes. */
  function rewrite(email: string, message: StoredMessage, raw: Buffer): void {
    const before = message.blob
    const box = mailbox(email)
    keep(box, message, raw)
    message.modifiedAt = world.clock()
    world.blobs.delete(before)
    record(box, message, 'updated')
  }

  /** Moves to a folder: the REST id is a new one, the immutable id stays. */
  function move(
    email: string,
    message: StoredMessage,
    folder: Folder,
    change: { isDraft?: boolean; isRead?: boolean } = {},
  ): void {
    const box = mailbox(email)
    const index = indexOf(box)
    index.delete(message.id)
    record(box, message, 'deleted', message.folder, true)
    message.id = newId(box, 'AAMkAG')
    message.folder = folder.id
    message.modifiedAt = world.clock()
    Object.assign(message, change)
    index.set(message.id, message)
    record(box, message, 'created')
  }

  /** Deletes for good. A mail that was sent stays readable for control. */
  function remove(email: string, message: StoredMessage): void {
    const box = mailbox(email)
    delete box.messages[message.immutableId]
    indexOf(box).delete(message.id)
    if (!box.sent.some(({ blob }) => blob === message.blob)) world.blobs.delete(message.blob)
    record(box, message, 'deleted')
  }

  /** Messages of a folder, or of the whole mailbox, newest first. Not to be changed. */
  function list(box: Mailbox, folder: string | null): readonly StoredMessage[] {
    const key = `${box.email} ${folder ?? ''}`
    const known = sorted.get(key)
    if (known?.seq === box.seq) return known.list
    const all = Object.values(box.messages).filter((message) => folder === null || message.folder === folder)
    const made = all.sort((one, other) => other.receivedAt - one.receivedAt || other.arrived - one.arrived)
    sorted.set(key, { seq: box.seq, list: made })
    return made
  }

  return {
    mailbox,
    all: (): Mailbox[] => Object.values(boxes),
    folderOf,
    find,
    list,
    rawOf,
    headOf,
    add,
    update,
    rewrite,
    move,
    remove,
    /** From now on every sync token given out before is refused. */
    expireTokens(email: string, expiry: Mailbox['expiry']): void {
      const box = mailbox(email)
      box.epoch += 1
      box.expiry = expiry
      world.changed()
    },
    /** Display names in a language, as the owner's Outlook was first opened in. */
    localise(email: string, language: 'en' | 'de'): void {
      for (const folder of mailbox(email).folders) {
        const names = folder.wellKnown ? FOLDERS[folder.wellKnown] : undefined
        if (names) folder.displayName = names[language]
      }
      world.changed()
    },
    newFolder(email: string, displayName: string, parent?: string): Folder {
      const box = mailbox(email)
      const folder = { id: newId(box, 'AAMkAG'), wellKnown: null, displayName, ...(parent && { parent }) }
      box.folders.push(folder)
      world.changed()
      return folder
    },
    onChange: (listener: Listener): void => void listeners.push(listener),
  }
}
