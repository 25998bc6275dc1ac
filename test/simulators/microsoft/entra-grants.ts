// What accounts and directories have granted to apps: consents, codes, access and refresh tokens. Entra's rules, no HTTP.
import { createHash, randomBytes } from 'node:crypto'
import { EntraRefusal } from './entra-error.ts'
import type { Account, App, World } from './world.ts'

/** Seconds an access token lives. */
export const ACCESS_SECONDS = 3599
const CODE_MS = 10 * 60_000
const DAY_MS = 24 * 60 * 60_000
const REFRESH_MS = 90 * DAY_MS

/** Who holds something: `directory` is an id. */
type Holder = { account: string; clientId: string; directory: string; scopes: string[] }
type AccessToken = Omit<Holder, 'account'> & { account: string | null; expiresAt: number }
type RefreshToken = Holder & { issuedAt: number; serial: number }
type Code = Holder & { redirectUri: string; challenge: string | null; expiresAt: number; used: boolean }
type Data = {
  serial: number
  /** `<client id> <account>` → scopes */
  consents: Record<string, string[]>
  codes: Record<string, Code>
  access: Record<string, AccessToken>
  refresh: Record<string, RefreshToken>
  /** account → refresh tokens up to this serial are refused with this AADSTS code */
  ended: Record<string, { serial: number; code: number }>
}

/** `refreshToken` is null without offline_access; `account` is null for an app's own token. */
export type Issued = {
  accessToken: string
  refreshToken: string | null
  scopes: string[]
  account: Account | null
  /** openid was asked for, which is more than that it was ever consented to: an id token comes along */
  identity: boolean
}

/** What a living access token stands for. `scopes` are roles for an app's own token. */
export type Held = { account: Account | null; app: App; directory: string; scopes: string[] }

export type Grants = ReturnType<typeof createGrants>

export function createGrants(world: World) {
  const data = world.section<Data>('grants', {
    serial: 0,
    consents: {},
    codes: {},
    access: {},
    refresh: {},
    ended: {},
  })
  /** every secret value given out since the start, so that tests can look for them where they do not belong */
  const given = new Set<string>([...Object.keys(data.access), ...Object.keys(data.refresh)])
  const keyOf = (account: string, clientId: string) => `${clientId} ${account}`
  const adminConsent = ({ clientId, directory }: Holder): string[] =>
    world.apps.get(clientId)?.adminConsents[directory] ?? []
  const secret = (prefix: string, bytes: number): string => {
    const value = prefix + randomBytes(bytes).toString('base64url')
    given.add(value)
    return value
  }

  const issueAccess = (app: App, directory: string, account: Account | null, scopes: string[]): string => {
    for (const [old, { expiresAt }] of Object.entries(data.access)) {
      if (expiresAt < world.clock() - DAY_MS) delete data.access[old]
    }
    const value = jwt(claimsOf(world.clock(), { app, directory, account, scopes }))
    given.add(value)
    const holder = { account: account?.email ?? null, clientId: app.clientId, directory, scopes }
    data.access[value] = { ...holder, expiresAt: world.clock() + ACCESS_SECONDS * 1000 }
    return value
  }
  const issueRefresh = ({ account, clientId, directory, scopes }: Holder): string => {
    for (const [old, { issuedAt }] of Object.entries(data.refresh)) {
      if (issuedAt < world.clock() - 2 * REFRESH_MS) delete data.refresh[old]
    }
    data.serial += 1
    const value = secret('1.AX', 120)
    data.refresh[value] = { account, clientId, directory, scopes, issuedAt: world.clock(), serial: data.serial }
    return value
  }
  /** Entra puts every permission of Graph that was ever consented to into the token, whatever this request asked for. */
  const allScopes = (holder: Holder): string[] => {
    const consented = data.consents[keyOf(holder.account, holder.clientId)] ?? []
    return [...new Set([...holder.scopes, ...consented, ...adminConsent(holder)])].filter(
      (scope) => scope !== 'offline_access',
    )
  }
  const issue = (app: App, holder: Holder): Issued => {
    const account = world.accounts.get(holder.account)
    if (!account) throw new EntraRefusal(50020, holder.account, holder.directory, app.clientId)
    const scopes = allScopes(holder)
    const offline = holder.scopes.includes('offline_access')
    const issued = {
      accessToken: issueAccess(app, holder.directory, account, scopes),
      refreshToken: offline ? issueRefresh(holder) : null,
      scopes,
      account,
      identity: holder.scopes.includes('openid'),
    }
    world.changed()
    return issued
  }

  return {
    /** Scopes this account has consented to so far; null when there was no consent. */
    consentOf: (account: string, clientId: string): string[] | null => data.consents[keyOf(account, clientId)] ?? null,

    /** Records the consent, where an administrator has not given it for everybody, and gives a code for it, good for ten minutes and one use. */
    giveCode(code: Omit<Code, 'expiresAt' | 'used'>): string {
      const key = keyOf(code.account, code.clientId)
      const byAdmin = adminConsent(code)
      const own = code.scopes.filter((scope) => !byAdmin.includes(scope))
      data.consents[key] = [...new Set([...(data.consents[key] ?? []), ...own])]
      for (const [old, { expiresAt }] of Object.entries(data.codes)) {
        if (expiresAt < world.clock() - DAY_MS) delete data.codes[old]
      }
      const value = secret('1.AQ', 90)
      data.codes[value] = { ...code, expiresAt: world.clock() + CODE_MS, used: false }
      world.changed()
      return value
    },

    /** Exchanges a code. `directory` is the authority's, null for common and organizations. */
    exchange(input: {
      code: string
      app: App
      directory: string | null
      redirectUri: string
      verifier: string | null
    }): Issued {
      const { app } = input
      const code = data.codes[input.code]
      if (!code) throw new EntraRefusal(9002313)
      if (code.clientId !== app.clientId) throw new EntraRefusal(70000)
      if (code.used) throw new EntraRefusal(54005)
      if (code.expiresAt <= world.clock()) throw new EntraRefusal(70008)
      if (input.directory && input.directory !== code.directory) {
        throw new EntraRefusal(50020, code.account, input.directory, app.clientId)
      }
      if (code.redirectUri !== input.redirectUri) throw new EntraRefusal(500112, input.redirectUri, code.redirectUri)
      checkVerifier(code.challenge, input.verifier)
      code.used = true
      return issue(app, code)
    },

    /** Fresh tokens. The refresh token given stays valid beside the new one. `scopes` null: those of the grant. */
    refresh(input: { refreshToken: string; app: App; directory: string | null; scopes: string[] | null }): Issued {
      const { app } = input
      const held = data.refresh[input.refreshToken]
      if (!held) throw new EntraRefusal(9002313)
      if (held.clientId !== app.clientId) throw new EntraRefusal(70000)
      if (input.directory && input.directory !== held.directory) {
        throw new EntraRefusal(50020, held.account, input.directory, app.clientId)
      }
      const ended = data.ended[held.account]
      if (ended && held.serial <= ended.serial) throw new EntraRefusal(ended.code, app.clientId, app.name)
      if (held.issuedAt + REFRESH_MS <= world.clock()) {
        throw new EntraRefusal(700082, new Date(held.issuedAt).toISOString())
      }
      const byPerson = data.consents[keyOf(held.account, held.clientId)] ?? []
      const consented = [...byPerson, ...adminConsent(held)]
      if ((input.scopes ?? held.scopes).some((scope) => !consented.includes(scope))) {
        throw new EntraRefusal(65001, app.clientId, app.name)
      }
      return issue(app, { ...held, scopes: input.scopes ? [...input.scopes, 'offline_access'] : held.scopes })
    },

    /** A token of the app itself; its roles are those an administrator has consented to, perhaps none. */
    appToken(app: App, directory: string): Issued {
      const roles = app.adminConsents[directory] ? app.roles : []
      const accessToken = issueAccess(app, directory, null, roles)
      world.changed()
      return { accessToken, refreshToken: null, scopes: roles, account: null, identity: false }
    },

    /** What a living access token stands for. */
    access(value: string): Held | null {
      const held = data.access[value]
      const app = held && world.apps.get(held.clientId)
      if (!held || !app || held.expiresAt <= world.clock()) return null
      const account = held.account === null ? null : (world.accounts.get(held.account) ?? null)
      if (held.account !== null && !account) return null
      return { account, app, directory: held.directory, scopes: held.scopes }
    },

    /** From now on every refresh token of the account given out before is refused with the code, until it signs in again. */
    end(account: string, code: number): void {
      data.ended[account] = { serial: data.serial, code }
      if (code === 65001) {
        for (const key of Object.keys(data.consents)) if (key.split(' ')[1] === account) delete data.consents[key]
      }
      world.changed()
    },

    /** Ends the access tokens of an account, or of an app itself, as if their hour were over. */
    expireAccess(of: { account: string } | { clientId: string }): number {
      const values = Object.entries(data.access).filter(([, held]) =>
        'account' in of ? held.account === of.account : held.account === null && held.clientId === of.clientId,
      )
      for (const [value] of values) delete data.access[value]
      world.changed()
      return values.length
    },

    /** Every code and token given out since the start. */
    tokens: () => [...given],

    /** Numbers for tests; no token among them. */
    report: () => ({
      consents: Object.keys(data.consents).length,
      accessTokens: Object.keys(data.access).length,
      refreshTokens: Object.keys(data.refresh).length,
    }),
  }
}

/** What is inside a Graph token; clients must not rely on it, but support people read it. */
function claimsOf(now: number, { app, directory, account, scopes }: Held): Record<string, unknown> {
  const seconds = Math.floor(now / 1000)
  return {
    aud: 'https://graph.microsoft.com',
    iss: `https://sts.windows.net/${directory}/`,
    iat: seconds,
    nbf: seconds,
    exp: seconds + ACCESS_SECONDS,
    app_displayname: app.name,
    appid: app.clientId,
    idtyp: account ? 'user' : 'app',
    ...(account
      ? {
          oid: account.id,
          name: account.name,
          upn: account.userPrincipalName,
          unique_name: account.userPrincipalName,
          scp: scopes.join(' '),
        }
      : { roles: scopes }),
    tid: directory,
    uti: randomBytes(16).toString('base64url'),
    ver: '1.0',
  }
}

/** JWT-shaped: the signature is noise, since nobody but Graph may judge it. */
export function jwt(claims: Record<string, unknown>): string {
  const parts = [{ typ: 'JWT', alg: 'RS256', kid: 'simulated' }, claims]
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${randomBytes(256).toString('base64url')}`
}

/** PKCE, RFC 7636 section 4.6; method S256 alone. */
function checkVerifier(challenge: string | null, verifier: string | null) {
  if (challenge === null) return
  if (!verifier || createHash('sha256').update(verifier).digest('base64url') !== challenge) {
    throw new EntraRefusal(501481)
  }
}
