// Which edition a build is: one with any module installed is the enterprise edition. Pure.

export type Edition = 'community' | 'enterprise'

export function editionOf(installedModules: readonly string[]): Edition {
  return installedModules.length > 0 ? 'enterprise' : 'community'
}
