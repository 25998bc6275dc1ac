import { env } from 'cloudflare:test'
import { afterAll, describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../worker/platform/ids'
import { APP, code, expectNothingTold, outcome, stateIn, type Who } from './account-connect-lab'
import { setUpConnect } from './google-connect-lab'
import { givenGoogleInbox } from './google-rows'

const MINUTE = 60_000

afterAll(expectNothingTold)

describe('a state that is not good', () => {
  /** Refused before anything was asked of Google, with nothing stored. */
  async function refused(t: Awaited<ReturnType<typeof setUpConnect>>, query: Record<string, string> | string) {
    const before = await t.row()
    const page = await t.back(query)
    expect(page.origin).toBe(APP)
    expect(await t.row()).toEqual(before)
    expect(t.google.asked).toEqual([])
    return page
  }

  it.each<[string, (state: string) => string]>([
    ['altered in its random part', (state) => (state[0] === 'A' ? 'B' : 'A') + state.slice(1)],
    ['altered in its signature', (state) => state.replace(/\.(.)/, (_all, c) => `.${c === 'A' ? 'B' : 'A'}`)],
    ['cut off', (state) => state.slice(0, -1)],
    ['without signature', (state) => state.split('.')[0] ?? ''],
    ['empty', () => ''],
    ['made of anything', () => "' OR 1=1 --"],
    ['very long', () => 'A'.repeat(100_000)],
  ])('%s finishes nothing and spoils nothing', async (_what, alter) => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    const page = await refused(t, { state: alter(state), code: code() })
    expect(page.pathname + page.search).toBe('/inboxes?connect=expired')
    expect(outcome(await t.back({ state, code: code() }))).toEqual({ connect: 'ok' })
  })

  it('named twice or not at all finishes nothing', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    expect(outcome(await refused(t, `state=${state}&state=${state}&code=${code()}`))).toEqual({ connect: 'expired' })
    expect(outcome(await refused(t, { code: code() }))).toEqual({ connect: 'expired' })
  })

  it('is used once', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    await t.back({ state, error: 'access_denied' })
    expect(outcome(await refused(t, { state, code: code() }))).toEqual({ connect: 'expired' })
  })

  it('is used once by two browsers that come back at the same time', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    const pages = await Promise.all([1, 2, 3, 4].map(() => t.back({ state, code: code() })))
    expect(pages.map(outcome).filter(({ connect }) => connect === 'ok')).toHaveLength(1)
    expect(pages.map(outcome).filter(({ connect }) => connect === 'expired')).toHaveLength(3)
    expect(t.google.paths().filter((path) => path === '/token')).toHaveLength(1)
  })

  it('is over after ten minutes, and says so on the page of its inbox', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    t.world.now += 10 * MINUTE
    const page = await refused(t, { state, code: code() })
    expect(page.pathname + page.search).toBe(`/inboxes/${t.inbox.inboxId}?connect=expired`)
    expect(await t.attempts()).toEqual([])
  })

  it('is good until then', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    t.world.now += 10 * MINUTE - 1
    expect(outcome(await t.back({ state, code: code() }))).toEqual({ connect: 'ok' })
  })

  it.each<[string, (who: NonNullable<Who>) => Who]>([
    ['no session', () => null],
    ['the session of another user of the tenant', (who) => ({ ...who, userId: 'usr_2' })],
    ['the session of another tenant', (who) => ({ ...who, tenantId: 'ten_other' })],
  ])('with %s connects nothing, and stays good for the one who began', async (_what, change) => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    const who = t.world.who
    t.world.who = who && change(who)
    expect(outcome(await refused(t, { state, code: code() }))).toEqual({ connect: 'expired' })
    t.world.who = who
    expect(outcome(await t.back({ state, code: code() }))).toEqual({ connect: 'ok' })
  })

  it('cannot make a victim connect his mailbox to the inbox of whoever lured him', async () => {
    const attacker = await setUpConnect()
    const state = stateIn(await attacker.start())
    attacker.world.who = { userId: 'usr_victim', tenantId: 'ten_victim', role: 'owner' }
    expect(outcome(await refused(attacker, { state, code: code() }))).toEqual({ connect: 'expired' })
  })

  it('of somebody who may no longer manage inboxes connects nothing', async () => {
    const t = await setUpConnect()
    const state = stateIn(await t.start())
    if (t.world.who) t.world.who.role = 'agent'
    expect(outcome(await refused(t, { state, code: code() }))).toEqual({ connect: 'failed', reason: 'not_allowed' })
  })

  it.each(['user_id', 'inbox_id', 'address', 'return_to', 'expires_at'])(
    'whose row was changed in the database (%s) does not verify',
    async (column) => {
      const t = await setUpConnect()
      const other = await givenGoogleInbox({ tenantId: t.inbox.tenantId, tokens: null })
      const state = stateIn(await t.start())
      const value = {
        user_id: 'usr_1',
        inbox_id: other.inboxId,
        address: 'evil@gmail.com',
        return_to: '/x',
        expires_at: t.world.now + 9e9,
      }
      await env.DB.prepare(`UPDATE oauth_states SET ${column} = ? WHERE id = ?`)
        .bind(column === 'user_id' ? 'usr_3' : (value[column as keyof typeof value] ?? null), await sha256Hex(state))
        .run()
      if (column === 'user_id' && t.world.who) t.world.who.userId = 'usr_3'
      expect(outcome(await refused(t, { state, code: code() }))).toEqual({ connect: 'expired' })
    },
  )

  it('whose inbox is gone, archived or of another kind by now is refused before the code is redeemed', async () => {
    for (const change of ["connection_type = 'imap'", 'archived_at = 1', "id = 'gone' || id"]) {
      const t = await setUpConnect()
      const state = stateIn(await t.start())
      await env.DB.prepare(`UPDATE inboxes SET ${change} WHERE id = ?`).bind(t.inbox.inboxId).run()
      const page = await t.back({ state, code: code() })
      expect(outcome(page)).toEqual({ connect: 'failed', reason: 'inbox_changed' })
      expect(t.google.asked).toEqual([])
    }
  })
})
