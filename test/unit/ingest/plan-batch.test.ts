import { describe, expect, it } from 'vitest'
import { byDependency, chunked } from '../../../worker/ingest/apply-rows'
import { messageTime, planBatch } from '../../../worker/ingest/plan-batch'
import { facts, INBOX, mail, NOW } from './support'

describe('one batch', () => {
  it('plans oldest first, and later mails see what earlier ones will do', () => {
    const root = mail({ id: 'led_root', messageId: 'root@x', receivedAt: NOW - 3000 })
    const answer = mail({ id: 'led_answer', inReplyTo: ['root@x'], receivedAt: NOW - 2000 })
    const twin = mail({
      id: 'led_twin',
      messageId: 'led_answer@customer.test',
      digest: 'digest-led_answer',
      inReplyTo: ['root@x'],
      receivedAt: NOW - 1000,
    })
    const planned = planBatch([twin, answer, root], facts(), INBOX, NOW)
    expect(
      planned.map(({ item, plan, ticketId, dependsOn }) => [item.ledgerId, plan.kind, ticketId, dependsOn]),
    ).toEqual([
      ['led_root', 'new_ticket', 'tkt_root', null],
      ['led_answer', 'reply', 'tkt_root', 'led_root'],
      ['led_twin', 'duplicate', 'tkt_root', 'led_answer'],
    ])
    expect(byDependency(planned).map((level) => level.map((mail) => mail.item.ledgerId))).toEqual([
      ['led_root'],
      ['led_answer'],
      ['led_twin'],
    ])
  })

  it('leaves the facts it was given as they were', () => {
    const known = facts({ own: { 'a@x': ['tkt_12'] } })
    planBatch([mail({ inReplyTo: ['a@x'] }), mail({ id: 'led_2' })], known, INBOX, NOW)
    expect(known.tickets.size).toBe(1)
    expect(known.originals.size).toBe(0)
    expect(known.refs.get('a@x')).toHaveLength(1)
  })

  it("adds only ids that the ticket is not known by yet, and never the mail's own as a reference", () => {
    const known = facts({ own: { 'a@x': ['tkt_12'] }, ref: { 'b@x': ['tkt_12'] } })
    const [planned] = planBatch(
      [mail({ messageId: 'm@x', references: ['b@x', 'c@x', 'm@x', 'a@x'] })],
      known,
      INBOX,
      NOW,
    )
    expect(planned?.refs).toEqual([
      { id: 'c@x', kind: 'ref' },
      { id: 'm@x', kind: 'own' },
    ])
  })

  it('looks up a bounded number of ids, however long the chain', () => {
    const chain = Array.from({ length: 5000 }, (_, n) => `${n}@x`)
    const item = mail({ references: chain })
    item.hints.references = chain.toReversed().slice(0, 200)
    expect(planBatch([item], facts(), INBOX, NOW)[0]?.lookups).toHaveLength(201)
  })

  it('remembers what a new ticket assumed about the ids it looked up', () => {
    const known = facts({ ref: { 'news@x': ['tkt_12'] }, wrote: { tkt_12: ['bob@other.test'] } })
    const [planned] = planBatch([mail({ messageId: 'm@x', inReplyTo: ['news@x'] })], known, INBOX, NOW)
    expect(planned).toMatchObject({ lookups: ['m@x', 'news@x'], refsSeen: 1 })
  })
})

describe('the time of a message', () => {
  it.each([
    ["the provider's receipt time", NOW - 5000, NOW - 9000, NOW - 5000],
    ['the Date header where the provider has none', null, NOW - 9000, NOW - 9000],
    ['now where a Date lies in the future', null, NOW + 3 * 86_400_000, NOW],
    ['now where a clock runs ahead a little', NOW + 60_000, null, NOW],
    ['now where a Date is before there was mail', null, 0, NOW],
    ['now where there is none', null, null, NOW],
  ])('is %s', (_name, receivedAt, date, expected) => {
    expect(messageTime(mail({ receivedAt, date }), NOW)).toBe(expected)
  })
})

describe('rows as JSON', () => {
  it('stay below what D1 takes as one value, and keep every row', () => {
    const rows = Array.from({ length: 50 }, (_, n) => ({ n, text: '€'.repeat(32_000) }))
    const chunks = chunked(rows)
    expect(Math.max(...chunks.map((chunk) => Buffer.byteLength(chunk)))).toBeLessThan(1_000_000)
    expect(chunks.flatMap((chunk) => JSON.parse(chunk).map((row: { n: number }) => row.n))).toEqual(
      rows.map((row) => row.n),
    )
  })

  it('carry neither NUL nor half surrogate pairs', () => {
    expect(chunked([{ text: 'a\0b\ud83d' }])).toEqual(['[{"text":"a\uFFFDb\uFFFD"}]'])
  })
})
