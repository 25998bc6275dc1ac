import { describe, expect, test } from 'vitest'
import { baseSubject, threadHints } from '../../../worker/mail/thread'
import type { ParsedMail } from '../../../worker/mail/types'

const mail = (more: Partial<ParsedMail>): ParsedMail => ({
  headers: [],
  subject: 'Hello',
  from: { name: 'Ada', email: 'Ada@x.example' },
  replyTo: [],
  to: [{ name: '', email: 'support@desk.example' }],
  cc: [],
  recipients: ['support@desk.example'],
  date: null,
  messageId: 'm@x',
  inReplyTo: [],
  references: [],
  text: '',
  fullText: '',
  html: null,
  attachments: [],
  automated: { automated: false, kind: 'human', rule: null },
  bounce: null,
  authenticationResults: null,
  warnings: [],
  ...more,
})
/** Tokens of the form `token-<ticket>`. */
const readToken = async (value: string) => /token-(\w+)/.exec(value)?.[1] ?? null
const hints = (more: Partial<ParsedMail>) => threadHints(mail(more), readToken)

describe('threadHints', () => {
  test('believes tokens in the order address, In-Reply-To, References newest first', async () => {
    const { tokenTicketIds } = await hints({
      recipients: ['support@desk.example', 's+token-a@desk.example'],
      inReplyTo: ['token-b@desk'],
      references: ['token-c@desk', 'x@y', 'token-d@desk', 'token-b@desk'],
    })
    expect(tokenTicketIds).toEqual([
      { ticketId: 'a', source: 's+token-a@desk.example' },
      { ticketId: 'b', source: 'token-b@desk' },
      { ticketId: 'd', source: 'token-d@desk' },
      { ticketId: 'c', source: 'token-c@desk' },
    ])
  })

  test('names each ticket once, by its best source', async () => {
    const { tokenTicketIds } = await hints({
      inReplyTo: ['1.token-a@desk'],
      references: ['2.token-a@desk', '1.token-a@desk'],
    })
    expect(tokenTicketIds).toEqual([{ ticketId: 'a', source: '1.token-a@desk' }])
  })

  test('gives references newest to oldest, without those that are answered', async () => {
    expect(await hints({ inReplyTo: ['c'], references: ['a', 'b', 'a', 'c'] })).toMatchObject({
      inReplyTo: ['c'],
      references: ['a', 'b'],
    })
  })

  test('keeps the newest of a chain that was made too long on purpose', async () => {
    const { references } = await hints({ references: Array.from({ length: 5_000 }, (_, i) => `${i}@x`) })
    expect(references.length).toBe(200)
    expect(references[0]).toBe('4999@x')
  })

  test.each([
    ['[#123] Hello', 123],
    ['Re: [#7] AW: [#123] Hello', 123],
    ['Hello #123', null],
    ['[123] Hello', null],
    ['[#] [#x]', null],
    ['[#99999999999999999999]', null],
  ])('reads the number of %j as %j', async (subject, number) => {
    expect((await hints({ subject })).subjectNumber).toBe(number)
  })

  test('recognises a conversation of Outlook by the part of Thread-Index that all its mails share', async () => {
    const first = 'AQHZ1234567890abcdefghijklmn+w=='
    const answer = 'AQHZ1234567890abcdefghijklmn+xABCDEFGHIJ'
    const of = async (value: string) => (await hints({ headers: [{ name: 'thread-index', value }] })).providerThreadId
    expect(await of(first)).toBe('outlook:AQHZ1234567890abcdefghijklmn')
    expect(await of(answer)).toBe(await of(first))
    expect(await of('AQHZ12345678\r\n 90abcdefghijklmn+w==')).toBe(await of(first))
    for (const odd of ['', 'short', '<script>alert(1)</script>aaaaaaaaaaaaaaaa']) expect(await of(odd)).toBeNull()
  })

  test('lists everybody in the header once, in lower case', async () => {
    const { participants } = await hints({
      replyTo: [{ name: '', email: 'REPLY@x.example' }],
      cc: [
        { name: '', email: 'ada@X.example' },
        { name: '', email: 'bob@y.example' },
      ],
    })
    expect(participants).toEqual(['ada@x.example', 'reply@x.example', 'support@desk.example', 'bob@y.example'])
    expect((await hints({ from: null, to: [] })).participants).toEqual([])
  })
})

describe('baseSubject', () => {
  test.each([
    ['Hello', 'Hello'],
    ['Re: Hello', 'Hello'],
    ['RE: FW: Re[2]: Fwd: Hello', 'Hello'],
    ['AW: WG: Antwort: Bestellung', 'Bestellung'],
    ['TR: Réponse : Commande', 'Commande'],
    ['RV: RES: Pedido', 'Pedido'],
    ['SV: VS: Beställning', 'Beställning'],
    ['R: I: Ordine', 'Ordine'],
    ['Odp: PD: Zamówienie', 'Zamówienie'],
    ['回复：转发: 订单', '订单'],
    ['返信：注文', '注文'],
    ['  re :   Hello\r\n there  (fwd)', 'Hello there'],
    ['Re: [#12] Re: Hello', '[#12] Re: Hello'],
    ['Regarding: the order', 'Regarding: the order'],
    ['Order: 12', 'Order: 12'],
    ['Re: Fwd:', ''],
    ['', ''],
  ])('%j → %j', (subject, base) => {
    expect(baseSubject(subject)).toBe(base)
  })

  test('ends in time on a subject of nothing but marks', () => {
    const started = performance.now()
    expect(baseSubject('Re: '.repeat(20_000)).length).toBeLessThan(5)
    baseSubject('(fwd) '.repeat(20_000))
    expect(performance.now() - started).toBeLessThan(3_000)
  })
})
