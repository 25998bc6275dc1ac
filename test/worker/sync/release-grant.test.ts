import { env } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { newId } from '../../../worker/platform/ids'
import { systemDb } from '../../../worker/platform/system-db'
import { ProviderError, type TokenSource } from '../../../worker/providers/provider'
import type { Connection } from '../../../worker/sync/credentials'
import type { ProviderOptions } from '../../../worker/sync/mailbox'
import { prepareRelease } from '../../../worker/sync/release-grant'
import { fakeMailbox } from '../../support/fake-provider'
import { fakeGoogle, givenGoogleInbox, googleSettings, liveTokens } from './google-rows'
import { fakeMicrosoft, givenMicrosoftInbox, microsoftSettings } from './microsoft-rows'

async function setUp(given: Parameters<typeof givenGoogleInbox>[0] = {}) {
  const inbox = await givenGoogleInbox(given)
  const google = fakeGoogle(inbox.account)
  const happened: string[] = []
  const world = {
    unsubscribe: async (token: TokenSource) => void happened.push(`stop watch as ${await token()}`),
    stop: async () => void happened.push('stop checks'),
  }
  google.revoke = async () => {
    happened.push(`revoke ${google.asked.at(-1)?.body.token}`)
    return Response.json({})
  }
  const deps = {
    db: inbox.db,
    system: systemDb(env.DB),
    settings: googleSettings(),
    clock: Date.now,
    patience: 200,
    fetch: google.fetch,
    object: () => ({ stop: () => world.stop() }),
    makeProvider: (_connection: object, { token }: { token: TokenSource }) => ({
      ...fakeMailbox().provider(),
      push: {
        subscribe: () => Promise.reject(new Error('nobody subscribes here')),
        renew: () => Promise.reject(new Error('nobody renews here')),
        unsubscribe: () => world.unsubscribe(token),
      },
    }),
  }
  return {
    inbox,
    google,
    happened,
    world,
    prepare: () => prepareRelease(deps, inbox.inboxId),
    wipe: () =>
      env.DB.prepare('UPDATE inboxes SET credentials = NULL, google_address = NULL WHERE id = ?')
        .bind(inbox.inboxId)
        .run(),
    remove: () => env.DB.prepare('DELETE FROM inboxes WHERE id = ?').bind(inbox.inboxId).run(),
  }
}
const account = () => `shared-${newId('inb')}@gmail.com`

describe('an inbox that lets go of its account', () => {
  it.each(['wipe', 'remove'] as const)('(%s) stops the checks and the watch, then revokes the grant', async (gone) => {
    const t = await setUp({ tokens: liveTokens('1') })
    const giveBack = await t.prepare()
    expect(t.happened).toEqual([])
    await t[gone]()
    await giveBack()
    expect(t.happened).toEqual(['stop checks', 'stop watch as stored-access-1', 'revoke stored-refresh-1'])
  })

  it('with an access token that has run out gets one more for the end, and stores it nowhere', async () => {
    const t = await setUp({ tokens: { ...liveTokens('2'), expiresAt: 1 } })
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    expect(t.happened).toContain(`stop watch as ${t.google.issued[0]}`)
    const row = await env.DB.prepare('SELECT credentials FROM inboxes WHERE id = ?').bind(t.inbox.inboxId).first()
    expect(row).toEqual({ credentials: null })
  })

  it('revokes although the grant cannot stop its watch any more', async () => {
    const t = await setUp({ tokens: { ...liveTokens('3'), expiresAt: 1 } })
    t.google.tokenAnswer = async () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    expect(t.happened).toEqual(['stop checks', 'revoke stored-refresh-3'])
  })

  it('leaves the account alone where another inbox of any tenant uses it', async () => {
    const address = account()
    const other = await givenGoogleInbox({ address })
    const t = await setUp({ address })
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    expect(t.happened).toEqual([])
    expect(other.tenantId).not.toBe(t.inbox.tenantId)
  })

  it('counts an archived inbox, whose restore needs the grant, and none that is disconnected', async () => {
    const [kept, free] = [account(), account()]
    await givenGoogleInbox({ address: kept, archived: true })
    await givenGoogleInbox({ address: free, tokens: null })
    for (const [address, steps] of [
      [kept, 0],
      [free, 3],
    ] as const) {
      const t = await setUp({ address })
      const giveBack = await t.prepare()
      await t.wipe()
      await giveBack()
      expect(t.happened).toHaveLength(steps)
    }
  })

  it('that was connected again meanwhile keeps its new grant', async () => {
    const t = await setUp()
    const giveBack = await t.prepare()
    await giveBack()
    expect(t.happened).toEqual([])
  })

  it.each([
    ['not connected', { tokens: null }],
    ['connected with another Google client', { clientId: 'the-client-before' }],
  ])('%s costs nobody an error', async (_what, given) => {
    const t = await setUp(given)
    const giveBack = await t.prepare()
    await t.wipe()
    await expect(giveBack()).resolves.toBeUndefined()
  })

  it.each<[string, (t: Awaited<ReturnType<typeof setUp>>) => void]>([
    ['refuses', (t) => (t.google.revoke = async () => Response.json({ error: 'invalid_token' }, { status: 400 }))],
    ['breaks', (t) => (t.google.revoke = () => Promise.reject(new Error('lost')))],
    [
      'knows no watch',
      (t) => (t.world.unsubscribe = () => Promise.reject(new ProviderError('transient', 'x', 'no watch'))),
    ],
    ['has an object that is away', (t) => (t.world.stop = () => Promise.reject(new Error('object away')))],
  ])('is free even where Google %s, and says so in the log', async (_what, breakIt) => {
    const t = await setUp()
    breakIt(t)
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    const lines = warned.mock.calls.map(String)
    warned.mockRestore()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('google.release')
    expect(lines[0]).not.toMatch(/stored-(access|refresh)/)
  })

  it('does not wait for ever', async () => {
    const t = await setUp()
    t.world.unsubscribe = () => new Promise(() => {})
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    expect(t.happened).toEqual(['stop checks', expect.stringContaining('revoke')])
  })
})

describe('a Microsoft inbox that lets go', () => {
  /** `others`: the subscriptions that Microsoft shows besides its own. */
  async function connected(given: Parameters<typeof givenMicrosoftInbox>[0] = {}, others: string[] = []) {
    const subscription = crypto.randomUUID()
    const inbox = await givenMicrosoftInbox({ subscription, ...given })
    const microsoft = fakeMicrosoft(inbox.address)
    const happened: string[] = []
    const prepare = () =>
      prepareRelease(
        {
          db: inbox.db,
          system: systemDb(env.DB),
          settings: microsoftSettings(),
          clock: Date.now,
          patience: 200,
          fetch: microsoft.fetch as typeof fetch,
          object: () => ({ stop: async () => void happened.push('stop checks') }),
          makeProvider: (connection: Connection, { token, subscriptionsInUse }: ProviderOptions) => ({
            ...fakeMailbox().provider(),
            push: {
              subscribe: () => Promise.reject(new Error('nobody subscribes here')),
              renew: () => Promise.reject(new Error('nobody renews here')),
              unsubscribe: async (standing) => {
                const id = standing?.subscription?.id ?? 'what was forgotten'
                happened.push(`end ${id} of ${connection.microsoft?.address} as ${await token()}`)
                const spared = await subscriptionsInUse?.(others)
                for (const one of spared ?? ['nobody asked']) happened.push(`spare ${one}`)
              },
            },
          }),
        },
        inbox.inboxId,
      )
    const wipe = () => env.DB.prepare('UPDATE inboxes SET credentials = NULL WHERE id = ?').bind(inbox.inboxId).run()
    return { inbox, microsoft, subscription, happened, prepare, wipe }
  }

  it('stops the checks and ends its own subscription; Microsoft takes no grant back', async () => {
    const t = await connected({ tokens: liveTokens('m1') })
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    expect(t.happened).toEqual(['stop checks', `end ${t.subscription} of ${t.inbox.address} as stored-access-m1`])
    expect(t.microsoft.asked).toEqual([])
  })

  it.each(['own', 'app'] as const)(
    '(%s) with an access token that has run out gets one more, and stores it nowhere',
    async (kind) => {
      const refreshToken = kind === 'app' ? null : 'r'
      const t = await connected({ kind, tokens: { accessToken: 'dead', expiresAt: 1, refreshToken } })
      const giveBack = await t.prepare()
      await t.wipe()
      await giveBack()
      expect(t.happened.at(-1)).toContain(`as ${t.microsoft.issued[0]}`)
    },
  )

  it('leaves alone what another inbox on the same mailbox has', async () => {
    const theirs = crypto.randomUUID()
    const other = await givenMicrosoftInbox({ subscription: theirs })
    const t = await connected({ address: other.address }, [theirs])
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    expect(t.happened).toEqual(['stop checks', expect.stringContaining(`end ${t.subscription}`), `spare ${theirs}`])
  })

  it('that was connected to the same mailbox again meanwhile keeps its checks and its subscription', async () => {
    const t = await connected()
    await (await t.prepare())()
    expect(t.happened).toEqual([])
  })

  it('without a known subscription ends what was given while it let go', async () => {
    const t = await connected({ tokens: liveTokens('m2') })
    await env.DB.prepare('UPDATE inboxes SET graph_subscription_id = NULL WHERE id = ?').bind(t.inbox.inboxId).run()
    const giveBack = await t.prepare()
    await t.wipe()
    await giveBack()
    const end = `end what was forgotten of ${t.inbox.address} as stored-access-m2`
    expect(t.happened).toEqual(['stop checks', end])
  })
})
