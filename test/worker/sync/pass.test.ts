import { describe, expect, it } from 'vitest'
import type { Job } from '../../../worker/contract/jobs'
import { ProviderError } from '../../../worker/providers/provider'
import { claim } from '../../../worker/sync/claims'
import { runPass } from '../../../worker/sync/pass'
import { type FakeMailbox, fakeMailbox, smallMail } from '../../support/fake-provider'
import { givenInbox, ledgerOf } from './rows'

const many = (count: number) => Array.from({ length: count }, (_, n) => smallMail(n))

async function setUp(mailbox: FakeMailbox) {
  const inbox = await givenInbox()
  const sent: Job[] = []
  const events: string[] = []
  let cursor: unknown = null
  const run = (
    options: {
      commitFails?: boolean
      sendFails?: boolean
      mailboxNumber?: number
      live?: boolean
      clock?: () => number
    } = {},
  ) =>
    runPass(
      {
        db: inbox.db,
        jobs: {
          async send(job) {
            if (options.sendFails) throw new Error('queue is down')
            events.push('job')
            sent.push(job)
          },
        },
        provider: mailbox.provider(),
        clock: options.clock ?? Date.now,
      },
      { inboxId: inbox.inboxId, cursor, mailbox: options.mailboxNumber ?? 1, live: options.live ?? false },
      async (next) => {
        if (options.commitFails) throw new Error('killed')
        events.push(`cursor ${next}`)
        cursor = next
      },
    )
  return { inbox, sent, events, run, cursor: () => cursor }
}

describe('a pass', () => {
  it('gives every new message one row in the order of the mailbox, and asks for one fetch', async () => {
    const t = await setUp(fakeMailbox(many(3)))
    expect(await t.run()).toEqual({ found: 3, queued: 3, more: false })
    const rows = await ledgerOf(t.inbox)
    expect(rows.map((row) => [row.identity, row.state])).toEqual([
      ['fake:0', 'discovered'],
      ['fake:1', 'discovered'],
      ['fake:2', 'discovered'],
    ])
    expect(t.sent).toEqual([{ kind: 'fetch', tenantId: t.inbox.tenantId, inboxId: t.inbox.inboxId }])
  })

  it('puts what has just arrived before what is left of an import', async () => {
    const mailbox = fakeMailbox(many(3))
    const t = await setUp(mailbox)
    await t.run()
    mailbox.mails.push(smallMail(3))
    await t.run({ live: true })
    const next = async () => (await claim(t.inbox.db, t.inbox.inboxId, Date.now(), 1)).map((row) => row.identity)
    expect([await next(), await next()]).toEqual([['fake:3'], ['fake:0']])
  })

  it('adds nothing the second time', async () => {
    const t = await setUp(fakeMailbox(many(3)))
    await t.run()
    expect(await t.run()).toEqual({ found: 0, queued: 0, more: false })
    expect(t.sent).toHaveLength(1)
  })

  it('moves the cursor after the job, never before', async () => {
    const t = await setUp(fakeMailbox(many(2)))
    await t.run()
    expect(t.events).toEqual(['job', 'cursor 2'])
  })

  it('loses nothing and doubles nothing when killed between the rows and the cursor', async () => {
    const t = await setUp(fakeMailbox(many(4)))
    await expect(t.run({ commitFails: true })).rejects.toThrow('killed')
    expect(t.cursor()).toBeNull()
    expect(await t.run()).toEqual({ found: 4, queued: 0, more: false })
    expect(await ledgerOf(t.inbox)).toHaveLength(4)
  })

  it('keeps the cursor when the job cannot be sent', async () => {
    const t = await setUp(fakeMailbox(many(1)))
    await expect(t.run({ sendFails: true })).rejects.toThrow('queue is down')
    expect(t.cursor()).toBeNull()
    expect(await ledgerOf(t.inbox)).toHaveLength(1)
  })

  it('pages until the end of a large mailbox', async () => {
    const t = await setUp(fakeMailbox(many(1201)))
    expect(await t.run()).toEqual({ found: 1201, queued: 1201, more: false })
    expect(t.events.filter((event) => event.startsWith('cursor'))).toEqual(['cursor 500', 'cursor 1000', 'cursor 1201'])
  })

  it('stops at a page border when its time is up and says that more waits', async () => {
    let now = 1_000_000
    const mailbox = fakeMailbox(many(1100))
    mailbox.onChanges = async () => {
      now += 30_000
    }
    const t = await setUp(mailbox)
    expect(await t.run({ clock: () => now })).toEqual({ found: 500, queued: 500, more: true })
    expect(t.cursor()).toBe(500)
  })

  it('lists anew when the cursor has expired, without doubling what is known', async () => {
    const mailbox = fakeMailbox(many(3))
    const t = await setUp(mailbox)
    await t.run()
    mailbox.expiredBelow = 10
    mailbox.mails.push(smallMail(3))
    expect(await t.run()).toEqual({ found: 4, queued: 1, more: false })
  })

  it('does not spin on a server that promises more and lists nothing', async () => {
    const mailbox = fakeMailbox()
    const provider = mailbox.provider()
    mailbox.provider = () => ({ ...provider, changes: async () => ({ refs: [], next: null, more: true }) })
    const t = await setUp(mailbox)
    await expect(t.run()).rejects.toThrowError(ProviderError)
  })

  it('keeps equal numbers of two mailboxes of one inbox apart', async () => {
    const mailbox = fakeMailbox(many(2))
    const t = await setUp(mailbox)
    await t.run()
    mailbox.expiredBelow = 10
    expect((await t.run({ mailboxNumber: 2 })).queued).toBe(2)
    expect((await ledgerOf(t.inbox)).map((row) => row.identity)).toEqual(['fake:0', 'fake:1', 'fake:0@2', 'fake:1@2'])
  })
})
