// What is new in INBOX after a cursor. Read-only and by UID; walks the UID space in windows, so neither a huge nor a sparse mailbox is asked for at once.
import type { Clock } from '../../platform/clock'
import type { ImapLimits } from '../limits'
import type { ChangePage, MessageRef } from '../provider'
import { ProviderError } from '../provider'
import { chunks, type ImapCursor, identityOf, uidSet } from './cursor'
import type { Loan } from './session'

const DAY = 86_400_000

export type ChangesDeps = { clock: Clock; limits: ImapLimits }
/** `since`: ms, the oldest mail a first listing wants; Infinity: only mail that arrives from now on. */
export type ChangesInput = { cursor: ImapCursor | null; limit: number; since: number }

/**
 * One page of messages after the cursor, oldest first.
 *
 * A first listing takes what arrived since `since`. When UIDVALIDITY has changed, every UID the cursor knows is void: the listing starts
 * again with everything since the same `since`, under the new identities, and ingest recognises what it already has by Message-ID and digest.
 */
export async function listChanges(deps: ChangesDeps, loan: Loan, input: ChangesInput): Promise<ChangePage> {
  const { inbox } = loan
  const top = await highestUid(deps, loan)
  const start = startOf(input, inbox.uidvalidity, top, deps.clock())
  const scan =
    inbox.exists === 0
      ? { uids: [], scannedTo: Math.max(start.lastUid, top), more: false }
      : await scanUids(deps, loan, start, top, input.limit)
  const refs = await describe(deps, loan, start, scan.uids)
  return {
    refs,
    next: { ...start, lastUid: scan.scannedTo } satisfies ImapCursor,
    more: scan.more,
    status: { messages: inbox.exists },
  }
}

function startOf(input: ChangesInput, uidvalidity: string, top: number, now: number): ImapCursor {
  const { cursor } = input
  if (cursor?.uidvalidity === uidvalidity) return cursor
  // INTERNALDATE counts whole seconds.
  const since = cursor ? cursor.since : Math.floor(Math.min(input.since, now) / 1000) * 1000
  // "Only new mail" is drawn at a UID, not at a time: clocks differ, UIDs do not.
  const lastUid = !cursor && input.since >= now ? top : 0
  return { folder: 'INBOX', uidvalidity, lastUid, since, sinceUntil: top }
}

/** The largest UID in use, by UIDNEXT or, where the server keeps that to itself, by asking the last message. */
async function highestUid(deps: ChangesDeps, loan: Loan): Promise<number> {
  if (loan.inbox.uidNext !== null) return loan.inbox.uidNext - 1
  if (loan.inbox.exists === 0) return 0
  const last = loan.client.fetchOne(String(loan.inbox.exists), { uid: true })
  const message = await loan.step('Asking for the last message', deps.limits.command, last)
  return message ? message.uid : 0
}

type Scan = { uids: number[]; scannedTo: number; more: boolean }

async function scanUids(deps: ChangesDeps, loan: Loan, start: ImapCursor, top: number, limit: number): Promise<Scan> {
  const { scanWindow, scanGrowth } = deps.limits
  const uids: number[] = []
  let from = start.lastUid + 1
  let size = scanWindow
  for (;;) {
    const filtered = from <= start.sinceUntil
    // The last window is open: `n:*` also finds what a stale UIDNEXT hides. It always answers with at least the last message, even
    // one below n, hence the filter.
    const end = Math.min(from + size - 1, filtered ? start.sinceUntil : Number.POSITIVE_INFINITY)
    const open = !filtered && end >= top
    const found = await searchUids(deps, loan, from, open ? '*' : end, filtered ? start.since : null)
    const inWindow = found.filter((uid) => uid >= from && (open || uid <= end))
    uids.push(...inWindow)
    if (uids.length > limit) {
      const page = uids.slice(0, limit)
      return { uids: page, scannedTo: page.at(-1) ?? start.lastUid, more: true }
    }
    if (open) return { uids, scannedTo: Math.max(start.lastUid, top, inWindow.at(-1) ?? 0), more: false }
    if (inWindow.length < limit / 4) size *= scanGrowth
    from = end + 1
  }
}

/** Sorted, unique UIDs in a range. Plain SEARCH: every server has it, ESEARCH is optional. */
async function searchUids(
  deps: ChangesDeps,
  loan: Loan,
  from: number,
  to: number | '*',
  since: number | null,
): Promise<number[]> {
  // SEARCH SINCE compares days without a time zone, so a day more is asked for; `describe` compares exactly.
  const query = { uid: `${from}:${to}`, ...(since === null ? {} : { since: new Date(Math.max(0, since - DAY)) }) }
  const found = await loan.step('Searching', deps.limits.command, loan.client.search(query, { uid: true }))
  if (!Array.isArray(found)) {
    throw new ProviderError('transient', 'imap_search_refused', 'The mail server refused to search the mailbox.')
  }
  return found
}

/** Refs with sizes. A message that vanished since the search keeps its ref: fetching it tells for sure. */
async function describe(deps: ChangesDeps, loan: Loan, start: ImapCursor, uids: number[]): Promise<MessageRef[]> {
  const sizes = new Map<number, number>()
  const tooOld = new Set<number>()
  for (const part of chunks(uids, deps.limits.uidsPerCommand)) {
    const rows = loan.client.fetchAll(uidSet(part), { uid: true, size: true, internalDate: true }, { uid: true })
    for (const row of await loan.step('Asking for sizes', deps.limits.command, rows)) {
      if (row.size !== undefined) sizes.set(row.uid, row.size)
      const arrived = row.internalDate instanceof Date ? row.internalDate.getTime() : null
      if (row.uid <= start.sinceUntil && arrived !== null && arrived < start.since) tooOld.add(row.uid)
    }
  }
  return uids
    .filter((uid) => !tooOld.has(uid))
    .map((uid) => {
      const size = sizes.get(uid)
      return { identity: identityOf(start.uidvalidity, uid), ...(size === undefined ? {} : { size }) }
    })
}
