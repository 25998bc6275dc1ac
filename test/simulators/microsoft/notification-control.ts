// Controls of subscriptions and notifications, and notifications that Graph never sent: each variant is wrong in exactly one way.
import { randomUUID } from 'node:crypto'
import { accountOf, control, controlGet, text } from '../shell/control.ts'
import type { Route } from '../shell/http.ts'
import type { Graph } from './graph-access.ts'
import { MISHAPS, type NotificationSettings, type Notifications } from './notifications.ts'
import { LIFECYCLE_EVENTS, type Subscription, type Subscriptions } from './subscriptions.ts'

const VARIANTS = [
  'wrong_client_state',
  'no_client_state',
  'unknown_subscription',
  'mixed',
  'malformed',
  'oversized',
] as const
type Variant = (typeof VARIANTS)[number]

/** Bytes; more than any real POST of Graph. */
const OVERSIZED = 4 * 1024 * 1024
const TIMES = [
  ...(['gather', 'batch', 'deadline', 'slowAfter', 'handshake'] as const),
  ...(['minBackoff', 'maxBackoff', 'retryFor', 'slowDelay'] as const),
]

type Parts = { graph: Graph; subscriptions: Subscriptions; notifications: Notifications }

export function notificationControls({ graph, subscriptions, notifications }: Parts): Route[] {
  const { world, store } = graph
  const of = (mailbox: string): Subscription[] => subscriptions.living().filter((one) => one.mailbox === mailbox)

  /** Sends the forgery; the endpoint's status, null when it did not answer. */
  async function forge(mailbox: string, variant: Variant): Promise<number | null> {
    const [target] = of(mailbox)
    if (!target) throw new Error('the account has no subscription')
    const newest = store.list(store.mailbox(mailbox), target.folder)[0]
    const good = subscriptions.itemOf(target, 'created', newest?.id ?? 'AAMkAGforged')
    const { clientState: _, ...without } = good
    const post = (value: unknown) => notifications.post(target.notificationUrl, JSON.stringify({ value }))
    switch (variant) {
      case 'wrong_client_state':
        return post([{ ...good, clientState: 'somebody-elses-state' }])
      case 'no_client_state':
        return post([without])
      case 'unknown_subscription':
        return post([{ ...good, subscriptionId: randomUUID() }])
      case 'mixed': {
        const others = subscriptions.living().filter((one) => one.notificationUrl === target.notificationUrl)
        const goods = others.map((one) => subscriptions.itemOf(one, 'created', newest?.id ?? 'AAMkAGforged'))
        const nonsense = { subscriptionId: 7, changeType: null }
        return post([{ ...good, clientState: 'wrong' }, nonsense, ...goods, { ...good, subscriptionId: randomUUID() }])
      }
      case 'malformed':
        return notifications.post(target.notificationUrl, '{"value":[{"subscriptionId":')
      case 'oversized':
        return post([{ ...good, padding: 'x'.repeat(OVERSIZED) }])
    }
  }

  return [
    control('notifications', (input) => {
      const next = MISHAPS.find((kind) => kind === input.next)
      if (!next) throw new Error(`next must be one of ${MISHAPS.join(', ')}`)
      notifications.plan(next, typeof input.count === 'number' ? input.count : 1)
    }),
    control('notifications/release', () => ({ released: notifications.release() })),
    control('notifications/settings', (input) => Object.assign(notifications.settings, timesOf(input))),
    control('lifecycle', (input) => {
      const event = LIFECYCLE_EVENTS.find((kind) => kind === input.event)
      if (!event) throw new Error(`event must be one of ${LIFECYCLE_EVENTS.join(', ')}`)
      return { told: subscriptions.lifecycle(event, accountOf(world, input).email, input.silently === true) }
    }),
    controlGet('subscriptions', () => ({ subscriptions: subscriptions.living() })),
    control('subscriptions/settings', ({ maxMinutes, duplicates, shared }) => {
      const { settings } = subscriptions
      if (typeof maxMinutes === 'number') settings.maxMinutes = maxMinutes
      if (duplicates === 'allow' || duplicates === 'refuse') settings.duplicates = duplicates
      if (shared === 'allow' || shared === 'refuse') settings.shared = shared
      world.changed()
      return settings
    }),
    control('subscriptions/forge', async (input) => {
      const variant = VARIANTS.find((kind) => kind === text(input, 'variant'))
      if (!variant) throw new Error(`variant must be one of ${VARIANTS.join(', ')}`)
      return { status: await forge(accountOf(world, input).email, variant) }
    }),
  ]
}

function timesOf(input: Record<string, unknown>): Partial<NotificationSettings> {
  return Object.fromEntries(TIMES.flatMap((name) => (typeof input[name] === 'number' ? [[name, input[name]]] : [])))
}
