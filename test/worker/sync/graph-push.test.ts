// Graph's notifications: who may wake which inbox, what becomes of bad items and bodies, and what the caller hears.
import { createExecutionContext, env, runInDurableObject, SELF, waitOnExecutionContext } from 'cloudflare:test'
import { Hono } from 'hono'
import { describe, expect, it, vi } from 'vitest'
import { type Env, settingsOf } from '../../../worker/env'
import type { AppEnv } from '../../../worker/platform/http/context'
import { problemResponse } from '../../../worker/platform/http/problem'
import { securityHeaders } from '../../../worker/platform/http/security'
import { systemDb } from '../../../worker/platform/system-db'
import { graphPushRoutes } from '../../../worker/sync/graph-push.routes'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import type { InboxState } from '../../../worker/sync/inbox-state'
import { markDue, SUBSCRIBERS } from '../../../worker/sync/subscribers'
import { sweep } from '../../../worker/sync/sweep'
import { fakeMailbox, fakePush } from '../../support/fake-provider'
import { givenInbox, inboxRow } from './rows'

const PUSH = '/api/webhooks/graph-push'
const LIFECYCLE = '/api/webhooks/graph-lifecycle'
const DAY = 86_400_000

/** A subscription of an inbox whose object has started and has read its mailbox. */
async function givenSubscriber(columns: Parameters<typeof givenInbox>[0] = {}) {
  const subscription = { id: crypto.randomUUID(), clientState: `state-${crypto.randomUUID()}`, expiresAt: 9e12 }
  const inbox = await givenInbox({ type: 'microsoft', subscription, ...columns })
  const push = Object.assign(fakePush(), { subscribes: true })
  const mailbox = Object.assign(fakeMailbox(), { push })
  const inside = <T>(use: (object: InboxObject, state: DurableObjectState) => T | Promise<T>) =>
    runInDurableObject<InboxObject, T>(env.INBOX.get(env.INBOX.idFromName(inbox.inboxId)), use)
  await inside(async (object, { storage }) => {
    object.makeProvider = (_connection, options) => mailbox.provider(options)
    await object.start({ tenantId: inbox.tenantId, inboxId: inbox.inboxId }, { newMailbox: false })
    const state = await object.state()
    const push = { ...state.push, subscription, handshake: true, subscribedAt: 1, heardFrom: 1, expiresAt: 9e12 }
    storage.kv.put('state', { ...state, push } satisfies InboxState)
    await object.syncNow()
  })
  const state = () => inside((object) => object.state())
  return {
    ...inbox,
    subscription,
    mailbox,
    push,
    state,
    lastPushAt: async () => (await state()).push.lastPushAt,
    item: (changes: object = {}) => ({
      id: 'lsgTZMr9KwAAA',
      subscriptionId: subscription.id,
      subscriptionExpirationDateTime: '2036-03-19T22:11:09.952Z',
      clientState: subscription.clientState,
      changeType: 'created',
      resource: 'users/u@t/messages/m',
      tenantId: '84bd8158-6d4d-4958-8b9f-9d6445542f95',
      resourceData: { '@odata.type': '#Microsoft.Graph.Message', id: 'm' },
      ...changes,
    }),
    event: (lifecycleEvent: string) => ({
      subscriptionId: subscription.id,
      clientState: subscription.clientState,
      tenantId: '84bd8158-6d4d-4958-8b9f-9d6445542f95',
      lifecycleEvent,
    }),
  }
}

const app = new Hono<AppEnv>()
  .use(async (c, next) => {
    c.set('settings', settingsOf(env as Env))
    c.set('clock', Date.now)
    c.set('requestId', 'r')
    await next()
  })
  .use(securityHeaders)
  .route('/api', graphPushRoutes)
app.onError((error) => problemResponse(error))

/** The answer, once everything behind it has been done. */
async function post(path: string, body: string, bindings: Env = env as Env): Promise<Response> {
  const ctx = createExecutionContext()
  const request = { method: 'POST', body, headers: { 'content-type': 'application/json' } }
  const response = await app.request(path, request, bindings, ctx)
  await waitOnExecutionContext(ctx)
  return response
}
const notify = (items: unknown[], bindings?: Env) => post(PUSH, JSON.stringify({ value: items }), bindings)
const tell = (items: unknown[], bindings?: Env) => post(LIFECYCLE, JSON.stringify({ value: items }), bindings)

describe('a notification', () => {
  it('wakes the inbox of its subscription and is answered with an empty 202', async () => {
    const inbox = await givenSubscriber()
    const before = inbox.mailbox.log.changes
    const response = await notify([inbox.item()])
    expect([response.status, await response.text()]).toEqual([202, ''])
    expect(await inbox.lastPushAt()).toBeGreaterThan(Date.now() - 10_000)
    await expect.poll(() => inbox.mailbox.log.changes).toBeGreaterThan(before)
  })

  it('needs no session and no Origin, and any Origin is as good', async () => {
    const inbox = await givenSubscriber()
    const response = await SELF.fetch(`http://postroom.test${PUSH}`, {
      method: 'POST',
      body: JSON.stringify({ value: [inbox.item()] }),
      headers: { origin: 'https://evil.example', 'content-type': 'application/json' },
    })
    expect(response.status).toBe(202)
    await expect.poll(() => inbox.lastPushAt()).not.toBeNull()
  })

  it('doubled in one POST and repeated in others costs two checks at most', async () => {
    const inbox = await givenSubscriber()
    const before = inbox.mailbox.log.changes
    inbox.mailbox.onChanges = () => new Promise((done) => setTimeout(done, 2_000))
    const answers = await Promise.all(Array.from({ length: 50 }, () => notify([inbox.item(), inbox.item()])))
    expect(answers.every(({ status }) => status === 202)).toBe(true)
    await expect.poll(() => inbox.mailbox.log.changes).toBeGreaterThan(before)
    await new Promise((done) => setTimeout(done, 3_000))
    expect(inbox.mailbox.log.changes - before).toBeLessThanOrEqual(2)
  })

  it('is answered once the rows say so, however long the objects take', async () => {
    const inbox = await givenSubscriber()
    let release = () => {}
    const busy = new Promise<void>((done) => (release = done))
    const lame = { idFromName: (name: string) => name, get: () => ({ poke: () => busy }) }
    const bindings = new Proxy(env, {
      get: (target, name) => (name === 'INBOX' ? lame : Reflect.get(target, name)),
    }) as Env
    const ctx = createExecutionContext()
    const init = { method: 'POST', body: JSON.stringify({ value: [inbox.item()] }) }
    expect((await app.request(PUSH, init, bindings, ctx)).status).toBe(202)
    expect((await inboxRow(inbox))?.next_poll_at).toBeLessThanOrEqual(Date.now())
    release()
    await waitOnExecutionContext(ctx)
  })

  it('of two hundred inboxes of as many tenants in one POST wakes every one of them', async () => {
    const inboxes = await Promise.all(Array.from({ length: 200 }, () => givenSubscriber()))
    const stranger = await givenSubscriber()
    expect(new Set(inboxes.map((inbox) => inbox.tenantId)).size).toBe(200)
    expect((await notify(inboxes.map((inbox) => inbox.item()))).status).toBe(202)
    const pushed = await Promise.all(inboxes.map((inbox) => inbox.lastPushAt()))
    expect(pushed.filter((at) => at === null)).toEqual([])
    expect(await stranger.lastPushAt()).toBeNull()
  }, 60_000)
})

describe('thousands of items in one POST', () => {
  it('cost one question and one change, and wake each inbox once; the forged and unknown ones among them nobody', async () => {
    const [a, b, forged] = await Promise.all([1, 2, 3].map(() => givenSubscriber()))
    if (!a || !b || !forged) throw new Error('three inboxes')
    const pokes: string[] = []
    const objects = {
      idFromName: (name: string) => name,
      get: (name: string) => ({ poke: async () => void pokes.push(name) }),
    }
    let statements = 0
    const counted = new Proxy(env.DB, {
      get(target, name) {
        if (name === 'prepare') statements++
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const bindings = { ...env, DB: counted, INBOX: objects } as unknown as Env
    const wrong = { clientState: a.subscription.clientState }
    const items = Array.from({ length: 1_000 }, (_, n) => [
      a.item({ id: n }),
      forged.item(wrong),
      b.item({ id: n }),
      a.item({ subscriptionId: crypto.randomUUID() }),
    ]).flat()
    expect(JSON.stringify(items).length).toBeGreaterThan(1_000_000)
    expect((await notify(items, bindings)).status).toBe(202)
    expect(pokes.sort()).toEqual([a.inboxId, b.inboxId].sort())
    expect(statements).toBe(2)
    expect((await inboxRow(a))?.next_poll_at).toBeLessThanOrEqual(Date.now())
    expect((await inboxRow(forged))?.next_poll_at).toBeGreaterThan(Date.now())
  })
})

describe('mixed tenants in one POST', () => {
  it('are heard where the item of one is right and that of the other forged: of their subscriptions’ lives as well', async () => {
    const [right, forged] = [await givenSubscriber(), await givenSubscriber()]
    const { clientState } = right.subscription
    expect((await notify([forged.item({ clientState }), right.item()])).status).toBe(202)
    expect(await right.lastPushAt()).not.toBeNull()
    expect(await forged.lastPushAt()).toBeNull()
    const events = [
      { ...forged.event('subscriptionRemoved'), clientState },
      right.event('reauthorizationRequired'),
      { ...forged.event('reauthorizationRequired'), clientState: undefined },
    ]
    expect((await tell(events)).status).toBe(202)
    await vi.waitFor(() => expect(right.push.log).toEqual(['renew']))
    expect(forged.push.log).toEqual([])
  })

  it('wake each only its own inbox, and one bad item never blocks its neighbours', async () => {
    const [a, b, forged, other] = await Promise.all([1, 2, 3, 4].map(() => givenSubscriber()))
    if (!a || !b || !forged || !other) throw new Error('four inboxes')
    const response = await notify([
      null,
      'text',
      [],
      { subscriptionId: 7 },
      forged.item({ clientState: a.subscription.clientState }),
      a.item(),
      { ...b.item(), clientState: undefined },
      b.item({ tenantId: a.tenantId }),
      a.item({ subscriptionId: crypto.randomUUID() }),
    ])
    expect(response.status).toBe(202)
    expect(await a.lastPushAt()).not.toBeNull()
    expect(await b.lastPushAt()).not.toBeNull()
    expect(await forged.lastPushAt()).toBeNull()
    expect(await other.lastPushAt()).toBeNull()
  })
})

describe('an item that proves nothing', () => {
  const cases: [string, object][] = [
    ['a wrong clientState', { clientState: 'wrong' }],
    ['no clientState', { clientState: undefined }],
    ['an empty clientState', { clientState: '' }],
    ['a clientState of null', { clientState: null }],
    ['a list for a clientState', { clientState: ['x'] }],
    ['a clientState beyond any length', { clientState: 'x'.repeat(5_000) }],
    ['an unknown subscription', { subscriptionId: crypto.randomUUID() }],
    ['no subscription', { subscriptionId: undefined }],
  ]
  it.each(cases)('(%s) is dropped: it wakes nothing and Graph is not asked to repeat it', async (_name, changes) => {
    const inbox = await givenSubscriber()
    expect((await notify([inbox.item(changes)])).status).toBe(202)
    expect((await tell([{ ...inbox.event('subscriptionRemoved'), ...changes }])).status).toBe(202)
    expect(await inbox.lastPushAt()).toBeNull()
    expect(inbox.push.log).toEqual([])
  })

  it('is logged as a number, without what it said', async () => {
    const inbox = await givenSubscriber()
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      await notify([inbox.item({ clientState: 'guessed-secret' })])
      const lines = warned.mock.calls.map(([line]) => String(line))
      expect(lines.filter((line) => line.includes('graph.refused'))).toHaveLength(1)
      expect(lines.join()).not.toContain('guessed-secret')
    } finally {
      warned.mockRestore()
    }
  })

  it('is one whose inbox knows a subscription and nothing that proves it', async () => {
    const inbox = await givenSubscriber({ subscription: { id: crypto.randomUUID() } })
    await env.DB.prepare('UPDATE inboxes SET graph_client_state = NULL WHERE id = ?').bind(inbox.inboxId).run()
    expect((await notify([inbox.item()])).status).toBe(202)
    expect(await inbox.lastPushAt()).toBeNull()
  })
})

describe('a notification for an inbox that does not listen', () => {
  it.each([
    ['disconnected', 'credentials = NULL'],
    ['paused', 'paused_at = 1'],
    ['archived', 'archived_at = 1'],
  ])('(%s) is answered and wakes nothing', async (_name, change) => {
    const inbox = await givenSubscriber()
    await env.DB.prepare(`UPDATE inboxes SET ${change} WHERE id = ?`).bind(inbox.inboxId).run()
    expect((await notify([inbox.item()])).status).toBe(202)
    expect((await tell([inbox.event('subscriptionRemoved')])).status).toBe(202)
    expect(await inbox.lastPushAt()).toBeNull()
    expect(inbox.push.log).toEqual([])
  })

  it('and was stopped a moment ago revives nothing', async () => {
    const inbox = await givenSubscriber()
    await env.INBOX.get(env.INBOX.idFromName(inbox.inboxId)).stop()
    await notify([inbox.item()])
    await tell([inbox.event('reauthorizationRequired'), inbox.event('subscriptionRemoved')])
    expect(await inbox.state()).toMatchObject({ active: false, agenda: {} })
    expect(inbox.push.log).toEqual([])
  })
})

describe('a lifecycle event', () => {
  it('reauthorizationRequired renews the subscription now', async () => {
    const inbox = await givenSubscriber()
    expect((await tell([inbox.event('reauthorizationRequired')])).status).toBe(202)
    await vi.waitFor(() => expect(inbox.push.log).toEqual(['renew']))
  })

  it('subscriptionRemoved makes a new one now, whose notifications are recognised and the old ones no more', async () => {
    const inbox = await givenSubscriber()
    const old = inbox.item()
    expect((await tell([inbox.event('subscriptionRemoved')])).status).toBe(202)
    await vi.waitFor(() => expect(inbox.push.log).toEqual(['subscribe']))
    await vi.waitFor(async () => expect((await inbox.state()).push.heardFrom).toBeGreaterThan(1))
    const { subscription } = (await inbox.state()).push
    await notify([old])
    expect(await inbox.lastPushAt()).toBeNull()
    await notify([inbox.item({ subscriptionId: subscription?.id, clientState: subscription?.clientState })])
    expect(await inbox.lastPushAt()).not.toBeNull()
  })

  it('missed checks now, and the mail it finds is no sign of silence', async () => {
    const inbox = await givenSubscriber()
    const before = inbox.mailbox.log.changes
    expect((await tell([inbox.event('missed')])).status).toBe(202)
    await expect.poll(() => inbox.mailbox.log.changes).toBeGreaterThan(before)
    expect((await inbox.state()).push.suspectAt).toBeNull()
    expect(inbox.push.log).toEqual([])
  })

  it('that nobody knows yet checks and changes nothing else', async () => {
    const inbox = await givenSubscriber()
    const before = inbox.mailbox.log.changes
    expect((await tell([inbox.event('subscriptionUpgraded')])).status).toBe(202)
    await expect.poll(() => inbox.mailbox.log.changes).toBeGreaterThan(before)
    expect([inbox.push.log, await inbox.lastPushAt()]).toEqual([[], null])
  })
})

describe('a validation', () => {
  const asked = (path: string, token: string) =>
    app.request(`${path}?validationToken=${token}`, { method: 'POST', headers: { 'content-type': 'text/plain' } }, env)

  it.each([PUSH, LIFECYCLE])('of %s is answered with the decoded token as text', async (path) => {
    const response = await asked(path, 'Validation%3A+Testing+client%20100%25+%C3%BC%2B')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain\b/)
    expect(await response.text()).toBe('Validation: Testing client 100% ü+')
  })

  it('with markup is never a page: text/plain, nosniff, nothing may run', async () => {
    const markup = '<html><script>alert(document.domain)</script>'
    const response = await asked(PUSH, encodeURIComponent(markup))
    expect(await response.text()).toBe(markup)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain\b/)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  it('is no page for a browser that is sent here', async () => {
    const markup = encodeURIComponent('<script>alert(1)</script>')
    for (const path of [PUSH, LIFECYCLE]) {
      const response = await SELF.fetch(`http://postroom.test${path}?validationToken=${markup}`)
      expect(response.status).toBe(404)
      expect(await response.text()).not.toContain('alert')
    }
  })

  it('splits no header, whatever the token holds', async () => {
    const response = await asked(PUSH, encodeURIComponent('a\r\nset-cookie: x=1'))
    expect(await response.text()).toBe('a\r\nset-cookie: x=1')
    expect(response.headers.get('set-cookie')).toBeNull()
  })

  it.each([
    ['that is empty', ''],
    ['beyond any length', 'x'.repeat(4_097)],
    ['that comes twice', 'a&validationToken=b'],
    ['that comes twice, once empty', 'a&validationToken='],
  ])('%s is refused and nothing of it is said', async (_name, token) => {
    const response = await asked(PUSH, token)
    expect(response.status).toBe(422)
    expect(await response.text()).not.toContain('xxxx')
  })
})

describe('a body', () => {
  it.each([
    ['that is no JSON', '{'],
    ['that is empty', ''],
    ['that is a list', '[]'],
    ['that is null', 'null'],
    ['without items', '{}'],
    ['whose items are no list', '{"value":{"subscriptionId":"a"}}'],
  ])('%s is refused with 400', async (_name, body) => {
    expect([(await post(PUSH, body)).status, (await post(LIFECYCLE, body)).status]).toEqual([400, 400])
  })

  it('of more than 2 MiB is refused, whether it says so or not', async () => {
    const body = JSON.stringify({ value: [], filling: 'A'.repeat(2 * 1024 * 1024) })
    for (const path of [PUSH, LIFECYCLE]) {
      expect((await post(path, body)).status).toBe(413)
      const streamed = new Request(`http://postroom.test${path}`, { method: 'POST', body: new Blob([body]).stream() })
      expect((await app.request(streamed, {}, env)).status).toBe(413)
    }
  })

  it('without a single item is fine', async () => {
    expect((await notify([])).status).toBe(202)
  })
})

describe('trouble on our side', () => {
  const down = new Proxy(
    {},
    {
      get() {
        throw new Error('down')
      },
    },
  )
  const without = (binding: 'DB' | 'INBOX', instead: unknown = down) =>
    new Proxy(env, { get: (target, name) => (name === binding ? instead : Reflect.get(target, name)) }) as Env

  it('that keeps a hint from being stored is answered with 503, so that Graph tries again', async () => {
    const inbox = await givenSubscriber()
    expect((await notify([inbox.item()], without('DB'))).status).toBe(503)
    expect((await tell([inbox.event('missed')], without('DB'))).status).toBe(503)
    expect((await tell([inbox.event('subscriptionRemoved')], without('INBOX'))).status).toBe(503)
  })

  it('that begins once the sender is known is answered with 503 as well, and wakes nothing', async () => {
    const inbox = await givenSubscriber()
    const full = {
      prepare(sql: string) {
        if (sql.startsWith('UPDATE')) throw new Error('D1 is full')
        return env.DB.prepare(sql)
      },
    }
    expect((await notify([inbox.item()], without('DB', full))).status).toBe(503)
    expect(await inbox.lastPushAt()).toBeNull()
  })

  it('with an object loses no hint: it is stored, and the next sweep after two intervals wakes the inbox', async () => {
    const inbox = await givenSubscriber()
    expect((await notify([inbox.item()], without('INBOX'))).status).toBe(202)
    const woken: string[] = []
    const swept = (later: number) =>
      sweep({
        system: systemDb(env.DB),
        blobs: env.BLOBS,
        jobs: { send: async () => {} },
        clock: () => Date.now() + later,
        poke: async ({ inboxId }) => void woken.push(inboxId),
        pollInterval: 60_000,
        watches: false,
      })
    await swept(0)
    expect(woken).not.toContain(inbox.inboxId)
    await swept(2 * 60_000 + 1)
    expect(woken).toContain(inbox.inboxId)
  })

  it('with one inbox still wakes the others', async () => {
    const [broken, fine] = [await givenSubscriber(), await givenSubscriber()]
    const lame = {
      idFromName: (name: string) => name,
      get: (name: string) =>
        name === broken.inboxId
          ? { poke: () => Promise.reject(new Error('object is down')) }
          : env.INBOX.get(env.INBOX.idFromName(name)),
    }
    expect((await notify([broken.item(), fine.item()], without('INBOX', lame))).status).toBe(202)
    expect(await fine.lastPushAt()).not.toBeNull()
    const events = [broken.event('missed'), fine.event('reauthorizationRequired')]
    expect((await tell(events, without('INBOX', lame))).status).toBe(503)
    await vi.waitFor(() => expect(fine.push.log).toEqual(['renew']))
  })

  it('marks no inbox as due that somebody paused meanwhile', async () => {
    const inbox = await givenSubscriber()
    await env.DB.prepare('UPDATE inboxes SET paused_at = 1, next_poll_at = NULL WHERE id = ?').bind(inbox.inboxId).run()
    await markDue(env.DB, [inbox.inboxId], 5)
    expect((await inboxRow(inbox))?.next_poll_at).toBeNull()
  })
})

describe('the question whose subscription it is', () => {
  it('reads one index and scans nothing', async () => {
    const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${SUBSCRIBERS}`).bind('[]').all<{ detail: string }>()
    const plan = results.map(({ detail }) => detail)
    expect(plan.some((step) => step.includes('inboxes_graph_subscription'))).toBe(true)
    expect(plan.filter((step) => /^SCAN inboxes/.test(step))).toEqual([])
  })

  it('finds an inbox whatever its subscription has left', async () => {
    const inbox = await givenSubscriber()
    await env.DB.prepare('UPDATE inboxes SET graph_subscription_expires_at = ? WHERE id = ?')
      .bind(Date.now() - DAY, inbox.inboxId)
      .run()
    await notify([inbox.item()])
    expect(await inbox.lastPushAt()).not.toBeNull()
  })
})
