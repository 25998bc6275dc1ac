// The minute sweep: finds in the rows what is due and sends wake-ups, so that a lost queue message or alarm loses nothing. Changes no due row itself.

import type { Clock } from '../platform/clock'
import type { JobSender } from '../platform/jobs'
import { log } from '../platform/log'
import type { SystemDb } from '../platform/system-db'
import type { PokeHint } from './inbox-object'
import type { Owner } from './inbox-state'

const PAGE = 500
/** Wall time of each part of a sweep, ms; the next sweep is a minute away. */
const PART_TIME = 10_000
/** Attachments per job. */
const ATTACHMENTS = 50
/** Wake-ups sent at once. */
const AT_ONCE = 20
/** A standing order for push with less life than this should have been renewed long ago, ms. */
const WATCH_SPARE = 86_400_000

export type SweepDeps = {
  system: SystemDb
  blobs: R2Bucket
  jobs: JobSender
  clock: Clock
  /** wakes an inbox's object */
  poke: (owner: Owner, hint: PokeHint) => Promise<void>
  /** polling interval, ms */
  pollInterval: number
  /** whether Google inboxes are to have a watch; Microsoft's always have a subscription */
  watches: boolean
}

/** One sweep. Each part runs whatever happens to the others, and one row's trouble ends no page. */
export async function sweep(deps: SweepDeps): Promise<void> {
  const parts = { inboxes, deliveries, attachments, uploads, connectAttempts }
  for (const [part, work] of Object.entries(parts)) {
    const now = deps.clock()
    try {
      await work({ ...deps, now, inTime: () => deps.clock() - now < PART_TIME })
    } catch (error) {
      log.error('sweep.part', { part, error })
    }
  }
}

type Run = SweepDeps & { now: number; inTime: () => boolean }

/** Page after page of a keyset query until one is not full or time is up. */
async function pages<T, K>(
  run: Run,
  first: K,
  page: (after: K) => Promise<T[]>,
  keyOf: (row: T) => K,
  use: (rows: T[]) => Promise<void>,
) {
  for (let after = first; run.inTime(); ) {
    const rows = await page(after)
    await use(rows)
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return
    after = keyOf(last)
  }
  log.warn('sweep.unfinished')
}

/** Sends wake-ups a few at a time. */
async function wake<T>(items: T[], send: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const results = await Promise.allSettled(items.slice(at, at + AT_ONCE).map(send))
    for (const result of results) if (result.status === 'rejected') log.warn('sweep.wake', { error: result.reason })
  }
}

type InboxDue = {
  tenantId: string
  inboxId: string
  fetch: number
  mark: number
  ingest: number
  silent: number
  lapsing: number
}

/**
 * By inbox, with one index seek per question: an inbox with a hundred thousand due rows costs as much as one with a single row,
 * and rows of a paused or disconnected inbox, which stay due, are neither woken nor in anybody's way.
 */
async function inboxes(run: Run): Promise<void> {
  const statement = run.system.d1.prepare(
    `SELECT i.tenant_id AS tenantId, i.id AS inboxId,
       i.reads AND EXISTS (SELECT 1 FROM ledger l WHERE l.tenant_id = i.tenant_id AND l.inbox_id = i.id AND l.state = 'discovered' AND l.due_at <= ?2) AS fetch,
       i.reads AND i.marks AND EXISTS (SELECT 1 FROM ledger l WHERE l.tenant_id = i.tenant_id AND l.inbox_id = i.id AND l.mark_due_at <= ?2) AS mark,
       EXISTS (SELECT 1 FROM ledger l WHERE l.tenant_id = i.tenant_id AND l.inbox_id = i.id AND l.state = 'stored' AND l.due_at <= ?2) AS ingest,
       i.reads AND i.next_poll_at < ?3 AS silent,
       i.reads AND i.watched AND coalesce(i.watch_ends, 0) < ?5 AS lapsing
     FROM (
       SELECT id, tenant_id, next_poll_at, coalesce(gmail_watch_expires_at, graph_subscription_expires_at) AS watch_ends,
         -- One that could not be had is asked for again by its object.
         (connection_type = 'google' AND ?4 OR connection_type = 'microsoft') AND push_problem IS NULL AS watched,
         mark_processed <> 'none' AND coalesce(mark_problem ->> 'stops', 0) = 0 AS marks,
         connection_type <> 'forward' AND credentials IS NOT NULL AND paused_at IS NULL AND archived_at IS NULL AS reads
       FROM inboxes WHERE id > ?1 ORDER BY id LIMIT ${PAGE}
     ) i ORDER BY i.id`,
  )
  const lost = run.now - 2 * run.pollInterval
  const watched = run.watches ? 1 : 0
  await pages(
    run,
    '',
    async (after) =>
      (await statement.bind(after, run.now, lost, watched, run.now + WATCH_SPARE).all<InboxDue>()).results,
    (row) => row.inboxId,
    (rows) =>
      wake(rows, async ({ tenantId, inboxId, ...due }) => {
        if (due.silent || due.lapsing) await run.poke({ tenantId, inboxId }, { lapsing: due.lapsing === 1 })
        if (due.fetch || due.mark) await run.jobs.send({ kind: 'fetch', tenantId, inboxId })
        if (due.ingest) await run.jobs.send({ kind: 'ingest', tenantId, inboxId })
      }),
  )
}

type DueRow = { tenantId: string; id: string; due: number; seq: number }

async function dueRows(run: Run, sql: string, use: (rows: DueRow[]) => Promise<void>): Promise<void> {
  const statement = run.system.d1.prepare(sql)
  await pages(
    run,
    { due: 0, seq: 0 },
    async (after) => (await statement.bind(run.now, after.due, after.seq).all<DueRow>()).results,
    ({ due, seq }) => ({ due, seq }),
    use,
  )
}

async function deliveries(run: Run): Promise<void> {
  const sql = `SELECT tenant_id AS tenantId, id, delivery_due_at AS due, rowid AS seq FROM messages
    WHERE delivery_due_at IS NOT NULL AND delivery_due_at <= ?1 AND (delivery_due_at, rowid) > (?2, ?3)
    ORDER BY delivery_due_at, rowid LIMIT ${PAGE}`
  await dueRows(run, sql, (rows) =>
    wake(rows, ({ tenantId, id }) => run.jobs.send({ kind: 'outbound', tenantId, messageId: id })),
  )
}

async function attachments(run: Run): Promise<void> {
  const sql = `SELECT tenant_id AS tenantId, id, due_at AS due, rowid AS seq FROM attachments
    WHERE due_at IS NOT NULL AND due_at <= ?1 AND (due_at, rowid) > (?2, ?3)
    ORDER BY due_at, rowid LIMIT ${PAGE}`
  await dueRows(run, sql, (rows) =>
    wake(byTenant(rows), ({ tenantId, ids }) => run.jobs.send({ kind: 'attachment', tenantId, attachmentIds: ids })),
  )
}

function byTenant(rows: DueRow[]): { tenantId: string; ids: string[] }[] {
  const groups = Map.groupBy(rows, (row) => row.tenantId)
  return [...groups].flatMap(([tenantId, of]) => {
    const ids = of.map((row) => row.id)
    return Array.from({ length: Math.ceil(ids.length / ATTACHMENTS) }, (_, i) => ({
      tenantId,
      ids: ids.slice(i * ATTACHMENTS, (i + 1) * ATTACHMENTS),
    }))
  })
}

/** Uploads that became part of no reply. The row goes first: a reply that takes it in the same moment keeps its file. */
async function uploads(run: Run): Promise<void> {
  const { results } = await run.system.d1
    .prepare(
      `DELETE FROM attachments WHERE message_id IS NULL AND id IN (
         SELECT id FROM attachments WHERE expires_at IS NOT NULL AND expires_at <= ?1 AND message_id IS NULL LIMIT ${PAGE}
       ) RETURNING blob_key AS blobKey`,
    )
    .bind(run.now)
    .all<{ blobKey: string | null }>()
  const keys = results.flatMap((row) => row.blobKey ?? [])
  if (keys.length > 0) await run.blobs.delete(keys)
}

/** Attempts at connecting an account that nobody came back from. */
async function connectAttempts(run: Run): Promise<void> {
  await run.system.d1
    .prepare(`DELETE FROM oauth_states WHERE id IN (SELECT id FROM oauth_states WHERE expires_at <= ?1 LIMIT ${PAGE})`)
    .bind(run.now)
    .run()
}
