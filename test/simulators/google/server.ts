// Puts the parts together: one port that answers as accounts.google.com, oauth2.googleapis.com, gmail.googleapis.com and Pub/Sub's push do.
import type { World } from './world.ts'

export type GoogleOptions = {
  port?: number
  /** folder that keeps accounts, mails, grants and keys */
  state?: string
  pushEndpoint?: string
  clientId?: string
  clientSecret?: string
  redirectUris?: readonly string[]
  topic?: string
  serviceAccount?: string
}

export declare function startGoogle(
  options?: GoogleOptions,
): Promise<{ url: string; close(): Promise<void>; world: World }>
