// Feature keys and limits as the UI sees them (`capabilities`, `limits` of the session). Plan names never leave `entitlements`.
export const FEATURE_KEYS = ['advanced_reports', 'public_api', 'sso', 'calendar', 'teams'] as const
export type FeatureKey = (typeof FEATURE_KEYS)[number]
/** null = unlimited */
export type PlanLimits = { inboxes: number | null }
