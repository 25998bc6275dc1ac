// What the tests of Google inboxes share: a connected inbox in D1, and a Google that answers as a test wants and notes what it was asked.
import { env } from 'cloudflare:test'
import type { OAuthTokens } from '../../../worker/contract/inboxes'
import { type Env, settingsOf } from '../../../worker/env'
import { tenantDb } from '../../../worker/platform/db'
import { newId } from '../../../worker/platform/ids'
import { GMAIL_SCOPES } from '../../../worker/providers/gmail/oauth'
import { loadInbox, sealConnection, storedTokens } from '../../../worker/sync/credentials'

export const CLIENT_ID = 'client-1.apps.example'
export const CLIENT_SECRET = 'google-client-secret-0001'

/** The settings of a deployment that has a Google client. */
export const googleSettings = () => ({
  ...settingsOf(env as Env),
  GOOGLE_CLIENT_ID: CLIENT_ID,
  GOOGLE_CLIENT_SECRET: CLIENT_SECRET,
})

type Owner = { tenantId: string; inboxId: string }

/** A Google inbox, connected unless `tokens` is null. */
export async function givenGoogleInbox(
  given: {
    tenantId?: string
    /** the inbox's address */
    address?: string
    /** the account's; the inbox's where absent */
    account?: string
    clientId?: string
    grantedAt?: number
    tokens?: OAuthTokens | null
    archived?: boolean
  } = {},
) {
  const inboxId = newId('inb')
  const owner = { tenantId: given.tenantId ?? newId('ten'), inboxId }
  const address = given.address ?? `${inboxId.slice(-10)}@gmail.com`
  const account = given.account ?? address
  const google = {
    address: account,
    clientId: given.clientId ?? CLIENT_ID,
    scopes: [...GMAIL_SCOPES],
    grantedAt: given.grantedAt ?? 1,
  }
  const tokens = given.tokens === undefined ? liveTokens(inboxId) : given.tokens
  const sealed = tokens
    ? await sealConnection(settingsOf(env as Env).keyring, owner.tenantId, inboxId, { google }, tokens)
    : { config: null, credentials: null }
  await env.DB.prepare(
    `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, status, config, credentials, google_address,
       connected_at, archived_at, created_at, updated_at)
     VALUES (?, ?, 'Support', 'Support', ?, 'google', ?, ?, ?, ?, 1, ?, 1, 1)`,
  )
    .bind(
      inboxId,
      owner.tenantId,
      address,
      tokens ? 'connected' : 'disconnected',
      sealed.config,
      sealed.credentials,
      tokens ? account : null,
      given.archived ? 1 : null,
    )
    .run()
  return { ...owner, address, account, db: tenantDb(env.DB, owner.tenantId) }
}

/** Tokens whose access token lasts for another hour. */
export const liveTokens = (of: string): OAuthTokens => ({
  accessToken: `stored-access-${of}`,
  expiresAt: Date.now() + 3_600_000,
  refreshToken: `stored-refresh-${of}`,
})

/** What is stored of the grant; null without one. */
export async function tokensOf({ tenantId, inboxId }: Owner): Promise<OAuthTokens | null> {
  const loaded = await loadInbox(tenantDb(env.DB, tenantId), null, inboxId)
  return loaded && storedTokens(settingsOf(env as Env).keyring, loaded.row)
}

export type Asked = { path: string; body: Record<string, string>; token: string | null }

/** A Google behind `fetch`. Each endpoint answers what it is set to. */
export function fakeGoogle(address: string) {
  let number = 0
  const google = {
    asked: [] as Asked[],
    /** of a code exchange or a refresh; what it lacks is filled in with fresh values */
    token: {} as Record<string, unknown>,
    tokenAnswer: null as null | ((grantType: string) => Promise<Response>),
    profile: (): Promise<Response> => Promise.resolve(Response.json({ emailAddress: address, historyId: '1' })),
    revoke: (): Promise<Response> => Promise.resolve(Response.json({})),
    /** every token that was given out */
    issued: [] as string[],
    fetch: async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      const { pathname } = new URL(String(input))
      const body = Object.fromEntries(new URLSearchParams(String(init?.body ?? '')))
      const token = new Headers(init?.headers).get('authorization')
      google.asked.push({ path: pathname, body, token })
      if (pathname === '/token') return google.tokenAnswer ? google.tokenAnswer(body.grant_type ?? '') : google.fresh()
      if (pathname === '/gmail/v1/users/me/profile') return google.profile()
      if (pathname === '/revoke') return google.revoke()
      throw new Error(`nobody answers ${pathname}`)
    },
    fresh: () => {
      number++
      const set = {
        access_token: `issued-access-${number}-${address}`,
        refresh_token: `issued-refresh-${number}-${address}`,
        token_type: 'Bearer',
        expires_in: 3599,
        scope: GMAIL_SCOPES.join(' '),
        ...google.token,
      }
      google.issued.push(set.access_token, set.refresh_token)
      return Response.json(set)
    },
    paths: () => google.asked.map(({ path }) => path),
  }
  return google
}
