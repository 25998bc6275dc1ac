// IMAP's own quirks against a real Dovecot: UIDVALIDITY, windows of the import, read-only access, speed of giving up.
import { describe, expect, it } from 'vitest'
import type { ImapCursor } from '../../worker/providers/imap/cursor'
import {
  deliver,
  dovecotServer,
  failing,
  fetchAll,
  mailbox,
  newUser,
  resetUidValidity,
  SECRET,
} from '../support/provider-lab'

const mail = (subject: string) => `Subject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\n${subject}\r\n`

describe('a new UIDVALIDITY', () => {
  it('lists everything since the import window again, under new identities, with what arrived meanwhile', async () => {
    const user = newUser()
    for (const subject of ['one', 'two']) await deliver(user, mail(subject))
    const before = mailbox({ imap: dovecotServer(user) })
    const first = await before.changes(null, 10)
    await before.close()
    await resetUidValidity(user)
    await deliver(user, mail('three'))

    const after = mailbox({ imap: dovecotServer(user) })
    const page = await after.changes(first.next, 10)
    expect(page.refs).toHaveLength(3)
    const identities = new Set([...first.refs, ...page.refs].map((ref) => ref.identity))
    expect(identities.size).toBe(5)
    expect((page.next as ImapCursor).uidvalidity).not.toBe((first.next as ImapCursor).uidvalidity)
    const stale = await fetchAll(after, first.refs)
    expect(stale.map((result) => 'error' in result && result.error.code)).toEqual([
      'imap_uidvalidity_changed',
      'imap_uidvalidity_changed',
    ])
    await after.close()
  })

  it('does not bring back mail from before an inbox that wanted only new mail', async () => {
    const user = newUser()
    await deliver(user, mail('old'))
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const before = mailbox({ imap: dovecotServer(user), since: Number.POSITIVE_INFINITY })
    const first = await before.changes(null, 10)
    expect(first.refs).toEqual([])
    await before.close()
    await resetUidValidity(user)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await deliver(user, mail('new'))
    const after = mailbox({ imap: dovecotServer(user), since: Number.POSITIVE_INFINITY })
    const page = await after.changes(first.next, 10)
    const [result] = await fetchAll(after, page.refs)
    expect(page.refs).toHaveLength(1)
    expect(result && 'bytes' in result && new TextDecoder().decode(result.bytes)).toContain('Subject: new')
    await after.close()
  })
})

describe('one connection', () => {
  it('serves two readers one after the other', async () => {
    const user = newUser()
    for (const subject of ['one', 'two', 'three']) await deliver(user, mail(subject))
    const provider = mailbox({ imap: dovecotServer(user) })
    const pages = await Promise.all([provider.changes(null, 1), provider.changes(null, 2), provider.changes(null, 3)])
    expect(pages.map((page) => page.refs.length)).toEqual([1, 2, 3])
    await provider.close()
  })

  it('tells a reader that asks for changes while it is reading, instead of waiting for itself for ever', async () => {
    const user = newUser()
    await deliver(user, mail('one'))
    const provider = mailbox({ imap: dovecotServer(user) }, { limits: { imap: { loan: 300 } } })
    const { refs, next } = await provider.changes(null, 10)
    for await (const message of provider.fetchRaw(refs)) {
      const { error } = await failing(() => provider.changes(next, 10))
      expect(error.code).toBe('imap_busy')
      if (!('error' in message)) await message.raw.cancel()
    }
    expect((await provider.changes(next, 10)).refs).toEqual([])
    await provider.close()
  })
})

describe('a wrong password', () => {
  it('is terminal, and stays out of the error', async () => {
    const provider = mailbox({ imap: { ...dovecotServer(newUser()), password: SECRET } })
    const { error } = await failing(() => provider.changes(null, 1))
    expect(error.kind).toBe('auth_revoked')
    expect(error.hint).toContain('password')
    expect(JSON.stringify([error.message, error.hint, String(error.cause), error.stack])).not.toContain(SECRET)
    await provider.close()
  })
})
