// The standing order for push: a Graph subscription on the inbox. The new one stands before the old one goes, and none is left behind.
import type { Clock } from '../../platform/clock'
import { newToken } from '../../platform/ids'
import type { Lease, PushCapable } from '../provider'
import { ProviderError } from '../provider'
import { Subscription, SubscriptionList } from './answers'
import type { Call, GraphClient, GraphMailbox } from './client'
import type { GraphLimits } from './limits'

export type SubscriptionDeps = {
  client: GraphClient
  clock: Clock
  limits: GraphLimits
  /** those of these subscriptions that somebody of this deployment listens to; none where absent */
  subscriptionsInUse?: ((ids: string[]) => Promise<Set<string>>) | undefined
}
export type SubscriptionConfig = { mailbox: GraphMailbox; notificationUrl: string; lifecycleUrl: string }

/** Push for a mailbox. Graph calls `notificationUrl` back while it gives a subscription, so each one that stands is proven. */
export function subscriptionsOf(deps: SubscriptionDeps, config: SubscriptionConfig): PushCapable {
  const remove = (id: string) => removeOne(deps.client, id)
  return {
    async subscribe(standing) {
      const old = standing?.subscription?.id
      const lease = await replacing(deps, config, old)
      if (old !== undefined) await tolerant(() => remove(old))
      await tolerant(() => removeOrphans(deps, config, lease))
      return lease
    },
    renew: (standing) => renew(deps, config, standing),
    async unsubscribe(standing) {
      if (standing?.subscription) await remove(standing.subscription.id)
      // One that was given while somebody let go of the mailbox is known to nobody.
      await removeOrphans(deps, config, null)
    },
  }
}

/**
 * A subscription that lives for a moment: proof that Microsoft reaches us and may announce this mailbox. A mailbox that has one already and
 * takes no second one has proven it.
 */
export async function probeSubscription(
  deps: SubscriptionDeps,
  config: SubscriptionConfig,
): Promise<'given' | 'stands'> {
  try {
    const { subscription } = await create(deps, config)
    if (subscription) await removeOne(deps.client, subscription.id)
    return 'given'
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'graph_conflict') return 'stands'
    throw error
  }
}

/** Where Graph takes no second subscription on the same mailbox, what stands goes first. */
async function replacing(deps: SubscriptionDeps, config: SubscriptionConfig, old: string | undefined): Promise<Lease> {
  try {
    return await create(deps, config)
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== 'graph_conflict') throw error
    if (old !== undefined) await removeOne(deps.client, old)
    await tolerant(() => removeOrphans(deps, config, null))
    return create(deps, config)
  }
}

async function create(deps: SubscriptionDeps, config: SubscriptionConfig): Promise<Lease> {
  const clientState = newToken()
  const order = (expirationDateTime: string) =>
    deps.client.call(Subscription, {
      root: 'subscriptions',
      method: 'POST',
      json: {
        changeType: 'created',
        resource: resourceOf(config.mailbox),
        notificationUrl: config.notificationUrl,
        lifecycleNotificationUrl: config.lifecycleUrl,
        clientState,
        expirationDateTime,
      },
    })
  const { id, expirationDateTime } = await asLongAsAllowed(deps, config, order)
  return { expiresAt: expirationDateTime, subscription: { id, clientState }, proven: true }
}

/** Prolongs what stands. Throws 'not_found' where it does not stand any more. */
async function renew(deps: SubscriptionDeps, config: SubscriptionConfig, standing: Lease): Promise<Lease> {
  const { subscription } = standing
  if (!subscription) throw new ProviderError('not_found', 'graph_no_subscription', NO_SUBSCRIPTION)
  const prolong = (expirationDateTime: string) =>
    deps.client.call(Subscription, {
      root: `subscriptions/${encodeURIComponent(subscription.id)}`,
      method: 'PATCH',
      json: { expirationDateTime },
    })
  try {
    const { expirationDateTime } = await asLongAsAllowed(deps, config, prolong)
    return { ...standing, expiresAt: expirationDateTime }
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== 'graph_refused') throw error
    // "ErrorInvalidParameter": Graph knows the id and not the subscription.
    throw new ProviderError('not_found', 'graph_no_subscription', NO_SUBSCRIPTION, { cause: error.cause })
  }
}

const NO_SUBSCRIPTION = 'Microsoft has ended its announcements for this mailbox.'

/** The longest life has changed over the years: one that is refused is asked for shorter. What counts is what the answer grants. */
async function asLongAsAllowed<T>(
  { clock, limits }: SubscriptionDeps,
  config: SubscriptionConfig,
  ask: (expirationDateTime: string) => Promise<T>,
): Promise<T> {
  const after = (minutes: number) => new Date(clock() + minutes * 60_000).toISOString()
  try {
    try {
      return await ask(after(limits.lease))
    } catch (error) {
      if (!(error instanceof ProviderError) || error.code !== 'graph_refused') throw error
      return await ask(after(limits.shortLease))
    }
  } catch (error) {
    throw error instanceof ProviderError ? inWords(error, config) : error
  }
}

/** Graph's refusals of a subscription, in words that say what they mean for the mailbox. */
function inWords(error: ProviderError, { mailbox, notificationUrl }: SubscriptionConfig): ProviderError {
  const { cause } = error
  if (
    error.code === 'graph_access_denied' ||
    error.code === 'graph_forbidden' ||
    error.code === 'graph_consent_missing'
  )
    return new ProviderError('protocol', SUBSCRIPTION_DENIED, DENIED[mailbox.kind], { cause })
  if (error.code === 'graph_conflict') return new ProviderError('protocol', error.code, TAKEN, { cause })
  if (error.code === 'graph_refused' && /validation/i.test(error.message))
    return new ProviderError('protocol', 'graph_url_unreachable', `Microsoft cannot reach ${notificationUrl}.`, {
      cause,
      hint: 'The address must be reachable from the internet over https, without a redirect or a sign-in in front of it.',
    })
  return error
}

/** `code` of the error for a mailbox that Graph does not announce. */
export const SUBSCRIPTION_DENIED = 'graph_subscription_denied'
const POLLED = 'so Postroom asks for new mail at intervals.'
const TAKEN = `Microsoft announces new mail of this mailbox to another inbox already, ${POLLED}`
const DENIED = {
  own: `Microsoft does not announce new mail of this mailbox, ${POLLED}`,
  shared: `Microsoft does not announce new mail of this shared mailbox to the account that connected it, ${POLLED}`,
  app: `Microsoft does not announce new mail of this mailbox to the app, ${POLLED}`,
}

/** A name and no URL, so nothing in it is escaped. */
function resourceOf({ kind, address }: GraphMailbox): string {
  return `${kind === 'own' ? 'me' : `users/${address}`}/mailFolders('Inbox')/messages`
}

/** What is gone already is as good as removed. */
async function removeOne(client: GraphClient, id: string): Promise<void> {
  try {
    await client.command({ root: `subscriptions/${encodeURIComponent(id)}`, method: 'DELETE' })
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'not_found') return
    throw error
  }
}

/**
 * Ends every other subscription of ours on this mailbox that nobody listens to: connecting again must not leave the old ones announcing,
 * while another tenant may read the same mailbox through the same app.
 */
async function removeOrphans(deps: SubscriptionDeps, config: SubscriptionConfig, kept: Lease | null): Promise<void> {
  const resource = resourceOf(config.mailbox).toLowerCase()
  const ours = (await listed(deps)).filter(
    (one) =>
      one.notificationUrl === config.notificationUrl &&
      one.resource?.replace(/^\//, '').toLowerCase() === resource &&
      one.id !== kept?.subscription?.id,
  )
  const used = await deps.subscriptionsInUse?.(ours.map(({ id }) => id))
  for (const { id } of ours) if (!used?.has(id)) await removeOne(deps.client, id)
}

/** The subscriptions that Graph shows to whoever asks, its pages one after another. */
async function listed({ client }: SubscriptionDeps): Promise<Subscription[]> {
  const found: Subscription[] = []
  let call: Call | null = { root: 'subscriptions' }
  for (let page = 0; call !== null && page < PAGES; page++) {
    const { value, '@odata.nextLink': link }: SubscriptionList = await client.call(SubscriptionList, call)
    found.push(...value)
    call = link === undefined ? null : { link }
  }
  return found
}

/** An app that opens mailboxes by itself is shown those of all of them; those behind the last page end by themselves. */
const PAGES = 20

/** Tidying up never takes away what stands. */
async function tolerant(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
  }
}
