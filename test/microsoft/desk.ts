// A helpdesk over the simulator: a tenant with a connected Microsoft inbox, its real InboxObject, and the Worker's own jobs, run as a test says.
import { createExecutionContext, createMessageBatch, env, runInDurableObject } from 'cloudflare:test'
import { afterEach } from 'vitest'
import type { Job } from '../../worker/contract/jobs'
import { createWorker } from '../../worker/create-worker'
import { type Env, settingsOf } from '../../worker/env'
import { writeReply } from '../../worker/features/tickets/write-message'
import { tenantDb } from '../../worker/platform/db'
import { diagnose } from '../../worker/sync/connect'
import { sealConnection } from '../../worker/sync/credentials'
import type { InboxObject } from '../../worker/sync/inbox-object'
import { realProvider } from '../../worker/sync/mailbox'
import { tokenSourceOf } from '../../worker/sync/token-keeper'
import { type Account, API, microsoft, newAccount } from '../support/microsoft-lab'
import { makeTenant } from '../support/session'
import { givenMicrosoftInbox } from '../worker/sync/microsoft-rows'

const worker = createWorker([])
const APP = { clientId: microsoft.clientId, directory: 'contoso.example' }
/** Objects at work: each is stopped after its test, since one that is not goes on looking at its mailbox. */
const running: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of running.splice(0)) await stop()
})

/** Jobs the Worker sends wait in `jobs` until they are run. */
function deployment() {
  const jobs: Job[] = []
  const queue = { send: async (job: Job) => void jobs.push(job) }
  const settings = {
    APP_URL: microsoft.listener,
    MICROSOFT_LOGIN_URL: microsoft.url,
    MICROSOFT_GRAPH_URL: API,
  }
  const queues = { FETCH_QUEUE: queue, INGEST_QUEUE: queue, ATTACHMENT_QUEUE: queue, OUTBOUND_QUEUE: queue }
  return { jobs, bindings: { ...env, ...settings, ...queues } as unknown as Env }
}

/** A desk whose inbox reads the mailbox of `account`, perhaps beside another one; nothing runs by itself but the object's alarms. */
export async function newDesk(
  given: { account?: Account; beside?: { tenantId: string; profileId: string | null } } = {},
) {
  const account = given.account ?? (await newAccount())
  const tenant = given.beside ? { ...given.beside, users: { agent: 'nobody' } } : await makeTenant()
  const { tenantId } = tenant
  const { jobs, bindings } = deployment()
  const { access: accessToken, refresh: refreshToken } = account.tokens
  const inbox = await givenMicrosoftInbox({
    tenantId,
    address: account.email,
    kind: account.mailbox.kind,
    profile: given.beside ? null : { ...APP, secret: microsoft.clientSecret },
    grant: { address: account.email, ...(given.beside && { ...APP, profileId: given.beside.profileId }) },
    tokens: { accessToken, refreshToken, expiresAt: Date.now() + 3_600_000 },
  })
  const { inboxId } = inbox
  const stub = env.INBOX.get(env.INBOX.idFromName(inboxId))
  const inside = <T>(use: (object: InboxObject) => T | Promise<T>) => runInDurableObject<InboxObject, T>(stub, use)
  await inside(
    (object) => void Object.assign(object, { env: bindings, makeProvider: realProvider(settingsOf(bindings)) }),
  )
  await inside((object) => object.start({ tenantId, inboxId }, { newMailbox: false }))
  running.push(() => inside((object) => object.stop()))

  const run = async (job: Job) => {
    const batch = createMessageBatch('jobs', [
      { id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body: job },
    ])
    await worker.queue?.(batch, bindings, createExecutionContext())
  }
  const db = tenantDb(env.DB, tenantId)
  const settings = settingsOf(bindings)
  const desk = {
    ...{ account, tenantId, inboxId, profileId: inbox.profileId, db, jobs, inside, run },
    check: () => inside((object) => object.syncNow()),
    /** Runs what is queued, and what that queues, until nothing is. */
    async work() {
      for (let job = jobs.shift(); job; job = jobs.shift()) await run(job)
    },
    diagnose: () =>
      diagnose(
        {
          ...{ db, keyring: settings.keyring, now: Date.now(), makeProvider: realProvider(settings) },
          tokens: () => tokenSourceOf(stub),
          object: () => stub,
          release: async () => async () => {},
        },
        inboxId,
      ),
    /** Somebody has granted access anew. */
    async reconnected({ access, refresh }: Account['tokens']) {
      const tokens = { accessToken: access, refreshToken: refresh, expiresAt: Date.now() + 3_600_000 }
      const { microsoft: connection } = inbox
      const sealed = await sealConnection(settings.keyring, tenantId, inboxId, { microsoft: connection }, tokens)
      await env.DB.prepare('UPDATE inboxes SET credentials = ?, status = ?, paused_at = NULL WHERE id = ?')
        .bind(sealed.credentials, 'connected', inboxId)
        .run()
      await inside((object) => object.start({ tenantId, inboxId }, { newMailbox: false }))
    },
    /** Looks into the mailbox and works off what was found. */
    async sync() {
      await desk.check()
      await desk.work()
    },
    reply: (ticketId: string, text = 'Try turning it off.') =>
      writeReply(
        {
          db,
          blobs: env.BLOBS,
          jobs: { send: async (job) => void jobs.push(job) },
          now: Date.now(),
          secret: env.AUTH_SECRET,
        },
        { userId: tenant.users.agent, userName: 'The agent' },
        ticketId,
        { text },
      ),
    rows: async (sql: string, ...params: unknown[]) =>
      (
        await env.DB.prepare(sql)
          .bind(tenantId, ...params)
          .all<Record<string, string | number | null>>()
      ).results,
    tickets: () => desk.rows('SELECT * FROM tickets WHERE tenant_id = ?1 ORDER BY number'),
    messages: (ticketId: string) =>
      desk.rows('SELECT * FROM messages WHERE tenant_id = ?1 AND ticket_id = ?2 ORDER BY created_at, id', ticketId),
    message: async (id: string) =>
      (await desk.rows('SELECT * FROM messages WHERE tenant_id = ?1 AND id = ?2', id))[0] ?? {},
    ledger: () => desk.rows('SELECT * FROM ledger WHERE tenant_id = ?1 AND inbox_id = ?2', inboxId),
  }
  return desk
}
