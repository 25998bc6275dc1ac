// Google's announcements, with tokens signed by real keys: who may wake an inbox, and what the caller hears.
import { env, runInDurableObject } from 'cloudflare:test'
import { Hono } from 'hono'
import { base64url, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Env, settingsOf } from '../../../worker/env'
import type { AppEnv } from '../../../worker/platform/http/context'
import { problemResponse } from '../../../worker/platform/http/problem'
import { gmailPushUrl } from '../../../worker/platform/http/provider-paths'
import { refuseForeignOrigin } from '../../../worker/platform/http/security'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import { gmailPushRoutes } from '../../../worker/sync/push.routes'
import { fakeMailbox, fakePush } from '../../support/fake-provider'
import { givenInbox } from './rows'

const ACCOUNT = 'push@project.iam.gserviceaccount.com'
const TOPIC = 'projects/project/topics/gmail'
const PATH = '/api/webhooks/gmail-push'
const AUDIENCE = gmailPushUrl('http://postroom.test')
const JWKS = 'https://www.googleapis.com/oauth2/v3/certs'

type Pair = Awaited<ReturnType<typeof generateKeyPair>>
let google: Pair
let stranger: Pair

beforeAll(async () => {
  google = await generateKeyPair('RS256', { extractable: true })
  stranger = await generateKeyPair('RS256', { extractable: true })
})

/** Google's key endpoint; `down` answers nothing good. */
function keyServer(options: { down?: Response | Error } = {}) {
  const asked: string[] = []
  const server = {
    asked,
    down: options.down,
    keys: [{ kid: 'k1', pair: google }],
    fetch: (async (url: string) => {
      asked.push(url)
      if (server.down instanceof Error) throw server.down
      if (server.down) return server.down.clone()
      const keys = await Promise.all(
        server.keys.map(async ({ kid, pair }) => ({
          ...(await exportJWK(pair.publicKey)),
          kid,
          alg: 'RS256',
          use: 'sig',
        })),
      )
      return Response.json({ keys })
    }) as unknown as typeof fetch,
  }
  return server
}

const now = () => Math.floor(Date.now() / 1000)
async function token(claims: JWTPayload = {}, options: { pair?: Pair; kid?: string } = {}): Promise<string> {
  return new SignJWT({ email: ACCOUNT, email_verified: true, sub: '1', azp: '1', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: options.kid ?? 'k1', typ: 'JWT' })
    .setIssuer(claims.iss ?? 'https://accounts.google.com')
    .setAudience(claims.aud ?? AUDIENCE)
    .setIssuedAt(claims.iat ?? now())
    .setExpirationTime(claims.exp ?? now() + 3600)
    .sign((options.pair ?? google).privateKey)
}
const announcement = (address: string, historyId: string | number = '12345678901234567890') =>
  JSON.stringify({
    message: {
      data: btoa(JSON.stringify({ emailAddress: address, historyId })),
      messageId: '1',
      publishTime: '2026-01-01T00:00:00Z',
      attributes: { unknown: 'field' },
    },
    subscription: 'projects/project/subscriptions/s',
    deliveryAttempt: 3,
  })

function receiver(options: { server?: ReturnType<typeof keyServer>; settings?: object; env?: Env } = {}) {
  const server = options.server ?? keyServer()
  const app = new Hono<AppEnv>()
    .use(async (c, next) => {
      c.set('settings', {
        ...settingsOf(env as Env),
        GOOGLE_PUBSUB_TOPIC: TOPIC,
        GOOGLE_PUBSUB_SERVICE_ACCOUNT: ACCOUNT,
        ...options.settings,
      })
      c.set('clock', Date.now)
      await next()
    })
    .use(refuseForeignOrigin)
    .route('/api', gmailPushRoutes({ fetch: server.fetch }))
  app.onError((error) => problemResponse(error))
  const push = async (authorization: string | null, body: string, headers: Record<string, string> = {}) =>
    app.request(
      PATH,
      { method: 'POST', body, headers: { ...(authorization === null ? {} : { authorization }), ...headers } },
      options.env ?? (env as Env),
    )
  return { server, push, signed: async (body: string) => push(`Bearer ${await token()}`, body) }
}

/** A connected Google inbox whose object has started and has checked once. */
async function givenReader(columns: Parameters<typeof givenInbox>[0] = {}) {
  const inbox = await givenInbox({ type: 'google', ...columns })
  const mailbox = Object.assign(fakeMailbox(), { push: fakePush() })
  const inside = <T>(use: (object: InboxObject) => T | Promise<T>) =>
    runInDurableObject<InboxObject, T>(env.INBOX.get(env.INBOX.idFromName(inbox.inboxId)), use)
  await inside(async (object) => {
    object.makeProvider = (_connection, options) => mailbox.provider(options)
    await object.start({ tenantId: inbox.tenantId, inboxId: inbox.inboxId }, { newMailbox: false })
    await object.syncNow()
  })
  const { address } = (await env.DB.prepare('SELECT email_address AS address FROM inboxes WHERE id = ?')
    .bind(inbox.inboxId)
    .first<{ address: string }>()) ?? { address: '' }
  return {
    ...inbox,
    mailbox,
    address,
    lastPushAt: () => inside(async (object) => (await object.state()).push.lastPushAt),
  }
}

describe('a genuine push', () => {
  it('wakes the inbox that reads the account, and is acknowledged with 204', async () => {
    const inbox = await givenReader()
    const before = inbox.mailbox.log.changes
    const response = await receiver().signed(announcement(inbox.address))
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(await inbox.lastPushAt()).toBeGreaterThan(Date.now() - 10_000)
    await expect.poll(() => inbox.mailbox.log.changes).toBeGreaterThan(before)
  })

  it.each([
    ['a history id beyond 2^53 as a number', '{"emailAddress":"ADDRESS","historyId":18446744073709551615}'],
    ['a history id as text', '{"emailAddress":"ADDRESS","historyId":"18446744073709551615","new":{"field":[1]}}'],
  ])('may carry %s', async (_name, payload) => {
    const inbox = await givenReader()
    const body = JSON.stringify({ message: { data: btoa(payload.replace('ADDRESS', inbox.address.toUpperCase())) } })
    expect((await receiver().signed(body)).status).toBe(204)
    expect(await inbox.lastPushAt()).not.toBeNull()
  })

  it('needs no session and no Origin, and any Origin is as good', async () => {
    const inbox = await givenReader()
    const { push } = receiver()
    const response = await push(`Bearer ${await token()}`, announcement(inbox.address), {
      origin: 'https://evil.example',
    })
    expect(response.status).toBe(204)
  })

  it('replayed a hundred times is harmless: each is acknowledged, and they cost two checks together at most', async () => {
    const inbox = await givenReader()
    const { signed } = receiver()
    const before = inbox.mailbox.log.changes
    inbox.mailbox.onChanges = () => new Promise((done) => setTimeout(done, 100))
    const body = announcement(inbox.address)
    const answers = await Promise.all(Array.from({ length: 100 }, () => signed(body)))
    expect(answers.every(({ status }) => status === 204)).toBe(true)
    await expect.poll(() => inbox.mailbox.log.changes).toBeGreaterThan(before)
    await new Promise((done) => setTimeout(done, 500))
    expect(inbox.mailbox.log.changes - before).toBeLessThanOrEqual(2)
  })

  it('asks Google for its keys once, however many come', async () => {
    const inbox = await givenReader()
    const { signed, server } = receiver()
    for (let n = 0; n < 3; n++) await signed(announcement(inbox.address))
    expect(server.asked).toEqual([JWKS])
  })
})

describe('a mailbox that several tenants read', () => {
  it('wakes each of their inboxes, and nobody else', async () => {
    const account = `shared-${Date.now()}@example.com`
    const [a, b, other] = [await givenReader({ account }), await givenReader({ account }), await givenReader()]
    expect(a.tenantId).not.toBe(b.tenantId)
    expect((await receiver().signed(announcement(account))).status).toBe(204)
    expect(await a.lastPushAt()).not.toBeNull()
    expect(await b.lastPushAt()).not.toBeNull()
    expect(await other.lastPushAt()).toBeNull()
  })
})

describe('a push for nobody', () => {
  it('is acknowledged, so that Pub/Sub does not repeat it', async () => {
    expect((await receiver().signed(announcement('nobody@example.com'))).status).toBe(204)
  })

  it.each([
    ['paused', { paused: true }],
    ['archived', { archived: true }],
    ['disconnected', { connected: false }],
  ])('(its inbox is %s) wakes nothing', async (_name, columns) => {
    const inbox = await givenInbox({ type: 'google', account: `${_name}@example.com`, ...columns })
    expect((await receiver().signed(announcement(`${_name}@example.com`))).status).toBe(204)
    const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
    expect(await runInDurableObject<InboxObject, boolean>(stub, async (object) => (await object.state()).active)).toBe(
      false,
    )
  })
})

describe('a push that is not from Google', () => {
  const unsigned = (claims: object) => {
    const part = (value: object) => base64url.encode(JSON.stringify(value))
    return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`
  }
  const claims = () => ({
    iss: 'https://accounts.google.com',
    aud: AUDIENCE,
    email: ACCOUNT,
    email_verified: true,
    iat: now(),
    exp: now() + 3600,
  })
  const forgeries: [string, () => Promise<string | null>, number][] = [
    ['without a token', async () => null, 401],
    ['with another scheme', async () => 'Basic cHVzaDpwdXNo', 401],
    ['with nonsense for a token', async () => 'Bearer not-a-token', 401],
    ['unsigned', async () => `Bearer ${unsigned(claims())}`, 401],
    [
      'signed with HS256 and the public key as its secret',
      async () => {
        const secret = new TextEncoder().encode(await exportSPKI(google.publicKey))
        return `Bearer ${await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret)}`
      },
      401,
    ],
    [
      "signed with a stranger's key under Google's key id",
      async () => `Bearer ${await token({}, { pair: stranger })}`,
      401,
    ],
    [
      'signed with a key that Google does not have',
      async () => `Bearer ${await token({}, { pair: stranger, kid: 'k9' })}`,
      401,
    ],
    ['with altered claims', async () => `Bearer ${await altered()}`, 401],
    ['expired', async () => `Bearer ${await token({ iat: now() - 7200, exp: now() - 3600 })}`, 401],
    ['for another audience', async () => `Bearer ${await token({ aud: `${AUDIENCE}/` })}`, 401],
    [
      'of another issuer',
      async () => `Bearer ${await token({ iss: 'https://accounts.google.com.evil.example' })}`,
      401,
    ],
    ['without an email address', async () => `Bearer ${await token({ email: undefined })}`, 401],
    [
      'of another service account',
      async () => `Bearer ${await token({ email: 'other@project.iam.gserviceaccount.com' })}`,
      403,
    ],
    ['with an unverified email address', async () => `Bearer ${await token({ email_verified: false })}`, 403],
    [
      'with a verification that is not true',
      async () => `Bearer ${await token({ email_verified: 'true' as never })}`,
      403,
    ],
  ]
  async function altered(): Promise<string> {
    const [header, , signature] = (await token({ email: 'other@example.com' })).split('.')
    return `${header}.${base64url.encode(JSON.stringify(claims()))}.${signature}`
  }

  it.each(forgeries)('%s is refused and wakes nothing', async (_name, authorization, status) => {
    const inbox = await givenReader()
    const response = await receiver().push(await authorization(), announcement(inbox.address))
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await inbox.lastPushAt()).toBeNull()
  })

  it('is refused before its body is looked at', async () => {
    expect((await receiver().push('Bearer a.b.c', 'x'.repeat(200_000))).status).toBe(401)
  })
})

describe('keys that change', () => {
  it('are fetched again for a key id that is not known yet', async () => {
    const server = keyServer()
    server.keys = [{ kid: 'new', pair: google }]
    const { push } = receiver({ server })
    expect((await push(`Bearer ${await token({}, { kid: 'new' })}`, announcement('nobody@example.com'))).status).toBe(
      204,
    )
  })

  it('are fetched at most once a second, whatever key ids forged tokens name', async () => {
    const server = keyServer()
    const { push, signed } = receiver({ server })
    await signed(announcement('nobody@example.com'))
    for (const kid of ['k2', 'k3', 'k4']) {
      const forged = await token({}, { pair: stranger, kid })
      expect((await push(`Bearer ${forged}`, announcement('nobody@example.com'))).status).toBe(401)
    }
    expect(server.asked.length).toBeLessThan(4)
  })

  it.each([
    ['does not answer', new TypeError('network')],
    ['answers an error', new Response('no', { status: 500 })],
    ['answers HTML', new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['answers something else', Response.json({ nothing: true })],
    ['redirects', new Response(null, { status: 302, headers: { location: 'https://evil.example/' } })],
  ])(
    'cannot be had when their server %s: 503, so that Pub/Sub tries again, and the next push is fine',
    async (_name, down) => {
      const inbox = await givenReader()
      const server = keyServer({ down })
      const { signed } = receiver({ server })
      expect((await signed(announcement(inbox.address))).status).toBe(503)
      expect(await inbox.lastPushAt()).toBeNull()
      server.down = undefined
      expect((await signed(announcement(inbox.address))).status).toBe(204)
    },
  )
})

describe('a body', () => {
  it.each([
    ['that is no JSON', '{'],
    ['that is empty', ''],
    ['without a message', '{}'],
    ['without data', '{"message":{}}'],
    ['whose data is no base64', JSON.stringify({ message: { data: '%%%' } })],
    ['whose data is no UTF-8', JSON.stringify({ message: { data: btoa('\xff\xfe') } })],
    ['whose data is no JSON', JSON.stringify({ message: { data: btoa('hello') } })],
    ['without an address', JSON.stringify({ message: { data: btoa('{"historyId":"1"}') } })],
    ['whose history id is none', announcement('a@example.com', 'abc')],
    ['whose data is a list', JSON.stringify({ message: { data: btoa('[]') } })],
  ])('%s is refused with 400', async (_name, body) => {
    expect((await receiver().signed(body)).status).toBe(400)
  })

  it('of more than 64 KiB is refused, whether it says so or not', async () => {
    const body = JSON.stringify({ message: { data: 'A'.repeat(70_000) } })
    expect((await receiver().signed(body)).status).toBe(413)
  })
})

describe('trouble on our side', () => {
  const without = (binding: 'DB' | 'INBOX') =>
    new Proxy(env, {
      get: (target, name) =>
        name === binding
          ? new Proxy(
              {},
              {
                get() {
                  throw new Error('down')
                },
              },
            )
          : Reflect.get(target, name),
    }) as Env

  it('that keeps a hint from being stored is answered with 503, so that Pub/Sub tries again', async () => {
    const inbox = await givenReader()
    expect((await receiver({ env: without('INBOX') }).signed(announcement(inbox.address))).status).toBe(503)
  })

  it('of the database is no acknowledgement either', async () => {
    const { signed } = receiver({ env: without('DB') })
    expect((await signed(announcement('a@example.com'))).status).toBe(503)
  })

  it.each([{ GOOGLE_PUBSUB_SERVICE_ACCOUNT: undefined }, { GOOGLE_PUBSUB_TOPIC: undefined }])(
    'does not exist where nobody has set up push (%o): 404, without a look at the token',
    async (settings) => {
      const { signed, server } = receiver({ settings })
      expect((await signed(announcement('a@example.com'))).status).toBe(404)
      expect(server.asked).toEqual([])
    },
  )
})
