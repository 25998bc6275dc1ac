// Composition root: core and an edition's modules become one Worker. Here, and nowhere else, the zones are wired to each other.
import { createApp } from './app'
import { Job } from './contract/jobs'
import type { OnStored } from './contract/pipeline'
import { type Env, settingsOf } from './env'
import { removeExpired } from './features/auth/expired'
import { drainSearchQueue } from './features/tickets/search-index'
import { runAttachments } from './ingest/attachment-job'
import { type IngestDeps, ingestStored, runIngest } from './ingest/ingest-job'
import type { WorkerModule } from './module'
import { runOutbound } from './outbound/reply-job'
import { systemClock } from './platform/clock'
import { TenantLeakError, tenantDb } from './platform/db'
import { newId } from './platform/ids'
import { jobSender } from './platform/jobs'
import { log } from './platform/log'
import { backoff } from './platform/retry'
import { systemDb } from './platform/system-db'
import { handleEmail } from './sync/email-entry'
import { runFetch } from './sync/fetch-job'
import { realProvider } from './sync/mailbox'
import { mimeSender } from './sync/send-mime'
import { sweep } from './sync/sweep'
import { tokenSourceOf } from './sync/token-keeper'

/** The Worker's handlers for a list of modules; the community edition has none. */
export function createWorker(modules: WorkerModule[]): ExportedHandler<Env> {
  const app = createApp(modules)
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    async queue(batch, env) {
      for (const message of batch.messages) await consume(message, env)
    },
    async scheduled(_event, env) {
      await sweep({
        ...coreOf(env),
        system: systemDb(env.DB),
        poke: (owner, hint) => inboxObject(env, owner.inboxId).poke(owner, hint),
        pollInterval: settingsOf(env).POSTROOM_POLL_SECONDS * 1000,
        watches: settingsOf(env).GOOGLE_PUBSUB_TOPIC !== undefined,
      })
      await drainSearchQueues(env)
      await removeExpired(systemDb(env.DB), systemClock())
    },
    async email(message, env) {
      await handleEmail({ ...coreOf(env), system: systemDb(env.DB), onStored: onStored(env) }, message)
    },
  }
}

/** Tickets whose words changed and that no search has asked for yet. */
async function drainSearchQueues(env: Env): Promise<void> {
  const { results } = await systemDb(env.DB)
    .d1.prepare('SELECT DISTINCT tenant_id AS id FROM ticket_search_queue LIMIT 200')
    .all<{ id: string }>()
  for (const { id } of results) await drainSearchQueue(tenantDb(env.DB, id), 5_000)
}

/** What every job works with. */
function coreOf(env: Env): IngestDeps {
  return {
    db: (tenantId) => tenantDb(env.DB, tenantId),
    blobs: env.BLOBS,
    jobs: jobSender(env),
    clock: systemClock,
    newId,
    authSecret: settingsOf(env).AUTH_SECRET,
    random: Math.random,
  }
}

const onStored =
  (env: Env): OnStored =>
  (tenantId, inboxId, mails) =>
    ingestStored(coreOf(env), tenantId, inboxId, mails)

const inboxObject = (env: Env, inboxId: string) => env.INBOX.get(env.INBOX.idFromName(inboxId))

/** Runs one job and settles its message, whatever becomes of the others. */
async function consume(message: Message, env: Env): Promise<void> {
  const parsed = Job.safeParse(message.body)
  if (!parsed.success) {
    log.error('job.unknown', { messageId: message.id })
    message.ack()
    return
  }
  try {
    await run(parsed.data, env)
    message.ack()
  } catch (error) {
    log.error('job.failed', { kind: parsed.data.kind, attempts: message.attempts, error })
    const verdict = verdictOn(error)
    switch (verdict) {
      case 'give_up':
        message.ack()
        break
      // After max_retries the platform moves it to the dead-letter queue; the sweeper has long found its rows.
      case 'retry':
        message.retry({ delaySeconds: Math.ceil(backoff(message.attempts, 5_000, 300_000, Math.random()) / 1000) })
        break
      default:
        verdict satisfies never
    }
  }
}

/** A bug repeats itself, so its job is not repeated; anything else may pass. The rows are the truth either way. */
function verdictOn(error: unknown): 'give_up' | 'retry' {
  return error instanceof TenantLeakError ? 'give_up' : 'retry'
}

function run(job: Job, env: Env): Promise<void> {
  const core = coreOf(env)
  switch (job.kind) {
    case 'fetch':
      return runFetch(
        {
          ...core,
          db: core.db(job.tenantId),
          keyring: settingsOf(env).keyring,
          makeProvider: realProvider(settingsOf(env)),
          tokens: (inboxId) => tokenSourceOf(inboxObject(env, inboxId)),
          onStored: onStored(env),
          slots: inboxObject(env, job.inboxId),
        },
        job,
      )
    case 'ingest':
      return runIngest(core, job)
    case 'attachment':
      return runAttachments(core, job)
    case 'outbound': {
      const sendMime = mimeSender({
        db: core.db,
        keyring: settingsOf(env).keyring,
        makeProvider: realProvider(settingsOf(env)),
        tokens: (inboxId) => tokenSourceOf(inboxObject(env, inboxId)),
        charge: (inboxId, units) => inboxObject(env, inboxId).charge(units),
        gate: (inboxId) => inboxObject(env, inboxId),
      })
      return runOutbound({ ...core, sendMime }, job)
    }
  }
}
