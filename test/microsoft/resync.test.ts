// Passes over a Graph mailbox whose place is lost, again and again, or whose mail comes on crooked ways: every mail has one row.
import { env } from 'cloudflare:test'
import { afterAll, describe, expect, it } from 'vitest'
import type { GraphLimits } from '../../worker/providers/graph/limits'
import { runPass } from '../../worker/sync/pass'
import {
  type Account,
  control,
  deliver,
  expectNoViolations,
  failing,
  mailbox,
  newAccount,
  newShared,
} from '../support/microsoft-lab'
import { givenInbox, ledgerOf } from '../worker/sync/rows'

afterAll(expectNoViolations)

const MINUTE = 60_000
const DAY = 86_400_000
const mail = (subject: string) =>
  `From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x.example>\r\n\r\n${subject}\r\n`

/** An inbox that reads the account. `run` is one pass; `during` follows each page of it. */
async function reading(account: Account, limits: Partial<GraphLimits> = {}) {
  const inbox = await givenInbox({ type: 'microsoft' })
  let cursor: unknown = null
  let later = 0
  const clock = () => Date.now() + later
  const t = {
    /** ids, as the mailbox names them */
    delivered: [] as string[],
    async deliver(...subjects: string[]) {
      for (const subject of subjects) t.delivered.push(await deliver(account, mail(subject)))
    },
    run: (during: (pages: number) => Promise<void> = async () => {}) => {
      let pages = 0
      return runPass(
        {
          db: inbox.db,
          jobs: { send: async () => {} },
          provider: mailbox(account, { since: clock() - 7 * DAY, limits, clock }),
          clock,
        },
        { inboxId: inbox.inboxId, cursor, mailbox: 1, live: false },
        async (next) => {
          cursor = JSON.parse(JSON.stringify(next))
          await during(++pages)
        },
      )
    },
    /** Read to the end, with a place that has proven to be of use. */
    async settled() {
      await t.deliver('before')
      await t.run()
      await t.deliver('known')
      await t.run()
    },
    wait: (ms: number) => {
      later += ms
    },
    expire: (variant = 'gone') => control('delta/expire', { account: account.email, variant }),
    async expectEachOnce() {
      const identities = (await ledgerOf(inbox)).map(({ identity }) => identity)
      expect(identities.sort()).toEqual(t.delivered.map((id) => `graph:${id}`).sort())
    },
    async roles() {
      const { results } = await env.DB.prepare(
        "SELECT ref ->> 'role' AS role FROM ledger WHERE inbox_id = ? ORDER BY rowid",
      )
        .bind(inbox.inboxId)
        .all<{ role: string | null }>()
      return results.map(({ role }) => role)
    },
  }
  return t
}

describe('a place that is lost', () => {
  it.each(['gone', 'resync', 'not_found', 'invalid'])(
    '(%s) while a pass is between two pages costs no mail, and none comes twice',
    async (variant) => {
      const t = await reading(await newAccount(), { page: 1 })
      await t.settled()
      await t.deliver('one', 'two', 'three', 'four', 'five')
      await t.run(async (pages) => {
        if (pages !== 2) return
        await t.expire(variant)
        await t.deliver('in the gap')
      })
      await t.expectEachOnce()
      await t.deliver('after')
      await t.run()
      await t.expectEachOnce()
    },
  )

  it('twice in a row, the second time while everything is listed anew, is found again', async () => {
    const t = await reading(await newAccount())
    await t.settled()
    await t.expire()
    await t.deliver('first gap')
    const refused = await failing(
      t.run(async (pages) => {
        if (pages === 1) await t.expire('resync')
      }),
    )
    expect(refused).toMatchObject({ kind: 'transient', code: 'graph_delta_refused' })
    await t.deliver('second gap')
    t.wait(11 * MINUTE)
    await t.run()
    await t.expectEachOnce()
  })

  it('since more has come than a filtered delta tells costs no mail, page by page or at once', async () => {
    for (const page of [2, 500]) {
      const t = await reading(await newAccount(), { page, round: 5 })
      await t.settled()
      await t.deliver(...Array.from({ length: 9 }, (_, n) => `flood ${n}`))
      await t.run()
      await t.expectEachOnce()
      await t.deliver('after the flood')
      await t.run()
      await t.expectEachOnce()
    }
  })

  it('is found again for sent mail too, also in a shared mailbox', async () => {
    for (const account of [await newAccount(), await newShared()]) {
      const t = await reading(account)
      await t.settled()
      await t.expire()
      const { immutableId } = await control<{ immutableId: string }>('send-as-user', {
        account: account.email,
        to: 'b@example.org',
        subject: 'by hand',
        text: 'hello',
      })
      t.delivered.push(immutableId)
      await t.run()
      await t.expectEachOnce()
      expect(await t.roles()).toEqual([null, null, 'sent'])
    }
  })
})

describe('mail that comes on crooked ways', () => {
  const junk = (account: Account, subject: string, receivedAt: number) =>
    deliver(account, mail(subject), { folder: 'junkemail', receivedAt: new Date(receivedAt).toISOString() })
  const rescue = (account: Account, id: string) => control('move', { account: account.email, id, folder: 'inbox' })

  it('is found when somebody moves it out of the junk folder days later, also after a place was lost', async () => {
    const account = await newAccount()
    const t = await reading(account)
    await t.settled()
    for (const days of [1, 5]) {
      const id = await junk(account, `junk of ${days} days`, Date.now() - days * DAY)
      await t.run()
      await t.expectEachOnce()
      await t.expire()
      await t.run()
      await rescue(account, id)
      t.delivered.push(id)
      t.wait(11 * MINUTE)
      await t.run()
      await t.expectEachOnce()
    }
  })

  it('is found in a mailbox whose owner calls the inbox Posteingang', async () => {
    const account = await newAccount()
    const t = await reading(account)
    await t.settled()
    await control('mailbox', { account: account.email, language: 'de' })
    await t.deliver('auf Deutsch')
    await t.run()
    await t.expectEachOnce()
    const { push } = mailbox(account, { push: true })
    await expect(push?.subscribe(null)).resolves.toMatchObject({ proven: true })
  })

  it('and is told twice, on pages of which some are empty, has one row', async () => {
    const t = await reading(await newAccount(), { page: 2 })
    await t.settled()
    await control('delta/quirks', { emptyPages: 3, duplicates: 4 })
    await t.deliver('one', 'two', 'three', 'four', 'five')
    await t.run()
    await control('delta/quirks', { emptyPages: 0, duplicates: 0 })
    await t.expectEachOnce()
  })
})
