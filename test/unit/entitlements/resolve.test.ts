import { describe, expect, it } from 'vitest'
import { resolveEntitlements } from '../../../worker/entitlements/resolve'

const ALL_MODULES = ['sso', 'calendar', 'teams']
const of = (plan: string, modules: string[] = []) => {
  const { features, limits } = resolveEntitlements(plan, modules)
  return { features: [...features].sort(), inboxes: limits.inboxes }
}

describe('what a plan brings', () => {
  it.each([
    ['trial', ['advanced_reports'], 10],
    ['growth', ['advanced_reports'], 10],
    ['starter', [], 3],
    ['business', ['advanced_reports', 'public_api'], 25],
    ['enterprise', ['advanced_reports', 'calendar', 'public_api', 'sso', 'teams'], null],
  ])('%s, where every module is in the build', (plan, features, inboxes) => {
    expect(of(plan, ALL_MODULES)).toEqual({ features, inboxes })
  })

  it('never names a feature whose module is not in the build', () => {
    expect(of('enterprise')).toEqual({ features: ['advanced_reports', 'public_api'], inboxes: null })
    expect(of('enterprise', ['calendar']).features).toContain('calendar')
    expect(of('enterprise', ['calendar']).features).not.toContain('sso')
  })

  it.each(['', 'platinum', 'constructor', '__proto__'])('gives an unknown plan (%j) the least', (plan) => {
    expect(of(plan, ALL_MODULES)).toEqual({ features: [], inboxes: 3 })
  })
})
