import { env, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { ProviderError } from '../../../worker/providers/provider'
import type { InboxObject } from '../../../worker/sync/inbox-object'
import type { InboxState } from '../../../worker/sync/inbox-state'
import { type FakeMailbox, fakeMailbox, smallMail } from '../../support/fake-provider'
import { givenInbox, inboxRow, ledgerOf } from './rows'

const refused = new ProviderError('auth_revoked', 'imap_auth_failed', 'The mail server refused the password')
const many = (count: number) => Array.from({ length: count }, (_, n) => smallMail(n))

async function setUp(mailbox: FakeMailbox = fakeMailbox(), columns: Parameters<typeof givenInbox>[0] = {}) {
  const inbox = await givenInbox(columns)
  const owner = { tenantId: inbox.tenantId, inboxId: inbox.inboxId }
  const stub = env.INBOX.get(env.INBOX.idFromName(inbox.inboxId))
  const inside = <T>(use: (object: InboxObject, state: DurableObjectState) => T | Promise<T>) =>
    runInDurableObject<InboxObject, T>(stub, use)
  await inside((object) => {
    object.makeProvider = () => mailbox.provider()
  })
  return {
    inbox,
    owner,
    stub,
    inside,
    start: (newMailbox = false) => inside((object) => object.start(owner, { newMailbox })),
    alarmAt: () => inside((_object, state) => state.storage.getAlarm()),
    /** A check that has ended, mirror included; alarms that are due fire by themselves meanwhile. */
    checked: () => inside((object) => object.syncNow()),
    row: () => inboxRow(owner),
    remember: (change: (state: InboxState) => InboxState) =>
      inside(async (object, state) => state.storage.kv.put('state', change(await object.state()))),
  }
}

describe('after a connect', () => {
  it('checks at once by its alarm, mirrors the proof into the row and arms the next check', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    await t.start()
    const row = await vi.waitFor(async () => {
      const current = await t.row()
      expect(current?.last_sync_at).not.toBeNull()
      return current
    })
    expect(await ledgerOf(t.owner)).toHaveLength(2)
    expect(row).toMatchObject({ status: 'connected', status_detail: null, last_error: null })
    expect(Number(row?.last_sync_at)).toBeGreaterThan(Date.now() - 10_000)
    const alarm = await t.alarmAt()
    expect(alarm).toBe(row?.next_poll_at)
    expect(Math.abs((alarm ?? 0) - (Date.now() + 60_000))).toBeLessThan(5_000)
  })

  it('reads no mail when nobody ever connected it', async () => {
    const mailbox = fakeMailbox(many(1))
    const t = await setUp(mailbox)
    await t.inside((object) => object.poke())
    expect(await t.alarmAt()).toBeNull()
    expect(await t.inside((object) => object.syncNow())).toEqual({ found: 0, queued: 0, failure: null })
    expect(mailbox.log.opened).toBe(0)
  })
})

describe('pokes', () => {
  it('that come during a check cost one further check together', async () => {
    const mailbox = fakeMailbox()
    const t = await setUp(mailbox)
    await t.start()
    await t.checked()
    const before = mailbox.log.changes
    await t.inside(async (object) => {
      mailbox.onChanges = async () => {
        mailbox.onChanges = async () => {}
        for (let n = 0; n < 5; n++) await object.poke()
      }
      await object.syncNow()
    })
    await vi.waitFor(() => expect(mailbox.log.changes).toBe(before + 2))
    await t.checked()
    expect(mailbox.log.changes).toBe(before + 3)
    expect(await t.alarmAt()).toBeGreaterThan(Date.now() + 30_000)
  })

  it('cannot hurry a server that asked for patience', async () => {
    const mailbox = fakeMailbox()
    mailbox.listing = new ProviderError('rate_limited', 'slow', 'Slow down.', { retryAfter: 600_000 })
    const t = await setUp(mailbox)
    await t.start()
    await t.checked()
    await t.inside((object) => object.poke())
    expect(await t.alarmAt()).toBeGreaterThan(Date.now() + 590_000)
  })

  it('of the sweeper revive an object that has lost its memory', async () => {
    const mailbox = fakeMailbox(many(1))
    const t = await setUp(mailbox)
    await t.inside((object) => object.poke(t.owner))
    await vi.waitFor(async () => expect(await ledgerOf(t.owner)).toHaveLength(1))
  })
})

describe('syncing by hand', () => {
  it('answers what was found', async () => {
    const t = await setUp(fakeMailbox(many(3)))
    await t.start()
    expect(await t.inside((object) => object.syncNow())).toEqual({ found: 3, queued: 3, failure: null })
  })

  it('from many people at once is two checks at most, and each answer is of a check that began after its question', async () => {
    const mailbox = fakeMailbox(many(1))
    const t = await setUp(mailbox)
    await t.start()
    const answers = await t.inside((object) => Promise.all([object.syncNow(), object.syncNow(), object.syncNow()]))
    expect(mailbox.log.changes).toBe(2)
    expect(answers[1]).toBe(answers[2])
  })

  it('never shows a failure as a success', async () => {
    const mailbox = fakeMailbox()
    mailbox.listing = refused
    const t = await setUp(mailbox)
    await t.start()
    const answer = await t.inside((object) => object.syncNow())
    expect(answer.failure).toMatchObject({ kind: 'auth_revoked', code: 'imap_auth_failed' })
    expect((await t.row())?.status).toBe('error')
  })
})

describe('a refused login', () => {
  it('pauses at the third time in a row, with the action that mends it, and stops the alarm', async () => {
    const mailbox = fakeMailbox()
    mailbox.listing = refused
    const t = await setUp(mailbox)
    await t.start()
    for (let n = 0; n < 2; n++) await t.inside((object) => object.syncNow())
    expect(await t.row()).toMatchObject({ status: 'error', paused_at: null })
    await t.inside((object) => object.syncNow())
    const row = await t.row()
    expect(row).toMatchObject({ status: 'error', pause_reason: 'auth_failure', next_poll_at: null })
    expect(row?.paused_at).not.toBeNull()
    expect(JSON.parse(String(row?.status_detail))).toMatchObject({ code: 'auth_failure', action: 'reconnect' })
    expect(await t.alarmAt()).toBeNull()
  })

  it('seen by fetch jobs is judged by a check, so that parallel jobs do not count it several times', async () => {
    const mailbox = fakeMailbox()
    const t = await setUp(mailbox)
    await t.start()
    await t.checked()
    const failure = { kind: 'auth_revoked' as const, code: 'x', message: 'Refused.', hint: null, retryAfter: null }
    await t.inside(async (object) => {
      for (let n = 0; n < 5; n++) await object.releaseFetchSlot(`s${n}`, { received: 0, failure })
    })
    await t.checked()
    expect(await t.row()).toMatchObject({ paused_at: null, pause_reason: null })
    expect(await t.inside(async (object) => (await object.state()).health.authFailures)).toBe(0)
  })

  it('before a success is forgotten', async () => {
    const mailbox = fakeMailbox()
    const t = await setUp(mailbox)
    await t.start()
    for (let round = 0; round < 3; round++) {
      mailbox.listing = refused
      await t.inside((object) => object.syncNow())
      await t.inside((object) => object.syncNow())
      mailbox.listing = null
      await t.inside((object) => object.syncNow())
    }
    expect(await t.row()).toMatchObject({ status: 'connected', status_detail: null, last_error: null, paused_at: null })
  })
})

describe('a failing check', () => {
  it.each([
    ['an outage', new ProviderError('transient', 'timeout', 'The mail server did not answer.')],
    ['garbage', new ProviderError('protocol', 'garbage', 'The mail server sent something that is not IMAP.')],
    ['a fault of ours', new Error('boom')],
  ])('because of %s never pauses, re-arms every time, and its end clears the state', async (_name, error) => {
    const mailbox = fakeMailbox()
    const t = await setUp(mailbox)
    await t.start()
    mailbox.onChanges = () => Promise.reject(error)
    for (let n = 0; n < 10; n++) {
      await t.inside((object) => object.syncNow())
      expect(await t.alarmAt()).toBeGreaterThan(Date.now())
    }
    const bad = await t.row()
    expect(bad).toMatchObject({ status: 'error', paused_at: null, pause_reason: null })
    expect(bad?.last_error).toEqual(expect.any(String))
    mailbox.onChanges = async () => {}
    await t.inside((object) => object.syncNow())
    expect(await t.row()).toMatchObject({ status: 'connected', status_detail: null, last_error: null })
  })

  it('keeps the date of the last success', async () => {
    const mailbox = fakeMailbox()
    const t = await setUp(mailbox)
    await t.start()
    await t.checked()
    const before = (await t.row())?.last_sync_at
    mailbox.listing = new ProviderError('transient', 'x', 'No.')
    await t.inside((object) => object.syncNow())
    expect((await t.row())?.last_sync_at).toBe(before)
  })

  it('re-arms the alarm even when D1 is down, without an error that would count against it', async () => {
    const t = await setUp()
    await t.start()
    await t.checked()
    await env.DB.prepare('ALTER TABLE inboxes RENAME TO inboxes_away').run()
    try {
      await t.inside(async (object) => {
        await object.poke()
        await object.alarm()
      })
    } finally {
      await env.DB.prepare('ALTER TABLE inboxes_away RENAME TO inboxes').run()
    }
    expect(await t.alarmAt()).toBeGreaterThan(Date.now())
  })
})

describe('a throttle', () => {
  it('leaves the status alone however often it comes, re-arms every time, and says until when', async () => {
    const mailbox = fakeMailbox()
    const t = await setUp(mailbox)
    await t.start()
    mailbox.listing = new ProviderError('rate_limited', 'slow', 'Too many connections.', { retryAfter: 1_000 })
    for (let n = 0; n < 5; n++) {
      await t.checked()
      expect(await t.alarmAt()).toBeGreaterThan(Date.now())
    }
    const row = await t.row()
    expect(row).toMatchObject({ status: 'connected', paused_at: null, last_error: 'Too many connections.' })
    const detail = JSON.parse(String(row?.status_detail))
    expect(detail).toMatchObject({
      code: 'slow',
      action: 'wait',
      until: new Date(Number(row?.next_poll_at)).toISOString(),
    })
    mailbox.listing = null
    await t.remember((state) => ({ ...state, notBefore: 0 }))
    await t.checked()
    expect(await t.row()).toMatchObject({ status: 'connected', status_detail: null, last_error: null })
  })
})

describe('an inbox whose mail is seen but cannot be fetched', () => {
  it('is not called connected, until a mail comes through', async () => {
    const t = await setUp(fakeMailbox())
    await t.start()
    const failure = {
      kind: 'transient' as const,
      code: 'x',
      message: 'FETCH is refused.',
      hint: null,
      retryAfter: null,
    }
    await t.inside(async (object) => {
      for (let n = 0; n < 3; n++) await object.releaseFetchSlot(`s${n}`, { received: 0, failure })
      await object.syncNow()
    })
    expect(await t.row()).toMatchObject({ status: 'error', last_error: 'FETCH is refused.' })
    await t.inside(async (object) => {
      await object.releaseFetchSlot('s', { received: 1, failure: null })
      await object.syncNow()
    })
    expect(await t.row()).toMatchObject({ status: 'connected', last_error: null })
  })
})

describe('after pause or disconnect and a new start', () => {
  it('fetches the whole gap', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    await t.start()
    await t.checked()
    await t.inside((object) => object.stop())
    expect(await t.alarmAt()).toBeNull()
    mailbox.mails.push(...many(4))
    await t.start()
    expect(await t.inside((object) => object.syncNow())).toMatchObject({ found: 4, queued: 4 })
  })

  it('of another mailbox starts anew and keeps its numbers apart from the old ones', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    await t.start()
    await t.checked()
    await t.start(true)
    await t.checked()
    expect((await ledgerOf(t.owner)).map((row) => row.identity)).toEqual(['fake:0', 'fake:1', 'fake:0@2', 'fake:1@2'])
  })

  it('has a check that still runs with the old password no say any more', async () => {
    const mailbox = fakeMailbox()
    const t = await setUp(mailbox)
    await t.start()
    await t.checked()
    await t.start(true)
    await t.checked()
    mailbox.mails.push(smallMail(1))
    await t.inside(async (object) => {
      mailbox.onChanges = async () => {
        mailbox.onChanges = async () => {}
        await object.start(t.owner, { newMailbox: false })
        throw refused
      }
      await object.syncNow()
      expect((await object.state()).health.authFailures).toBe(0)
    })
    await vi.waitFor(async () => expect(await ledgerOf(t.owner)).toHaveLength(1))
    expect((await t.row())?.status).toBe('connected')
  })
})

describe('what the row says', () => {
  it.each([
    ['paused', { paused: true }],
    ['archived', { archived: true }],
    ['disconnected', { connected: false }],
  ])('%s: stops the object without touching the network or the row', async (_name, columns) => {
    const mailbox = fakeMailbox(many(1))
    const t = await setUp(mailbox, columns)
    const before = await t.row()
    await t.start()
    await t.checked()
    expect(mailbox.log.changes).toBe(0)
    expect(await t.alarmAt()).toBeNull()
    expect(await t.row()).toEqual(before)
  })

  it('is not written by reading the state', async () => {
    const t = await setUp()
    await t.start()
    await t.checked()
    const [before, alarm] = [await t.row(), await t.alarmAt()]
    await t.inside((object) => object.state())
    expect(await t.row()).toEqual(before)
    expect(await t.alarmAt()).toBe(alarm)
  })
})

describe('fetch slots', () => {
  it('are two, and the one who leaves hears that another was turned away', async () => {
    const t = await setUp()
    await t.inside(async (object) => {
      const [a, b, c] = [
        await object.acquireFetchSlot(),
        await object.acquireFetchSlot(),
        await object.acquireFetchSlot(),
      ]
      expect([typeof a, typeof b, c]).toEqual(['string', 'string', null])
      const fine = { received: 0, failure: null }
      expect(await object.releaseFetchSlot(a ?? '', fine)).toEqual({ wanted: true })
      expect(await object.releaseFetchSlot(b ?? '', fine)).toEqual({ wanted: false })
    })
  })

  it('and checks wait for a server that asked a fetch job for patience', async () => {
    const t = await setUp()
    await t.start()
    await t.checked()
    const failure = { kind: 'rate_limited' as const, code: 'x', message: 'Slow.', hint: null, retryAfter: 600_000 }
    await t.inside(async (object) => {
      await object.releaseFetchSlot('s', { received: 3, failure })
      expect(await object.acquireFetchSlot()).toBeNull()
      await object.poke()
    })
    expect(await t.alarmAt()).toBeGreaterThan(Date.now() + 590_000)
  })
})
