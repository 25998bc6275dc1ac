import { env, runInDurableObject } from 'cloudflare:test'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { type Env, settingsOf } from '../../../worker/env'
import type { AppEnv } from '../../../worker/platform/http/context'
import { problemResponse } from '../../../worker/platform/http/problem'
import type { CheckReport, TokenSource } from '../../../worker/providers/provider'
import { connectRoutes } from '../../../worker/sync/connect.routes'
import { type Connection, loadInbox } from '../../../worker/sync/credentials'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import { fakeMailbox, smallMail } from '../../support/fake-provider'
import { givenGoogleInbox, liveTokens, tokensOf } from './google-rows'
import { givenMicrosoftInbox, liveTokens as microsoftTokens } from './microsoft-rows'
import { givenInbox, inboxRow, ledgerOf } from './rows'

const server = (rest: object = {}) => ({
  host: 'localhost',
  port: 1,
  security: 'tls' as const,
  username: 'u',
  password: 'typed-secret',
  ...rest,
})
const fine: CheckReport = { ok: true, steps: [{ name: 'IMAP: Log in', status: 'pass', ms: 1, detail: 'Logged in.' }] }
const bad: CheckReport = {
  ok: false,
  steps: [
    { name: 'IMAP: Log in', status: 'fail', ms: 1, detail: 'The login was refused.', hint: 'Use an app password.' },
  ],
}

async function setUp(columns: Parameters<typeof givenInbox>[0] = {}) {
  const inbox = await givenInbox(columns)
  const mailbox = fakeMailbox([smallMail(1)])
  const tried: Connection[] = []
  const world = { report: fine }
  const routes = connectRoutes(() => (connection) => {
    tried.push(connection)
    return { ...mailbox.provider(), check: async () => world.report }
  })
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  await runInDurableObject<InboxObject, void>(stub, (object) => {
    object.makeProvider = () => mailbox.provider()
  })
  const app = new Hono<AppEnv>()
    .use(async (c, next) => {
      c.set('settings', settingsOf(c.env))
      c.set('clock', Date.now)
      c.set('releaseConnection', async () => async () => {})
      c.set('session', {
        tokenHash: 'h',
        tenantId: inbox.tenantId,
        tenantName: 'T',
        plan: 'enterprise',
        userId: 'u',
        userName: 'U',
        userEmail: 'u@example.com',
        role: 'admin',
      })
      await next()
    })
    .route('/api', routes)
  app.onError((error) => problemResponse(error))
  const call = async (method: string, path: string, body?: object) => {
    const response = await app.request(
      `/api/inboxes${path}`,
      {
        method,
        ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
      },
      env as Env,
    )
    const text = await response.text()
    expect(text).not.toContain('secret')
    return { status: response.status, body: JSON.parse(text) as Record<string, unknown> }
  }
  return {
    inbox,
    mailbox,
    tried,
    world,
    call,
    at: (path: string) => `/${inbox.inboxId}${path}`,
    row: () => inboxRow(inbox),
    stored: async () => (await loadInbox(inbox.db, settingsOf(env as Env).keyring, inbox.inboxId))?.connection,
  }
}

describe('the proposal of settings', () => {
  it('knows the usual providers by their domain and asks nobody for them', async () => {
    const t = await setUp()
    const { status, body } = await t.call('GET', '/autoconfig?email=Somebody@gmail.com')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      imap: { host: 'imap.gmail.com' },
      smtp: { username: 'somebody@gmail.com' },
      hint: expect.any(String),
    })
  })

  it('of what is not an address is refused', async () => {
    const t = await setUp()
    expect((await t.call('GET', '/autoconfig?email=nobody')).status).toBe(422)
  })
})

describe('testing a connection', () => {
  it('answers the steps and stores nothing', async () => {
    const t = await setUp({ connected: false })
    const before = await t.row()
    t.world.report = bad
    expect(await t.call('POST', '/test-connection', { imap: server(), smtp: server() })).toEqual({
      status: 200,
      body: bad,
    })
    expect(await t.row()).toEqual(before)
    expect(t.tried).toEqual([{ imap: server(), smtp: server() }])
  })

  it('with blank passwords tries the stored ones of the inbox', async () => {
    const t = await setUp()
    await t.call('POST', `/test-connection?inboxId=${t.inbox.inboxId}`, { imap: server({ password: '' }) })
    expect(t.tried).toEqual([{ imap: server({ password: 'stored-secret' }) }])
  })

  it('does not send a stored password to another host', async () => {
    const t = await setUp()
    const { status } = await t.call('POST', `/test-connection?inboxId=${t.inbox.inboxId}`, {
      imap: server({ password: '', host: 'evil.example.org' }),
    })
    expect(status).toBe(422)
    expect(t.tried).toEqual([])
  })

  it('of nothing is refused', async () => {
    const t = await setUp()
    expect((await t.call('POST', '/test-connection', {})).status).toBe(422)
  })

  it('with the inbox of another tenant finds none', async () => {
    const t = await setUp()
    const other = await givenInbox()
    const { status } = await t.call('POST', `/test-connection?inboxId=${other.inboxId}`, {
      imap: server({ password: '' }),
    })
    expect(status).toBe(404)
    expect(t.tried).toEqual([])
  })

  it('is limited, so that it cannot be used to try passwords', async () => {
    const t = await setUp()
    let status = 200
    for (let n = 0; n < 61; n++) status = (await t.call('POST', '/test-connection', { smtp: server() })).status
    expect(status).toBe(429)
  })
})

describe('saving a connection', () => {
  it('that was refused answers the steps, stores nothing and starts nothing', async () => {
    const t = await setUp({ connected: false })
    t.world.report = bad
    const before = await t.row()
    const { status, body } = await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    expect(status).toBe(422)
    expect(body).toMatchObject({
      code: 'connection_failed',
      steps: bad.steps,
      detail: expect.stringContaining('app password'),
    })
    expect(await t.row()).toEqual(before)
    expect(t.mailbox.log.changes).toBe(0)
  })

  it('that was verified encrypts the passwords, says connected and fetches in the background', async () => {
    const t = await setUp({ connected: false })
    const { status, body } = await t.call('PUT', t.at('/connection/imap'), {
      imap: server(),
      smtp: server({ port: 2 }),
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'connected', statusDetail: null, connection: { imap: { host: 'localhost' } } })
    const row = await t.row()
    expect(JSON.stringify(row)).not.toContain('typed-secret')
    expect(await t.stored()).toEqual({ imap: server(), smtp: server({ port: 2 }) })
    await expect.poll(async () => (await ledgerOf(t.inbox)).length).toBe(1)
  })

  it('with a blank password keeps the stored one', async () => {
    const t = await setUp()
    await t.call('PUT', t.at('/connection/imap'), { imap: server({ password: '', port: 3 }) })
    expect((await t.stored())?.imap).toEqual(server({ password: 'stored-secret', port: 3 }))
  })

  it('of one side leaves the other as it was, and tries only the one', async () => {
    const t = await setUp()
    await t.call('PUT', t.at('/connection/imap'), { smtp: server({ port: 9 }) })
    expect(t.tried).toEqual([{ smtp: server({ port: 9 }) }])
    expect(await t.stored()).toMatchObject({
      imap: { password: 'stored-secret' },
      smtp: { port: 9, password: 'typed-secret' },
    })
  })

  it('for sending says nothing about receiving', async () => {
    const t = await setUp()
    await env.DB.prepare("UPDATE inboxes SET status = 'error', last_error = 'deaf' WHERE id = ?")
      .bind(t.inbox.inboxId)
      .run()
    const { body } = await t.call('PUT', t.at('/connection/imap'), { smtp: server() })
    expect(body).toMatchObject({ status: 'error', lastError: 'deaf' })
  })

  it('after a pause for refused logins starts checking again', async () => {
    const t = await setUp({ paused: true })
    const { body } = await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    expect(body).toMatchObject({ status: 'connected', pausedAt: null, pauseReason: null })
  })

  it('needs the receiving side first', async () => {
    const t = await setUp({ connected: false })
    const { status, body } = await t.call('PUT', t.at('/connection/imap'), { smtp: server() })
    expect(status).toBe(422)
    expect(body.errors).toMatchObject([{ path: 'imap' }])
  })

  it('of a forwarding inbox is for sending only', async () => {
    const t = await setUp({ type: 'forward' })
    expect((await t.call('PUT', t.at('/connection/imap'), { imap: server() })).status).toBe(422)
    expect((await t.call('PUT', t.at('/connection/imap'), { smtp: server() })).status).toBe(200)
    expect(await t.stored()).toEqual({ smtp: server() })
  })

  it('of an archived inbox is refused', async () => {
    const t = await setUp({ archived: true })
    expect((await t.call('PUT', t.at('/connection/imap'), { imap: server() })).status).toBe(409)
  })
})

describe('sync now', () => {
  it('answers what it found', async () => {
    const t = await setUp()
    await t.call('POST', t.at('/resume'))
    await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    t.mailbox.mails.push(smallMail(2))
    const { status, body } = await t.call('POST', t.at('/sync'))
    expect(status).toBe(200)
    expect(body).toEqual({ found: expect.any(Number), queued: expect.any(Number) })
    expect(await ledgerOf(t.inbox)).toHaveLength(2)
  })

  it('shows a failure as a failure', async () => {
    const t = await setUp()
    await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    t.mailbox.onChanges = () => Promise.reject(new Error('boom'))
    expect((await t.call('POST', t.at('/sync'))).body).toMatchObject({ code: 'connection_failed' })
  })

  it.each([
    ['paused', { paused: true }],
    ['archived', { archived: true }],
    ['not connected', { connected: false }],
    ['forwarding', { type: 'forward' as const }],
  ])('of an inbox that is %s is refused', async (_name, columns) => {
    const t = await setUp(columns)
    expect((await t.call('POST', t.at('/sync'))).status).toBe(409)
  })
})

describe('pause, resume, disconnect', () => {
  it('pausing says so and stops the checks; resuming claims no success before one', async () => {
    const t = await setUp()
    await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    expect((await t.call('POST', t.at('/pause'))).body).toMatchObject({
      pauseReason: 'manual',
      pausedAt: expect.any(String),
      statusDetail: { action: 'resume' },
      delivery: { nextPollAt: null },
    })
    await env.DB.prepare("UPDATE inboxes SET status = 'error' WHERE id = ?").bind(t.inbox.inboxId).run()
    t.mailbox.onChanges = () => new Promise(() => {})
    expect((await t.call('POST', t.at('/resume'))).body).toMatchObject({
      status: 'error',
      pausedAt: null,
      statusDetail: { code: 'checking' },
    })
  })

  it('disconnecting wipes the credentials and keeps the inbox, its hosts and its mail', async () => {
    const t = await setUp()
    await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    await expect.poll(async () => (await ledgerOf(t.inbox)).length).toBe(1)
    const { body } = await t.call('POST', t.at('/disconnect'))
    expect(body).toMatchObject({
      status: 'disconnected',
      statusDetail: { action: 'reconnect' },
      connection: { imap: { host: 'localhost' } },
    })
    expect((await t.row())?.credentials).toBeNull()
    expect(await ledgerOf(t.inbox)).toHaveLength(1)
  })

  it('reconnecting fetches what came meanwhile and nothing twice', async () => {
    const t = await setUp()
    await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    await expect.poll(async () => (await ledgerOf(t.inbox)).length).toBe(1)
    await t.call('POST', t.at('/disconnect'))
    t.mailbox.mails.push(smallMail(2), smallMail(3))
    await t.call('PUT', t.at('/connection/imap'), { imap: server() })
    await expect
      .poll(async () => (await ledgerOf(t.inbox)).map((row) => row.identity))
      .toEqual(['fake:0', 'fake:1', 'fake:2'])
  })
})

describe('diagnosing', () => {
  it('tries the stored settings and writes nothing', async () => {
    const t = await setUp()
    const before = await t.row()
    expect((await t.call('POST', t.at('/diagnose'))).body).toEqual(fine)
    expect(t.tried[0]?.imap?.password).toBe('stored-secret')
    expect(await t.row()).toEqual(before)
  })

  it('of a forwarding inbox says whether mail has arrived', async () => {
    const t = await setUp({ type: 'forward' })
    const { body } = await t.call('POST', t.at('/diagnose'))
    expect(body).toMatchObject({
      ok: true,
      steps: [{ name: 'Receiving', status: 'warn', hint: expect.any(String) }, { status: 'warn' }],
    })
  })

  it('of a password that no key opens any more asks for it again', async () => {
    const t = await setUp()
    await env.DB.prepare("UPDATE inboxes SET credentials = 'v1.gone.AAAA.AAAA' WHERE id = ?")
      .bind(t.inbox.inboxId)
      .run()
    expect((await t.call('POST', t.at('/diagnose'))).body).toMatchObject({
      ok: false,
      steps: [{ status: 'fail', hint: expect.any(String) }],
    })
    expect((await t.call('PUT', t.at('/connection/imap'), { imap: server() })).status).toBe(200)
  })
})

const VENDORS = {
  google: { name: 'Google', given: givenGoogleInbox, tokens: liveTokens },
  microsoft: { name: 'Microsoft', given: givenMicrosoftInbox, tokens: microsoftTokens },
}

describe.each(['google', 'microsoft'] as const)('a %s inbox', (vendor) => {
  const { name, given: givenInbox, tokens: tokensFor } = VENDORS[vendor]
  /** The routes of connections over one connected inbox; `events` is the order of what happens outside. */
  async function setUpAccount(given: { tokens?: null } = {}) {
    const inbox = await givenInbox({ tokens: tokensFor(vendor), ...given })
    const seen: { connection: Connection; token: TokenSource }[] = []
    const events: string[] = []
    const routes = connectRoutes(() => (connection, { token }) => {
      seen.push({ connection, token })
      return { ...fakeMailbox().provider(), check: async () => fine }
    })
    const credentials = async () => (await inboxRow(inbox))?.credentials
    const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
    const mailbox = fakeMailbox()
    // The check that starting begins goes on for ever, so that nothing but the routes writes to the row.
    mailbox.onChanges = () => new Promise(() => {})
    await runInDurableObject<InboxObject, void>(stub, (object) => {
      object.makeProvider = () => mailbox.provider()
    })
    await stub.start({ tenantId: inbox.tenantId, inboxId: inbox.inboxId }, { newMailbox: false })
    const app = new Hono<AppEnv>()
      .use(async (c, next) => {
        c.set('settings', settingsOf(c.env))
        c.set('clock', Date.now)
        c.set('session', { tenantId: inbox.tenantId, userId: 'u', role: 'admin' } as AppEnv['Variables']['session'])
        c.set('releaseConnection', async () => {
          events.push((await credentials()) ? 'prepared' : 'prepared too late')
          return async () => void events.push((await credentials()) ? 'given back too early' : 'given back')
        })
        await next()
      })
      .route('/api', routes)
    app.onError((error) => problemResponse(error))
    const call = async (method: string, path: string, body?: object) => {
      const headers = { 'content-type': 'application/json' }
      const init = { method, ...(body ? { body: JSON.stringify(body), headers } : {}) }
      const response = await app.request(`/api/inboxes${path}`, init, env as Env)
      const text = await response.text()
      expect(text).not.toMatch(/stored-(access|refresh)/)
      return { status: response.status, body: JSON.parse(text) as Record<string, unknown> }
    }
    return {
      inbox,
      seen,
      events,
      call,
      at: (path: string) => `/${inbox.inboxId}${path}`,
      row: () => inboxRow(inbox),
      tokens: () => tokensOf(inbox),
    }
  }

  it('takes no mail server, keeps its tokens, and says what to do instead', async () => {
    const t = await setUpAccount()
    const before = await t.row()
    for (const body of [{ imap: server() }, { smtp: server() }, { imap: server(), smtp: server() }]) {
      const { status, body: problem } = await t.call('PUT', t.at('/connection/imap'), body)
      expect(status).toBe(409)
      expect(problem.detail).toContain(`Connect with ${name}`)
    }
    expect(await t.row()).toEqual(before)
    expect(await t.tokens()).toEqual(expect.objectContaining({ refreshToken: `stored-refresh-${vendor}` }))
    expect(t.seen).toEqual([])
  })

  it('does not lend its account to a test of typed settings', async () => {
    const t = await setUpAccount()
    await t.call('POST', `/test-connection?inboxId=${t.inbox.inboxId}`, { imap: server() })
    expect(t.seen.map(({ connection }) => connection)).toEqual([{ imap: server() }])
    await expect(t.seen[0]?.token()).rejects.toThrow()
    expect((await t.call('POST', `/test-connection?inboxId=${t.inbox.inboxId}`, {})).status).toBe(422)
  })

  it('is diagnosed with its stored grant, and nothing is written', async () => {
    const t = await setUpAccount()
    const before = await t.row()
    expect((await t.call('POST', t.at('/diagnose'))).body).toEqual(fine)
    expect(t.seen[0]?.connection).toEqual({ [vendor]: expect.objectContaining({ address: t.inbox.address }) })
    expect(await t.seen[0]?.token()).toBe(`stored-access-${vendor}`)
    expect(await t.row()).toEqual(before)
  })

  it('without a grant is diagnosed as such', async () => {
    const t = await setUpAccount({ tokens: null })
    expect((await t.call('POST', t.at('/diagnose'))).body).toMatchObject({
      ok: false,
      steps: [{ name: 'Account', detail: `No ${name} account is connected.`, hint: expect.stringContaining(name) }],
    })
  })

  it('whose tokens no key opens is diagnosed as such', async () => {
    const t = await setUpAccount()
    await env.DB.prepare("UPDATE inboxes SET credentials = 'v1.k0.AAAA.AAAA' WHERE id = ?").bind(t.inbox.inboxId).run()
    expect((await t.call('POST', t.at('/diagnose'))).body).toMatchObject({
      ok: false,
      steps: [{ detail: 'The stored access can no longer be read.' }],
    })
  })

  it('pauses and resumes with its grant kept', async () => {
    const t = await setUpAccount()
    expect((await t.call('POST', t.at('/pause'))).body).toMatchObject({ pauseReason: 'manual' })
    expect((await t.call('POST', t.at('/resume'))).body).toMatchObject({ pausedAt: null })
    expect(await t.tokens()).not.toBeNull()
    expect(t.events).toEqual([])
  })

  it('disconnects: tokens and push are gone, the account stays named, and the grant is given back afterwards', async () => {
    const t = await setUpAccount()
    await env.DB.prepare(
      `UPDATE inboxes SET delivery_mode = 'push', gmail_watch_expires_at = 9, push_problem = 'p', graph_subscription_id = 's',
         graph_subscription_expires_at = 9, graph_client_state = 'c' WHERE id = ?`,
    )
      .bind(t.inbox.inboxId)
      .run()
    const { body } = await t.call('POST', t.at('/disconnect'))
    expect(body).toMatchObject({
      status: 'disconnected',
      statusDetail: { action: 'reconnect' },
      connection: { [vendor]: { address: t.inbox.address } },
    })
    expect(await t.row()).toMatchObject({
      credentials: null,
      google_address: null,
      gmail_watch_expires_at: null,
      graph_subscription_id: null,
      graph_subscription_expires_at: null,
      graph_client_state: null,
      delivery_mode: 'poll',
      push_problem: null,
    })
    expect(t.events).toEqual(['prepared', 'given back'])
    expect((await t.call('POST', t.at('/resume'))).status).toBe(409)
  })
})
