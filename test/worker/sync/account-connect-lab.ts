// What the tests of connecting an account share, whatever the vendor: the way round from the first click to the last redirect, with nothing
// secret told.
import { env, runInDurableObject } from 'cloudflare:test'
import { Hono } from 'hono'
import { expect } from 'vitest'
import type { Role } from '../../../worker/contract/permissions'
import type { Env } from '../../../worker/env'
import type { AppEnv } from '../../../worker/platform/http/context'
import { problemResponse } from '../../../worker/platform/http/problem'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import { fakeMailbox } from '../../support/fake-provider'
import { startTranscript } from '../../support/transcript'
import { tokensOf } from './google-rows'

export const APP = 'http://postroom.test'

const transcript = startTranscript()
/** What must be told to nobody; the lab adds whatever secret it makes or sees. */
export const secrets = new Set<string>()
const addresses: string[] = []

/** Nothing that gives access is in an answer, a log line, or an address we send the browser to; the consent address holds the state alone. */
export function expectNothingTold(): void {
  expect(transcript.leaked([...secrets])).toEqual([])
  expect([...secrets].filter((secret) => addresses.some((address) => address.includes(secret)))).toEqual([])
  expect(secrets.size).toBeGreaterThan(20)
}

export type Who = { userId: string; tenantId: string; role: Role } | null

type Vendor<T> = {
  vendor: 'google' | 'microsoft'
  inbox: T
  mount: (app: Hono<AppEnv>) => unknown
  /** what the fake vendor was asked and has given out */
  fake: { asked: { body: Record<string, string> }[]; issued: string[] }
  settings: AppEnv['Variables']['settings']
}

/** An inbox with the routes over a vendor that a test tells what to say. */
export async function setUpAccount<T extends { tenantId: string; inboxId: string }>(given: Vendor<T>) {
  const { vendor, inbox, fake } = given
  const world = {
    now: Date.now(),
    who: { userId: 'usr_1', tenantId: inbox.tenantId, role: 'admin' } as Who,
    settings: given.settings,
    /** grants given back: the refresh tokens stored before and at that moment */
    released: [] as (string | null | undefined)[][],
  }
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  await runInDurableObject<InboxObject, void>(stub, (object) => {
    object.makeProvider = () => fakeMailbox().provider()
  })
  const app = new Hono<AppEnv>()
  app.use(async (c, next) => {
    c.set('settings', world.settings)
    c.set('clock', () => world.now)
    c.set('releaseConnection', async (db, inboxId) => {
      const before = (await tokensOf({ tenantId: db.tenantId, inboxId }))?.refreshToken
      return async () =>
        void world.released.push([before, (await tokensOf({ tenantId: db.tenantId, inboxId }))?.refreshToken])
    })
    const session = { tokenHash: 'h', tenantName: 'T', plan: 'enterprise', userName: 'U', userEmail: 'u@example.com' }
    c.set('session', world.who && { ...session, ...world.who })
    await next()
  })
  given.mount(app)
  app.onError((error) => problemResponse(error))
  const call = (path: string, init?: RequestInit) => app.request(path, init, env as Env)
  const begin = (body: object = {}) =>
    call(`/api/inboxes/${inbox.inboxId}/connect/${vendor}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  const t = {
    inbox,
    world,
    begin,
    /** Begins, and answers the consent address. */
    start: async (body: object = {}) => {
      const response = await begin(body)
      expect(response.status).toBe(200)
      const url = new URL(((await response.json()) as { url: string }).url)
      secrets.add(url.searchParams.get('state') ?? '')
      return url
    },
    /** The browser comes back from the vendor with this query; answers where it is sent, and nothing else is told. */
    back: async (query: Record<string, string> | string) => {
      const response = await transcript.keep(await call(`${callbackOf(vendor)}?${new URLSearchParams(query)}`))
      for (const token of fake.issued) secrets.add(token)
      for (const { body } of fake.asked) if (body.code_verifier) secrets.add(body.code_verifier)
      expect(response.status).toBe(302)
      expect(await response.text()).toBe('')
      addresses.push(response.headers.get('location') ?? '')
      return new URL(response.headers.get('location') ?? '')
    },
    /** From the first click to the last redirect; answers the outcome. */
    connect: async (body: object = {}) => {
      const consent = await t.start(body)
      return outcome(await t.back({ state: stateIn(consent), code: code() }))
    },
    row: () =>
      env.DB.prepare('SELECT * FROM inboxes WHERE id = ?')
        .bind(inbox.inboxId)
        .first<Record<string, string | number | null>>(),
    tokens: () => tokensOf(inbox),
    object: () => runInDurableObject<InboxObject, Awaited<ReturnType<InboxObject['state']>>>(stub, (o) => o.state()),
    attempts: async () =>
      (await env.DB.prepare('SELECT * FROM oauth_states WHERE inbox_id = ?').bind(inbox.inboxId).all()).results,
  }
  return t
}

export const callbackOf = (vendor: string) => `/api/auth/${vendor}/callback`

let codes = 0
export function code(): string {
  const made = `authorization-code-${++codes}-0001`
  secrets.add(made)
  return made
}
export const stateIn = (consent: URL) => consent.searchParams.get('state') ?? ''
export const outcome = (page: URL) => Object.fromEntries(page.searchParams)
