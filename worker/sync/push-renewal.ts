// Asks a mailbox's provider for push, or prolongs it, and says what that means for the push state. Stores nothing.
import { log } from '../platform/log'
import { ProviderError, type PushCapable } from '../providers/provider'
import { loadInbox } from './credentials'
import type { MailboxDeps, OpenedMailbox } from './mailbox'
import { failureOf } from './policy'
import { leaseOf, type PushState, refused, removed, renewed, subscribed, wantsAnew } from './push-state'

type Change = (push: PushState) => PushState

/**
 * The change that the provider's answer makes to a push state, or null where there is nothing to ask for. Never throws: a failure is a
 * change too. `askedAt` is now, ms.
 */
export async function renewPush(
  open: () => Promise<OpenedMailbox>,
  before: PushState,
  askedAt: number,
): Promise<Change | null> {
  // What is known of the standing order however asking for another one ends.
  let known: Change = (push) => push
  try {
    const mailbox = await open()
    if (!mailbox.open) return null
    const { push } = mailbox.provider
    try {
      if (!push) return null
      if (!wantsAnew(before, askedAt)) {
        const prolonged = await prolong(push, before)
        if (prolonged) return prolonged
        known = removed
      }
      const lease = await push.subscribe(leaseOf(before))
      return (current) => subscribed(current, lease, askedAt)
    } finally {
      await mailbox.provider.close()
    }
  } catch (error) {
    log.warn('inbox.push', { error })
    const { message, hint, retryAfter } = failureOf(error)
    const retryAt = retryAfter === null ? null : askedAt + retryAfter
    return (current) => refused(known(current), [message, hint].filter(Boolean).join(' '), retryAt)
  }
}

/** Null where the provider knows nothing of the standing order any more. */
async function prolong(push: PushCapable, before: PushState): Promise<Change | null> {
  const standing = leaseOf(before)
  if (!standing) return null
  try {
    const lease = await push.renew(standing)
    return (current) => renewed(current, lease)
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'not_found') return null
    throw error
  }
}

/**
 * Ends the subscription of an inbox that was archived: its access is kept, its mail is not read. Never throws: a subscription that is not
 * renewed ends by itself.
 */
export async function endSubscription(deps: MailboxDeps, inboxId: string, before: PushState): Promise<void> {
  if (before.subscription === null) return
  try {
    const loaded = await loadInbox(deps.db, deps.keyring, inboxId)
    if (!loaded?.connection) return
    const { subscriptionsInUse } = deps
    const provider = deps.makeProvider(loaded.connection, {
      since: Number.POSITIVE_INFINITY,
      token: deps.tokens(inboxId),
      ...(subscriptionsInUse && { subscriptionsInUse }),
    })
    try {
      await provider.push?.unsubscribe(leaseOf(before))
    } finally {
      await provider.close()
    }
  } catch (error) {
    log.warn('inbox.push.end', { inboxId, error })
  }
}
