// A mailbox in memory behind the provider interface: for tests of what the core makes of a provider, not of any protocol.
import type { CloudLink } from '../../worker/mail/cloud-link'
import {
  type Cursor,
  type FetchedMessage,
  type MailProvider,
  type MailRole,
  type Mark,
  type MarkCapable,
  type MessageRef,
  ProviderError,
  type PushCapable,
  type Quota,
} from '../../worker/providers/provider'

export type FakeMail = {
  raw: Uint8Array
  /** the size the server claims; the true one where absent */
  claimedSize?: number
  /** where it lies, when it is not received mail */
  role?: MailRole
  /** files it only points at */
  links?: CloudLink[]
  /** what fetching this message does instead of delivering it */
  fails?: 'breaks_before' | 'breaks_midway' | 'not_found' | 'transient' | 'withheld' | 'links'
}

export type FakeMailbox = {
  mails: FakeMail[]
  /** thrown by the next calls of changes() */
  listing: ProviderError | null
  /** thrown by fetchRaw() before anything is delivered */
  fetching: ProviderError | null
  canResume: boolean
  /** whether it announces mail, and how that goes; null: it does not */
  push: FakePush | null
  /** whether its mail can be marked, and how that goes; null: it cannot */
  marks: FakeMarks | null
  /** what a mailbox may spend; null: no limit is known */
  quota: Quota | null
  /** units that each listing costs */
  listingUnits: number
  /** the first cursor position that is still known */
  expiredBelow: number
  /** runs before each listing */
  onChanges: () => Promise<void>
  log: { changes: number; fetched: string[]; resumedAt: number[]; opened: number; closed: number; bytes: number }
  provider(options?: { spent?: (units: number) => void }): MailProvider
}

const CHUNK = 256 * 1024

/** `life`: ms that a standing order is good for. `fails`: thrown instead of giving one; `unknown`: thrown by a renewal only. */
export type FakePush = {
  life: number
  fails: ProviderError | null
  unknown: ProviderError | null
  /** gives subscriptions, as Graph does; their ids are `standing` */
  subscribes: boolean
  standing: string[]
  log: string[]
  during: () => Promise<void>
}
export const fakePush = (): FakePush => ({
  life: 7 * 86_400_000,
  fails: null,
  unknown: null,
  subscribes: false,
  standing: [],
  log: [],
  during: async () => {},
})

/** `fails`: errors of single messages, by identity; `trouble`: thrown by the next message of any; `during` runs before each message. */
export type FakeMarks = {
  fails: Map<string, ProviderError>
  trouble: ProviderError | null
  log: { identity: string; how: Mark }[]
  /** how many requests at once each call was told it may have under way */
  atOnce: (number | undefined)[]
  during: (identity: string) => Promise<void>
}
export const fakeMarks = (): FakeMarks => ({
  fails: new Map(),
  trouble: null,
  log: [],
  atOnce: [],
  during: async () => {},
})

/** An empty mailbox. Its messages have the identities `fake:0`, `fake:1`, … */
export function fakeMailbox(mails: FakeMail[] = []): FakeMailbox {
  const mailbox: FakeMailbox = {
    mails,
    listing: null,
    fetching: null,
    canResume: true,
    push: null,
    marks: null,
    quota: null,
    listingUnits: 0,
    expiredBelow: 0,
    onChanges: async () => {},
    log: { changes: 0, fetched: [], resumedAt: [], opened: 0, closed: 0, bytes: 0 },
    provider({ spent } = {}) {
      mailbox.log.opened++
      return {
        ...(mailbox.push ? { push: pushOf(mailbox.push) } : {}),
        ...(mailbox.marks ? { marks: marksOf(mailbox.marks, spent) } : {}),
        ...(mailbox.quota ? { quota: mailbox.quota } : {}),
        changes: (cursor, limit) => {
          spent?.(mailbox.listingUnits)
          return changes(mailbox, cursor, limit)
        },
        fetchRaw: (refs) => fetchRaw(mailbox, refs),
        send: () => Promise.reject(new ProviderError('protocol', 'fake', 'The fake sends nothing.')),
        check: () => Promise.resolve({ ok: true, steps: [] }),
        close: async () => {
          mailbox.log.closed++
        },
      }
    },
  }
  return mailbox
}

function pushOf(push: FakePush): PushCapable {
  const lease = async (asked: string) => {
    push.log.push(asked)
    await push.during()
    if (push.fails) throw push.fails
    return { expiresAt: Date.now() + push.life }
  }
  return {
    async subscribe(standing) {
      const given = await lease('subscribe')
      if (!push.subscribes) return given
      const id = crypto.randomUUID()
      push.standing = [...push.standing.filter((each) => each !== standing?.subscription?.id), id]
      return { ...given, subscription: { id, clientState: `state-of-${id}` }, proven: true }
    },
    async renew() {
      const given = await lease('renew')
      if (push.unknown) throw push.unknown
      return given
    },
    unsubscribe: async () => void push.log.push('unsubscribe'),
  }
}

function marksOf(marks: FakeMarks, spent?: (units: number) => void): MarkCapable {
  return {
    units: 2,
    async *mark(refs, how, atOnce) {
      marks.atOnce.push(atOnce)
      for (const ref of refs) {
        await marks.during(ref.identity)
        if (marks.trouble) throw marks.trouble
        spent?.(2)
        const error = marks.fails.get(ref.identity) ?? null
        if (!error) marks.log.push({ identity: ref.identity, how })
        yield { ref, error }
      }
    },
  }
}

async function changes(mailbox: FakeMailbox, cursor: Cursor | null, limit: number) {
  mailbox.log.changes++
  await mailbox.onChanges()
  if (mailbox.listing) throw mailbox.listing
  const from = typeof cursor === 'number' ? cursor : 0
  if (cursor !== null && from < mailbox.expiredBelow)
    throw new ProviderError('cursor_expired', 'fake_expired', 'The position is too old.')
  const end = Math.min(mailbox.mails.length, from + limit)
  const refs = mailbox.mails.slice(from, end).map((mail, i) => ({
    identity: `fake:${from + i}`,
    size: mail.claimedSize ?? mail.raw.length,
    ...(mail.role && { role: mail.role }),
  }))
  return { refs, next: end, more: end < mailbox.mails.length }
}

async function* fetchRaw(mailbox: FakeMailbox, refs: MessageRef[]): AsyncGenerator<FetchedMessage> {
  if (mailbox.fetching) throw mailbox.fetching
  let broken: ProviderError | null = null
  for (const ref of refs) {
    if (broken) {
      yield { ref, error: broken }
      continue
    }
    const mail = mailbox.mails[Number(ref.identity.split(':')[1])]
    mailbox.log.fetched.push(ref.identity)
    if (ref.resumeAt !== undefined) mailbox.log.resumedAt.push(ref.resumeAt)
    if (!mail || mail.fails === 'not_found')
      yield { ref, error: new ProviderError('not_found', 'fake_gone', 'The message is gone.') }
    else if (mail.fails === 'transient' || (mail.fails === 'links' && !ref.linksOptional))
      yield { ref, error: new ProviderError('transient', 'fake_refused', 'The server refused this message.') }
    else if (mail.fails === 'breaks_before') {
      broken = new ProviderError('transient', 'fake_closed', 'The server hung up.')
      yield { ref, error: broken }
    } else if (mail.fails !== 'withheld') {
      const start = mailbox.canResume ? (ref.resumeAt ?? 0) : 0
      const where = {
        ...(mail.role && { role: mail.role }),
        ...(mail.links && mail.fails !== 'links' && { links: mail.links }),
      }
      yield { ref, raw: stream(mailbox, mail, start), start, receivedAt: 1_700_000_000_000, ...where }
    }
  }
}

function stream(mailbox: FakeMailbox, mail: FakeMail, start: number): ReadableStream<Uint8Array> {
  let at = start
  const breakAt = mail.fails === 'breaks_midway' ? start + Math.floor((mail.raw.length - start) * 0.7) : Infinity
  return new ReadableStream({
    pull(controller) {
      if (at >= breakAt)
        return controller.error(new ProviderError('transient', 'fake_cut', 'The server stopped midway.'))
      if (at >= mail.raw.length) return controller.close()
      const chunk = mail.raw.slice(at, at + CHUNK)
      at += chunk.length
      mailbox.log.bytes += chunk.length
      controller.enqueue(chunk)
    },
  })
}

/** A small mail with a subject of its own. */
export function smallMail(n: number, body = 'Hello'): FakeMail {
  return { raw: new TextEncoder().encode(`From: a@example.com\r\nSubject: Mail ${n}\r\n\r\n${body}\r\n`) }
}

/** A mail of `size` bytes that are different everywhere. */
export function largeMail(size: number): FakeMail {
  const raw = new Uint8Array(size)
  for (let i = 0, x = 1; i < size; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff
    raw[i] = x >> 16
  }
  raw.set(new TextEncoder().encode('From: a@example.com\r\nSubject: Large\r\n\r\n'))
  return { raw }
}
