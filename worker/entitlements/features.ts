// The table of plans: what each may use. Plan names are known here and nowhere else but to the operator's routes.
import type { FeatureKey, PlanLimits } from '../contract/features'

type Plan = { features: readonly FeatureKey[]; limits: PlanLimits }

const PLANS = {
  trial: { features: ['advanced_reports'], limits: { inboxes: 10 } },
  growth: { features: ['advanced_reports'], limits: { inboxes: 10 } },
  starter: { features: [], limits: { inboxes: 3 } },
  business: { features: ['advanced_reports', 'public_api'], limits: { inboxes: 25 } },
  enterprise: {
    features: ['advanced_reports', 'public_api', 'sso', 'calendar', 'teams'],
    limits: { inboxes: null },
  },
} as const satisfies Record<string, Plan>

export const PLAN_NAMES = Object.keys(PLANS) as (keyof typeof PLANS)[]

/** Features whose code is a module of an edition: a plan alone does not bring them. */
export const MODULE_OF: Partial<Record<FeatureKey, string>> = { sso: 'sso', calendar: 'calendar', teams: 'teams' }

/** The plan of that name; a name that is not in the table gets the smallest plan rather than everything. */
export function planNamed(name: string): Plan {
  return Object.hasOwn(PLANS, name) ? PLANS[name as keyof typeof PLANS] : PLANS.starter
}
