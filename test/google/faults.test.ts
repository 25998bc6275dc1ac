// A Gmail that misbehaves: refused tokens, quota, outages, cut and slow answers, expired history, topics nobody may publish to.
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { GmailLimits } from '../../worker/providers/gmail/limits'
import {
  type Account,
  control,
  deliver,
  expectNoViolations,
  failing,
  fetchAll,
  google,
  grant,
  listAll,
  mailbox,
  newAccount,
} from '../support/google-lab'

const mail = (subject: string) =>
  `From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x>\r\n\r\n${subject}\r\n`
/** Patterns of the simulator see the query too. */
const LIST = '/messages(\\?|$)'
/** Waits short enough to test. */
const SHORT: Partial<GmailLimits> = { headers: 500, idle: 500, total: 3_000 }

type Fault = { path: string; kind: string; times?: number; retryAfter?: number; ms?: number; location?: string }
const fault = ({ times = 1, ...rest }: Fault) => control('fault', { times, ...rest })

async function withMails(...subjects: string[]): Promise<{ account: Account; ids: string[] }> {
  const account = await newAccount()
  const ids: string[] = []
  for (const subject of subjects) ids.push(await deliver(account, mail(subject)))
  return { account, ids }
}

afterEach(async () => {
  await control('quota', { unitsPerMinute: null })
  await control('push/topic', { grant: true })
})
afterAll(expectNoViolations)

describe('a token', () => {
  it('refused once is replaced and nothing else happens', async () => {
    const { account } = await withMails('one')
    const refused: (string | undefined)[] = []
    await fault({ path: LIST, kind: '401' })
    const provider = mailbox(account, {
      async token(old) {
        refused.push(old)
        return old ? (await grant(account.email)).access : account.tokens.access
      },
    })
    expect((await listAll(provider)).refs).toHaveLength(1)
    expect(refused).toEqual([undefined, account.tokens.access])
  })

  it('whose grant was revoked is refused; only the token source may say what that means', async () => {
    const { account } = await withMails('one')
    await control('revoke', { account: account.email })
    const provider = mailbox(account, { token: async () => account.tokens.access })
    expect(await failing(listAll(provider))).toMatchObject({ kind: 'transient', code: 'google_token_refused' })
  })

  it('without the right to read says so and what to do', async () => {
    const account = await newAccount(['https://www.googleapis.com/auth/gmail.send'])
    const error = await failing(mailbox(account).changes(null, 10))
    expect(error).toMatchObject({ kind: 'protocol', code: 'google_scope_missing' })
    expect(error.hint).toContain('Reconnect')
    const { ok, steps } = await mailbox(account).check()
    expect(ok).toBe(false)
    expect(steps.at(-1)).toMatchObject({ name: 'Mailbox', status: 'fail' })
  })
})

describe('Google’s quota', () => {
  it.each(['403_quota', '429'])('%s waits as long as Google says', async (kind) => {
    const { account } = await withMails('one')
    await fault({ path: LIST, kind, retryAfter: 7 })
    const provider = mailbox(account)
    expect(await failing(listAll(provider))).toMatchObject({ kind: 'rate_limited', retryAfter: 7_000 })
    expect((await listAll(provider)).refs).toHaveLength(1)
  })

  it('stops a fetch at once, and no message is blamed', async () => {
    const { account } = await withMails(...Array.from({ length: 12 }, (_, i) => `m${i}`))
    const { refs } = await listAll(mailbox(account))
    await control('quota', { unitsPerMinute: 20 })
    const error = await failing(fetchAll(mailbox(account), refs))
    expect(error.kind).toBe('rate_limited')
    await control('quota', { unitsPerMinute: null })
    expect(await fetchAll(mailbox(account), refs)).toHaveLength(12)
  })
})

describe('an answer', () => {
  it.each([
    ['500', 'transient'],
    ['503', 'transient'],
    ['cut', 'transient'],
    ['slow', 'transient'],
    ['truncated_json', 'transient'],
    ['html', 'protocol'],
    ['redirect', 'protocol'],
    ['403_scope', 'protocol'],
  ])('%s to a listing is %s, and the next listing is whole', async (kind, expected) => {
    const { account } = await withMails('one', 'two')
    await fault({ path: LIST, kind, ms: 5_000, location: 'https://evil.test/collect' })
    const provider = mailbox(account, { limits: SHORT })
    const error = await failing(listAll(provider))
    expect(error.kind).toBe(expected)
    expect(`${error.message} ${error.hint ?? ''}`).not.toMatch(/<|collect/)
    expect((await listAll(provider)).refs).toHaveLength(2)
  })

  it.each(['500', 'cut', 'slow', 'truncated_json', 'html', 'redirect', 'bad_base64'])(
    '%s to one message is the error of that message; never a wrong mail',
    async (kind) => {
      const { account, ids } = await withMails('one', 'two', 'three')
      const provider = mailbox(account, { limits: SHORT })
      const { refs } = await listAll(provider)
      await fault({ path: `/messages/${ids[1]}\\?format=raw`, kind, ms: 5_000, location: 'https://evil.test/' })
      const first = await fetchAll(provider, refs)
      const byId = new Map(first.map((one) => [one.identity, one]))
      expect(byId.size).toBe(3)
      expect(byId.get(`gmail:${ids[1]}`)).toHaveProperty('error')
      const again = await fetchAll(provider, refs)
      expect(
        again.map((one) => ('error' in one ? one.error.code : Buffer.from(one.bytes).toString().slice(-7))).sort(),
      ).toEqual(['\nthree\r\n'.slice(-7), '\r\none\r\n', '\r\ntwo\r\n'].sort())
    },
  )

  it('redirected to a trusted host is followed', async () => {
    const { account } = await withMails('one')
    // The same simulator under another name.
    const other = new URL(google.url)
    other.hostname = 'localhost'
    const location = `${other.origin}/gmail/v1/users/me/profile`
    await fault({ path: '/profile', kind: 'redirect', location, times: 2 })
    const refusing = mailbox(account, { since: Number.POSITIVE_INFINITY })
    expect((await failing(refusing.changes(null, 1))).code).toBe('untrusted_host')
    const trusting = mailbox(account, { since: Number.POSITIVE_INFINITY, trustedHosts: [other.host] })
    expect((await trusting.changes(null, 1)).status).toEqual({ messages: 1 })
  })
})

describe('an outage', () => {
  it('blames no message: it is thrown, and afterwards all arrive', async () => {
    const { account } = await withMails('one', 'two', 'three', 'four', 'five', 'six')
    const provider = mailbox(account)
    const { refs } = await listAll(provider)
    await fault({ path: '/(messages/|profile)', kind: '503', times: 5 })
    const error = await failing(fetchAll(provider, refs))
    expect(error.kind).toBe('transient')
    const bytes = await fetchAll(provider, refs)
    expect(bytes.filter((one) => 'bytes' in one)).toHaveLength(6)
  })
})

describe('history', () => {
  it('that Google no longer keeps has expired; a listing by date finds the gap, under the same identities', async () => {
    const { account } = await withMails('before')
    const provider = mailbox(account)
    const { refs, cursor } = await listAll(provider)
    await deliver(account, mail('in the gap'))
    await control('history/expire', { account: account.email })
    expect((await failing(provider.changes(cursor, 10))).kind).toBe('cursor_expired')
    const anew = await listAll(mailbox(account, { since: Date.now() - 3_600_000 }))
    expect(anew.refs).toHaveLength(2)
    expect(anew.refs.map(({ identity }) => identity)).toContain(refs[0]?.identity)
    await deliver(account, mail('after'))
    const next = await provider.changes(anew.cursor, 10)
    expect(next.refs).toHaveLength(1)
  })

  it('names sent mail and spam with their place, and no draft', async () => {
    const account = await newAccount()
    const provider = mailbox(account, { since: Number.POSITIVE_INFINITY })
    const { cursor } = await listAll(provider)
    await deliver(account, mail('spam'), { labels: ['SPAM', 'UNREAD'] })
    await deliver(account, mail('draft'), { labels: ['DRAFT'] })
    await control('send-as-user', { account: account.email, to: 'b@example.org', subject: 'by hand', text: 'hello' })
    const { refs } = await provider.changes(cursor, 10)
    const roles = (await fetchAll(provider, refs)).map((one) => ('error' in one ? one.error : one.role))
    expect(roles.sort()).toEqual(['sent', 'spam'])
  })

  it('of 500 mails is read in pages, each once', async () => {
    const account = await newAccount()
    const provider = mailbox(account, { since: Number.POSITIVE_INFINITY })
    let { cursor } = await listAll(provider)
    for (let i = 0; i < 520; i++) await deliver(account, mail(`m${i}`))
    const seen: string[] = []
    for (let more = true; more; ) {
      const page = await provider.changes(cursor, 200)
      expect(page.refs.length).toBeLessThanOrEqual(200)
      seen.push(...page.refs.map(({ identity }) => identity))
      cursor = page.next
      more = page.more
    }
    expect(seen).toHaveLength(520)
    expect(new Set(seen).size).toBe(520)
  })
})

describe('a listing', () => {
  it('takes spam along and leaves trash, drafts and older mail', async () => {
    const account = await newAccount()
    const now = Date.now()
    await deliver(account, mail('old'), { internalDate: now - 10 * 86_400_000 })
    await deliver(account, mail('new'), { internalDate: now - 60_000 })
    await deliver(account, mail('spam'), { labels: ['SPAM'], internalDate: now - 50_000 })
    await deliver(account, mail('trash'), { labels: ['TRASH'], internalDate: now - 40_000 })
    await deliver(account, mail('draft'), { labels: ['DRAFT'], internalDate: now - 30_000 })
    await deliver(account, mail('filtered'), { labels: ['Label_1'], internalDate: now - 20_000 })
    const provider = mailbox(account, { since: now - 86_400_000 })
    const { refs } = await listAll(provider)
    const results = await fetchAll(provider, refs)
    const texts = results.map((one) =>
      'error' in one ? one.error.code : Buffer.from(one.bytes).toString().trim().split('\r\n').at(-1),
    )
    expect(texts.sort()).toEqual(['filtered', 'new', 'spam'])
  })
})

describe('push', () => {
  it('is subscribed for at most seven days and renewed; ending it twice is fine', async () => {
    const account = await newAccount()
    const { push } = mailbox(account, { topic: google.topic })
    const lease = await push?.subscribe(null)
    const days = ((lease?.expiresAt ?? 0) - Date.now()) / 86_400_000
    expect(days).toBeGreaterThan(6)
    expect(days).toBeLessThanOrEqual(7.01)
    expect((await push?.renew({ expiresAt: 0 }))?.expiresAt).toBeGreaterThanOrEqual(lease?.expiresAt ?? 0)
    await push?.unsubscribe(null)
    await push?.unsubscribe(null)
  })

  it('to a topic that Gmail may not publish to says what to grant to whom', async () => {
    const account = await newAccount()
    await control('push/topic', { grant: false })
    const { push } = mailbox(account, { topic: google.topic })
    const error = await failing(push?.subscribe(null) ?? Promise.resolve())
    expect(error).toMatchObject({ kind: 'protocol', code: 'google_topic_forbidden' })
    expect(error.hint).toContain('gmail-api-push@system.gserviceaccount.com')
  })

  it('to a topic of somewhere else says so', async () => {
    const { push } = mailbox(await newAccount(), { topic: 'projects/elsewhere/topics/other' })
    const error = await failing(push?.subscribe(null) ?? Promise.resolve())
    expect(error.code).toMatch(/^google_topic_(refused|missing)$/)
    expect(error.hint).toContain('Pub/Sub Publisher')
  })
})

describe('the bill', () => {
  it('names every call but the fetched messages, at the price the simulator charges', async () => {
    const { account } = await withMails('one', 'two')
    let spent = 0
    const provider = mailbox(account, { spent: (units) => (spent += units) })
    const { refs } = await listAll(provider)
    // The profile, the list and the history.
    expect(spent).toBe(1 + 5 + 2)
    await fetchAll(provider, refs)
    expect(spent).toBe(8)
    // Of these 48 the simulator takes as many as it charges: one more call is one too many.
    const tight = await withMails('three', 'four')
    await control('quota', { unitsPerMinute: 48 })
    const own = mailbox(tight.account)
    expect(await fetchAll(own, (await listAll(own)).refs)).toHaveLength(2)
    expect((await failing(own.changes(null, 1))).kind).toBe('rate_limited')
  })

  it('of a closed provider is nothing', async () => {
    const provider = mailbox(await newAccount())
    await provider.close()
    for (const work of [provider.changes(null, 1), fetchAll(provider, [{ identity: 'gmail:abc' }])])
      expect((await failing(work)).code).toBe('gmail_closed')
  })
})
