// Graph's subscriptions: creation with the handshake on both URLs, life limits, renewal, and which change is told to whom.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Route, SimRequest, SimResponse } from '../shell/http.ts'
import { type IdType, idOf } from './derive.ts'
import type { Caller } from './entra.ts'
import { type Graph, jsonBody, mailboxAccount, ok, plainRoute, preferences } from './graph-access.ts'
import { accessDenied, badRequest, graphError, isRefusal, malformedId, resourceNotFound } from './graph-error.ts'
import { canonicalPath } from './graph-path.ts'
import type { Notifications } from './notifications.ts'
import type { Change, Mailbox, StoredMessage } from './store.ts'

/** As stored. `expires` in ms; `folder` null for the whole mailbox; `user` null for those an app made for itself. */
export type Subscription = {
  id: string
  mailbox: string
  folder: string | null
  changeTypes: string[]
  resource: string
  notificationUrl: string
  lifecycleUrl: string | null
  clientState: string | null
  expires: number
  clientId: string
  user: string | null
  creatorId: string
  ids: IdType
  /** nothing is told until it is reauthorized or renewed */
  paused: boolean
}

/** `maxMinutes`: the longest life; `duplicates` and `shared`: whether a second one on the same resource, or one on somebody else's mailbox, is refused. */
export type SubscriptionSettings = { maxMinutes: number; duplicates: 'allow' | 'refuse'; shared: 'allow' | 'refuse' }

export const LIFECYCLE_EVENTS = ['reauthorizationRequired', 'subscriptionRemoved', 'missed'] as const
export type LifecycleEvent = (typeof LIFECYCLE_EVENTS)[number]

export type Subscriptions = ReturnType<typeof createSubscriptions>

const MINUTE = 60_000
const LEAST_MINUTES = 45
const MAX_CLIENT_STATE = 128
const MAX_PER_MAILBOX = 1_000

export function createSubscriptions(graph: Graph, notifications: Notifications) {
  const { world, store } = graph
  const data = world.section<{ list: Subscription[]; settings: SubscriptionSettings }>('subscriptions', {
    list: [],
    settings: { maxMinutes: 10_080, duplicates: 'allow', shared: 'allow' },
  })
  const handshakes = { sent: 0, failed: 0 }

  /** Those that live; the others are forgotten as soon as somebody looks. */
  const living = (): Subscription[] => {
    if (data.list.some(({ expires }) => expires <= world.clock())) {
      data.list = data.list.filter(({ expires }) => expires > world.clock())
      world.changed()
    }
    return data.list
  }

  const end = (subscription: Subscription): void => {
    data.list = data.list.filter((one) => one !== subscription)
    world.changed()
  }

  const find = (request: SimRequest, caller: Caller): Subscription | null =>
    living().find((one) => one.id === request.params.id?.toLowerCase() && isOf(one, caller)) ?? null

  const list = (request: SimRequest, caller: Caller): SimResponse =>
    ok({
      '@odata.context': `${request.url.origin}/v1.0/$metadata#subscriptions`,
      value: living()
        .filter((one) => isOf(one, caller))
        .map(json),
    })

  const get = (request: SimRequest, caller: Caller): SimResponse => {
    const found = find(request, caller)
    return found ? ok(json(found)) : resourceNotFound()
  }

  async function create(request: SimRequest, caller: Caller): Promise<SimResponse> {
    const body = jsonBody(request)
    const text = (name: string): string | null => (typeof body[name] === 'string' ? body[name] : null)
    const [changeType, notificationUrl, resource] = [text('changeType'), text('notificationUrl'), text('resource')]
    if (!changeType || !notificationUrl || !resource) {
      return badRequest('InvalidRequest', 'changeType, notificationUrl and resource are required.')
    }
    const target = targetOf(graph, caller, resource)
    if (isRefusal(target)) return target
    const changeTypes = changeType.split(',').map((type) => type.trim().toLowerCase())
    if (changeTypes.some((type) => !['created', 'updated', 'deleted'].includes(type))) {
      return badRequest('InvalidRequest', `Unsupported changeType '${changeType}'.`)
    }
    const clientState = text('clientState')
    if (clientState !== null && clientState.length > MAX_CLIENT_STATE) {
      return badRequest('InvalidRequest', `clientState can not be longer than ${MAX_CLIENT_STATE} characters.`)
    }
    const expires = expiryOf(text('expirationDateTime'))
    if (typeof expires !== 'number') return expires
    if (data.settings.shared === 'refuse' && target.mailbox.email !== caller.account?.email) return accessDenied()
    const same = living().filter((one) => one.mailbox === target.mailbox.email)
    if (same.length >= MAX_PER_MAILBOX) {
      return graphError(403, 'Forbidden', 'Subscription limit of the mailbox has been reached.')
    }
    const folder = target.folder
    const twin = same.some(
      (one) =>
        one.folder === folder && one.clientId === caller.app.clientId && one.changeTypes.join() === changeTypes.join(),
    )
    if (twin && data.settings.duplicates === 'refuse') {
      return graphError(409, 'Conflict', 'A subscription for this resource and change type exists already.')
    }
    const lifecycleUrl = text('lifecycleNotificationUrl')
    for (const url of [notificationUrl, lifecycleUrl]) {
      const problem = url === null ? null : await handshake(url)
      if (problem) return badRequest('ValidationError', problem)
    }
    const subscription: Subscription = {
      id: randomUUID(),
      mailbox: target.mailbox.email,
      folder,
      changeTypes,
      resource,
      notificationUrl,
      lifecycleUrl,
      clientState,
      expires,
      clientId: caller.app.clientId,
      user: caller.account?.email ?? null,
      creatorId: caller.account?.id ?? caller.app.clientId,
      ids: preferences(request).includes('IdType="ImmutableId"') ? 'immutable' : 'rest',
      paused: false,
    }
    data.list.push(subscription)
    world.changed()
    return ok(
      { '@odata.context': `${request.url.origin}/v1.0/$metadata#subscriptions/$entity`, ...json(subscription) },
      201,
    )
  }

  /** Until when, or Graph's 400. Less than 45 minutes become 45. */
  function expiryOf(text: string | null): number | SimResponse {
    const asked = Date.parse(text ?? '')
    if (Number.isNaN(asked)) return badRequest('InvalidRequest', 'expirationDateTime is required.')
    const minutes = (asked - world.clock()) / MINUTE
    if (minutes <= 0) return badRequest('InvalidRequest', 'Subscription expiration must be in the future.')
    if (minutes > data.settings.maxMinutes) {
      const message = `Subscription expiration can only be ${data.settings.maxMinutes} minutes in the future.`
      return badRequest('InvalidRequest', message)
    }
    return minutes < LEAST_MINUTES ? world.clock() + LEAST_MINUTES * MINUTE : asked
  }

  /** Asks the URL to echo a token; what is wrong in Graph's words, or null. */
  async function handshake(url: string): Promise<string | null> {
    handshakes.sent += 1
    const problem = await handshakeProblem(url)
    if (problem) handshakes.failed += 1
    return problem
  }

  async function handshakeProblem(url: string): Promise<string | null> {
    if (!URL.canParse(url) || !notifications.mayReach(url)) {
      return 'Subscription validation request failed. The notification URL is not reachable.'
    }
    const token = `Validation: Testing client application reachability for subscription Request-Id: ${randomUUID()} & <${randomBytes(8).toString('base64')}>`
    const asked = `${url}${url.includes('?') ? '&' : '?'}validationToken=${encodeURIComponent(token)}`
    try {
      const response = await fetch(asked, {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        redirect: 'manual',
        signal: AbortSignal.timeout(notifications.settings.handshake),
      })
      const answer = await response.text()
      if (response.status !== 200) {
        const reason = `HTTP status code is '${response.status}'`
        return `Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request. ${reason}.`
      }
      const plain = /^text\/plain\b/i.test(response.headers.get('content-type') ?? '')
      return plain && answer === token
        ? null
        : 'Subscription validation request failed. Response must exactly match validationToken query parameter.'
    } catch {
      return 'Subscription validation request timed out.'
    }
  }

  /** A longer life. The URLs are not asked again, here as little as there. */
  const renew = (request: SimRequest, caller: Caller): SimResponse => {
    const found = find(request, caller)
    if (!found) return resourceNotFound()
    const text = jsonBody(request).expirationDateTime
    const expires = expiryOf(typeof text === 'string' ? text : null)
    if (typeof expires !== 'number') return expires
    Object.assign(found, { expires, paused: false })
    world.changed()
    return ok(json(found))
  }

  const reauthorize = (request: SimRequest, caller: Caller): SimResponse => {
    const found = find(request, caller)
    if (!found) return resourceNotFound()
    found.paused = false
    world.changed()
    return { status: 204 }
  }

  const remove = (request: SimRequest, caller: Caller): SimResponse => {
    const found = find(request, caller)
    if (!found) return resourceNotFound()
    end(found)
    return { status: 204 }
  }

  const common = (subscription: Subscription) => ({
    subscriptionId: subscription.id,
    subscriptionExpirationDateTime: new Date(subscription.expires).toISOString(),
    ...(subscription.clientState !== null && { clientState: subscription.clientState }),
    tenantId: world.accounts.get(subscription.mailbox)?.directory ?? '',
  })

  /** What Graph tells about a change; id and etag as of a message that exists. */
  function itemOf(subscription: Subscription, kind: string, id: string) {
    const account = world.accounts.get(subscription.mailbox)
    const path = `sers/${account?.id}/`
    return {
      ...common(subscription),
      changeType: kind,
      resource: `U${path}Messages/${id}`,
      resourceData: {
        '@odata.type': '#Microsoft.Graph.Message',
        '@odata.id': `U${path}Messages/${id}`,
        '@odata.etag': `W/"${randomBytes(21).toString('base64')}"`,
        id,
      },
    }
  }

  store.onChange((box: Mailbox, change: Change, _message: StoredMessage) => {
    for (const subscription of living()) {
      const wanted = subscription.mailbox === box.email && subscription.changeTypes.includes(change.kind)
      const here = subscription.folder === null || subscription.folder === change.folder
      if (!wanted || !here || subscription.paused) continue
      notifications.announce(
        subscription.notificationUrl,
        itemOf(subscription, change.kind, idOf(change, subscription.ids)),
      )
    }
  })

  /** Tells a mailbox's subscriptions of an event of their life; how many were told. A removed one is gone. */
  function lifecycle(event: LifecycleEvent, mailbox: string, silently = false): number {
    const told = living().filter((one) => one.mailbox === mailbox && one.lifecycleUrl !== null)
    for (const subscription of told) {
      if (event === 'subscriptionRemoved') end(subscription)
      if (event === 'reauthorizationRequired') subscription.paused = true
      const url = subscription.lifecycleUrl
      if (url !== null && !silently) notifications.announce(url, { ...common(subscription), lifecycleEvent: event })
    }
    world.changed()
    return told.length
  }

  world.reports.subscriptions = () => ({
    ...data.settings,
    handshakes,
    list: living().map(({ clientState, ...rest }) => ({ ...rest, expires: new Date(rest.expires).toISOString() })),
  })

  const route = (
    method: string,
    path: string,
    handle: (request: SimRequest, caller: Caller) => SimResponse | Promise<SimResponse>,
  ) => {
    const operation = `${method} ${path.replace(':id', '{id}')}`
    return plainRoute(graph, { method, path: `/v1.0${path}`, needs: 'read', operation }, handle)
  }
  const routes: Route[] = [
    route('POST', '/subscriptions', create),
    route('GET', '/subscriptions', list),
    route('GET', '/subscriptions/:id', get),
    route('PATCH', '/subscriptions/:id', renew),
    route('DELETE', '/subscriptions/:id', remove),
    route('POST', '/subscriptions/:id/reauthorize', reauthorize),
  ]
  return { routes, living, lifecycle, itemOf, settings: data.settings }
}

/** The mailbox and folder a resource names, or Graph's refusal. */
function targetOf(
  graph: Graph,
  caller: Caller,
  resource: string,
): { mailbox: Mailbox; folder: string | null } | SimResponse {
  const path = canonicalPath(`/v1.0/${resource.replace(/^\/?(v1\.0\/)?/i, '')}`)
  const match = /^\/v1\.0\/(?:me|users\/([^/]+))(?:\/mailFolders\/([^/]+))?\/messages$/.exec(path)
  if (!match) return badRequest('InvalidRequest', `Resource '${resource}' is not supported.`)
  const [, user, name] = match
  const account = mailboxAccount(graph, caller, user === undefined ? undefined : decodeURIComponent(user), 'read')
  if (isRefusal(account)) return account
  const mailbox = graph.store.mailbox(account.email)
  if (name === undefined) return { mailbox, folder: null }
  const folder = graph.store.folderOf(mailbox, decodeURIComponent(name))
  return folder ? { mailbox, folder: folder.id } : malformedId()
}

/** Users see what the app made for them, an app what it made by itself. */
const isOf = (subscription: Subscription, { app, account }: Caller): boolean =>
  subscription.clientId === app.clientId && subscription.user === (account?.email ?? null)

const json = (subscription: Subscription) => ({
  id: subscription.id,
  resource: subscription.resource,
  applicationId: subscription.clientId,
  changeType: subscription.changeTypes.join(','),
  clientState: subscription.clientState,
  notificationUrl: subscription.notificationUrl,
  notificationQueryOptions: null,
  lifecycleNotificationUrl: subscription.lifecycleUrl,
  expirationDateTime: new Date(subscription.expires).toISOString(),
  creatorId: subscription.creatorId,
  includeResourceData: null,
  latestSupportedTlsVersion: 'v1_2',
  encryptionCertificate: null,
  encryptionCertificateId: null,
  notificationUrlAppId: null,
})
