// Subscriptions of the simulated Graph and how their notifications travel: handshake, life, batches, retries, mishaps, lifecycle, forgeries.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Client } from '@microsoft/microsoft-graph-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSchemas, readContract } from '../shell/schemas.ts'
import { type Microsoft, refusalOf, startForTests } from './graph-client.ts'

const SUPPORT = 'support@contoso.example'
const ANNA = 'anna@contoso.example'
const INFO = 'info@contoso.example'
const ADELE = 'adele@fabrikam.example'
const MINUTE = 60_000

// biome-ignore lint/suspicious/noExplicitAny: notifications of many shapes, looked at by tests
type Item = Record<string, any>
type Post = { path: string; items: Item[]; body: string }

const schemas = createSchemas([readContract(new URL('./contracts/', import.meta.url), 'graph-v1.schema.json')])

let microsoft: Microsoft
let graph: Client
let endpoint: Awaited<ReturnType<typeof startEndpoint>>

beforeEach(async () => {
  endpoint = await startEndpoint()
  microsoft = await startForTests()
  graph = await microsoft.client(SUPPORT)
})
afterEach(async () => {
  await microsoft.close()
  await endpoint.close()
  expect(microsoft.world.violations).toEqual([])
})

/** An app's webhook: it echoes validation tokens, keeps notifications, and answers as told. */
async function startEndpoint() {
  const posts: Post[] = []
  const validated: string[] = []
  const told = {
    status: 202,
    delay: 0,
    echoDelay: 0,
    echo: (token: string, _path: string): [number, string, string] => [200, 'text/plain', token],
  }
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const token = url.searchParams.get('validationToken')
    if (token !== null) {
      validated.push(url.pathname)
      const [status, type, body] = told.echo(token, url.pathname)
      await new Promise((resolve) => setTimeout(resolve, told.echoDelay))
      response.writeHead(status, { 'content-type': type }).end(body)
      return
    }
    const body = Buffer.concat(chunks).toString()
    const { status } = told
    await new Promise((resolve) => setTimeout(resolve, told.delay))
    posts.push({ path: url.pathname, items: itemsOf(body), body })
    response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  return { url, posts, validated, told, close, items: () => posts.flatMap(({ items }) => items) }
}

function itemsOf(body: string): Item[] {
  try {
    return (JSON.parse(body) as { value: Item[] }).value
  } catch {
    return []
  }
}

const inMinutes = (minutes: number) => new Date(microsoft.world.clock() + minutes * MINUTE).toISOString()
const asked = (more: object = {}) => ({
  changeType: 'created',
  notificationUrl: `${endpoint.url}/push`,
  lifecycleNotificationUrl: `${endpoint.url}/lifecycle`,
  resource: "me/mailFolders('Inbox')/messages",
  expirationDateTime: inMinutes(60),
  clientState: 'a secret',
  ...more,
})
const subscribe = (more: object = {}, client = graph) => client.api('/subscriptions').post(asked(more))
const deliver = (to = SUPPORT, more: object = {}) =>
  microsoft.control('deliver', { to, from: 'jane@mail.example', ...more })
const settings = (more: object) => microsoft.control('notifications/settings', more)

describe('creation', () => {
  it('asks both URLs, then answers 201 with the life that it grants', async () => {
    const made = await subscribe({ expirationDateTime: inMinutes(10) })
    expect(endpoint.validated).toEqual(['/push', '/lifecycle'])
    expect(made).toMatchObject({ changeType: 'created', clientState: 'a secret' })
    expect(Date.parse(made.expirationDateTime) - microsoft.world.clock()).toBeGreaterThan(44 * MINUTE)
    expect(await graph.api(`/subscriptions/${made.id}`).get()).toMatchObject({ id: made.id })
    expect((await graph.api('/subscriptions').get()).value).toHaveLength(1)
  })

  it.each<[string, (token: string) => [number, string, string]]>([
    ['another status', (token) => [202, 'text/plain', token]],
    ['another type', (token) => [200, 'text/html', token]],
    ['an encoded token', (token) => [200, 'text/plain', encodeURIComponent(token)]],
    ['nothing', () => [200, 'text/plain', '']],
  ])('fails when the handshake is answered with %s', async (_, echo) => {
    endpoint.told.echo = echo
    expect(await refusalOf(subscribe())).toMatchObject({ status: 400, code: 'ValidationError' })
    expect((await graph.api('/subscriptions').get()).value).toEqual([])
  })

  it('fails when the second URL alone does not answer, or one answers too late', async () => {
    endpoint.told.echo = (token, path) => [200, 'text/plain', path === '/lifecycle' ? '' : token]
    expect(await refusalOf(subscribe())).toMatchObject({ status: 400, code: 'ValidationError' })
    endpoint.told.echo = (token) => [200, 'text/plain', token]
    endpoint.told.echoDelay = 300
    await settings({ handshake: 100 })
    const late = await refusalOf(subscribe())
    expect(late).toMatchObject({ status: 400, code: 'ValidationError', message: expect.stringContaining('timed out') })
    expect((await graph.api('/subscriptions').get()).value).toEqual([])
    await settings({ handshake: 1_000 })
    expect(await subscribe()).toHaveProperty('id')
  })

  it('grants seven days at first, to a renewal as little as to a new one', async () => {
    const { id } = await subscribe({ expirationDateTime: inMinutes(10_079) })
    const renewed = (minutes: number) =>
      graph.api(`/subscriptions/${id}`).patch({ expirationDateTime: inMinutes(minutes) })
    expect((await refusalOf(subscribe({ expirationDateTime: inMinutes(10_081) }))).status).toBe(400)
    expect((await refusalOf(renewed(10_081))).status).toBe(400)
    expect((await refusalOf(renewed(-1))).status).toBe(400)
    const { expirationDateTime } = await renewed(10)
    expect(Date.parse(expirationDateTime) - microsoft.world.clock()).toBeGreaterThan(44 * MINUTE)
  })

  it('grants no life beyond the limit and no state beyond 128 characters', async () => {
    await microsoft.control('subscriptions/settings', { maxMinutes: 4_230 })
    const refused = await refusalOf(subscribe({ expirationDateTime: inMinutes(10_080) }))
    expect(refused).toMatchObject({
      status: 400,
      message: 'Subscription expiration can only be 4230 minutes in the future.',
    })
    expect((await refusalOf(subscribe({ expirationDateTime: inMinutes(-1) }))).status).toBe(400)
    expect((await refusalOf(subscribe({ clientState: 'x'.repeat(129) }))).status).toBe(400)
    expect((await refusalOf(subscribe({ resource: 'me/events' }))).status).toBe(400)
    expect((await refusalOf(subscribe({ notificationUrl: 'http://10.0.0.1/push' }))).status).toBe(400)
  })

  it('is repeated freely, or refused with 409 where that is switched on', async () => {
    await subscribe()
    await subscribe()
    await microsoft.control('subscriptions/settings', { duplicates: 'refuse' })
    expect((await refusalOf(subscribe())).status).toBe(409)
  })

  it('works for shared mailboxes of delegates, unless that is switched off', async () => {
    const anna = await microsoft.client(ANNA, 'User.Read Mail.Read.Shared')
    const resource = `users/${INFO}/mailFolders('Inbox')/messages`
    const made = await subscribe({ resource }, anna)
    expect((await refusalOf(graph.api(`/subscriptions/${made.id}`).get())).status).toBe(404)
    expect((await refusalOf(subscribe({ resource }))).status).toBe(403)
    await microsoft.control('subscriptions/settings', { shared: 'refuse' })
    expect(await refusalOf(subscribe({ resource }, anna))).toMatchObject({ status: 403, code: 'ErrorAccessDenied' })
  })
})

describe('of an app by itself', () => {
  it('stands on any mailbox of its directory, is the app’s alone, and tells of its mail', async () => {
    const app = await microsoft.app()
    const resource = `users/${INFO}/mailFolders('Inbox')/messages`
    const { id } = await subscribe({ resource }, app)
    expect((await app.api('/subscriptions').get()).value).toHaveLength(1)
    const delegate = await microsoft.client(ANNA, 'User.Read Mail.Read.Shared')
    expect((await refusalOf(delegate.api(`/subscriptions/${id}`).get())).status).toBe(404)
    await deliver(INFO)
    await expect.poll(() => endpoint.items()[0]?.subscriptionId).toBe(id)
    await microsoft.control('mailbox', { account: INFO, closedToApps: true })
    expect(await refusalOf(subscribe({ resource }, app))).toMatchObject({ status: 403, code: 'ErrorAccessDenied' })
  })
})

describe('life', () => {
  it('is prolonged without asking the URL again, and ends', async () => {
    const { id } = await subscribe()
    endpoint.told.echo = () => [500, 'text/plain', '']
    const renewed = await graph.api(`/subscriptions/${id}`).patch({ expirationDateTime: inMinutes(120) })
    expect(Date.parse(renewed.expirationDateTime) - microsoft.world.clock()).toBeGreaterThan(119 * MINUTE)
    await microsoft.control('clock', { advance: 121 * MINUTE })
    graph = await microsoft.client(SUPPORT)
    const late = graph.api(`/subscriptions/${id}`).patch({ expirationDateTime: inMinutes(60) })
    expect(await refusalOf(late)).toMatchObject({ status: 404, code: 'ResourceNotFound' })
    await deliver()
    expect((await microsoft.control('state')).notifications.announced).toBe(0)
  })

  it('ends with DELETE', async () => {
    const { id } = await subscribe()
    await graph.api(`/subscriptions/${id}`).delete()
    expect((await refusalOf(graph.api(`/subscriptions/${id}`).delete())).status).toBe(404)
  })
})

describe('notifications', () => {
  it('tell of new mail in the folder alone, in the shape of the contract', async () => {
    const { id: subscriptionId } = await subscribe()
    const { id } = await deliver()
    await microsoft.control('change', { account: SUPPORT, id, isRead: true })
    await deliver(SUPPORT, { folder: 'archive' })
    await expect.poll(() => endpoint.posts.length).toBe(1)
    expect(
      schemas.problemOf('graph-v1', 'microsoft.graph.changeNotificationCollection', { value: endpoint.items() }),
    ).toBeNull()
    expect(endpoint.items()).toMatchObject([
      { subscriptionId, clientState: 'a secret', changeType: 'created', resourceData: { id } },
    ])
  })

  it('carry immutable ids where the subscription asked for them', async () => {
    await graph.api('/subscriptions').header('Prefer', 'IdType="ImmutableId"').post(asked())
    const { immutableId } = await deliver()
    await expect.poll(() => endpoint.items()[0]?.resourceData.id).toBe(immutableId)
  })

  it('of several tenants travel in one POST', async () => {
    await settings({ gather: 100 })
    await subscribe()
    await subscribe({}, await microsoft.client(ADELE))
    await Promise.all([deliver(), deliver(ADELE), deliver()])
    await expect.poll(() => endpoint.items().length).toBe(3)
    expect(endpoint.posts).toHaveLength(1)
    expect(new Set(endpoint.items().map(({ tenantId }) => tenantId)).size).toBe(2)
  })

  it('come again until they are accepted', async () => {
    await settings({ minBackoff: 20 })
    endpoint.told.status = 503
    await subscribe()
    await deliver()
    await expect.poll(() => endpoint.posts.length).toBeGreaterThan(2)
    endpoint.told.status = 202
    await expect.poll(async () => (await microsoft.control('state')).notifications.outstanding).toBe(0)
  })

  it('come again where no answer comes in time, until their time is over', async () => {
    await settings({ deadline: 100, minBackoff: 20, gather: 1 })
    endpoint.told.delay = 300
    await subscribe()
    await deliver()
    const counts = async () => (await microsoft.control('state')).notifications
    await expect.poll(async () => (await counts()).retried).toBeGreaterThan(0)
    expect(await counts()).toMatchObject({ outstanding: 1, lost: 0 })
    await microsoft.control('clock', { advance: 4 * 60 * MINUTE + 1 })
    await expect.poll(async () => (await counts()).outstanding, { timeout: 5_000 }).toBe(0)
    expect(await counts()).toMatchObject({ lost: 1 })
  })

  it.each([400, 413, 500])('that are answered with %i come again whole, neighbours and all', async (status) => {
    await settings({ minBackoff: 20, gather: 50 })
    endpoint.told.status = status
    await subscribe()
    await Promise.all([deliver(), deliver()])
    await expect.poll(() => endpoint.posts.length).toBeGreaterThan(1)
    endpoint.told.status = 202
    await expect.poll(async () => (await microsoft.control('state')).notifications.outstanding).toBe(0)
    expect(new Set(endpoint.items().map(({ resourceData }) => resourceData.id)).size).toBe(2)
  })

  it('come late to a slow endpoint, and not at all to a slower one', async () => {
    await settings({ slowAfter: 250, slowDelay: 200, gather: 1 })
    await subscribe()
    const counts = async () => (await microsoft.control('state')).notifications
    const answered = async (number: number, delay = 0) => {
      endpoint.told.delay = delay
      await deliver()
      await expect.poll(async () => (await counts()).deliveries.length).toBe(number)
      return Object.values((await counts()).endpoints)[0]
    }
    for (let number = 1; number <= 14; number++) expect(await answered(number)).toBe('normal')
    expect(await answered(15, 300)).toBe('normal')
    expect(await answered(16, 300)).toBe('slow')
    const before = performance.now()
    expect(await answered(17, 300)).toBe('drop')
    expect(performance.now() - before).toBeGreaterThan(490)
    await deliver()
    expect(await counts()).toMatchObject({ lost: 1, outstanding: 0 })
    await microsoft.control('clock', { advance: 10 * MINUTE })
    expect(await answered(18)).toBe('normal')
  })

  it('may be dropped or doubled on the way', async () => {
    await subscribe()
    await microsoft.control('notifications', { next: 'drop' })
    await deliver()
    await microsoft.control('notifications', { next: 'duplicate' })
    const { id } = await deliver()
    await expect.poll(() => endpoint.items().map(({ resourceData }) => resourceData.id)).toEqual([id, id])
    expect((await microsoft.control('state')).notifications).toMatchObject({ announced: 2, dropped: 1, items: 2 })
  })

  it('may be held until they are let go, and overtaken by others', async () => {
    await subscribe()
    await microsoft.control('notifications', { next: 'hold', count: 2 })
    await deliver()
    await deliver()
    expect(endpoint.posts).toEqual([])
    expect(await microsoft.control('notifications/release', {})).toEqual({ released: 2 })
    await expect.poll(() => endpoint.items().length).toBe(2)

    await microsoft.control('notifications', { next: 'reorder' })
    const first = await deliver()
    const second = await deliver()
    await expect.poll(() => endpoint.items().length).toBe(4)
    expect(
      endpoint
        .items()
        .slice(2)
        .map(({ resourceData }) => resourceData.id),
    ).toEqual([second.id, first.id])
  })
})

describe('lifecycle', () => {
  it('tells of missed notifications, of a removed subscription, and of one to be reauthorized', async () => {
    const { id } = await subscribe()
    const tell = (event: string) => microsoft.control('lifecycle', { event, account: SUPPORT })
    expect(await tell('missed')).toEqual({ told: 1 })
    await tell('reauthorizationRequired')
    await deliver()
    await expect.poll(() => endpoint.items().map(({ lifecycleEvent }) => lifecycleEvent)).toHaveLength(2)
    expect(endpoint.posts.every(({ path }) => path === '/lifecycle')).toBe(true)
    expect(
      schemas.problemOf('graph-v1', 'microsoft.graph.changeNotificationCollection', { value: endpoint.items() }),
    ).toBeNull()
    expect(endpoint.items().every((item) => item.clientState === 'a secret' && !('resource' in item))).toBe(true)
    await graph.api(`/subscriptions/${id}/reauthorize`).post({})
    await deliver()
    await expect.poll(() => endpoint.items().at(-1)?.changeType).toBe('created')
    await tell('subscriptionRemoved')
    await expect.poll(() => endpoint.items().at(-1)?.lifecycleEvent).toBe('subscriptionRemoved')
    expect((await refusalOf(graph.api(`/subscriptions/${id}`).get())).status).toBe(404)
  })
})

describe('forgeries', () => {
  it.each([
    ['wrong_client_state', ({ items }: Post) => items[0]?.clientState !== 'a secret'],
    ['no_client_state', ({ items }: Post) => items[0] && !('clientState' in items[0])],
    ['unknown_subscription', ({ items }: Post) => items[0]?.clientState === 'a secret'],
    ['mixed', ({ items }: Post) => items.filter(({ clientState }) => clientState === 'a secret').length > 1],
    ['malformed', ({ items }: Post) => items.length === 0],
    ['oversized', ({ body }: Post) => body.length > 4 * 1024 * 1024],
  ])('%s is sent, and its answer reported', async (variant, isSo) => {
    await subscribe()
    await deliver()
    await expect.poll(() => endpoint.posts.length).toBe(1)
    expect(await microsoft.control('subscriptions/forge', { account: SUPPORT, variant })).toEqual({ status: 202 })
    expect(endpoint.posts[1] && isSo(endpoint.posts[1])).toBe(true)
  })
})
