import { describe, expect, it } from 'vitest'
import { originalKey } from '../../../worker/ingest/facts'
import { contactOf, type Plan, planMail } from '../../../worker/ingest/plan'
import { facts, INBOX, mail } from './support'

const plan = (item: ReturnType<typeof mail>, known = facts()) => planMail(item, known, INBOX)
const where = (result: Plan) =>
  result.kind === 'reply'
    ? `${result.ticket.id} by ${result.matchedBy}`
    : result.kind === 'suppressed'
      ? result.reason
      : result.kind

describe('matching order', () => {
  const everything = facts({
    tickets: [
      { id: 'tkt_1', number: 1 },
      { id: 'tkt_2', number: 2 },
      { id: 'tkt_3', number: 3 },
      { id: 'tkt_4', number: 4 },
      { id: 'tkt_5', number: 5 },
      { id: 'tkt_6', number: 6 },
      { id: 'tkt_7', number: 7 },
    ],
    own: { 'irt@x': ['tkt_2'], 'old@x': ['tkt_6'], 'new@x': ['tkt_3'] },
    thread: { [`${INBOX}:thread`]: ['tkt_4'] },
    ref: { 'led_1@customer.test': ['tkt_6'], 'shared@x': ['tkt_7'] },
    wrote: {
      tkt_4: ['ann@customer.test'],
      tkt_5: ['ann@customer.test'],
      tkt_6: ['ann@customer.test'],
      tkt_7: ['ann@customer.test'],
    },
  })
  const all = {
    tokenTickets: ['tkt_1'],
    inReplyTo: ['irt@x'],
    references: ['old@x', 'new@x'],
    providerThread: 'thread',
    subjectNumber: 5,
  }

  it('takes the signed token first, then each weaker sign in the stated order', () => {
    const { tokenTickets, inReplyTo, references, providerThread, subjectNumber, ...none } = all
    expect({ ...none, tokenTickets }).toEqual({ tokenTickets: ['tkt_1'] })
    expect(where(plan(mail(all), everything))).toBe('tkt_1 by reply_token')
    expect(where(plan(mail({ inReplyTo, references, providerThread, subjectNumber }), everything))).toBe(
      'tkt_2 by in_reply_to',
    )
    expect(where(plan(mail({ references, providerThread, subjectNumber }), everything))).toBe('tkt_3 by references')
    expect(where(plan(mail({ providerThread, subjectNumber }), everything))).toBe('tkt_4 by provider_thread')
    expect(where(plan(mail({ subjectNumber, references: ['shared@x'] }), everything))).toBe('tkt_5 by subject_number')
    expect(where(plan(mail({ references: ['shared@x'] }), everything))).toBe('tkt_6 by late_ancestor')
    expect(where(plan(mail({ id: 'led_2', references: ['shared@x'] }), everything))).toBe('tkt_7 by common_ancestor')
    expect(where(plan(mail({ id: 'led_2' }), everything))).toBe('new_ticket')
  })

  it('says of every strategy it tried whether it hit', () => {
    expect(plan(mail({ references: ['new@x'], inReplyTo: ['unseen@x'] }), everything).evidence).toEqual([
      'No signed reply token in its addresses or referenced ids.',
      'In-Reply-To names <unseen@x>, none of which is a message of ours.',
      'References names <new@x>, a message of ticket #3.',
    ])
    expect(plan(mail({ id: 'led_2' }), everything).evidence).toEqual([
      'No signed reply token in its addresses or referenced ids.',
      'No In-Reply-To.',
      'No References.',
      'No ticket number in the subject.',
      'No known mail refers to it.',
      'It shares no referenced mail with a ticket.',
      'So it is a new ticket.',
    ])
  })

  it('names the message that we sent, so that people see why a mail is here', () => {
    const known = facts({ own: { 'ours@acme': ['tkt_12'] }, sent: { 'ours@acme': 'tkt_12' } })
    expect(plan(mail({ inReplyTo: ['ours@acme'] }), known).evidence).toContain(
      'In-Reply-To names <ours@acme>, which we sent in ticket #12.',
    )
  })
})

describe("lesson 17: mail never lands in a stranger's ticket", () => {
  it('makes a new ticket of a forged [#12] and hints at the other one', () => {
    const result = plan(
      mail({ from: 'mallory@evil.test', subjectNumber: 12 }),
      facts({ wrote: { tkt_12: ['ann@customer.test'] } }),
    )
    expect(result.kind).toBe('new_ticket')
    expect(result.evidence.join(' ')).toContain(
      'The subject names ticket #12, but its sender is not part of that ticket',
    )
  })

  it('does not take our own address, which is in every ticket, for a known participant', () => {
    const known = facts({ wrote: { tkt_12: ['support@acme.test'] } })
    expect(plan(mail({ from: 'support@acme.test', subjectNumber: 12 }), known).kind).toBe('new_ticket')
  })

  it('does not join strangers who answered the same newsletter', () => {
    const known = facts({ ref: { 'newsletter@corp': ['tkt_12'] }, wrote: { tkt_12: ['bob@other.test'] } })
    expect(plan(mail({ inReplyTo: ['newsletter@corp'] }), known).kind).toBe('new_ticket')
  })

  it('ignores a provider conversation whose ticket does not know the sender', () => {
    const known = facts({ thread: { [`${INBOX}:t1`]: ['tkt_12'] }, wrote: { tkt_12: ['bob@other.test'] } })
    expect(plan(mail({ providerThread: 't1' }), known).kind).toBe('new_ticket')
  })

  it('ignores a token whose ticket is not there (deleted, or of another tenant)', () => {
    const result = plan(mail({ tokenTickets: ['tkt_foreign'] }))
    expect(result.kind).toBe('new_ticket')
    expect(result.evidence[0]).toBe('It carries a signed reply token, but that ticket is gone.')
  })
})

describe('lesson 18: a reply finds its ticket', () => {
  it('through any id of the chain, newest first', () => {
    const known = facts({ own: { 'a@x': ['tkt_12'] } })
    expect(where(plan(mail({ inReplyTo: ['lost@x'], references: ['a@x', 'lost@x'] }), known))).toBe(
      'tkt_12 by references',
    )
  })

  it('follows a merged ticket', () => {
    const known = facts({
      tickets: [{ mergedIntoId: 'tkt_13' }, { id: 'tkt_13', number: 13 }],
      own: { 'a@x': ['tkt_12'] },
    })
    expect(where(plan(mail({ inReplyTo: ['a@x'] }), known))).toBe('tkt_13 by in_reply_to')
  })

  it('makes a new ticket rather than running in a circle of merges', () => {
    const known = facts({
      tickets: [{ mergedIntoId: 'tkt_13' }, { id: 'tkt_13', number: 13, mergedIntoId: 'tkt_12' }],
      own: { 'a@x': ['tkt_12'] },
    })
    expect(plan(mail({ inReplyTo: ['a@x'] }), known).kind).toBe('new_ticket')
  })

  it('joins an answer to a sibling that never came here, by the common ancestor', () => {
    const known = facts({ ref: { 'root@x': ['tkt_12'] }, addressed: { tkt_12: ['ann@customer.test'] } })
    expect(where(plan(mail({ inReplyTo: ['sibling@x'], references: ['root@x', 'sibling@x'] }), known))).toBe(
      'tkt_12 by common_ancestor',
    )
  })

  it('joins the ancestor that arrives after its answer, when it is addressed to who answered', () => {
    const known = facts({ ref: { 'led_1@customer.test': ['tkt_12'] }, wrote: { tkt_12: ['bob@other.test'] } })
    expect(where(plan(mail({ cc: ['bob@other.test'] }), known))).toBe('tkt_12 by late_ancestor')
    expect(plan(mail(), known).kind).toBe('new_ticket')
  })

  it('prefers the ticket of the inbox the mail came to, when the thread is known in two', () => {
    const known = facts({
      tickets: [
        { inboxId: 'inb_sales', lastMessageAt: 9000 },
        { id: 'tkt_13', number: 13 },
      ],
      own: { 'a@x': ['tkt_12', 'tkt_13'] },
    })
    expect(where(plan(mail({ inReplyTo: ['a@x'] }), known))).toBe('tkt_13 by in_reply_to')
  })
})

describe('lesson 8: no real mail is dropped as a duplicate', () => {
  const known = facts()
  const twin = mail({ id: 'led_0', messageId: 'same@x', digest: 'd1' })
  known.originals.set(originalKey(twin), { ledgerId: 'led_0', ticketId: 'tkt_12', inBatch: false })

  it('recognises the same bytes under the same Message-ID', () => {
    expect(plan(mail({ messageId: 'same@x', digest: 'd1' }), known)).toMatchObject({
      kind: 'duplicate',
      of: 'led_0',
      ticketId: 'tkt_12',
    })
  })

  it('keeps other content under a reused Message-ID', () => {
    expect(plan(mail({ messageId: 'same@x', digest: 'd2' }), known).kind).toBe('new_ticket')
  })

  it('is not its own duplicate when it is planned again', () => {
    expect(plan(twin, known).kind).toBe('new_ticket')
  })

  it('tells mails without Message-ID apart by their bytes', () => {
    const bare = facts()
    bare.originals.set(originalKey(mail({ messageId: null, digest: 'd1' })), {
      ledgerId: 'led_0',
      ticketId: null,
      inBatch: false,
    })
    expect(plan(mail({ messageId: null, digest: 'd1' }), bare).kind).toBe('duplicate')
    expect(plan(mail({ messageId: null, digest: 'd2' }), bare).kind).toBe('new_ticket')
  })
})

describe('lesson 7: our own mail coming back', () => {
  const known = facts({ sent: { 'ours@acme': 'tkt_12' }, own: { 'ours@acme': ['tkt_12'] } })

  it('is suppressed when it is a copy of what we sent', () => {
    expect(where(plan(mail({ from: 'support@acme.test', messageId: 'ours@acme' }), known))).toBe('own_message')
  })

  it('is a ticket when somebody else reuses the Message-ID', () => {
    expect(plan(mail({ messageId: 'ours@acme' }), known).kind).toBe('new_ticket')
  })

  it("is a ticket when our address wrote it elsewhere, with the form's Reply-To as contact", () => {
    const form = mail({ from: 'support@acme.test', replyTo: ['visitor@web.test'] })
    expect(plan(form, known).kind).toBe('new_ticket')
    expect(contactOf(form, known)).toEqual({ email: 'visitor@web.test', name: 'visitor@web.test' })
  })
})

describe('lesson 15 and 2026-06: machines do not reopen tickets', () => {
  const known = facts({ own: { 'ours@acme': ['tkt_12'] } })

  it.each(['human', 'list'] as const)('a %s mail reopens a resolved ticket', (kind) => {
    expect(plan(mail({ kind, inReplyTo: ['ours@acme'] }), known)).toMatchObject({ kind: 'reply', reopen: true })
  })

  it.each(['auto_reply', 'bounce', 'bulk', 'notification'] as const)(
    'a mail of kind %s is added without reopening, and says so',
    (kind) => {
      const result = plan(mail({ kind, inReplyTo: ['ours@acme'] }), known)
      expect(result).toMatchObject({ kind: 'reply', reopen: false })
      expect(result.evidence.at(-1)).toBe(`The ticket stays resolved: a machine wrote this (test:${kind}).`)
    },
  )

  it('mail from our own address does not reopen either', () => {
    expect(plan(mail({ from: 'support@acme.test', inReplyTo: ['ours@acme'] }), known)).toMatchObject({ reopen: false })
  })

  it('suppresses an automatic answer to nothing of ours, but not on weak signs', () => {
    expect(where(plan(mail({ kind: 'auto_reply' })))).toBe('auto_reply')
    expect(plan(mail({ kind: 'auto_reply', rule: 'auto-reply-subject' })).kind).toBe('new_ticket')
    expect(plan(mail({ kind: 'auto_reply', rule: 'return-path:null' })).kind).toBe('new_ticket')
  })

  it.each(['list', 'bulk', 'notification'] as const)(
    'makes a ticket of a %s mail: customers write through systems',
    (kind) => {
      expect(plan(mail({ kind })).kind).toBe('new_ticket')
    },
  )
})

describe('lessons 16 and 28: bounces', () => {
  const bounce = (permanent: boolean, originalMessageId: string | null) => ({
    originalMessageId,
    permanent,
    recipients: [
      {
        address: 'ann@customer.test',
        action: permanent ? ('failed' as const) : ('delayed' as const),
        status: '5.1.1',
        diagnostic: '550 no such user',
      },
    ],
  })
  const known = facts({ sent: { 'ours@acme': 'tkt_12' }, own: { 'ours@acme': ['tkt_12'] } })

  it('attaches the report to the message that bounced and marks it failed', () => {
    expect(
      plan(mail({ kind: 'bounce', from: 'mailer-daemon@mx.test', bounce: bounce(true, 'ours@acme') }), known),
    ).toMatchObject({
      kind: 'reply',
      matchedBy: 'bounce',
      reopen: false,
      ticket: { id: 'tkt_12' },
      bounced: { messageRowId: 'msg_of_ours@acme', detail: 'ann@customer.test did not get it: 5.1.1 550 no such user' },
    })
  })

  it('finds the message by References where the report does not quote it', () => {
    expect(plan(mail({ kind: 'bounce', references: ['ours@acme'], bounce: bounce(true, null) }), known)).toMatchObject({
      bounced: { messageRowId: 'msg_of_ours@acme' },
    })
  })

  it('marks nothing failed for a delay', () => {
    expect(plan(mail({ kind: 'bounce', bounce: bounce(false, 'ours@acme') }), known)).toMatchObject({
      kind: 'reply',
      bounced: null,
    })
  })

  it('believes no delivery report from a person', () => {
    expect(plan(mail({ kind: 'human', bounce: bounce(true, 'ours@acme') }), known).kind).toBe('new_ticket')
  })

  it('suppresses a report about mail that is not ours, until a person releases it', () => {
    const stray = { kind: 'bounce' as const, bounce: bounce(true, 'elsewhere@x') }
    expect(where(plan(mail(stray), known))).toBe('unmatched_bounce')
    expect(plan(mail({ ...stray, released: true }), known).kind).toBe('new_ticket')
  })
})

describe('lesson 30: forged senders', () => {
  const known = facts({ own: { 'ours@acme': ['tkt_12'] } })

  it('adds a mail that failed DMARC, but does not reopen for it', () => {
    const forged = mail({
      inReplyTo: ['ours@acme'],
      authenticationResults: 'mx.acme.test; spf=fail; dmarc=fail header.from=customer.test',
    })
    expect(plan(forged, known)).toMatchObject({ kind: 'reply', reopen: false })
    const fine = mail({
      inReplyTo: ['ours@acme'],
      authenticationResults: 'mx.acme.test; dmarc=pass; x-reason=dmarc-failover',
    })
    expect(plan(fine, known)).toMatchObject({ kind: 'reply', reopen: true })
  })

  it('shows From as the contact, never Reply-To', () => {
    expect(contactOf(mail({ replyTo: ['mallory@evil.test'] }), known)).toEqual({
      email: 'ann@customer.test',
      name: 'ann@customer.test',
    })
  })
})

it('makes a ticket of a mail that names no sender', () => {
  const item = mail({ from: null })
  expect(plan(item).kind).toBe('new_ticket')
  expect(contactOf(item, facts())).toEqual({ email: '', name: 'Unknown sender' })
})
