// Coming back from Google or Microsoft: what the address may say, and the words that are made of it.
import { describe, expect, it } from 'vitest'
import { connectWords, parseConnectSearch } from '../../../web/features/inboxes/connect-result'
import { CONNECT_RESULTS } from '../../../worker/contract/inboxes'

const inbox = {
  emailAddress: 'support@acme.example',
  status: 'disconnected' as const,
  connectionType: 'google' as const,
  connection: null,
}
const microsoft = { ...inbox, connectionType: 'microsoft' as const }

describe('the address after connecting', () => {
  it('is read with what goes with each result', () => {
    expect(parseConnectSearch({ connect: 'mismatch', address: 'other@acme.example' })).toEqual({
      connect: 'mismatch',
      address: 'other@acme.example',
    })
    expect(parseConnectSearch({ connect: 'missing_scopes', missing: 'send,read' }).missing).toBe('send,read')
    expect(parseConnectSearch({ connect: 'failed', reason: 'no_refresh_token' }).reason).toBe('no_refresh_token')
  })

  it('remembers whose mailbox was asked for, and takes no other word for it', () => {
    expect(parseConnectSearch({ connect: 'denied', mailbox: 'shared' }).mailbox).toBe('shared')
    expect(parseConnectSearch({ connect: 'denied', mailbox: 'everybody' })).toEqual({ connect: 'denied' })
    expect(parseConnectSearch({ mailbox: 'shared' })).toEqual({})
  })

  it('says nothing for results that do not exist', () => {
    expect(parseConnectSearch({ connect: 'wonderful', address: 'a@b.example' })).toEqual({})
    expect(parseConnectSearch({ connect: 'constructor' })).toEqual({})
    expect(parseConnectSearch({})).toEqual({})
  })

  it('carries no words of a stranger onto the page', () => {
    const crafted = parseConnectSearch({
      connect: 'failed',
      address: 'call 0900 12345 now',
      missing: 'read,your-soul,__proto__',
      reason: 'Your account is <b>locked</b>',
    })
    expect(crafted).toEqual({ connect: 'failed', missing: 'read' })
    expect(parseConnectSearch({ connect: 'failed', reason: 42, address: { a: 1 }, missing: ['read'] })).toEqual({
      connect: 'failed',
    })
  })
})

describe('the words', () => {
  it('exist for every result', () => {
    for (const connect of CONNECT_RESULTS) {
      const words = connectWords({ connect }, { ...inbox, status: 'connected' })
      expect(words?.title, connect).toBeTruthy()
      expect(words?.good, connect).toBe(connect === 'ok')
      expect(words?.again === null, connect).toBe(connect === 'ok')
    }
    expect(connectWords({}, inbox)).toBeNull()
  })

  it('never call an inbox connected that is not', () => {
    expect(connectWords({ connect: 'ok' }, inbox)).toBeNull()
    expect(connectWords({ connect: 'ok' }, { ...inbox, status: 'error' })).toBeNull()
  })

  it('offer the other address after a mismatch, and only where it is known', () => {
    const words = connectWords({ connect: 'mismatch', address: 'other@acme.example' }, inbox)
    expect(words).toMatchObject({ useAddress: 'other@acme.example', again: 'Try again', chooseAccount: true })
    expect(words?.title).toContain('other@acme.example')
    expect(words?.text).toContain('support@acme.example')
    expect(connectWords({ connect: 'mismatch' }, inbox)?.useAddress).toBeNull()
  })

  it('name the permissions that are missing', () => {
    expect(connectWords({ connect: 'missing_scopes', missing: 'send' }, inbox)?.list).toEqual(['Send mail as you'])
    expect(connectWords({ connect: 'missing_scopes' }, inbox)?.list).toEqual(['Read your mail', 'Send mail as you'])
  })

  it('offer a shared mailbox after a mismatch at Microsoft, unless that was asked for', () => {
    const mismatch = { connect: 'mismatch', address: 'anna@acme.example' } as const
    expect(connectWords(mismatch, microsoft)).toMatchObject({ asShared: true, useAddress: 'anna@acme.example' })
    expect(connectWords({ ...mismatch, mailbox: 'shared' }, microsoft)?.asShared).toBe(false)
    expect(connectWords(mismatch, inbox)?.asShared).toBe(false)
  })

  it('name the vendor, and permissions as it names them', () => {
    expect(connectWords({ connect: 'denied' }, microsoft)?.title).toContain('Microsoft')
    expect(connectWords({ connect: 'missing_scopes', missing: 'read', mailbox: 'shared' }, microsoft)?.list).toEqual([
      'Read mail that is shared with you',
    ])
    expect(connectWords({ connect: 'failed', reason: 'odd_answer' }, null)?.text).toContain('The provider')
  })

  it('say what an Exchange administrator has to do about a mailbox that did not open', () => {
    const words = connectWords({ connect: 'failed', reason: 'mailbox_denied' }, microsoft)
    expect(words?.text).toContain('Full Access')
    const named = connectWords({ connect: 'failed', reason: 'mailbox_denied', address: 'anna@acme.example' }, microsoft)
    expect(named).toMatchObject({
      title: `anna@acme.example may not open ${microsoft.emailAddress}`,
      chooseAccount: true,
    })
    expect(connectWords({ connect: 'failed', reason: 'mailbox_denied' }, inbox)?.text).toContain('(mailbox_denied)')
  })

  it('name the mailbox that was opened before, where it is not the address of the inbox', () => {
    const shared = {
      ...microsoft,
      connection: { microsoft: { kind: 'shared', address: 'info@acme.example' } },
    } as unknown as Parameters<typeof connectWords>[1]
    const words = connectWords({ connect: 'failed', reason: 'mailbox_denied' }, shared)
    expect(words?.title).toBe('This account may not open info@acme.example')
  })

  it('say that an administrator has to agree, and ask for the link to hand on', () => {
    const words = connectWords({ connect: 'failed', reason: 'admin_consent' }, microsoft)
    expect(words).toMatchObject({ title: 'An administrator has to agree first', asksConsent: true })
    expect(words?.text).toContain('consent link')
    expect(connectWords({ connect: 'failed', reason: 'admin_policy' }, microsoft)?.asksConsent).toBe(false)
  })

  it('need no inbox where the attempt is not known', () => {
    expect(connectWords({ connect: 'expired' }, null)?.title).toBe('This sign-in is no longer valid')
    expect(connectWords({ connect: 'failed', reason: 'not_allowed' }, null)?.text).toContain('owners and admins')
    expect(connectWords({ connect: 'ok' }, null)).toBeNull()
  })

  it('keep the code of a failure nobody has words for', () => {
    expect(connectWords({ connect: 'failed', reason: 'odd_answer' }, inbox)?.text).toContain('(odd_answer)')
    expect(connectWords({ connect: 'failed', reason: 'constructor' }, inbox)?.text).toContain('(constructor)')
    expect(connectWords({ connect: 'failed', reason: 'no_refresh_token' }, inbox)?.text).not.toContain('(')
  })
})
