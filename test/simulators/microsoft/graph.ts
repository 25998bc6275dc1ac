// Graph put together: mail, subscriptions, and their controls.
import type { Route } from '../shell/http.ts'
import type { Entra } from './entra.ts'
import type { World } from './world.ts'

export function graphPart(_world: World, _entra: Entra): Route[] {
  return []
}
