// Asks a mailbox's provider for push, or prolongs it, and says what that means for the push state. Stores nothing.
import { log } from '../platform/log'
import type { OpenedMailbox } from './mailbox'
import { failureOf } from './policy'
import { type PushState, refused, renewed, subscribed, wantsAnew } from './push-state'

/**
 * The change that the provider's answer makes to a push state, or null where there is nothing to ask for. Never throws: a failure is a
 * change too. `askedAt` is now, ms.
 */
export async function renewPush(
  open: () => Promise<OpenedMailbox>,
  before: PushState,
  askedAt: number,
): Promise<((push: PushState) => PushState) | null> {
  try {
    const mailbox = await open()
    if (!mailbox.open) return null
    const { push } = mailbox.provider
    try {
      if (!push) return null
      if (!wantsAnew(before, askedAt)) {
        const lease = await push.renew({ expiresAt: before.expiresAt ?? askedAt })
        return (current) => renewed(current, lease)
      }
      const lease = await push.subscribe(null)
      return (current) => subscribed(current, lease, askedAt)
    } finally {
      await mailbox.provider.close()
    }
  } catch (error) {
    log.warn('inbox.push', { error })
    const { message, hint } = failureOf(error)
    return (current) => refused(current, [message, hint].filter(Boolean).join(' '))
  }
}
