// Hono assembly: middleware order, one app.route() per slice, errors.
import { Hono } from 'hono'
import { settingsOf } from './env'
import type { WorkerModule } from './module'
import { systemClock } from './platform/clock'
import type { AppEnv } from './platform/http/context'
import { problemResponse } from './platform/http/problem'
import { jsonLimit, publicRoute } from './platform/http/route'
import { jobSender } from './platform/jobs'
import { log } from './platform/log'

/** Everything outside answers under /api. */
export function createApp(modules: WorkerModule[]) {
  const core = new Hono<AppEnv>().get('/health', publicRoute('Whether the Worker answers'), (c) =>
    c.json({
      ok: true,
      version: '0.1.0',
      edition: modules.length > 0 ? ('enterprise' as const) : ('community' as const),
    }),
  )

  const app = new Hono<AppEnv>()
    .use('/api/*', async (c, next) => {
      c.set('settings', settingsOf(c.env))
      c.set('clock', systemClock)
      c.set('jobs', jobSender(c.env))
      c.set('session', null)
      await next()
      c.header('cache-control', 'no-store')
    })
    .route('/api', core)
  app.onError((error) => {
    const response = problemResponse(error)
    if (response.status >= 500) log.error('http.error', { error })
    return response
  })
  void jsonLimit
  return app
}
export type AppType = ReturnType<typeof createApp>
