// Routes of ingest: preview of a mail, release and replay of ledger rows.
import { type Context, Hono } from 'hono'
import { LedgerItem } from '../contract/inboxes'
import { HTTP_LIMITS } from '../contract/limits'
import { PreviewAnswer, PreviewQuery } from '../contract/preview'
import { tenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import type { AppEnv } from '../platform/http/context'
import { access, answers, query, raw } from '../platform/http/route'
import { newId } from '../platform/ids'
import type { IngestDeps } from './ingest-job'
import { releaseMail, replayMail } from './ledger-actions'
import { previewMail } from './preview'

const depsOf = (c: Context<AppEnv>): IngestDeps => ({
  db: (tenantId) => tenantDb(c.env.DB, tenantId),
  blobs: c.env.BLOBS,
  jobs: c.get('jobs'),
  clock: c.get('clock'),
  newId,
  authSecret: c.get('settings').AUTH_SECRET,
  random: Math.random,
})

export const ingestRoutes = new Hono<AppEnv>()
  .post(
    '/messages/preview',
    access('tickets:read', 'What would become of a mail, without writing anything'),
    query(PreviewQuery),
    raw('message/rfc822', HTTP_LIMITS.preview),
    answers(200, PreviewAnswer),
    async (c) => {
      if (Number(c.req.header('content-length') ?? 0) > HTTP_LIMITS.preview) throw new AppError('body_too_large')
      const body = c.req.raw.body ?? new Blob([]).stream()
      const deps = { ...depsOf(c), db: c.get('db') }
      return c.json(await previewMail(deps, c.req.valid('query').inboxId ?? null, body))
    },
  )
  .post(
    '/ledger/:id/release',
    access('ledger:write', 'Make a ticket of a suppressed or quarantined mail'),
    answers(200, LedgerItem),
    async (c) => c.json(await releaseMail(depsOf(c), c.get('db'), c.req.param('id'))),
  )
  .post(
    '/ledger/:id/replay',
    access('ledger:write', 'Run the pipeline again for one mail'),
    answers(200, LedgerItem),
    async (c) => c.json(await replayMail(depsOf(c), c.get('db'), c.req.param('id'))),
  )
