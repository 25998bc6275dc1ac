// Routes of the inboxes slice: the records and their ledger. Connecting and syncing are in sync/connect.routes.ts.
import { type Context, Hono } from 'hono'
import {
  CreateInboxBody,
  DeleteInboxBody,
  InboxAnswer,
  InboxListQuery,
  InboxPage,
  LedgerAnswer,
  LedgerQuery,
  UpdateInboxBody,
} from '../../contract/inboxes'
import { may } from '../../contract/permissions'
import { resolveEntitlements } from '../../entitlements/resolve'
import type { AppEnv } from '../../platform/http/context'
import { access, answers, json, query, sessionOf } from '../../platform/http/route'
import type { InboxRow } from '../../platform/inbox-answer'
import { inboxLedger } from './ledger'
import { answerOf, findInbox, listInboxes, type Viewer } from './queries'
import { deleteInbox } from './remove'
import { archiveInbox, createInbox, restoreInbox, updateInbox } from './service'

const depsOf = (c: Context<AppEnv>) => ({ db: c.get('db'), now: c.get('clock')() })

const viewerOf = (c: Context<AppEnv>): Viewer => ({
  now: c.get('clock')(),
  pollSeconds: c.get('settings').POSTROOM_POLL_SECONDS,
  mayManage: may(sessionOf(c).role, 'inboxes:manage'),
})

const limitOf = (c: Context<AppEnv>) => resolveEntitlements(sessionOf(c).plan, c.get('modules')).limits.inboxes

const answer = (c: Context<AppEnv>, row: InboxRow) => answerOf(c.get('db'), row, viewerOf(c))

export const inboxRoutes = new Hono<AppEnv>()
  .get(
    '/inboxes',
    access('inboxes:read', 'The inboxes of this tenant'),
    query(InboxListQuery),
    answers(200, InboxPage),
    async (c) =>
      c.json({ items: await listInboxes(c.get('db'), c.req.valid('query').archived, viewerOf(c)), nextCursor: null }),
  )
  .get('/inboxes/:id', access('inboxes:read', 'One inbox'), answers(200, InboxAnswer), async (c) =>
    c.json(await answer(c, await findInbox(c.get('db'), c.req.param('id')))),
  )
  .post(
    '/inboxes',
    access('inboxes:manage', 'Make an inbox'),
    json(CreateInboxBody),
    answers(201, InboxAnswer),
    async (c) => c.json(await answer(c, await createInbox(depsOf(c), c.req.valid('json'), limitOf(c))), 201),
  )
  .patch(
    '/inboxes/:id',
    access(
      'inboxes:manage',
      "Change an inbox's names, automatic answer, import or what is done to mail that is on a ticket",
    ),
    json(UpdateInboxBody),
    answers(200, InboxAnswer),
    async (c) => c.json(await answer(c, await updateInbox(depsOf(c), c.req.param('id'), c.req.valid('json')))),
  )
  .post(
    '/inboxes/:id/archive',
    access('inboxes:manage', 'Put an inbox aside; nothing is fetched, everything is kept'),
    answers(200, InboxAnswer),
    async (c) => c.json(await answer(c, await archiveInbox(depsOf(c), c.req.param('id')))),
  )
  .post(
    '/inboxes/:id/restore',
    access('inboxes:manage', 'Take an archived inbox back into use'),
    answers(200, InboxAnswer),
    async (c) => c.json(await answer(c, await restoreInbox(depsOf(c), c.req.param('id'), limitOf(c)))),
  )
  .delete(
    '/inboxes/:id',
    access('inboxes:manage', 'Delete an inbox and its credentials; tickets stay'),
    json(DeleteInboxBody),
    answers(204, null),
    async (c) => {
      const id = c.req.param('id')
      const giveBack = await c.get('releaseConnection')(c.get('db'), id)
      await deleteInbox(depsOf(c), id, c.req.valid('json').openTickets)
      await giveBack()
      return c.body(null, 204)
    },
  )
  .get(
    '/inboxes/:id/ledger',
    access('ledger:read', 'Every message of an inbox and what became of it'),
    query(LedgerQuery),
    answers(200, LedgerAnswer),
    async (c) => c.json(await inboxLedger(c.get('db'), c.req.param('id'), c.req.valid('query'))),
  )
