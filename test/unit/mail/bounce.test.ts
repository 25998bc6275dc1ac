import { describe, expect, test } from 'vitest'
import { readBounce } from '../../../worker/mail/bounce'

const header = (name: string, value: string) => ({ name, value })
const REPORT = [
  header('from', 'Mail Delivery System <MAILER-DAEMON@mx.example>'),
  header('content-type', 'multipart/report; report-type=delivery-status; boundary=x'),
]
const NOTICE = [
  header('from', 'MAILER-DAEMON@mx.example'),
  header('to', 'support@desk.example'),
  header('subject', 'failure notice'),
]

const status = (...lines: string[]) => ({ contentType: 'message/delivery-status', text: lines.join('\r\n') })
const words = (text: string) => ({ contentType: 'text/plain', text })

describe('delivery reports (RFC 3464)', () => {
  test('each recipient with action, status and the server’s words', () => {
    const bounce = readBounce(REPORT, [
      words('Sorry.'),
      status(
        'Reporting-MTA: dns; mx.example',
        '',
        'Original-Recipient: rfc822;Ada@X.example',
        'Final-Recipient: rfc822; ada@mail.x.example',
        'Action: failed',
        'Status: 5.1.1',
        'Diagnostic-Code: smtp; 550 5.1.1 <ada@mail.x.example>:',
        '    Recipient address rejected',
        '',
        'Final-Recipient: rfc822; <bob@y.example>',
        'Action: delayed',
        'Status: 4.4.1 (no answer)',
      ),
      {
        contentType: 'message/rfc822',
        text: 'Received: x\r\nMessage-ID:\r\n <pr-1-abc.2@desk.example>\r\nSubject: x\r\n\r\nMessage-ID: <other@x>',
      },
    ])
    expect(bounce).toEqual({
      originalMessageId: 'pr-1-abc.2@desk.example',
      recipients: [
        {
          address: 'ada@x.example',
          action: 'failed',
          status: '5.1.1',
          diagnostic: '550 5.1.1 <ada@mail.x.example>: Recipient address rejected',
        },
        { address: 'bob@y.example', action: 'delayed', status: '4.4.1', diagnostic: null },
      ],
      permanent: true,
    })
  })

  test('a delay alone is not the end, a failure after retries is', () => {
    const report = (action: string) =>
      readBounce(REPORT, [
        status(
          'Reporting-MTA: dns; x',
          '',
          'Final-Recipient: rfc822; a@x.example',
          `Action: ${action}`,
          'Status: 4.4.1',
        ),
      ])
    expect(report('delayed')?.permanent).toBe(false)
    expect(report('failed')?.permanent).toBe(true)
  })

  test('a receipt of success is reported and no failure', () => {
    const bounce = readBounce(REPORT, [
      status('Final-Recipient: rfc822; a@x.example', 'Action: relayed', 'Status: 2.1.5'),
    ])
    expect(bounce).toMatchObject({ recipients: [{ action: 'relayed' }], permanent: false })
  })

  test('a 5.x.x status without an action is permanent', () => {
    expect(readBounce(REPORT, [status('Final-Recipient: rfc822; a@x.example', 'Status: 5.7.1')])?.permanent).toBe(true)
  })

  test('an unspecific status gives way to the code the server quotes', () => {
    const of = (field: string, diagnostic: string) =>
      readBounce(REPORT, [status('Final-Recipient: rfc822; a@x.example', 'Action: failed', field, diagnostic)])
        ?.recipients[0]?.status
    expect(of('Status: 5.0.0', 'Diagnostic-Code: smtp; 550 5.2.2 full')).toBe('5.2.2')
    expect(of('Status: 5.0.0', 'Diagnostic-Code: smtp; 450 4.2.2 full')).toBe('5.0.0')
    expect(of('Status: 5.1.1', 'Diagnostic-Code: smtp; 550 5.7.1 no')).toBe('5.1.1')
    expect(of('X: y', 'Diagnostic-Code: smtp; 550 no such user')).toBe('5.1.1')
    expect(of('X: y', 'Diagnostic-Code: smtp; 192.5.1.1 said something odd')).toBeNull()
  })

  test('the original is found in the text, and else by what the report answers', () => {
    const group = status('Final-Recipient: rfc822; a@x.example', 'Action: failed', 'Status: 5.1.1')
    expect(readBounce(REPORT, [words('x\r\n  Message-ID: <a@desk>\r\n'), group])?.originalMessageId).toBe('a@desk')
    const answering = [...REPORT, header('references', '<r@desk> <s@desk>'), header('in-reply-to', '<i@desk>')]
    expect(readBounce(answering, [group])?.originalMessageId).toBe('i@desk')
    expect(readBounce(REPORT, [group])?.originalMessageId).toBeNull()
  })

  test('read receipts and abuse reports are not bounces', () => {
    const group = status('Final-Recipient: rfc822; a@x.example', 'Action: failed', 'Status: 5.1.1')
    for (const type of ['disposition-notification', '"feedback-report"'])
      expect(
        readBounce([header('content-type', `multipart/report; report-type=${type}`)], [words('x'), group]),
      ).toBeNull()
  })

  test('holds no more of a huge report than it shows', () => {
    const group = `Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\nDiagnostic-Code: smtp; ${'x'.repeat(5_000)}\r\n\r\n`
    const bounce = readBounce(REPORT, [{ contentType: 'message/delivery-status', text: group.repeat(5_000) }])
    expect(bounce?.recipients.length).toBeLessThanOrEqual(200)
    expect(bounce?.recipients[0]?.diagnostic?.length).toBe(1_000)
  })
})

describe('notices in plain words', () => {
  test('qmail: two recipients, each with its own reason', () => {
    const bounce = readBounce(NOTICE, [
      words(
        [
          'Hi. This is the qmail-send program at mx.example.',
          "I'm afraid I wasn't able to deliver your message to the following addresses.",
          '',
          '<ada@x.example>:',
          '192.0.2.5 does not like recipient.',
          'Remote host said: 550 5.1.1 unknown user',
          '',
          '<bob@y.example>:',
          'Remote host said: 552 mailbox full',
          '',
          '--- Below this line is a copy of the message.',
          '',
          'Message-ID: <1@desk.example>',
          'To: ada@x.example, carol@z.example',
        ].join('\n'),
      ),
    ])
    expect(bounce).toMatchObject({
      originalMessageId: '1@desk.example',
      recipients: [
        {
          address: 'ada@x.example',
          action: 'failed',
          status: '5.1.1',
          diagnostic: 'Remote host said: 550 5.1.1 unknown user',
        },
        { address: 'bob@y.example', action: 'failed', status: '5.2.2' },
      ],
      permanent: true,
    })
  })

  test('a warning about a delay is not the end', () => {
    const bounce = readBounce(NOTICE, [
      words(
        'THIS IS A WARNING MESSAGE ONLY.\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n<ada@x.example>: 421 host not reachable\nMessage will be retried for 4 more days',
      ),
    ])
    expect(bounce).toMatchObject({
      recipients: [{ address: 'ada@x.example', action: 'delayed', status: '4.4.7' }],
      permanent: false,
    })
  })

  test('X-Failed-Recipients counts for more than the text', () => {
    const bounce = readBounce(
      [...NOTICE, header('x-failed-recipients', 'ada@x.example, bob@y.example')],
      [words('Delivery failed for somebody@else.example')],
    )
    expect(bounce?.recipients.map(({ address }) => address)).toEqual(['ada@x.example', 'bob@y.example'])
  })

  test.each([
    [
      'a vacation note',
      [header('from', 'ada@x.example'), header('return-path', '<>'), header('subject', 'Away')],
      'I am away. Write to bob@x.example; mail to me is not delivered until Monday.',
    ],
    [
      'a customer who quotes a bounce',
      [header('from', 'ada@x.example'), header('subject', 'Fwd: Undelivered Mail')],
      'What is this?\n> <bob@y.example>: 550 5.1.1 user unknown',
    ],
    ['a notice that names nobody', NOTICE, 'The mail could not be delivered.'],
    ['an empty notice', NOTICE, ''],
  ])('%s is none', (_name, headers, text) => {
    expect(readBounce(headers, [words(text)])).toBeNull()
  })

  test('are read in time', () => {
    const started = performance.now()
    for (const unit of ['a@', 'a@b ', '550 ', '5.1.1', '<a@b.c>:\n', 'Message-ID: <', '\n', 'mailbox for ', 'x'])
      readBounce(
        [...NOTICE, header('x-failed-recipients', unit.repeat(5_000))],
        [words(`delivery failed\n${unit.repeat(50_000)}`)],
      )
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
