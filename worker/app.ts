// Hono assembly: middleware order, one app.route() per slice, errors.
import { type Context, Hono } from 'hono'
import { requestId } from 'hono/request-id'
import { z } from 'zod'
import { editionOf } from './entitlements/edition'
import { settingsOf } from './env'
import { peopleRoutes } from './features/auth/people.routes'
import { authRoutes } from './features/auth/routes'
import { sessionFromCookie } from './features/auth/session'
import { inboxRoutes } from './features/inboxes/routes'
import { microsoftRoutes } from './features/microsoft/routes'
import { tenantRoutes } from './features/tenants/routes'
import { attachmentRoutes } from './features/tickets/attachment.routes'
import { messageRoutes } from './features/tickets/message.routes'
import { ticketRoutes } from './features/tickets/routes'
import { ingestRoutes } from './ingest/routes'
import type { WorkerModule } from './module'
import { systemClock } from './platform/clock'
import { AppError } from './platform/errors'
import type { AppEnv, Variables } from './platform/http/context'
import { openApi } from './platform/http/openapi'
import { otherEditionRoutes } from './platform/http/other-edition'
import { problemResponse } from './platform/http/problem'
import { answers, publicRoute } from './platform/http/route'
import { routeTable } from './platform/http/route-table'
import { refuseForeignOrigin, securityHeaders } from './platform/http/security'
import { jobSender } from './platform/jobs'
import { log } from './platform/log'
import { systemDb } from './platform/system-db'
import { syncRoutes } from './sync/connect.routes'
import { graphPushRoutes } from './sync/graph-push.routes'
import { realProvider } from './sync/mailbox'
import { pushRoutes } from './sync/push.routes'
import { prepareRelease } from './sync/release-grant'

const VERSION = '0.1.0'
const Health = z.object({ ok: z.boolean(), version: z.string(), edition: z.enum(['community', 'enterprise']) })

/** Everything outside answers under /api. */
export function createApp(modules: WorkerModule[]) {
  const installed = modules.map((module) => module.id)
  const core = new Hono<AppEnv>().get('/health', publicRoute('Whether the Worker answers'), answers(200, Health), (c) =>
    c.json({ ok: true, version: VERSION, edition: editionOf(installed) }),
  )

  const app = new Hono<AppEnv>()
    .use(requestId({ headerName: '' }))
    .use(securityHeaders)
    .use(async (c, next) => {
      c.set('settings', settingsOf(c.env))
      c.set('clock', systemClock)
      c.set('jobs', jobSender(c.env))
      c.set('modules', installed)
      c.set('releaseConnection', releaseConnection(c))
      await next()
    })
    .use(refuseForeignOrigin)
    .use(sessionFromCookie)
    .route('/api', core)
    .route('/api', authRoutes)
    .route('/api', peopleRoutes)
    .route('/api', tenantRoutes)
    // Before the inboxes: /inboxes/autoconfig would else be the inbox of that id.
    .route('/api', syncRoutes)
    .route('/api', inboxRoutes)
    .route('/api', microsoftRoutes)
    .route('/api', ticketRoutes)
    .route('/api', messageRoutes)
    .route('/api', attachmentRoutes)
    .route('/api', ingestRoutes)
    .route('/api', pushRoutes)
    .route('/api', graphPushRoutes)

  app.get('/api/openapi.json', publicRoute('This list of routes'), answers(200, z.looseObject({})), (c) =>
    c.json(openApi(routeTable(app), VERSION)),
  )
  app.route('/api', otherEditionRoutes(installed))
  for (const { routes } of modules) if (routes) app.route('/api', routes)

  app.notFound(() => problemResponse(new AppError('not_found')))
  app.onError((error, c) => {
    const response = problemResponse(error)
    if (response.status === 500) {
      log.error('http.error', { requestId: c.get('requestId'), method: c.req.method, path: c.req.path, error })
    }
    return response
  })
  return app
}

/** Wired here, since the inboxes slice knows no provider. */
const releaseConnection =
  (c: Context<AppEnv>): Variables['releaseConnection'] =>
  (db, inboxId) => {
    const settings = c.get('settings')
    const deps = {
      db,
      system: systemDb(c.env.DB),
      settings,
      clock: c.get('clock'),
      fetch: (...args: Parameters<typeof fetch>) => fetch(...args),
      makeProvider: realProvider(settings),
      object: (id: string) => c.env.INBOX.get(c.env.INBOX.idFromName(id)),
    }
    return prepareRelease(deps, inboxId)
  }

export type AppType = ReturnType<typeof createApp>
