// The one question "may this tenant use it?" in front of a route group.
import { createMiddleware } from 'hono/factory'
import type { FeatureKey } from '../contract/features'
import { AppError } from '../platform/errors'
import type { AppEnv } from '../platform/http/context'
import { sessionOf } from '../platform/http/route'
import { resolveEntitlements } from './resolve'

/** Refuses sessions whose plan lacks the feature with 403 feature_not_available. Comes after `access()`. */
export function requireFeature(feature: FeatureKey) {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (!resolveEntitlements(sessionOf(c).plan, c.get('modules')).features.has(feature)) {
      throw new AppError('feature_not_available', {
        detail: 'Your plan does not include this. Ask your administrator to upgrade.',
      })
    }
    await next()
  })
}
