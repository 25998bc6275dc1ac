// Pub/Sub push: notifications of watched mailboxes, signed, delivered until acknowledged, with what may go wrong on the way.
// At-least-once and unordered like the real one; outstanding notifications outlive the process.
import type { Identity } from './identity.ts'
import type { Mailbox, Store } from './store.ts'
import type { World } from './world.ts'

export type PushSettings = {
  /** ms a push may take; Pub/Sub's ackDeadlineSeconds */
  ackDeadline: number
  /** ms before the first and the last retry */
  minBackoff: number
  maxBackoff: number
  /** ms between two announcements of one mailbox; what comes sooner is dropped, as Gmail does */
  interval: number
  /** the push endpoint where null */
  audience: string | null
}

/** What befalls the next notifications. `reorder` swaps them in pairs. */
export type Mishap = 'drop' | 'duplicate' | 'reorder' | 'hold'

type Notification = {
  messageId: string
  publishTime: string
  email: string
  historyId: string
  attempts: number
  waits: 'hold' | 'reorder' | null
}

type Data = {
  topicExists: boolean
  granted: boolean
  published: number
  outstanding: Notification[]
  mishaps: { kind: Mishap; left: number }[]
  settings: PushSettings
}

type Delivery = {
  messageId: string
  email: string
  historyId: string
  attempt: number
  status: number | null
  at: number
}

export type Push = ReturnType<typeof createPush>

const DEFAULTS: PushSettings = {
  ackDeadline: 10_000,
  minBackoff: 10_000,
  maxBackoff: 600_000,
  interval: 1_000,
  audience: null,
}
const ACKS = [102, 200, 201, 202, 204]
const RETENTION = 7 * 86_400_000
const AT_ONCE = 64
/** ms the first of a pair waits for the second, and after it */
const REORDER_PATIENCE = 1_500
const REORDER_GAP = 100
const TOKEN_LIFE = 3_600
const TOKEN_REUSE = 1_800
const KEPT_DELIVERIES = 1_000
/** Digits as the examples have them. */
const FIRST_MESSAGE_ID = 2_070_443_601_311_540n
const SUBJECT = '113774264463038321964'

export function createPush(world: World, identity: Identity, store: Store) {
  const data = world.section<Data>('pubsub', {
    topicExists: true,
    granted: true,
    published: 0,
    outstanding: [],
    mishaps: [],
    settings: { ...DEFAULTS },
  })
  const announcedAt = new Map<string, number>()
  const timers = new Set<NodeJS.Timeout>()
  const counts = { published: 0, surplus: 0, dropped: 0, sent: 0, acked: 0, retried: 0 }
  const deliveries: Delivery[] = []
  const ready: Notification[] = []
  let underWay = 0
  let closed = false
  let token = { value: '', about: '', until: 0 }
  let lastRequest: { authorization: string; body: string } | null = null

  const [, projectId = '', topicId = ''] = /^projects\/([^/]+)\/topics\/([^/]+)$/.exec(world.project.topic) ?? []
  const subscription = `projects/${projectId}/subscriptions/${topicId}-push`

  const later = (ms: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, ms)
    timers.add(timer.unref())
  }

  /** The claims of a good push token, issued now. */
  function claims(): Record<string, unknown> & { iat: number; exp: number; aud: string } {
    const iat = Math.floor(world.clock() / 1000)
    return {
      aud: data.settings.audience ?? world.project.pushEndpoint ?? '',
      azp: SUBJECT,
      email: world.project.serviceAccount,
      email_verified: true,
      exp: iat + TOKEN_LIFE,
      iat,
      iss: 'https://accounts.google.com',
      sub: SUBJECT,
    }
  }

  /** Tokens serve for many pushes, as Pub/Sub's do. */
  function bearer(): string {
    const fresh = claims()
    const about = `${fresh.aud} ${world.project.serviceAccount}`
    if (token.about !== about || token.until <= fresh.iat || token.until > fresh.iat + TOKEN_REUSE) {
      token = { value: identity.signJwt(fresh), about, until: fresh.iat + TOKEN_REUSE }
    }
    return `Bearer ${token.value}`
  }

  /** `text` is the message's data before base64. */
  const envelope = (text: string, messageId: string, publishTime: string) => ({
    message: {
      data: Buffer.from(text).toString('base64'),
      messageId,
      message_id: messageId,
      publishTime,
      publish_time: publishTime,
    },
    subscription,
  })

  /** POSTs to the push endpoint; the status, or null when there was none in time. */
  async function post(authorization: string | null, body: string): Promise<number | null> {
    try {
      const response = await fetch(world.project.pushEndpoint ?? '', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)',
          ...(authorization !== null && { authorization }),
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(data.settings.ackDeadline),
      })
      await response.arrayBuffer()
      return response.status
    } catch {
      return null
    }
  }

  /** Real deliveries carry the history id sometimes as a number, sometimes as a string. */
  function textOf({ email, historyId, messageId }: Notification): string {
    const id = BigInt(messageId) % 2n === 0n ? historyId : `"${historyId}"`
    return `{"emailAddress":${JSON.stringify(email)},"historyId":${id}}`
  }

  function enqueue(notification: Notification): void {
    ready.push(notification)
    while (ready.length > 0 && underWay < AT_ONCE && !closed) {
      const next = ready.shift()
      if (next) void deliver(next)
    }
  }

  async function deliver(notification: Notification): Promise<void> {
    underWay += 1
    notification.attempts += 1
    const { messageId, email, historyId, publishTime, attempts } = notification
    const authorization = bearer()
    const body = JSON.stringify(envelope(textOf(notification), messageId, publishTime))
    lastRequest = { authorization, body }
    counts.sent += 1
    const status = await post(authorization, body)
    underWay -= 1
    deliveries.push({ messageId, email, historyId, attempt: attempts, status, at: world.clock() })
    if (deliveries.length > KEPT_DELIVERIES) deliveries.shift()
    const acked = status !== null && ACKS.includes(status)
    const stale = Date.parse(publishTime) + RETENTION < world.clock()
    if (acked) counts.acked += 1
    if (acked || stale) {
      data.outstanding.splice(data.outstanding.indexOf(notification), 1)
      world.changed()
    } else if (!closed) {
      counts.retried += 1
      later(backoff(attempts), () => enqueue(notification))
    }
    const next = ready.shift()
    if (next && !closed) void deliver(next)
  }

  function backoff(attempts: number): number {
    const { minBackoff, maxBackoff } = data.settings
    return Math.min(maxBackoff, minBackoff * 2 ** (attempts - 1)) * (1 + Math.random() * 0.1)
  }

  /** Takes the next mishap that is planned, if any. */
  function mishap(): Mishap | null {
    const plan = data.mishaps[0]
    if (!plan) return null
    plan.left -= 1
    if (plan.left <= 0) data.mishaps.shift()
    return plan.kind
  }

  /** Lets go of what waits; of reordered ones the last comes first, and the others only after it. */
  function release(waits: 'hold' | 'reorder'): number {
    const waiting = data.outstanding.filter((notification) => notification.waits === waits)
    for (const notification of waiting) notification.waits = null
    const [first, ...rest] = waits === 'reorder' ? waiting.toReversed() : waiting
    if (first) enqueue(first)
    for (const notification of rest) {
      if (waits === 'hold') enqueue(notification)
      else later(REORDER_GAP, () => enqueue(notification))
    }
    return waiting.length
  }

  /** Publishes one notification, past the limit of one a second. */
  function publish(email: string, historyId: string): void {
    if (world.project.pushEndpoint === null || !data.granted || !data.topicExists) return
    data.published += 1
    counts.published += 1
    const notification: Notification = {
      messageId: String(FIRST_MESSAGE_ID + BigInt(data.published)),
      publishTime: new Date(world.clock()).toISOString(),
      email,
      historyId,
      attempts: 0,
      waits: null,
    }
    world.changed()
    const fate = mishap()
    if (fate === 'drop') {
      counts.dropped += 1
      return
    }
    data.outstanding.push(notification)
    if (fate === 'duplicate') {
      const twin = { ...notification }
      data.outstanding.push(twin)
      enqueue(twin)
    }
    if (fate === 'hold' || fate === 'reorder') notification.waits = fate
    else enqueue(notification)
    if (fate !== 'reorder') return
    const pair = data.outstanding.filter(({ waits }) => waits === 'reorder').length === 2
    if (pair) release('reorder')
    else later(REORDER_PATIENCE, () => release('reorder'))
  }

  /** Whether the watch of a mailbox wants to hear of its latest change. */
  function watched({ watch, history }: Mailbox): boolean {
    if (!watch || watch.expiration <= world.clock()) return false
    if (watch.labelIds.length === 0) return true
    const last = history.at(-1)
    const labels = [...(last?.labelIds ?? []), ...(last?.changed ?? [])]
    return watch.exclude !== watch.labelIds.some((label) => labels.includes(label))
  }

  world.events.on('mailbox', (email, historyId) => {
    if (!watched(store.mailbox(email))) return
    const now = world.clock()
    const before = announcedAt.get(email)
    if (before !== undefined && now >= before && now - before < data.settings.interval) {
      counts.surplus += 1
      return
    }
    announcedAt.set(email, now)
    publish(email, historyId)
  })

  world.events.once('close', () => {
    closed = true
    for (const timer of timers) clearTimeout(timer)
  })

  // What was outstanding when the process ended is delivered again.
  for (const notification of data.outstanding.filter(({ waits }) => waits !== 'hold')) {
    notification.waits = null
    later(data.settings.minBackoff, () => enqueue(notification))
  }

  world.reports.push = () => ({
    ...counts,
    outstanding: data.outstanding.length,
    granted: data.granted,
    topicExists: data.topicExists,
    mishaps: data.mishaps,
    settings: data.settings,
    deliveries,
  })

  return {
    publish,
    release: () => {
      data.mishaps = data.mishaps.filter(({ kind }) => kind !== 'hold')
      return release('hold') + release('reorder')
    },
    plan(kind: Mishap, count: number): void {
      data.mishaps.push({ kind, left: count })
      world.changed()
    },
    setTopic({ granted = data.granted, exists = data.topicExists }: { granted?: boolean; exists?: boolean }): void {
      data.granted = granted
      data.topicExists = exists
      world.changed()
    },
    configure(settings: Partial<PushSettings>): PushSettings {
      Object.assign(data.settings, settings)
      world.changed()
      return data.settings
    },
    topic: () => ({ exists: data.topicExists, granted: data.granted, projectId }),
    claims,
    envelope,
    post,
    lastRequest: () => lastRequest,
  }
}
