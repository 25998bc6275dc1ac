import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { OAuthTokens } from '../../../worker/contract/inboxes'
import { type Env, settingsOf } from '../../../worker/env'
import { createKeyring } from '../../../worker/platform/crypto'
import { OAuthFailure, type TokenSet } from '../../../worker/providers/oauth'
import { ProviderError } from '../../../worker/providers/provider'
import { loadInbox, resealStale, sealConnection } from '../../../worker/sync/credentials'
import { googleRefresh } from '../../../worker/sync/google-client'
import { type Grant, tokenAnswer, tokenKeeper, tokenSourceOf } from '../../../worker/sync/token-keeper'
import { fakeGoogle, givenGoogleInbox, googleSettings, tokensOf } from './google-rows'

const NOW = 1_800_000_000_000
const DAY = 86_400_000
const { keyring } = settingsOf(env as Env)

const fresh = (n: number, rest: Partial<TokenSet> = {}): TokenSet => ({
  accessToken: `fresh-access-${n}`,
  expiresAt: NOW + 3_600_000,
  refreshToken: null,
  scopes: null,
  ...rest,
})
const stale: OAuthTokens = { accessToken: 'old-access', expiresAt: NOW + 59_000, refreshToken: 'the-refresh' }
const live: OAuthTokens = { ...stale, accessToken: 'live-access', expiresAt: NOW + 61_000 }

/** An inbox with a keeper whose refreshes a test can hold, fail and count. */
async function setUp(given: Parameters<typeof givenGoogleInbox>[0] = {}) {
  const inbox = await givenGoogleInbox({ tokens: stale, grantedAt: NOW - DAY, ...given })
  const grants: Grant[] = []
  const world = {
    now: NOW,
    refresh: async (_grant: Grant): Promise<TokenSet> => fresh(grants.length),
    assertServes: () => {},
  }
  const deps = {
    db: inbox.db,
    keyring,
    clock: () => world.now,
    assertServes: async () => world.assertServes(),
    refresh: (grant: Grant) => {
      grants.push(grant)
      return world.refresh(grant)
    },
  }
  const keeper = tokenKeeper(deps)
  return {
    inbox,
    deps,
    grants,
    world,
    ask: (refused?: string) => keeper.accessToken(inbox.inboxId, refused),
    stored: () => tokensOf(inbox),
    /** what a reconnect writes */
    reconnect: async (tokens: OAuthTokens) => {
      const google = { address: inbox.account, clientId: 'new-client', scopes: [], grantedAt: NOW }
      const sealed = await sealConnection(keyring, inbox.tenantId, inbox.inboxId, { google }, tokens)
      await env.DB.prepare('UPDATE inboxes SET config = ?, credentials = ? WHERE id = ?')
        .bind(sealed.config, sealed.credentials, inbox.inboxId)
        .run()
    },
    wipe: () => env.DB.prepare('UPDATE inboxes SET credentials = NULL WHERE id = ?').bind(inbox.inboxId).run(),
  }
}
const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )
function gate<T>() {
  let open = (_value: T) => {}
  const passed = new Promise<T>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

describe('an access token', () => {
  it('is used while it has more than a minute left, and nobody is asked', async () => {
    const t = await setUp({ tokens: live })
    expect(await t.ask()).toBe('live-access')
    expect(t.grants).toEqual([])
  })

  it('is renewed in its last minute with the refresh token and client of its own grant', async () => {
    const t = await setUp({ clientId: 'issuing-client' })
    expect(await t.ask()).toBe('fresh-access-1')
    expect(t.grants).toEqual([
      expect.objectContaining({
        vendor: 'google',
        clientId: 'issuing-client',
        refreshToken: 'the-refresh',
        grantedAt: NOW - DAY,
      }),
    ])
  })

  it('is not used, though it would last, once the app that issued it may not serve any more', async () => {
    const t = await setUp({ tokens: live })
    t.world.assertServes = () => {
      throw new OAuthFailure('oauth_client_changed', 'Another app serves now.')
    }
    expect(await errorOf(t.ask())).toMatchObject({ kind: 'auth_revoked', code: 'oauth_client_changed' })
    expect(t.grants).toEqual([])
  })

  it('that the provider has refused is renewed, however long it would last', async () => {
    const t = await setUp({ tokens: live })
    expect(await t.ask('live-access')).toBe('fresh-access-1')
  })

  it('that was refused after somebody else had renewed it costs no second refresh', async () => {
    const t = await setUp({ tokens: live })
    expect(await t.ask('an-older-one')).toBe('live-access')
    expect(t.grants).toEqual([])
  })

  it('is stored before anybody gets it: no storing, no token', async () => {
    const t = await setUp()
    await env.DB.prepare(
      `CREATE TRIGGER away BEFORE UPDATE ON inboxes WHEN OLD.id = '${t.inbox.inboxId}' BEGIN SELECT RAISE(ABORT, 'D1 is away'); END`,
    ).run()
    expect(await errorOf(t.ask())).toMatchObject({ cause: { message: expect.stringContaining('D1 is away') } })
    await env.DB.prepare('DROP TRIGGER away').run()
    expect(t.grants).toHaveLength(1)
    expect(await t.stored()).toEqual(stale)
    // and it is stored at the moment it is handed out
    expect(await t.ask()).toBe('fresh-access-2')
    expect((await t.stored())?.accessToken).toBe('fresh-access-2')
  })

  it('from an answer without refresh token leaves the stored one where it is', async () => {
    const t = await setUp()
    await t.ask()
    expect(await t.stored()).toEqual({
      accessToken: 'fresh-access-1',
      expiresAt: NOW + 3_600_000,
      refreshToken: 'the-refresh',
    })
  })

  it('with a rotated refresh token replaces the old one', async () => {
    const t = await setUp()
    t.world.refresh = async () => fresh(1, { refreshToken: 'rotated', expiresAt: NOW })
    await t.ask()
    expect((await t.stored())?.refreshToken).toBe('rotated')
    await t.ask()
    expect(t.grants.map((grant) => grant.refreshToken)).toEqual(['the-refresh', 'rotated'])
  })

  it('is sealed: the row holds none of its letters', async () => {
    const t = await setUp()
    await t.ask()
    const row = await env.DB.prepare('SELECT * FROM inboxes WHERE id = ?').bind(t.inbox.inboxId).first()
    expect(JSON.stringify(row)).not.toMatch(/fresh-access|the-refresh/)
  })
})

describe('at the same time', () => {
  it('any number of askers share one refresh', async () => {
    const t = await setUp()
    const { passed, open } = gate<TokenSet>()
    t.world.refresh = () => passed
    const asking = Promise.all(Array.from({ length: 20 }, (_, n) => t.ask(n % 2 ? 'old-access' : undefined)))
    await expect.poll(() => t.grants.length).toBe(1)
    open(fresh(1))
    expect(new Set(await asking)).toEqual(new Set(['fresh-access-1']))
    expect(t.grants).toHaveLength(1)
  })

  it('one failure is told to all of them, and the next asker tries anew', async () => {
    const t = await setUp()
    const { passed, open } = gate<void>()
    t.world.refresh = async () => {
      await passed
      throw new OAuthFailure('oauth_unreachable', 'Away.')
    }
    const asking = Promise.all(Array.from({ length: 5 }, () => errorOf(t.ask())))
    await expect.poll(() => t.grants.length).toBe(1)
    open()
    for (const error of await asking) expect(error).toMatchObject({ kind: 'transient' })
    t.world.refresh = async () => fresh(2)
    expect(await t.ask()).toBe('fresh-access-2')
  })

  it('whoever was refused the very token others are being handed gets another one', async () => {
    const t = await setUp({ tokens: live })
    const [unaware, refused] = await Promise.all([t.ask(), t.ask('live-access')])
    expect([unaware, refused]).toEqual(['live-access', 'fresh-access-1'])
    expect(t.grants).toHaveLength(1)
  })

  it('a reconnect during a refresh wins', async () => {
    const t = await setUp()
    const renewed: OAuthTokens = { accessToken: 'new-access', expiresAt: NOW + DAY, refreshToken: 'new-refresh' }
    t.world.refresh = async () => {
      await t.reconnect(renewed)
      return fresh(1, { refreshToken: 'rotated' })
    }
    expect(await t.ask()).toBe('new-access')
    expect(await t.stored()).toEqual(renewed)
    expect(t.grants).toHaveLength(1)
  })

  it('a disconnect during a refresh stays disconnected, and the renewed token reaches nobody', async () => {
    const t = await setUp()
    t.world.refresh = async () => {
      await t.wipe()
      return fresh(1)
    }
    expect(await errorOf(t.ask())).toMatchObject({ kind: 'protocol', code: 'not_connected' })
    expect(await t.stored()).toBeNull()
  })

  it('sealing anew with a younger key loses neither tokens nor refresh', async () => {
    const t = await setUp()
    const rotated = createKeyring(`k2:${btoa('r'.repeat(32))},${env.ENCRYPTION_KEYS}`)
    const keeper = tokenKeeper({
      ...t.deps,
      keyring: rotated,
      refresh: async (grant) => {
        t.grants.push(grant)
        if (t.grants.length === 1) {
          const loaded = await loadInbox(t.inbox.db, rotated, t.inbox.inboxId)
          if (loaded) await resealStale(t.inbox.db, rotated, loaded)
        }
        return fresh(t.grants.length)
      },
    })
    expect(await keeper.accessToken(t.inbox.inboxId)).toBe('fresh-access-2')
    expect(t.grants[1]?.refreshToken).toBe('the-refresh')
  })

  it('a row that changes at every attempt ends the asking', async () => {
    const t = await setUp()
    t.world.refresh = async () => {
      await t.reconnect({ ...stale, refreshToken: `r${t.grants.length}` })
      return fresh(1)
    }
    expect(await errorOf(t.ask())).toMatchObject({ kind: 'transient', code: 'oauth_contended' })
  })
})

describe('a refresh that fails', () => {
  it('for good is auth_revoked with words and the way out', async () => {
    const t = await setUp()
    t.world.refresh = () => Promise.reject(new OAuthFailure('oauth_refresh_failed', 'The access has ended.'))
    const error = await errorOf(t.ask())
    expect(error).toBeInstanceOf(ProviderError)
    expect(error).toMatchObject({ kind: 'auth_revoked', code: 'oauth_refresh_failed', hint: 'Reconnect the account.' })
    expect(await t.stored()).toEqual(stale)
  })

  it('for good says what the vendor knows of the cause', async () => {
    const t = await setUp()
    t.world.refresh = () =>
      Promise.reject(new OAuthFailure('oauth_client_changed', 'Other client.', { hint: 'Do this.' }))
    expect(await errorOf(t.ask())).toMatchObject({
      kind: 'auth_revoked',
      code: 'oauth_client_changed',
      hint: 'Do this.',
    })
  })

  it.each(['oauth_unreachable', 'oauth_refused'] as const)('otherwise (%s) may pass', async (code) => {
    const t = await setUp()
    t.world.refresh = () => Promise.reject(new OAuthFailure(code, 'Away.'))
    expect(await errorOf(t.ask())).toMatchObject({ kind: 'transient', code })
    expect(await t.stored()).toEqual(stale)
  })

  it.each<[string, { reason?: string; retryAfter?: number }]>([
    ['names a time to wait', { reason: 'http_503', retryAfter: 5_000 }],
    ['says too many requests', { reason: 'http_429' }],
  ])('because the authority %s is a throttle and nothing against the grant', async (_what, options) => {
    const t = await setUp()
    t.world.refresh = () => Promise.reject(new OAuthFailure('oauth_unreachable', 'Away.', options))
    expect(await errorOf(t.ask())).toMatchObject({
      kind: 'rate_limited',
      code: 'oauth_rate_limited',
      retryAfter: options.retryAfter,
    })
    expect(await t.stored()).toEqual(stale)
  })
})

describe("with Google's client of this deployment", () => {
  const keeperOf = async (t: Awaited<ReturnType<typeof setUp>>, settings = googleSettings()) => {
    const google = fakeGoogle(t.inbox.account)
    const refresh = googleRefresh(settings, { fetch: google.fetch, clock: () => NOW })
    return { google, keeper: tokenKeeper({ ...t.deps, refresh }) }
  }

  it('a grant of another client is never redeemed with this one', async () => {
    const t = await setUp({ clientId: 'the-client-before' })
    const { google, keeper } = await keeperOf(t)
    expect(await errorOf(keeper.accessToken(t.inbox.inboxId))).toMatchObject({
      kind: 'auth_revoked',
      code: 'oauth_client_changed',
    })
    expect(google.asked).toEqual([])
  })

  it('without a client nothing is asked either', async () => {
    const t = await setUp()
    const { google, keeper } = await keeperOf(t, { ...googleSettings(), GOOGLE_CLIENT_SECRET: '' })
    expect(await errorOf(keeper.accessToken(t.inbox.inboxId))).toMatchObject({ code: 'oauth_client_changed' })
    expect(google.asked).toEqual([])
  })

  it('a grant that ended after seven days names a consent screen in "Testing" as the likely cause', async () => {
    const t = await setUp({ grantedAt: NOW - 7 * DAY })
    const { google, keeper } = await keeperOf(t)
    google.tokenAnswer = async () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    expect(await errorOf(keeper.accessToken(t.inbox.inboxId))).toMatchObject({
      kind: 'auth_revoked',
      code: 'oauth_refresh_failed',
      hint: expect.stringContaining('"Testing"'),
    })
  })

  it('a token comes from the token endpoint', async () => {
    const t = await setUp()
    const { google, keeper } = await keeperOf(t)
    expect(await keeper.accessToken(t.inbox.inboxId)).toBe(google.issued[0])
    expect(google.asked[0]).toMatchObject({ path: '/token', body: { refresh_token: 'the-refresh' } })
  })
})

describe('an inbox that cannot be read', () => {
  it('without a connection says so', async () => {
    const t = await setUp({ tokens: null })
    expect(await errorOf(t.ask())).toMatchObject({ kind: 'protocol', code: 'not_connected' })
  })

  it('whose key is gone asks to connect again and is not called revoked', async () => {
    const t = await setUp()
    const other = createKeyring(`k9:${btoa('x'.repeat(32))}`)
    const asking = tokenKeeper({ ...t.deps, keyring: other }).accessToken(t.inbox.inboxId)
    expect(await errorOf(asking)).toMatchObject({ kind: 'protocol', code: 'credentials_unreadable' })
  })

  it('of another tenant has no tokens here', async () => {
    const [mine, theirs] = [await setUp(), await setUp()]
    expect(await errorOf(tokenKeeper(mine.deps).accessToken(theirs.inbox.inboxId))).toMatchObject({
      code: 'not_connected',
    })
    expect(mine.grants).toEqual([])
  })
})

describe('across the border of the object', () => {
  const source = (answer: () => Promise<string>) => tokenSourceOf({ accessToken: () => tokenAnswer(answer) })

  it('a token is a token', async () => {
    expect(await source(async () => 'a')()).toBe('a')
  })

  it('a refusal keeps its kind, code, words, hint and waiting time', async () => {
    const thrown = new ProviderError('auth_revoked', 'oauth_refresh_failed', 'Ended.', {
      hint: 'Reconnect.',
      retryAfter: 9,
    })
    expect(await errorOf(source(() => Promise.reject(thrown))())).toEqual(thrown)
  })

  it('a fault of ours is nothing against the grant', async () => {
    expect(await errorOf(source(() => Promise.reject(new Error('bug')))())).toMatchObject({ kind: 'transient' })
  })

  it('the refused token goes over', async () => {
    const heard: unknown[] = []
    const object = {
      accessToken: async (refused?: string) => {
        heard.push(refused)
        return { token: 'b' }
      },
    }
    await tokenSourceOf(object)('a')
    expect(heard).toEqual(['a'])
  })
})
