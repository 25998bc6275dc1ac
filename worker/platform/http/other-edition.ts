// Public URLs of modules that are not in this build: they stay addressable and say so, in the shape their callers know.
import { Hono } from 'hono'
import { AppError } from '../errors'
import type { AppEnv } from './context'
import { PROVIDER_PATHS } from './provider-paths'
import { publicRoute } from './route'

/** One 501 answer for each provider path whose module is not installed. */
export function otherEditionRoutes(installed: readonly string[]): Hono<AppEnv> {
  const routes = new Hono<AppEnv>()
  for (const { method, path, module } of PROVIDER_PATHS) {
    if (module === 'core' || installed.includes(module)) continue
    routes.on(method, path, publicRoute(`Answered by the ${module} module, which is not in this build`), () => {
      const detail = `The ${module} module is not part of this edition.`
      throw new AppError('not_in_this_edition', { detail, extra: { success: false, error: detail } })
    })
  }
  return routes
}
