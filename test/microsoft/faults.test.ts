// A Graph that misbehaves: refused tokens, withdrawn consent, throttling, outages, cut and slow answers, expired deltas, foreign links,
// subscriptions that are refused, gone or there twice.
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { GraphLimits } from '../../worker/providers/graph/limits'
import { ProviderError } from '../../worker/providers/provider'
import {
  type Account,
  appToken,
  bytesOf,
  control,
  deliver,
  expectNoViolations,
  failing,
  fetchAll,
  grant,
  listAll,
  mailbox,
  messagesOf,
  microsoft,
  newAccount,
  newShared,
  rawOf,
  remove,
  spendingOf,
  subscriptionsAlive,
} from '../support/microsoft-lab'

const mail = (subject: string) =>
  `From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x.example>\r\n\r\n${subject}\r\n`
/** Waits short enough to test. */
const SHORT: Partial<GraphLimits> = { headers: 500, idle: 500, total: 3_000 }
/** Patterns of the simulator see the query too. */
const DELTA = '/mailFolders/inbox/messages/delta'

const pathOf = (id = '') => `/messages/${encodeURIComponent(id)}/`

type Fault = { path: string; kind: string; times?: number; retryAfter?: number; ms?: number; location?: string }
const fault = ({ times = 1, ...rest }: Fault) => control('fault', { times, ...rest })

async function withMails(...subjects: string[]): Promise<{ account: Account; ids: string[] }> {
  const account = await newAccount()
  const ids: string[] = []
  for (const subject of subjects) ids.push(await deliver(account, mail(subject)))
  return { account, ids }
}
const textsOf = async (provider: ReturnType<typeof mailbox>, refs: Parameters<typeof fetchAll>[1]) =>
  (await fetchAll(provider, refs)).map((one) =>
    'error' in one ? one.error.code : (Buffer.from(one.bytes).toString().trim().split('\n').at(-1) ?? ''),
  )

afterEach(async () => {
  await control('fault/clear')
  await control('quota', { requests: null })
  await control('concurrency', { max: 4 })
  await control('latency', { ms: 0 })
  await control('delta/quirks', { emptyPages: 0, duplicates: 0 })
  await control('subscriptions/settings', { maxMinutes: 10_080, duplicates: 'allow', shared: 'allow' })
})
afterAll(expectNoViolations)

describe('a token', () => {
  it('refused once is replaced and nothing else happens', async () => {
    const { account } = await withMails('one')
    const refused: (string | undefined)[] = []
    await fault({ path: DELTA, kind: '401' })
    const provider = mailbox(account, {
      async token(old) {
        refused.push(old)
        return old ? (await grant(account.email)).access : account.tokens.access
      },
    })
    expect((await listAll(provider)).refs).toHaveLength(1)
    expect(refused).toEqual([undefined, account.tokens.access])
  })

  it('whose consent is withdrawn in the middle of a fetch ends there; only its source may say what that means', async () => {
    const { account } = await withMails(...Array.from({ length: 9 }, (_, i) => `m${i}`))
    const gone = new ProviderError('auth_revoked', 'oauth_refresh_failed', 'Microsoft ended the access.')
    const provider = mailbox(account, {
      async token(old) {
        if (old) throw gone
        return account.tokens.access
      },
    })
    const { refs } = await listAll(provider)
    const results: string[] = []
    for await (const message of provider.fetchRaw(refs)) {
      if (results.length === 0) await control('revoke', { account: account.email })
      results.push('error' in message ? message.error.kind : 'mail')
    }
    expect(results).toHaveLength(9)
    expect(results[0]).toBe('mail')
    expect(results.at(-1)).toBe('auth_revoked')
    expect(await failing(provider.changes(null, 1))).toBe(gone)
  })

  it('that cannot be replaced is trouble of the moment', async () => {
    const { account } = await withMails('one')
    await control('revoke', { account: account.email })
    const provider = mailbox(account, { token: async () => account.tokens.access })
    expect(await failing(listAll(provider))).toMatchObject({ kind: 'transient', code: 'graph_token_refused' })
  })

  it('without the right to read says so and what to do', async () => {
    const account = await newAccount(['offline_access', 'User.Read', 'Mail.Send'])
    const error = await failing(mailbox(account).changes(null, 10))
    expect(error).toMatchObject({ kind: 'protocol', code: 'graph_access_denied' })
    const { ok, steps } = await mailbox(account).check()
    expect(ok).toBe(false)
    expect(steps.find(({ name }) => name === 'Permissions')).toMatchObject({ status: 'warn' })
    expect(steps.at(-1)).toMatchObject({ name: 'Inbox', status: 'fail' })
    expect(steps.at(-1)?.detail).toMatch(/Request [\w-]{36}\.$/)
  })
})

describe('throttling', () => {
  it.each(['429', '503'])('by %s waits as long as Microsoft says', async (kind) => {
    const { account } = await withMails('one')
    await fault({ path: DELTA, kind, retryAfter: 7 })
    const provider = mailbox(account)
    expect(await failing(listAll(provider))).toMatchObject({ kind: 'rate_limited', retryAfter: 7_000 })
    expect((await listAll(provider)).refs).toHaveLength(1)
  })

  it('by MailboxConcurrency blames no message', async () => {
    const { account, ids } = await withMails('one', 'two')
    const provider = mailbox(account)
    const { refs } = await listAll(provider)
    await fault({ path: pathOf(ids[0]), kind: '429_concurrency' })
    const results = await fetchAll(provider, refs).catch((error: ProviderError) => error)
    const errors =
      results instanceof ProviderError ? [results] : results.flatMap((one) => ('error' in one ? one.error : []))
    expect(errors.map(({ kind }) => kind)).toContain('rate_limited')
    expect(await textsOf(provider, refs)).toEqual(expect.arrayContaining(['one', 'two']))
  })

  it.each([
    ['small mails', 20, 100],
    ['mails that are read as streams', 5, 30_000_000],
  ])('never comes of our own parallelity: %s beside a pass stay within four requests', async (_name, count, size) => {
    const text = 'x'.repeat(size)
    const account = await newAccount()
    for (let i = 0; i < count; i++) await deliver(account, `${mail(`m${i}`)}${text}`)
    const provider = mailbox(account)
    const { refs, cursor } = await listAll(provider)
    await control('latency', { ms: 30 })
    const passing = mailbox(account)
    let reading = true
    const pass = (async () => {
      while (reading) await passing.changes(cursor, 10)
    })()
    let arrived = 0
    for await (const message of provider.fetchRaw(refs)) {
      await new Promise((done) => setTimeout(done, 60)) // stored no faster than this
      if ('raw' in message && (await bytesOf(message.raw)).length > size) arrived++
    }
    reading = false
    await pass
    expect(arrived).toBe(count)
    const { most, crowded } = await spendingOf(account)
    expect(crowded).toBe(0)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
  })

  it('stops a fetch at once, and no message is blamed', async () => {
    const { account } = await withMails(...Array.from({ length: 12 }, (_, i) => `m${i}`))
    const { refs } = await listAll(mailbox(account))
    await control('quota', { requests: 1 })
    expect((await failing(fetchAll(mailbox(account), refs))).kind).toBe('rate_limited')
    await control('quota', { requests: null })
    expect((await fetchAll(mailbox(account), refs)).filter((one) => 'bytes' in one)).toHaveLength(12)
  })
})

describe('an answer', () => {
  it.each([
    ['500', 'transient'],
    ['502', 'transient'],
    ['504', 'transient'],
    ['cut', 'transient'],
    ['slow', 'transient'],
    ['truncated_json', 'transient'],
    ['html', 'protocol'],
    ['redirect', 'protocol'],
    ['403', 'protocol'],
    ['410', 'cursor_expired'],
  ])('%s to a delta is %s, and the next look is whole', async (kind, expected) => {
    const { account } = await withMails('one', 'two')
    await fault({ path: DELTA, kind, ms: 5_000, location: 'https://evil.test/collect' })
    const provider = mailbox(account, { limits: SHORT })
    const error = await failing(listAll(provider))
    expect(error.kind).toBe(expected)
    expect(`${error.message} ${error.hint ?? ''}`).not.toMatch(/<|collect/)
    expect((await listAll(provider)).refs).toHaveLength(2)
  })

  it.each(['500', '504', 'cut', 'slow', 'html', 'redirect', '404'])(
    '%s to one message is the error of that message; never a wrong mail',
    async (kind) => {
      const { account, ids } = await withMails('one', 'two', 'three')
      const provider = mailbox(account, { limits: SHORT })
      const { refs } = await listAll(provider)
      await fault({ path: pathOf(ids[1]), kind, ms: 5_000, location: 'https://evil.test/' })
      const first = await fetchAll(provider, refs)
      expect(first).toHaveLength(3)
      expect(first.find(({ identity }) => identity === `graph:${ids[1]}`)).toHaveProperty('error')
      expect((await textsOf(provider, refs)).sort()).toEqual(['one', 'three', 'two'])
    },
  )

  it('with LF alone between its lines arrives byte for byte', async () => {
    const account = await newAccount()
    const raw = 'From: a@example.org\nSubject: unix\nMessage-ID: <lf@x.example>\n\nline\n.\nend'
    await deliver(account, raw)
    const provider = mailbox(account)
    const [one] = await fetchAll(provider, (await listAll(provider)).refs)
    expect(one && 'bytes' in one && Buffer.from(one.bytes).toString()).toBe(raw)
  })
})

describe('an outage', () => {
  it('blames no message: it is thrown, and afterwards all arrive', async () => {
    const { account } = await withMails('one', 'two', 'three', 'four', 'five')
    const provider = mailbox(account)
    const { refs } = await listAll(provider)
    await fault({ path: '/(messages/|mailFolders/)', kind: '500', times: 4 })
    expect((await failing(fetchAll(provider, refs))).kind).toBe('transient')
    expect((await fetchAll(provider, refs)).filter((one) => 'bytes' in one)).toHaveLength(5)
  })
})

describe('a delta', () => {
  it.each(['gone', 'resync', 'not_found', 'invalid'])(
    'that has expired (%s) says so; a listing finds the gap, under the same identities',
    async (variant) => {
      const { account } = await withMails('before')
      const provider = mailbox(account)
      const { refs, cursor } = await listAll(provider)
      const known = await provider.changes(cursor, 10).then(({ next }) => provider.changes(next, 10))
      await deliver(account, mail('gap'))
      await control('delta/expire', { account: account.email, variant })
      expect((await failing(provider.changes(known.next, 10))).kind).toBe('cursor_expired')
      const anew = await listAll(mailbox(account, { since: Date.now() - 3_600_000 }))
      expect(anew.refs).toHaveLength(2)
      expect(anew.refs.map(({ identity }) => identity)).toContain(refs[0]?.identity)
    },
  )

  it('with empty pages and doubles misses nothing', async () => {
    const { account } = await withMails('one')
    const provider = mailbox(account)
    const { cursor } = await listAll(provider)
    await control('delta/quirks', { emptyPages: 2, duplicates: 1 })
    for (const subject of ['two', 'three']) await deliver(account, mail(subject))
    const { refs } = await listAll(provider, cursor)
    expect(new Set(refs.map(({ identity }) => identity)).size).toBe(2)
  })

  it('of 1,200 mails is read in pages, each once', async () => {
    const account = await newAccount()
    const provider = mailbox(account, { since: Number.POSITIVE_INFINITY })
    const { cursor } = await listAll(provider)
    for (let i = 0; i < 1_200; i++) await deliver(account, mail(`m${i}`))
    const { refs } = await listAll(provider, cursor)
    expect(refs).toHaveLength(1_200)
    expect(new Set(refs.map(({ identity }) => identity)).size).toBe(1_200)
  })

  it('passes over mail that was removed, and keeps an identity when mail is moved', async () => {
    const { account, ids } = await withMails('kept', 'removed')
    const provider = mailbox(account)
    const { cursor } = await listAll(provider)
    await remove(account, ids[1] ?? '')
    await control('move', { account: account.email, id: ids[0], folder: 'archive' })
    expect((await listAll(provider, cursor)).refs).toEqual([])
    expect(await textsOf(provider, [{ identity: `graph:${ids[0]}` }, { identity: `graph:${ids[1]}` }])).toEqual(
      expect.arrayContaining(['kept', 'graph_gone']),
    )
  })

  it.each(['nextLink', 'deltaLink'])('whose %s points elsewhere sends no token there', async (kind) => {
    const { account } = await withMails('one')
    const provider = mailbox(account, { limits: { page: 1 } })
    const { cursor } = await listAll(provider)
    for (const subject of ['two', 'three', 'four']) await deliver(account, mail(subject))
    await control('links/forge', { kind, origin: 'https://evil.test' })
    const asked: string[] = []
    const watched = mailbox(account, {
      limits: { page: 1 },
      fetch: (input, init) => {
        asked.push(new URL(String(input)).origin)
        return fetch(input, init)
      },
    })
    expect((await failing(listAll(watched, cursor))).code).toBe('untrusted_host')
    expect(new Set(asked)).toEqual(new Set([microsoft.url]))
  })
})

describe('a reply written in Outlook', () => {
  it('is listed as sent mail, and a draft is not', async () => {
    const { account } = await withMails('question')
    const provider = mailbox(account)
    const { cursor } = await listAll(provider)
    const sent = await control<{ immutableId: string }>('send-as-user', {
      account: account.email,
      to: 'b@example.org',
      subject: 'by hand',
      text: 'hello',
    })
    const { refs } = await listAll(provider, cursor)
    expect(refs).toMatchObject([{ identity: `graph:${sent.immutableId}`, role: 'sent' }])
    const [fetched] = await fetchAll(provider, refs)
    expect(fetched).toMatchObject({ role: 'sent' })
    expect(fetched && 'bytes' in fetched && Buffer.from(fetched.bytes).toString('latin1')).toBe(
      await rawOf(account, sent.immutableId),
    )
  })
})

describe('a shared mailbox', () => {
  it('nobody has delegated says what is missing', async () => {
    const account = await newShared({ delegated: false })
    const error = await failing(mailbox(account).changes(null, 10))
    expect(error).toMatchObject({ kind: 'protocol', code: 'graph_access_denied' })
    expect(error.hint).toContain('Full Access')
  })

  it('opened without the .Shared permissions says which', async () => {
    const account = await newShared({ scopes: ['offline_access', 'User.Read', 'Mail.Read', 'Mail.Send'] })
    expect((await failing(mailbox(account).changes(null, 10))).hint).toContain('Mail.Read.Shared')
    const { steps } = await mailbox(account).check()
    expect(steps.find(({ name }) => name === 'Permissions')?.detail).toContain('missing: Mail.Read.Shared')
  })

  it('is asked for its mail and files in that mailbox, by the app too', async () => {
    const account = await newShared()
    await deliver(account, mail('for the team'))
    const token = await appToken()
    for (const open of [
      mailbox(account),
      mailbox({ ...account, mailbox: { kind: 'app', address: account.email } }, { token: async () => token }),
    ]) {
      expect(await textsOf(open, (await listAll(open)).refs)).toEqual(['for the team'])
    }
  })

  it('that Microsoft announces to nobody is polled, and the words say so', async () => {
    const account = await newShared()
    await control('subscriptions/settings', { shared: 'refuse' })
    const { push } = mailbox(account, { push: true })
    const error = await failing(push?.subscribe(null) ?? Promise.resolve())
    expect(error).toMatchObject({ kind: 'protocol', code: 'graph_subscription_denied' })
    expect(error.message).toContain('at intervals')
    const report = await mailbox(account, { push: true }).check()
    expect(report.ok).toBe(true)
    const step = report.steps.find(({ name }) => name === 'Push')
    expect(step).toMatchObject({ status: 'warn', detail: expect.stringContaining('at intervals') })
    expect(step?.hint).toBeUndefined()
  })
})

describe('a subscription', () => {
  const ofAccount = async (account: Account) => {
    const ids = (await subscriptionsAlive()).map(({ id }) => id)
    return ids.filter((id) => standing.get(account.email)?.has(id))
  }
  /** Subscriptions each account was given. */
  const standing = new Map<string, Set<string>>()
  async function subscribed(
    account: Account,
    from: Parameters<NonNullable<ReturnType<typeof mailbox>['push']>['subscribe']>[0] = null,
  ) {
    const { push } = mailbox(account, { push: true })
    if (!push) throw new Error('no push')
    const lease = await push.subscribe(from)
    const ids = standing.get(account.email) ?? new Set()
    standing.set(account.email, ids.add(lease.subscription?.id ?? ''))
    return { push, lease }
  }

  it('is proven by the handshake, lasts under seven days, and is renewed under the same secret', async () => {
    const account = await newAccount()
    const { push, lease } = await subscribed(account)
    expect(lease).toMatchObject({
      proven: true,
      subscription: { id: expect.any(String), clientState: expect.stringMatching(/^.{32,128}$/) },
    })
    const days = (lease.expiresAt - Date.now()) / 86_400_000
    expect(days).toBeGreaterThan(6)
    expect(days).toBeLessThanOrEqual(7)
    const renewed = await push.renew({ ...lease, expiresAt: 0 })
    expect(renewed.subscription).toEqual(lease.subscription)
    expect(renewed.expiresAt).toBeGreaterThanOrEqual(lease.expiresAt)
    await push.unsubscribe(renewed)
    await push.unsubscribe(renewed)
    expect(await ofAccount(account)).toEqual([])
  })

  it('for a shorter life than asked for is trusted', async () => {
    await control('subscriptions/settings', { maxMinutes: 4_230 })
    const { lease, push } = await subscribed(await newAccount())
    expect((lease.expiresAt - Date.now()) / 60_000).toBeLessThanOrEqual(4_230)
    expect((lease.expiresAt - Date.now()) / 60_000).toBeGreaterThan(4_000)
    expect((await push.renew(lease)).expiresAt - Date.now()).toBeGreaterThan(4_000 * 60_000)
  })

  it('that is gone cannot be renewed, and is told as gone so that it is made anew', async () => {
    const { push, lease } = await subscribed(await newAccount())
    await push.unsubscribe(lease)
    expect((await failing(push.renew(lease))).kind).toBe('not_found')
    expect((await failing(push.renew({ expiresAt: 0 }))).kind).toBe('not_found')
  })

  it('replaces the one that stood, whether Microsoft takes a second one or not', async () => {
    for (const duplicates of ['allow', 'refuse']) {
      await control('subscriptions/settings', { duplicates })
      const account = await newAccount()
      const first = await subscribed(account)
      const second = await subscribed(account, first.lease)
      expect(second.lease.subscription?.id).not.toBe(first.lease.subscription?.id)
      expect(await ofAccount(account)).toEqual([second.lease.subscription?.id])
    }
  })

  it('takes forgotten ones of ours away, and none that somebody listens to', async () => {
    const account = await newAccount()
    const forgotten = await subscribed(account)
    const neighbour = await subscribed(account)
    expect(await ofAccount(account)).toEqual([neighbour.lease.subscription?.id])
    const used = new Set([neighbour.lease.subscription?.id ?? ''])
    const { push } = mailbox(account, { push: true, subscriptionsInUse: async () => used })
    await push?.subscribe(null)
    expect(await ofAccount(account)).toEqual([neighbour.lease.subscription?.id])
    expect(forgotten.lease.subscription).not.toEqual(neighbour.lease.subscription)
  })

  it('to an address Microsoft cannot reach says so', async () => {
    const account = await newAccount()
    const { push } = mailbox(account, { push: true, notificationUrl: 'http://127.0.0.1:9/api/webhooks/graph-push' })
    const error = await failing(push?.subscribe(null) ?? Promise.resolve())
    expect(error).toMatchObject({ kind: 'protocol', code: 'graph_url_unreachable' })
    expect(error.hint).toContain('reachable from the internet')
  })

  it('that is tried out by the check is ended again', async () => {
    const account = await newAccount()
    await deliver(account, mail('one'))
    const before = (await subscriptionsAlive()).length
    const report = await mailbox(account, { push: true }).check()
    expect(report.steps.map(({ name, status }) => `${name}: ${status}`)).toEqual([
      'Access: pass',
      'Permissions: pass',
      'Account: pass',
      'Path: pass',
      'Inbox: pass',
      'Sent items: pass',
      'Reading: pass',
      'Sending: pass',
      'Push: pass',
    ])
    expect(JSON.stringify(report)).not.toContain(account.tokens.access)
    expect(report.steps.find(({ name }) => name === 'Reading')?.detail).toMatch(/Request [\w-]+\.$/)
    expect(await subscriptionsAlive()).toHaveLength(before)
    expect((await messagesOf(account)).every(({ isRead }) => isRead === false)).toBe(true)
  })
})

describe('a closed provider', () => {
  it('asks nothing more', async () => {
    const provider = mailbox(await newAccount())
    await provider.close()
    for (const work of [provider.changes(null, 1), fetchAll(provider, [{ identity: 'graph:abc' }])])
      expect((await failing(work)).code).toBe('graph_closed')
  })
})
