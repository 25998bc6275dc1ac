// IMAP servers that misbehave: each ends in a typed error or in the right mail, within a bounded time.
import { describe, expect, it } from 'vitest'
import type { ImapCursor } from '../../worker/providers/imap/cursor'
import type { MailProvider, MessageRef } from '../../worker/providers/provider'
import { fakeMail } from '../support/hostile-imap'
import { failing, fetchAll, heardBy, hostile, mailbox, SHORT } from '../support/provider-lab'

/** Longer than any single limit of SHORT, shorter than two of the longest. */
const BOUND = 6_000

const provider = (name: string, server: Parameters<typeof hostile>[2] = {}, since = 0) =>
  mailbox({ imap: hostile('imap', name, server), since }, { limits: SHORT })

async function listed(open: MailProvider): Promise<MessageRef[]> {
  return (await open.changes(null, 100)).refs
}

/** Lists with an honest claim, fetches, and says what came of each message: its size, or the kind and code of its error. */
async function outcomes(name: string): Promise<{ results: (number | string)[]; ms: number }> {
  const open = provider(name)
  const refs = await listed(open)
  const started = Date.now()
  const fetched = await fetchAll(open, refs)
  const results = refs.map((ref) => {
    const result = fetched.find((each) => each.identity === ref.identity)
    if (!result) return 'no result'
    return 'bytes' in result ? result.bytes.length : `${result.error.kind} ${result.error.code}`
  })
  await open.close()
  return { results, ms: Date.now() - started }
}

describe('a server that never gets as far as a mailbox', () => {
  it.each([
    ['never-greets', 'transient', 'imap_greeting_timeout'],
    ['closes-at-once', 'transient', 'imap_closed'],
    ['greets-garbage', 'transient', 'imap_greeting_timeout'],
    ['greets-noise', 'transient', 'imap_greeting_timeout'],
    ['greets-drop-by-drop', 'transient', 'imap_greeting_timeout'],
    ['greets-bye', 'rate_limited', 'imap_throttled'],
    ['closes-after-login', 'transient', 'imap_closed'],
    ['silent-after-login', 'transient', 'imap_silent'],
    ['inbox-throttled', 'rate_limited', 'imap_throttled'],
    ['no-uidvalidity', 'protocol', 'imap_no_uidvalidity'],
    ['login-disabled', 'protocol', 'imap_login_disabled'],
  ])('%s ends as %s %s', async (name, kind, code) => {
    const open = provider(name)
    const { error, ms } = await failing(() => open.changes(null, 10))
    expect([error.kind, error.code]).toEqual([kind, code])
    expect(error.message).toMatch(/^[A-Z].*\S$/)
    expect(ms).toBeLessThan(BOUND)
    await open.close()
  })

  it('a closed port is unreachable, not a broken password', async () => {
    const open = provider('honest', { port: 1 })
    const { error } = await failing(() => open.changes(null, 10))
    expect([error.kind, error.code]).toEqual(['transient', 'imap_unreachable'])
  })
})

describe('TLS', () => {
  it.each(['tls-stranger', 'tls-other-name'])(
    '%s: a certificate that is not good for the host gets no password',
    async (name) => {
      const open = provider(name, { security: 'tls' })
      const { error } = await failing(() => open.changes(null, 10))
      expect(error.kind).toBe('transient')
      expect((await heardBy('imap', name)).encrypted).not.toContain('AUTHENTICATE')
    },
  )

  it.each(['starttls-stranger', 'starttls-other-name'])('%s: the same after STARTTLS', async (name) => {
    const open = provider(name, { security: 'starttls' })
    const { error, ms } = await failing(() => open.changes(null, 10))
    expect(error.kind).toBe('transient')
    expect(ms).toBeLessThan(BOUND)
    const heard = await heardBy('imap', name)
    expect(heard.clear + heard.encrypted).not.toMatch(/AUTHENTICATE|LOGIN/)
  })

  it('STARTTLS that is not offered fails closed: the password never leaves', async () => {
    const open = provider('no-starttls', { security: 'starttls' })
    const { error } = await failing(() => open.changes(null, 10))
    expect([error.kind, error.code]).toEqual(['protocol', 'imap_starttls_not_offered'])
    expect((await heardBy('imap', 'no-starttls')).clear).not.toMatch(/AUTHENTICATE|LOGIN/)
  })

  it('an answer smuggled in before the handshake is refused', async () => {
    const open = provider('starttls-injects', { security: 'starttls' })
    const { error } = await failing(() => open.changes(null, 10))
    expect(error.kind).not.toBe('auth_revoked')
    expect((await heardBy('imap', 'starttls-injects')).clear).not.toMatch(/AUTHENTICATE|LOGIN/)
  })

  it('logs in only once the connection is encrypted', async () => {
    const open = provider('starttls', { security: 'starttls' })
    expect(await listed(open)).toHaveLength(3)
    const heard = await heardBy('imap', 'starttls')
    expect(heard.clear).not.toMatch(/AUTHENTICATE|LOGIN/)
    expect(heard.encrypted).toContain('AUTHENTICATE PLAIN')
    await open.close()
  })
})

describe('listing', () => {
  it('asks for nothing that could mark a message as read', async () => {
    const open = provider('honest')
    await fetchAll(open, await listed(open))
    const { clear } = await heardBy('imap', 'honest')
    expect(clear).toContain('EXAMINE')
    expect(clear).not.toMatch(/\bSELECT\b|STORE|BODY\[|RFC822(?!\.SIZE)/)
    await open.close()
  })

  it('a last message that answers n:* again is not listed again', async () => {
    const open = provider('honest')
    const first = await open.changes(null, 100)
    expect(first.refs).toHaveLength(3)
    const second = await open.changes(first.next, 100)
    expect(second).toMatchObject({ refs: [], more: false, next: first.next })
    await open.close()
  })

  it.each(['no-uidnext', 'stale-uidnext', 'no-esearch'])('%s: everything is listed once', async (name) => {
    const open = provider(name)
    const first = await open.changes(null, 2)
    const second = await open.changes(first.next, 2)
    expect([...first.refs, ...second.refs].map((ref) => ref.identity)).toEqual(
      [1, 2, 3].map((uid) => `imap:INBOX:7:${uid}`),
    )
    expect((await open.changes(second.next, 2)).refs).toEqual([])
    await open.close()
  })

  it.each(['no-uidnext', 'stale-uidnext'])('%s: only new mail means none of the old', async (name) => {
    const open = provider(name, {}, Number.POSITIVE_INFINITY)
    const first = await open.changes(null, 10)
    if (name === 'no-uidnext') expect(first.refs).toEqual([])
    expect((first.next as ImapCursor).lastUid).toBe(3)
    await open.close()
  })

  it('four billion UIDs with three messages are crossed in a few searches and no empty page', async () => {
    const open = provider('sparse')
    const first = await open.changes(null, 2)
    expect(first.refs.map((ref) => ref.identity)).toEqual(['imap:INBOX:7:3', 'imap:INBOX:7:1000000'])
    const second = await open.changes(first.next, 2)
    expect(second.refs.map((ref) => ref.identity)).toEqual(['imap:INBOX:7:4000000000'])
    const { clear } = await heardBy('imap', 'sparse')
    expect(clear.match(/UID SEARCH/g)?.length).toBeLessThan(25)
    await open.close()
  })

  it('a large mailbox is never searched whole', async () => {
    const open = provider('dense')
    const { refs, more } = await open.changes(null, 100)
    expect([refs.length, more]).toEqual([100, true])
    const { clear } = await heardBy('imap', 'dense')
    expect(clear).not.toMatch(/SEARCH ALL|1:\*/)
    expect(clear.match(/UID SEARCH UID 1:1000\b/g)).toHaveLength(1)
    await open.close()
  })

  it('an import window holds to the second, whatever the order of the UIDs, and later mail counts whatever its date', async () => {
    const since = Date.parse('2026-02-15T00:00:00Z')
    const open = provider('mixed-dates', {}, since)
    const { refs, next } = await open.changes(null, 100)
    expect(refs.map((ref) => ref.identity)).toEqual(['imap:INBOX:7:2', 'imap:INBOX:7:5'])
    const earlier = { ...(next as ImapCursor), lastUid: 2, sinceUntil: 2 }
    const later = await open.changes(earlier, 100)
    expect(later.refs.map((ref) => ref.identity)).toEqual([3, 4, 5].map((uid) => `imap:INBOX:7:${uid}`))
    await open.close()
  })

  it('a refused search is an error, not an empty mailbox', async () => {
    const open = provider('search-refused')
    const { error } = await failing(() => open.changes(null, 10))
    expect([error.kind, error.code]).toEqual(['transient', 'imap_search_refused'])
    await open.close()
  })
})

describe('fetching', () => {
  it.each([
    ['stops-mid-literal', ['transient imap_silent', 'transient imap_silent', 'transient imap_silent']],
    ['drips-literal', ['transient imap_timeout', 'transient imap_timeout', 'transient imap_timeout']],
    ['claims-huge-literal', Array(3).fill('protocol imap_answer_too_large')],
    ['floods-tokens', Array(3).fill('protocol imap_answer_too_large')],
    ['fetches-garbage', Array(3).fill('protocol imap_body_missing')],
  ])('%s: each message gets that error, in time', async (name, expected) => {
    const { results, ms } = await outcomes(name)
    expect(results).toEqual(expected)
    expect(ms).toBeLessThan(BOUND)
  })

  it('a connection cut in the middle: what was whole arrives, the rest gets the error', async () => {
    const { results } = await outcomes('closes-mid-literal')
    expect(results).toEqual([fakeMail(2_000, 'm1').length, 'transient imap_closed', 'transient imap_closed'])
  })

  it('a message listed without content is an error of that message alone', async () => {
    const { results } = await outcomes('body-nil')
    expect(results).toEqual(['protocol imap_body_missing', 4, 'protocol imap_body_missing'])
  })

  it('only messages that are really gone are not found', async () => {
    const { results } = await outcomes('expunges-in-between')
    expect(results).toEqual(['not_found imap_expunged', fakeMail(2_000, 'm2').length, 'not_found imap_expunged'])
  })

  it('rows out of order, flag updates and uninvited messages change nothing', async () => {
    const { results } = await outcomes('fetches-out-of-order')
    expect(results).toEqual([1, 2, 3].map((uid) => fakeMail(2_000, `m${uid}`).length))
  })

  it.each(['size-too-small', 'size-too-large'])('%s: the mail is whole although its size was a lie', async (name) => {
    const raw = fakeMail(1_500_000, name === 'size-too-small' ? 'modest' : 'boaster')
    const open = provider(name)
    const [result] = await fetchAll(open, await listed(open))
    expect(result && 'bytes' in result && Buffer.compare(result.bytes, raw)).toBe(0)
    await open.close()
  })

  it.each(['large-mail', 'ignores-partial', 'answers-short'])(
    '%s: a large mail is whole, also from the middle on',
    async (name) => {
      const raw = fakeMail(3_500_000, 'large')
      const open = provider(name)
      const refs = await listed(open)
      for (const resumeAt of [0, 1_234_567]) {
        const [result] = await fetchAll(open, [{ identity: refs[0]?.identity ?? '', size: refs[0]?.size, resumeAt }])
        expect(result && 'bytes' in result && result.start).toBe(resumeAt)
        expect(result && 'bytes' in result && Buffer.compare(result.bytes, raw.subarray(resumeAt))).toBe(0)
      }
      await open.close()
    },
  )

  it.each([
    ['answers-crumbs', 'protocol imap_no_progress'],
    ['answers-elsewhere', 'protocol imap_partial_mismatch'],
    ['answers-too-much', 'protocol imap_partial_mismatch'],
    ['closes-mid-message', 'transient imap_closed'],
    ['ignores-partial-huge', 'protocol imap_answer_too_large'],
  ])('%s: %s', async (name, expected) => {
    const { results, ms } = await outcomes(name)
    expect(results).toEqual([expected])
    expect(ms).toBeLessThan(BOUND)
  })
})
