// Mail that lies in Sent, in spam, in the trash or among the drafts.
import { describe, expect, it } from 'vitest'
import { writtenKey } from '../../../worker/ingest/facts'
import { authorOf, contactOf, planMail } from '../../../worker/ingest/plan'
import { mustWait } from '../../../worker/ingest/plan-batch'
import { facts, INBOX, mail, NOW } from './support'

const plan = (item: ReturnType<typeof mail>, known = facts()) => planMail(item, known, INBOX)
const US = 'support@acme.test'
const sentMail = (wish: Parameters<typeof mail>[0] = {}) =>
  mail({ from: US, to: ['ann@customer.test'], role: 'sent', ...wish })

describe('our own copy in Sent', () => {
  const known = facts({ sent: { 'ours@acme': 'tkt_12' }, own: { 'ours@acme': ['tkt_12'] } })
  const copy = { kind: 'suppressed', reason: 'own_message', copyOf: 'msg_of_ours@acme' }

  it('is known by its Message-ID, whatever the provider made of its sender', () => {
    expect(plan(sentMail({ messageId: 'ours@acme' }), known)).toMatchObject(copy)
    expect(plan(sentMail({ messageId: 'ours@acme', from: 'alias@acme.test' }), known)).toMatchObject(copy)
  })

  it('is known by the Message-ID that Gmail took away from it', () => {
    const headers = { 'x-google-original-message-id': ' <ours@acme>' }
    expect(plan(sentMail({ messageId: 'CA+x@mail.gmail.com', headers }), known)).toMatchObject(copy)
  })

  it('is known by nothing of the kind when a stranger claims it', () => {
    const headers = { 'x-google-original-message-id': '<ours@acme>' }
    expect(plan(mail({ headers }), known).kind).toBe('new_ticket')
    expect(plan(mail({ headers, from: US, to: [US] }), known).kind).toBe('new_ticket')
  })

  it('is known by the second it was written in where the provider changed its id and did not say so', () => {
    const known = facts()
    known.written.set(writtenKey(US, NOW - 60_000 + 321), {
      messageRowId: 'msg_lost',
      ticketId: 'tkt_12',
      fromEmail: US,
    })
    const written = { messageId: 'CA+x@mail.gmail.com', date: NOW - 60_000 }
    expect(plan(sentMail(written), known)).toMatchObject({ reason: 'own_message', copyOf: 'msg_lost' })
    expect(plan(sentMail({ ...written, date: NOW - 61_000 }), known)).toMatchObject({ reason: 'sent_elsewhere' })
    expect(plan(mail({ ...written, from: US }), known).kind).toBe('new_ticket')
  })

  it('of received mail settles nothing: that it came back says nothing about the others', () => {
    expect(plan(mail({ from: US, messageId: 'ours@acme' }), known)).toMatchObject({
      reason: 'own_message',
      copyOf: null,
    })
  })
})

describe('lesson 27: mail written in the mailbox itself', () => {
  const known = facts({
    own: { 'a@customer': ['tkt_12'] },
    ref: { 'shared@x': ['tkt_12'] },
    thread: { [`${INBOX}:t1`]: ['tkt_12'] },
    wrote: { tkt_12: ['ann@customer.test'] },
  })

  it.each([
    ['in_reply_to', { inReplyTo: ['a@customer'] }],
    ['references', { references: ['a@customer'] }],
    ['provider_thread', { providerThread: 't1' }],
    ['subject_number', { subjectNumber: 12 }],
    ['common_ancestor', { references: ['shared@x'] }],
  ])('joins its ticket by %s and reopens nothing', (matchedBy, wish) => {
    expect(plan(sentMail(wish), known)).toMatchObject({
      kind: 'reply',
      matchedBy,
      ticket: { id: 'tkt_12' },
      reopen: false,
      evidence: expect.arrayContaining(['The ticket stays resolved: we wrote it.']),
    })
  })

  it('joins by weaker signs only where whom it goes to is part of the ticket', () => {
    const stranger = sentMail({ providerThread: 't1', to: ['eve@else.test'] })
    expect(plan(stranger, known)).toMatchObject({
      reason: 'sent_elsewhere',
      evidence: expect.arrayContaining(['Its conversation is known, but its recipient is not part of that ticket.']),
    })
    expect(plan(sentMail({ providerThread: 't1', to: [US] }), known)).toMatchObject({ reason: 'sent_elsewhere' })
  })

  it('opens no ticket of its own, unless a person releases it: then whom it went to is the contact', () => {
    expect(plan(sentMail(), known)).toMatchObject({ kind: 'suppressed', reason: 'sent_elsewhere', copyOf: null })
    const released = sentMail({ released: true, to: [US, 'Ann@Customer.test'], replyTo: ['web@form.test'] })
    expect(plan(released, known).kind).toBe('new_ticket')
    expect(contactOf(released, known)).toEqual({ email: 'ann@customer.test', name: 'ann@customer.test' })
    expect(contactOf(sentMail({ to: [], cc: ['bo@customer.test'] }), known).email).toBe('bo@customer.test')
    expect(contactOf(sentMail({ to: [] }), known)).toEqual({ email: '', name: 'Unknown sender' })
  })

  it('is by the mailbox, as it named itself or as its inbox is called', () => {
    expect(authorOf(sentMail(), known)).toEqual({ name: 'Support', email: US })
    expect(authorOf(sentMail({ from: 'sales@acme.test' }), known).email).toBe('sales@acme.test')
    expect(authorOf(sentMail({ from: null }), known)).toEqual({ name: 'Support', email: US })
  })
})

describe('lessons, 2026-03: a notification of our own that comes in', () => {
  it('stays out of the tickets when we sent it, and its author is never taken for a customer', () => {
    const known = facts({ sent: { 'ours@acme': 'tkt_12' } })
    expect(plan(mail({ from: US, to: ['team@acme.test'], messageId: 'ours@acme' }), known)).toMatchObject({
      reason: 'own_message',
    })
    expect(contactOf(sentMail({ messageId: 'ui@gmail' }), known).email).not.toBe(US)
  })
})

describe('what nobody has sent us', () => {
  it.each([
    ['draft', 'draft'],
    ['spam', 'provider_spam'],
    ['trash', 'trashed'],
  ] as const)(
    'a mail in "%s" is set aside as %s, even when it answers a ticket, until a person releases it',
    (role, reason) => {
      const known = facts({ own: { 'a@customer': ['tkt_12'] } })
      expect(plan(mail({ role, inReplyTo: ['a@customer'] }), known)).toMatchObject({ kind: 'suppressed', reason })
      expect(plan(mail({ role, inReplyTo: ['a@customer'], released: true }), known).kind).toBe('reply')
      expect(plan(mail({ role, released: true }), known).kind).toBe('new_ticket')
    },
  )
})

describe('while one of ours is being sent', () => {
  const sending = (since: number) => ({ ...facts({ sent: { 'ours@acme': 'tkt_12' } }), oldestSending: since })

  it('a mail in Sent that we cannot recognise waits', () => {
    expect(mustWait(sentMail({ receivedAt: NOW }), sending(NOW - 1_000), NOW)).toBe(true)
    expect(mustWait(sentMail({ receivedAt: NOW - 30_000 }), sending(NOW), NOW)).toBe(true)
  })

  it('nothing else does: what is recognised, what came before, what a person released, received mail', () => {
    expect(mustWait(sentMail({ messageId: 'ours@acme', receivedAt: NOW }), sending(NOW), NOW)).toBe(false)
    expect(mustWait(sentMail({ receivedAt: NOW - 120_000 }), sending(NOW), NOW)).toBe(false)
    expect(mustWait(sentMail({ receivedAt: NOW, released: true }), sending(NOW), NOW)).toBe(false)
    expect(mustWait(mail({ receivedAt: NOW }), sending(NOW), NOW)).toBe(false)
    expect(mustWait(sentMail({ receivedAt: NOW }), facts(), NOW)).toBe(false)
  })
})
