// What every answer under /api carries, and the refusal of requests that another site made a browser send.
import { createMiddleware } from 'hono/factory'
import { AppError } from '../errors'
import type { AppEnv } from './context'
import { isProviderPath } from './provider-paths'

/** An API answer is data: nothing in it may run, be framed, be guessed at or be cached. A route's own header wins. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
}

export const securityHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next()
  c.header('x-request-id', c.get('requestId'))
  for (const [name, value] of Object.entries(HEADERS)) if (!c.res.headers.has(name)) c.header(name, value)
})

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses unsafe methods that come from another origin (CSRF). A browser always names the origin of such a request; one without
 * an Origin is no browser's, carries no ambient cookie and passes. Providers' own calls are verified by their routes instead.
 */
export const refuseForeignOrigin = createMiddleware<AppEnv>(async (c, next) => {
  if (!SAFE_METHODS.includes(c.req.method) && !isProviderPath(c.req.path)) {
    const origin = c.req.header('origin')
    const own = [new URL(c.req.url).origin, new URL(c.get('settings').APP_URL).origin]
    const foreign = origin === undefined ? c.req.header('sec-fetch-site') === 'cross-site' : !own.includes(origin)
    if (foreign) throw new AppError('foreign_origin', { detail: 'This request came from another site.' })
  }
  await next()
})
