// What accounts have granted to clients: consents, codes, access and refresh tokens. Google's rules, no HTTP.
import { createHash } from 'node:crypto'
import type { Account, World } from './world.ts'

/** Seconds an access token lives, as Google says it in `expires_in`. */
export const ACCESS_SECONDS = 3599
const CODE_MS = 10 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** Google lets the oldest refresh token of an account and client die silently beyond this many. */
const MAX_REFRESH_TOKENS = 100

type Holder = { account: string; clientId: string; scopes: string[] }
type AccessToken = Holder & { expiresAt: number; offline: boolean }
type RefreshToken = Holder & { expiresAt: number | null }
type Code = Holder & {
  redirectUri: string
  challenge: string | null
  nonce: string | null
  expiresAt: number
  /** whether the exchange gives a refresh token */
  refresh: boolean
  used: boolean
  issued: string[]
}
type Data = {
  consents: Record<string, { scopes: string[]; grantedAt: number }>
  codes: Record<string, Code>
  access: Record<string, AccessToken>
  refresh: Record<string, RefreshToken>
  /** days a refresh token lives while the consent screen is "Testing" */
  testingDays: number | null
  /** accounts whose refreshes are refused with this error_subtype */
  refused: Record<string, string>
}

/** A token request that is refused, in the words and with the status of Google's token endpoint. */
export class OAuthRefusal extends Error {
  readonly error: string
  readonly subtype: string | undefined
  constructor(error: string, description: string, subtype?: string) {
    super(description)
    this.error = error
    this.subtype = subtype
  }
}

export type Issued = {
  accessToken: string
  scopes: string[]
  refreshToken: string | null
  /** seconds until the refresh token dies; null when it does not */
  refreshExpiresIn: number | null
  account: string
  nonce: string | null
}

export type Grants = ReturnType<typeof createGrants>

export function createGrants(world: World) {
  const data = world.section<Data>('grants', {
    consents: {},
    codes: {},
    access: {},
    refresh: {},
    testingDays: null,
    refused: {},
  })
  /** every secret value given out since the start, so that tests can look for them where they do not belong */
  const given = new Set<string>([...Object.keys(data.access), ...Object.keys(data.refresh)])
  const keyOf = (account: string, clientId: string) => `${clientId} ${account}`
  const token = (prefix: string, digits: number) => {
    const value = `${prefix}${Buffer.from(world.randomId(digits), 'hex').toString('base64url')}`
    given.add(value)
    return value
  }

  const issueAccess = (holder: Holder, offline: boolean): string => {
    for (const [old, { expiresAt }] of Object.entries(data.access)) {
      if (expiresAt < world.clock() - DAY_MS) delete data.access[old]
    }
    const value = token('ya29.a0', 160)
    data.access[value] = { ...pick(holder), expiresAt: world.clock() + ACCESS_SECONDS * 1000, offline }
    return value
  }
  const issueRefresh = (holder: Holder): string => {
    const value = token('1//0', 96)
    const expiresAt = data.testingDays === null ? null : world.clock() + data.testingDays * DAY_MS
    data.refresh[value] = { ...pick(holder), expiresAt }
    const same = Object.keys(data.refresh).filter((other) => sameGrant(data.refresh[other], holder))
    for (const oldest of same.slice(0, Math.max(0, same.length - MAX_REFRESH_TOKENS))) delete data.refresh[oldest]
    return value
  }
  const refreshExpiresIn = (value: string | null): number | null => {
    const expiresAt = value === null ? null : (data.refresh[value]?.expiresAt ?? null)
    return expiresAt === null ? null : Math.max(0, Math.floor((expiresAt - world.clock()) / 1000))
  }
  const revokeGrant = (account: string, clientId: string) => {
    const holder = { account, clientId, scopes: [] }
    delete data.consents[keyOf(account, clientId)]
    for (const kind of [data.access, data.refresh, data.codes]) {
      for (const [value, entry] of Object.entries(kind)) if (sameGrant(entry, holder)) delete kind[value]
    }
    world.changed()
  }

  return {
    /** Scopes this account has granted to the client so far; null when there is no grant. */
    consentOf: (account: string, clientId: string): string[] | null =>
      data.consents[keyOf(account, clientId)]?.scopes ?? null,

    /** Records the consent and gives a code for it, good for ten minutes and one use. */
    giveCode(
      code: Omit<Code, 'expiresAt' | 'used' | 'issued'>,
      { includeGranted }: { includeGranted: boolean },
    ): string {
      const before = data.consents[keyOf(code.account, code.clientId)]
      const all = [...new Set([...(before?.scopes ?? []), ...code.scopes])]
      data.consents[keyOf(code.account, code.clientId)] = {
        scopes: all,
        grantedAt: before?.grantedAt ?? world.clock(),
      }
      delete data.refused[code.account]
      for (const [old, { expiresAt }] of Object.entries(data.codes)) {
        if (expiresAt < world.clock() - DAY_MS) delete data.codes[old]
      }
      const value = token('4/0A', 80)
      const scopes = includeGranted ? all : code.scopes
      data.codes[value] = { ...code, scopes, expiresAt: world.clock() + CODE_MS, used: false, issued: [] }
      world.changed()
      return value
    },

    /** Exchanges a code. A code that comes a second time also ends what it gave the first time (RFC 6749 section 4.1.2). */
    exchange(input: { code: string; clientId: string; redirectUri: string; verifier: string | null }): Issued {
      const code = data.codes[input.code]
      if (!code) throw new OAuthRefusal('invalid_grant', 'Malformed auth code.')
      if (code.clientId !== input.clientId) throw new OAuthRefusal('unauthorized_client', 'Unauthorized')
      if (code.used) {
        for (const issued of code.issued) {
          delete data.access[issued]
          delete data.refresh[issued]
        }
        world.changed()
        throw new OAuthRefusal('invalid_grant', 'Bad Request')
      }
      if (code.expiresAt <= world.clock()) throw new OAuthRefusal('invalid_grant', 'Bad Request')
      if (code.redirectUri !== input.redirectUri) throw new OAuthRefusal('redirect_uri_mismatch', 'Bad Request')
      checkVerifier(code.challenge, input.verifier)
      code.used = true
      const accessToken = issueAccess(code, code.refresh)
      const refreshToken = code.refresh ? issueRefresh(code) : null
      code.issued = refreshToken ? [accessToken, refreshToken] : [accessToken]
      world.changed()
      return {
        accessToken,
        refreshToken,
        scopes: code.scopes,
        refreshExpiresIn: refreshExpiresIn(refreshToken),
        account: code.account,
        nonce: code.nonce,
      }
    },

    /** A fresh access token. Google keeps the refresh token, so none is in the answer. */
    refresh(input: { refreshToken: string; clientId: string; scopes: string[] | null }): Issued {
      const held = data.refresh[input.refreshToken]
      if (!held || (held.expiresAt !== null && held.expiresAt <= world.clock())) {
        throw new OAuthRefusal('invalid_grant', 'Token has been expired or revoked.')
      }
      if (held.clientId !== input.clientId) throw new OAuthRefusal('unauthorized_client', 'Unauthorized')
      const subtype = data.refused[held.account]
      if (subtype) throw new OAuthRefusal('invalid_grant', `reauth related error (${subtype})`, subtype)
      if (input.scopes?.some((scope) => !held.scopes.includes(scope))) {
        throw new OAuthRefusal('invalid_scope', 'Some requested scopes were invalid.')
      }
      const scopes = input.scopes ?? held.scopes
      const accessToken = issueAccess({ ...held, scopes }, true)
      world.changed()
      return {
        accessToken,
        refreshToken: null,
        scopes,
        refreshExpiresIn: refreshExpiresIn(input.refreshToken),
        account: held.account,
        nonce: null,
      }
    },

    /** What a living access token stands for. */
    access(value: string): (AccessToken & { user: Account }) | null {
      const held = data.access[value]
      const user = held && held.expiresAt > world.clock() ? world.accounts.get(held.account) : undefined
      return held && user ? { ...held, user } : null
    },

    /** Ends the whole grant that a token belongs to; false when the token is unknown or dead. */
    revokeToken(value: string): boolean {
      const holder = data.access[value] ?? data.refresh[value]
      if (!holder) return false
      revokeGrant(holder.account, holder.clientId)
      return true
    },

    /** What the user does in the security settings: every client loses access. */
    revokeAccount(account: string): number {
      const keys = Object.keys(data.consents).filter((key) => key.split(' ')[1] === account)
      for (const key of keys) revokeGrant(account, key.split(' ')[0] ?? '')
      return keys.length
    },

    /** Lets refreshes of this account fail with `invalid_grant` and the subtype (`invalid_rapt`) until it consents again. */
    refuseRefresh(account: string, subtype: string) {
      data.refused[account] = subtype
      world.changed()
    },

    /** Ends the access tokens of an account, as if their hour were over. */
    expireAccess(account: string): number {
      const values = Object.keys(data.access).filter((value) => data.access[value]?.account === account)
      for (const value of values) delete data.access[value]
      world.changed()
      return values.length
    },

    get testingDays() {
      return data.testingDays
    },
    set testingDays(days: number | null) {
      data.testingDays = days
      world.changed()
    },

    /** Every code and token given out since the start. */
    tokens: () => [...given],

    /** Numbers for tests; no token among them. */
    report: () => ({
      consents: Object.keys(data.consents).length,
      accessTokens: Object.keys(data.access).length,
      refreshTokens: Object.keys(data.refresh).length,
      testingDays: data.testingDays,
    }),
  }
}

function pick({ account, clientId, scopes }: Holder): Holder {
  return { account, clientId, scopes }
}

function sameGrant(one: Holder | undefined, other: Holder): boolean {
  return one?.account === other.account && one.clientId === other.clientId
}

/** PKCE, RFC 7636 section 4.6; method S256 alone. */
function checkVerifier(challenge: string | null, verifier: string | null) {
  if (challenge === null) return
  if (!verifier) throw new OAuthRefusal('invalid_grant', 'Missing code verifier.')
  if (createHash('sha256').update(verifier).digest('base64url') !== challenge) {
    throw new OAuthRefusal('invalid_grant', 'Invalid code verifier.')
  }
}
