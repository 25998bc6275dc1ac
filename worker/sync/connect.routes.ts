// Routes of connections: test, save, diagnose, sync, pause, resume, disconnect, and the proposal of settings.
import { type Context, Hono } from 'hono'
import {
  AutoconfigAnswer,
  AutoconfigQuery,
  CheckReport,
  ConnectionBody,
  InboxAnswer,
  SyncAnswer,
  TestConnectionQuery,
} from '../contract/inboxes'
import { may } from '../contract/permissions'
import type { Settings } from '../env'
import type { AppEnv } from '../platform/http/context'
import { access, answers, json, query, sessionOf } from '../platform/http/route'
import { type InboxRow, inboxAnswer } from '../platform/inbox-answer'
import { countAttempt } from '../platform/rate-limit'
import { proposeSettings } from '../providers/autoconfig'
import {
  type ConnectDeps,
  diagnose,
  disconnect,
  pause,
  resume,
  saveConnection,
  syncNow,
  testConnection,
} from './connect'
import { googleConnectRoutes } from './google-connect.routes'
import { countUnaccounted } from './inbox-status'
import { type MakeProvider, realProvider } from './mailbox'
import { microsoftConnectRoutes } from './microsoft-connect.routes'
import { tokenSourceOf } from './token-keeper'

/** Each of these makes the Worker log in somewhere: enough for any person, too few to try passwords with. */
const LOGINS = { name: 'connection-test', max: 60, windowMs: 10 * 60_000 }

const permission = 'inboxes:manage'
const objectOf = (c: Context<AppEnv>, inboxId: string) => c.env.INBOX.get(c.env.INBOX.idFromName(inboxId))

/** The routes over a way to make providers; tests lend a fake one. */
export function connectRoutes(providers: (settings: Settings) => MakeProvider) {
  const deps = (c: Context<AppEnv>): ConnectDeps => ({
    db: c.get('db'),
    keyring: c.get('settings').keyring,
    now: c.get('clock')(),
    makeProvider: providers(c.get('settings')),
    tokens: (inboxId) => tokenSourceOf(objectOf(c, inboxId)),
    object: (inboxId) => objectOf(c, inboxId),
    release: (inboxId) => c.get('releaseConnection')(c.get('db'), inboxId),
  })
  const limited = (c: Context<AppEnv>) =>
    countAttempt({ d1: c.env.DB, secret: c.get('settings').AUTH_SECRET, now: c.get('clock')() }, [
      { limit: LOGINS, subject: sessionOf(c).tenantId },
    ])
  const answer = async (c: Context<AppEnv>, row: InboxRow) =>
    c.json(
      inboxAnswer(row, {
        now: c.get('clock')(),
        pollSeconds: c.get('settings').POSTROOM_POLL_SECONDS,
        unaccounted: await countUnaccounted(c.get('db'), row.id),
        mayManage: may(sessionOf(c).role, permission),
      }),
    )

  return new Hono<AppEnv>()
    .get(
      '/inboxes/autoconfig',
      access(permission, "The usual server settings of an address's provider"),
      query(AutoconfigQuery),
      answers(200, AutoconfigAnswer),
      async (c) => {
        const dns = { fetch: (...args: Parameters<typeof fetch>) => fetch(...args), dnsUrl: c.get('settings').DNS_URL }
        const proposal = await proposeSettings(c.req.valid('query').email, dns)
        return c.json({ imap: proposal?.imap ?? null, smtp: proposal?.smtp ?? null, hint: proposal?.note ?? null })
      },
    )
    .post(
      '/inboxes/test-connection',
      access(permission, 'Try server settings step by step; stores nothing'),
      query(TestConnectionQuery),
      json(ConnectionBody),
      answers(200, CheckReport),
      async (c) => {
        await limited(c)
        return c.json(await testConnection(deps(c), c.req.valid('json'), c.req.valid('query').inboxId))
      },
    )
    .post(
      '/inboxes/:id/diagnose',
      access(permission, 'Try the stored settings of an inbox step by step; changes nothing'),
      answers(200, CheckReport),
      async (c) => {
        await limited(c)
        return c.json(await diagnose(deps(c), c.req.param('id')))
      },
    )
    .put(
      '/inboxes/:id/connection/imap',
      access(permission, 'Verify server settings by a login, then store them'),
      json(ConnectionBody),
      answers(200, InboxAnswer),
      async (c) => {
        await limited(c)
        return answer(c, await saveConnection(deps(c), c.req.param('id'), c.req.valid('json')))
      },
    )
    .post('/inboxes/:id/sync', access(permission, 'Check for new mail now'), answers(200, SyncAnswer), async (c) =>
      c.json(await syncNow(deps(c), c.req.param('id'))),
    )
    .post('/inboxes/:id/pause', access(permission, 'Stop checking for mail'), answers(200, InboxAnswer), async (c) =>
      answer(c, await pause(deps(c), c.req.param('id'))),
    )
    .post(
      '/inboxes/:id/resume',
      access(permission, 'Check for mail again, from where it stopped'),
      answers(200, InboxAnswer),
      async (c) => answer(c, await resume(deps(c), c.req.param('id'))),
    )
    .post(
      '/inboxes/:id/disconnect',
      access(permission, 'Wipe the credentials of an inbox and keep everything else'),
      answers(200, InboxAnswer),
      async (c) => answer(c, await disconnect(deps(c), c.req.param('id'))),
    )
}

/** Called through a name, since workerd's fetch wants no receiver. */
const io = { fetch: (...args: Parameters<typeof fetch>) => fetch(...args) }

export const syncRoutes = new Hono<AppEnv>()
  .route('/', connectRoutes(realProvider))
  .route('/', googleConnectRoutes(io))
  .route('/', microsoftConnectRoutes(io))
