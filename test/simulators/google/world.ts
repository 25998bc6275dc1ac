// Google's world: the shared one, its accounts, and the project that is registered.
import { createHash } from 'node:crypto'
import { createWorld as createSharedWorld, type World as SharedWorld } from '../shell/world.ts'

/** A Google account: `id` is its `sub`, twenty-one digits; `email` lower case. */
export type Account = { id: string; email: string; name: string }

/** The project as registered with Google: its OAuth client, its topic and its push subscription. */
export type Project = {
  clientId: string
  clientSecret: string
  redirectUris: readonly string[]
  topic: string
  serviceAccount: string
  pushEndpoint: string | null
}

export type World = SharedWorld<Account> & { project: Project }

/** Makes a world; with `state` (a folder) it goes on from what was saved there. */
export function createWorld(project: Project, state?: string): World {
  const makeAccount = (email: string, name: string) => ({ id: subjectOf(email), email, name })
  return { ...createSharedWorld({ name: 'google', state, makeAccount }), project }
}

/** Google's subject ids are 21 digits and never change; here they follow from the address. */
function subjectOf(email: string): string {
  const number = BigInt(`0x${createHash('sha256').update(email).digest('hex').slice(0, 24)}`) % 10n ** 20n
  return `1${String(number).padStart(20, '0')}`
}
