// What a tenant may use: its plan, cut down to what this build contains. Pure.
import type { FeatureKey, PlanLimits } from '../contract/features'
import { MODULE_OF, planNamed } from './features'

export type Entitlements = { features: ReadonlySet<FeatureKey>; limits: PlanLimits }

/** The features and limits of a plan in a build with these modules. */
export function resolveEntitlements(plan: string, installedModules: readonly string[]): Entitlements {
  const { features, limits } = planNamed(plan)
  const inThisBuild = (feature: FeatureKey) => {
    const module = MODULE_OF[feature]
    return module === undefined || installedModules.includes(module)
  }
  return { features: new Set(features.filter(inThisBuild)), limits }
}
