// What the tests of Microsoft inboxes share: a profile bound to email, a connected inbox in D1, and a Microsoft (Entra and Graph) that
// answers as a test wants and notes what it was asked.
import { env } from 'cloudflare:test'
import type { MailboxKind, MicrosoftConfig, OAuthTokens } from '../../../worker/contract/inboxes'
import { MAIL_SCOPES } from '../../../worker/contract/microsoft'
import { type Env, settingsOf } from '../../../worker/env'
import { tenantDb } from '../../../worker/platform/db'
import { newId } from '../../../worker/platform/ids'
import { clientSecretField } from '../../../worker/platform/microsoft-app'
import { sealConnection } from '../../../worker/sync/credentials'

export const CLIENT_ID = '11111111-2222-3333-4444-555555555555'
export const CLIENT_SECRET = 'microsoft-client-secret-0001'
export const DIRECTORY = 'contoso.example'
export const DEPLOYMENT = {
  MICROSOFT_CLIENT_ID: 'deployment-client',
  MICROSOFT_CLIENT_SECRET: 'deployment-secret-0001',
}

/** The settings of a deployment without an app of its own, unless `more` has one. */
export const microsoftSettings = (more: object = {}) => ({ ...settingsOf(env as Env), ...more })

/** A profile, bound to email unless `bound` is false. */
export async function givenProfile(
  tenantId: string,
  given: { clientId?: string; directory?: string; secret?: string; bound?: boolean } = {},
): Promise<string> {
  const id = newId('msp')
  const sealed = await sealedSecret(tenantId, id, given.secret ?? CLIENT_SECRET)
  await env.DB.prepare(
    `INSERT INTO microsoft_profiles (id, tenant_id, display_name, client_id, secret, directory_tenant, created_at, updated_at)
     VALUES (?1, ?2, ?1, ?3, ?4, ?5, 1, 1)`,
  )
    .bind(id, tenantId, given.clientId ?? CLIENT_ID, sealed, given.directory ?? DIRECTORY)
    .run()
  if (given.bound !== false) await bind(tenantId, id)
  return id
}

export const sealedSecret = (tenantId: string, profileId: string, secret: string) =>
  settingsOf(env as Env).keyring.encrypt(secret, clientSecretField(tenantId, profileId))

/** Binds a profile to email, or none. */
export async function bind(tenantId: string, profileId: string | null): Promise<void> {
  await env.DB.prepare("DELETE FROM microsoft_bindings WHERE tenant_id = ? AND consumer = 'email'").bind(tenantId).run()
  if (profileId !== null)
    await env.DB.prepare(
      "INSERT INTO microsoft_bindings (tenant_id, consumer, profile_id, updated_at) VALUES (?, 'email', ?, 1)",
    )
      .bind(tenantId, profileId)
      .run()
}

/** Changes columns of a profile. */
export async function changeProfile(profileId: string, columns: Record<string, string | number | null>): Promise<void> {
  const set = Object.keys(columns).map((name) => `${name} = ?`)
  await env.DB.prepare(`UPDATE microsoft_profiles SET ${set.join(', ')} WHERE id = ?`)
    .bind(...Object.values(columns), profileId)
    .run()
}

/** A Microsoft inbox, connected unless `tokens` is null, with a profile of its tenant bound to email unless `profile` is null. */
export async function givenMicrosoftInbox(
  given: {
    tenantId?: string
    /** the inbox's address */
    address?: string
    kind?: MailboxKind
    profile?: Parameters<typeof givenProfile>[1] | null
    /** what is not as its profile and kind would have it */
    grant?: Partial<MicrosoftConfig>
    tokens?: OAuthTokens | null
    archived?: boolean
    subscription?: string
  } = {},
) {
  const inboxId = newId('inb')
  const tenantId = given.tenantId ?? newId('ten')
  const address = given.address ?? `${inboxId.slice(-10)}@${DIRECTORY}`
  const profileId = given.profile === null ? null : await givenProfile(tenantId, given.profile)
  const kind = given.kind ?? 'own'
  const microsoft: MicrosoftConfig = {
    kind,
    address,
    account: kind === 'app' ? null : address,
    profileId,
    clientId: given.profile?.clientId ?? CLIENT_ID,
    directory: given.profile?.directory ?? DIRECTORY,
    scopes: kind === 'app' ? [] : [...MAIL_SCOPES[kind]],
    grantedAt: 1,
    ...given.grant,
  }
  const tokens = given.tokens === undefined ? liveTokens(inboxId, kind) : given.tokens
  const sealed = tokens
    ? await sealConnection(settingsOf(env as Env).keyring, tenantId, inboxId, { microsoft }, tokens)
    : { config: null, credentials: null }
  await env.DB.prepare(
    `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, status, config, credentials,
       graph_subscription_id, graph_subscription_expires_at, connected_at, archived_at, created_at, updated_at)
     VALUES (?, ?, 'Support', 'Support', ?, 'microsoft', ?, ?, ?, ?, ?, 1, ?, 1, 1)`,
  )
    .bind(
      inboxId,
      tenantId,
      address,
      tokens ? 'connected' : 'disconnected',
      sealed.config,
      sealed.credentials,
      given.subscription ?? null,
      given.subscription ? 2 : null,
      given.archived ? 1 : null,
    )
    .run()
  return { inboxId, tenantId, address, profileId, microsoft, db: tenantDb(env.DB, tenantId) }
}

/** Tokens whose access token lasts for another hour. */
export const liveTokens = (of: string, kind: MailboxKind = 'own'): OAuthTokens => ({
  accessToken: `stored-access-${of}`,
  expiresAt: Date.now() + 3_600_000,
  refreshToken: kind === 'app' ? null : `stored-refresh-${of}`,
})

export type Asked = { url: string; body: Record<string, string>; token: string | null }

/** What Entra's token endpoint says when it refuses. */
export const refused = (code: number, error = 'invalid_grant', status = 400) =>
  Response.json(
    {
      error,
      error_description: `AADSTS${code}: Some words. Trace ID: 00000000-0000-0000-0000-000000000000`,
      error_codes: [code],
    },
    { status },
  )
/** What Graph says when it refuses. */
export const graphRefusal = (status: number, code = 'ErrorAccessDenied') =>
  Response.json({ error: { code, message: 'No.' } }, { status, headers: { 'request-id': 'req-0001' } })

/** A Microsoft behind `fetch`. Each endpoint answers what it is set to. */
export function fakeMicrosoft(address: string) {
  let number = 0
  const microsoft = {
    asked: [] as Asked[],
    /** of a token answer; what it lacks is filled in with fresh values */
    token: {} as Record<string, unknown>,
    tokenAnswer: null as null | ((grantType: string) => Promise<Response>),
    me: async () => Response.json({ mail: address, userPrincipalName: address }),
    /** opens one mailbox's inbox, by the path before `/mailFolders` */
    inbox: async (_base: string) => Response.json({ id: 'folder-1' }),
    /** every token that was given out */
    issued: [] as string[],
    fetch: async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      const url = new URL(String(input))
      const body = Object.fromEntries(new URLSearchParams(String(init?.body ?? '')))
      microsoft.asked.push({
        url: url.origin + url.pathname,
        body,
        token: new Headers(init?.headers).get('authorization'),
      })
      if (url.pathname.endsWith('/oauth2/v2.0/token'))
        return microsoft.tokenAnswer ? microsoft.tokenAnswer(body.grant_type ?? '') : microsoft.fresh(body.grant_type)
      if (url.pathname === '/v1.0/me') return microsoft.me()
      const [, base] = /^\/v1\.0(\/.+)\/mailFolders\/inbox$/.exec(url.pathname) ?? []
      if (base) return microsoft.inbox(decodeURIComponent(base))
      throw new Error(`nobody answers ${url.pathname}`)
    },
    fresh: (grantType?: string) => {
      number++
      const set: Record<string, unknown> = {
        access_token: `issued-access-${number}-${address}`,
        token_type: 'Bearer',
        expires_in: 3599,
        ...(grantType === 'client_credentials' ? {} : { refresh_token: `issued-refresh-${number}-${address}` }),
        ...microsoft.token,
      }
      for (const name of ['access_token', 'refresh_token']) {
        const value = set[name]
        if (typeof value === 'string' && value !== '') microsoft.issued.push(value)
      }
      return Response.json(set)
    },
    /** the token endpoints asked, and what they were asked for */
    tokenRequests: () => microsoft.asked.filter(({ url }) => url.endsWith('/token')),
  }
  return microsoft
}
