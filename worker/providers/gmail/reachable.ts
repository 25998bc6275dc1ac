// Whether Gmail answers for this mailbox at all: the cheapest question there is.
import { ProviderError } from '../provider'
import { Profile } from './answers'
import type { GmailClient } from './client'
import { UNITS } from './limits'

/** What stands between us and the mailbox just now; null where it answers. */
export async function mailboxTrouble(client: GmailClient): Promise<ProviderError | null> {
  try {
    await client.call(Profile, { path: 'profile', units: UNITS.profile })
    return null
  } catch (error) {
    if (error instanceof ProviderError) return error
    throw error
  }
}
