// history.list: which records of a mailbox a start id, types, a label and a page token select. Pure.
import { decodeToken, encodeToken } from './gmail-paging.ts'
import type { HistoryRecord, HistoryType, Mailbox } from './store.ts'

export type HistoryQuery = {
  startHistoryId: string | null
  historyTypes: readonly string[]
  labelId: string | null
  maxResults: number
  pageToken: string | null
}

type Named = { id: string; threadId: string; labelIds?: string[] }
type RecordJson = { id: string; messages: { id: string; threadId: string }[] } & {
  [key in 'messagesAdded' | 'messagesDeleted' | 'labelsAdded' | 'labelsRemoved']?: {
    message: Named
    labelIds?: string[]
  }[]
}
export type HistoryAnswer = { history?: RecordJson[]; nextPageToken?: string; historyId: string }

/** `missing`, `start` and `types` are bad requests, `token` a refused page token, `expired` a start id that is too old or was never issued. */
export type HistoryRefusal = 'missing' | 'start' | 'types' | 'token' | 'expired'

const KEYS = {
  messageAdded: 'messagesAdded',
  messageDeleted: 'messagesDeleted',
  labelAdded: 'labelsAdded',
  labelRemoved: 'labelsRemoved',
} as const

const MAX_UINT64 = 2n ** 64n - 1n

/** One page of history after the start id, in order of ids; `historyId` is the mailbox's current one. */
export function listHistory(box: Mailbox, query: HistoryQuery): HistoryAnswer | HistoryRefusal {
  const { startHistoryId } = query
  if (startHistoryId === null || startHistoryId === '') return 'missing'
  if (!/^\d{1,20}$/.test(startHistoryId) || BigInt(startHistoryId) > MAX_UINT64) return 'start'
  if (query.historyTypes.some((type) => !(type in KEYS))) return 'types'
  const start = BigInt(startHistoryId)
  if (start < BigInt(box.horizon) || start > BigInt(box.historyId)) return 'expired'
  const after = query.pageToken === null ? start : resumed(box, startHistoryId, query.pageToken)
  if (after === null) return 'token'

  const page: HistoryRecord[] = []
  let more = false
  for (let index = firstAfter(box.history, after); index < box.history.length; index++) {
    const record = box.history[index]
    if (!record || !selected(record, query)) continue
    if (page.length === query.maxResults) {
      more = true
      break
    }
    page.push(record)
  }
  const last = page.at(-1)
  return {
    ...(page.length > 0 && { history: page.map(toJson) }),
    ...(more && last && { nextPageToken: encodeToken({ start: startHistoryId, after: last.id, epoch: box.epoch }) }),
    historyId: box.historyId,
  }
}

function resumed(box: Mailbox, start: string, token: string): bigint | null {
  const page = decodeToken(token)
  if (!page || page.start !== start || page.epoch !== box.epoch || typeof page.after !== 'string') return null
  return BigInt(page.after)
}

/** Records are in order of their ids: binary search, for mailboxes with long histories. */
function firstAfter(history: readonly HistoryRecord[], id: bigint): number {
  let low = 0
  let high = history.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (BigInt(history[middle]?.id ?? 0) <= id) low = middle + 1
    else high = middle
  }
  return low
}

function selected(record: HistoryRecord, { historyTypes, labelId }: HistoryQuery): boolean {
  if (historyTypes.length > 0 && !historyTypes.includes(record.type)) return false
  return labelId === null || record.labelIds.includes(labelId) || (record.changed ?? []).includes(labelId)
}

function toJson(record: HistoryRecord): RecordJson {
  const short = { id: record.messageId, threadId: record.threadId }
  const message: Named = { ...short, ...(record.labelIds.length > 0 && { labelIds: record.labelIds }) }
  const change = record.changed ? { message, labelIds: record.changed } : { message }
  return { id: record.id, messages: [short], [KEYS[record.type satisfies HistoryType]]: [change] }
}
