// A message as a reader sees it: body, attachments, recipients, charsets; and that no bytes whatsoever make it throw.
import { describe, expect, it } from 'vitest'
import { decodeBytes } from '../../../worker/mail/decode'
import { LIMITS } from '../../../worker/mail/limits'
import { indexBytes } from '../../../worker/mail/mime-index'
import { bytesSource, parseBytes, parseMail } from '../../../worker/mail/parse'
import { random } from './random'

const raw = (lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1')
const mail = (...lines: string[]) => parseBytes(raw(lines))
/** multipart/<kind> of parts given as header lines, '' and body lines. */
const multipart = (kind: string, ...parts: string[][]) =>
  raw([
    'From: a@example.org',
    `Content-Type: multipart/${kind}; boundary=b`,
    '',
    ...parts.flatMap((part) => ['--b', ...part]),
    '--b--',
    '',
  ])
const PLAIN = ['Content-Type: text/plain', '', 'plain words']
const HTML = ['Content-Type: text/html', '', '<p>html <b>words</b></p>']
const png = (...headers: string[]) => [
  'Content-Type: image/png',
  'Content-Transfer-Encoding: base64',
  ...headers,
  '',
  'iVBORw0KGgo=',
]
const files = (mail: Awaited<ReturnType<typeof parseBytes>>) =>
  mail.attachments.map(({ filename, inline, size }) => [filename, inline, size])

describe('body', () => {
  it('prefers the plain part of an alternative and keeps the HTML', async () => {
    const read = await parseBytes(multipart('alternative', PLAIN, HTML))
    expect(read).toMatchObject({ fullText: 'plain words', html: '<p>html <b>words</b></p>', attachments: [] })
  })

  it('makes text of HTML-only mail, and of HTML beside an empty plain part', async () => {
    expect((await mail(...HTML)).fullText).toBe('html words')
    expect((await parseBytes(multipart('alternative', ['', ' '], HTML))).fullText).toBe('html words')
  })

  it('joins the text parts of multipart/mixed and keeps their order in the HTML', async () => {
    const read = await parseBytes(
      multipart('mixed', PLAIN, png('Content-Disposition: inline; filename=a.png'), HTML, ['', 'a < b']),
    )
    expect(read.fullText).toBe('plain words\n\nhtml words\n\na < b')
    expect(read.html).toBe('<div>plain words</div>\n<p>html <b>words</b></p>\n<div>a &lt; b</div>')
    expect(files(read)).toEqual([['a.png', false, 8]])
  })

  it('takes the HTML of an Apple Mail alternative that is itself a multipart', async () => {
    const inner = [
      'Content-Type: multipart/mixed; boundary=i',
      '',
      '--i',
      ...HTML,
      '--i',
      ...png('Content-Disposition: inline; filename=p.png'),
      '--i',
      ...HTML,
      '--i--',
    ]
    const read = await parseBytes(multipart('alternative', PLAIN, inner))
    expect(read.fullText).toBe('plain words')
    expect(read.html).toBe('<p>html <b>words</b></p>\n<p>html <b>words</b></p>')
    expect(files(read)).toEqual([['p.png', false, 8]])
  })

  it('keeps an invitation and drops the AMP rendition of an alternative', async () => {
    const read = await parseBytes(
      multipart('alternative', PLAIN, ['Content-Type: text/x-amp-html', '', '<html ⚡4email>'], HTML, [
        'Content-Type: text/calendar; method=REQUEST',
        '',
        'BEGIN:VCALENDAR',
      ]),
    )
    expect(files(read)).toEqual([['invite.ics', false, 15]])
  })

  it('unwraps format=flowed and keeps its quotes', async () => {
    const read = await mail(
      'Content-Type: text/plain; format=flowed; delsp=yes',
      '',
      'one two ',
      'three',
      '> quoted ',
      '> on',
      ' From here',
      '-- ',
      'me',
    )
    expect(read.fullText).toBe('one twothree\n> quotedon\nFrom here\n-- \nme')
  })

  it('separates the new part from the quote', async () => {
    const read = await mail(
      'Subject: Re: x',
      '',
      'Thanks!',
      '',
      'On Mon, 1 Jan 2024 at 10:00, Jane <jane@example.org> wrote:',
      '> old words',
    )
    expect(read.text).toBe('Thanks!')
    expect(read.fullText).toContain('old words')
  })

  it('takes uuencoded files out of the text', async () => {
    const read = await mail('Subject: x', '', 'before', 'begin 644 cat.txt', '#0V%T', '`', 'end', 'after')
    expect(read.fullText).toBe('before\r\nafter')
    const [file] = read.attachments
    expect(file).toMatchObject({
      part: '1-uu1',
      filename: 'cat.txt',
      contentType: 'text/plain',
      encoding: 'x-uuencode',
      size: 3,
    })
  })

  it('is not fooled by text that only talks about uuencode', async () => {
    const text = 'begin 644 your day\r\nwith a smile and a very long line of text, lower case too\r\nend'
    expect(await mail('Subject: x', '', text)).toMatchObject({ fullText: text, attachments: [] })
  })

  it('reads at most the limit of one text and of all, and says so', async () => {
    const long = ['', 'x'.repeat(LIMITS.textPart + 5000)]
    const read = await parseBytes(multipart('mixed', long, long, long))
    expect(read.fullText.length).toBeLessThanOrEqual(LIMITS.textTotal + 10)
    expect(read.warnings).toContain('a text is too long; its end is only in the original')
  })
})

describe('charsets', () => {
  const cases: [string, number[] | Buffer, string, number][] = [
    ['utf-8', Buffer.from('Grüße €'), 'Grüße €', 0],
    ['iso-8859-15', [0xa4], '€', 0],
    ['windows-1251', [0xcf, 0xf0, 0xe8], 'При', 0],
    ['koi8-r', [0xf0, 0xd2, 0xc9], 'При', 0],
    ['gb2312', [0xc4, 0xe3, 0xba, 0xc3], '你好', 0],
    ['cp936', [0xc4, 0xe3, 0xba, 0xc3], '你好', 0],
    ['big5', [0xa7, 0x41, 0xa6, 0x6e], '你好', 0],
    ['shift_jis', [0x93, 0xfa, 0x96, 0x7b], '日本', 0],
    ['cp932', [0x93, 0xfa, 0x96, 0x7b], '日本', 0],
    ['euc-jp', [0xc6, 0xfc, 0xcb, 0xdc], '日本', 0],
    ['iso-2022-jp', Buffer.from('\x1b$BF|K\\\x1b(B'), '日本', 0],
    ['iso-2022-jp-ms', Buffer.from('\x1b$BF|K\\\x1b(B'), '日本', 0],
    ['euc-kr', [0xbe, 0xc8, 0xb3, 0xe7], '안녕', 0],
    ['iso-2022-kr', Buffer.from('\x1b$)C\x0e>H3g\x0f!'), '안녕!', 0],
    ['hz-gb-2312', Buffer.from('~{Dc:C~}!'), '你好!', 0],
    ['utf-7', Buffer.from('Hi +AOQ- +- ok'), 'Hi ä + ok', 0],
    ['utf-16le', [0x48, 0, 0x69, 0], 'Hi', 0],
    ['utf-16', [0xfe, 0xff, 0, 0x48, 0, 0x69], 'Hi', 0],
    ['windows-1252', [0x80, 0x93, 0xe4], '€“ä', 0],
    ['us-ascii', Buffer.from('Grüße'), 'Grüße', 0],
    ['us-ascii', [0x47, 0xe4], 'Gä', 1],
    ['utf-8', [0x47, 0xe4], 'Gä', 1],
    ['utf-8', [0xc3, 0xa4, 0x20, 0xff], 'ä \ufffd', 1],
    ['x-made-up', [0x47, 0xe4], 'Gä', 1],
    ['x-made-up', Buffer.from('plain'), 'plain', 0],
  ]
  for (const [charset, bytes, text, warnings] of cases) {
    it(`${charset} to ${JSON.stringify(text)}${warnings ? ', with a warning' : ''}`, async () => {
      const read = await parseBytes(
        Buffer.concat([Buffer.from(`Content-Type: text/plain; charset=${charset}\n\n`), Buffer.from(bytes)]),
      )
      expect(read.fullText).toBe(text)
      expect(read.warnings).toHaveLength(warnings)
    })
  }

  it('believes the meta element of HTML that declares no charset', async () => {
    const html = Buffer.from(
      'Content-Type: text/html\n\n<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>\xcf\xf0\xe8',
      'latin1',
    )
    expect((await parseBytes(html)).fullText).toBe('При')
  })

  it('shows no NUL and no half surrogate', async () => {
    const read = await parseBytes(
      Buffer.from('Subject: a\0b\nContent-Type: text/plain; charset=utf-16le\n\nx\0\0\0\x3d\xd8', 'latin1'),
    )
    expect(read.subject).toBe('a b')
    expect(read.fullText).toBe('x\ufffd')
  })
})

describe('attachments', () => {
  const related = (html: string, ...parts: string[][]) =>
    parseBytes(multipart('related', ['Content-Type: text/html', '', html], ...parts))

  it('is inline only where the HTML shows its Content-ID', async () => {
    const part = png('Content-ID: <a@x>', 'Content-Disposition: inline; filename=a.png')
    expect(files(await related('<img src="cid:a@x">', part))).toEqual([['a.png', true, 8]])
    expect(files(await related('<img src=cid:a%40x>', part))).toEqual([['a.png', true, 8]])
    expect(files(await related('<div style="background:url(cid:a@x)">', part))).toEqual([['a.png', true, 8]])
    expect(files(await related('<p>no picture', part))).toEqual([['a.png', false, 8]])
    expect(files(await related('<img src="cid:other@x">', part))).toEqual([['a.png', false, 8]])
  })

  it('is a file where the HTML only links to it', async () => {
    expect(files(await related('<a href="cid:a@x">see</a>', png('Content-ID: <a@x>')))).toEqual([
      ['attachment.png', false, 8],
    ])
  })

  it('is inline where the HTML shows its Content-Location', async () => {
    const part = png('Content-Location: http://x.example/a.png')
    expect(files(await related('<img src="http://x.example/a.png">', part))).toEqual([['attachment.png', true, 8]])
    expect(files(await related('<p>http://x.example/a.png', part))).toEqual([['attachment.png', false, 8]])
  })

  it('gets a name with a fitting extension where it has none', async () => {
    const of = (type: string) => [`Content-Type: ${type}`, 'Content-Disposition: attachment', '', 'x']
    const types = [
      'image/jpeg',
      'image/jpeg',
      'application/pdf',
      'application/x-odd',
      'application/ms-tnef',
      'text/calendar',
      'text/plain',
      'message/delivery-status',
    ]
    expect(files(await parseBytes(multipart('mixed', PLAIN, ...types.map(of)))).map(([name]) => name)).toEqual([
      'attachment.jpg',
      'attachment-2.jpg',
      'attachment.pdf',
      'attachment.bin',
      'winmail.dat',
      'invite.ics',
      'attachment.txt',
      'delivery-status.txt',
    ])
  })

  it('gets a safe name whatever was given', async () => {
    const named = async (given: string) =>
      (
        await parseBytes(
          multipart('mixed', PLAIN, [
            'Content-Type: application/pdf',
            `Content-Disposition: attachment; filename="${given}"`,
            '',
            'x',
          ]),
        )
      ).attachments[0]?.filename
    expect(await named('../../etc/passwd')).toBe('passwd')
    expect(await named('C:\\\\temp\\\\a.pdf')).toBe('a.pdf')
    expect(await named('Invoice 12/2023.pdf')).toBe('Invoice 12_2023.pdf')
    expect(await named('=?utf-8?Q?=E2=80=AEgpj.exe?=')).toBe('gpj.exe')
    expect(await named('a\0b\x07.pdf')).toBe('a b .pdf')
    expect(await named('...')).toBe('attachment.pdf')
    expect(await named('Re: a?b.pdf')).toBe('Re a_b.pdf')
    const long = await named(`${'x'.repeat(500)}.pdf`)
    expect(long).toHaveLength(LIMITS.filenameChars)
    expect(long).toMatch(/x\.pdf$/)
  })

  it('names an embedded message by its subject and does not open it', async () => {
    const inner = [
      'Content-Type: message/rfc822',
      '',
      'Subject: =?utf-8?Q?Bericht_=C3=BCber?= x',
      'Content-Type: multipart/mixed; boundary=c',
      '',
      '--c',
      '',
      'hidden',
      '--c--',
    ]
    const read = await parseBytes(
      multipart('mixed', PLAIN, inner, ['Content-Type: message/rfc822; name=given', '', 'Subject: y']),
    )
    expect(read.attachments.map(({ filename, contentType }) => [filename, contentType])).toEqual([
      ['Bericht über x.eml', 'message/rfc822'],
      ['given.eml', 'message/rfc822'],
    ])
    expect(read.fullText).toBe('plain words')
  })

  it('is a text part with a name after the body, or any marked as attachment', async () => {
    const log = ['Content-Type: text/plain; name=a.log', '', 'log']
    expect(files(await parseBytes(multipart('mixed', PLAIN, log)))).toEqual([['a.log', false, 3]])
    expect(files(await parseBytes(multipart('mixed', ['Content-Disposition: attachment', '', 'x'], PLAIN)))).toEqual([
      ['attachment.txt', false, 1],
    ])
  })

  it('is the whole message where that is no text', async () => {
    const read = await mail(
      'Content-Type: application/pdf; name=a.pdf',
      'Content-Transfer-Encoding: base64',
      '',
      'aGVsbG8=',
    )
    expect(read).toMatchObject({ fullText: '', html: null, attachments: [{ part: '1', filename: 'a.pdf', size: 5 }] })
  })

  it('is too large above the limit, by its decoded size, without being read', async () => {
    const index = indexBytes(multipart('mixed', PLAIN, png('Content-Disposition: attachment; filename=a.png')))
    const part = index.parts[2]
    if (!part) throw new Error('no part')
    const ranges: [number, number][] = []
    const source = bytesSource(multipart('mixed', PLAIN))
    const watched = {
      ...source,
      range: (start: number, end: number) => {
        ranges.push([start, end])
        return source.range(start, end)
      },
    }
    const at = (decodedSize: number) =>
      parseMail({ ...index, parts: index.parts.map((one) => (one === part ? { ...one, decodedSize } : one)) }, watched)
    expect((await at(LIMITS.attachment)).attachments[0]?.decision).toBe('store')
    expect((await at(LIMITS.attachment + 1)).attachments[0]?.decision).toBe('too_large')
    expect(ranges.every(([start]) => start < part.start)).toBe(true)
  })

  it('comes out of its range byte for byte', async () => {
    const bytes = multipart('mixed', PLAIN, [
      'Content-Type: application/x',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'a=3Db=',
      'c',
    ])
    const [file] = (await parseBytes(bytes)).attachments
    expect(file?.size).toBe(4)
    expect(Buffer.from(decodeBytes(file?.encoding ?? '', bytes.subarray(file?.start, file?.end))).toString()).toBe(
      'a=bc',
    )
  })
})

describe('addresses and ids', () => {
  it('collects every address the mail may have been delivered to, each once', async () => {
    const read = await mail(
      'To: A <a@x.org>, B@x.org',
      'Cc: c@x.org',
      'Delivered-To: d@x.org',
      'X-Original-To: e@x.org',
      'Envelope-To: f@x.org',
      'Resent-To: g@x.org',
      'Resent-Cc: h@x.org',
      'X-Forwarded-To: i@x.org',
      'Apparently-To: j@x.org',
      'Delivered-To: a@x.org',
      '',
    )
    expect(read.recipients).toEqual('abcdefghij'.split('').map((name) => `${name}@x.org`))
    expect(read.to).toEqual([
      { name: 'A', email: 'a@x.org' },
      { name: '', email: 'b@x.org' },
    ])
  })

  it('reads ids, date and the verdict of the receiving server', async () => {
    const read = await mail(
      'Message-ID: <m@x>',
      'In-Reply-To: <p@x>',
      'References: <r@x>',
      ' <p@x>',
      'Date: Mon, 1 Jan 2024 00:00:00 +0000',
      'Authentication-Results: mx.example; dkim=pass',
      'Authentication-Results: forged; dkim=pass',
      '',
    )
    expect(read).toMatchObject({
      messageId: 'm@x',
      inReplyTo: ['p@x'],
      references: ['r@x', 'p@x'],
      date: Date.UTC(2024, 0, 1),
      authenticationResults: 'mx.example; dkim=pass',
    })
  })

  it('says null where nothing is', async () => {
    expect(await mail('', '')).toMatchObject({
      from: null,
      date: null,
      messageId: null,
      inReplyTo: [],
      subject: '',
      bounce: null,
    })
  })

  it('tells a bounce of a mail server without a domain from a person', async () => {
    expect(
      (await mail('From: MAILER-DAEMON (Mail Delivery System)', 'Subject: Returned mail', '', 'x')).automated.kind,
    ).toBe('bounce')
  })
})

describe('any bytes are an answer', { timeout: 60_000 }, () => {
  const hostile: [string, () => Uint8Array][] = [
    ['nothing', () => new Uint8Array(0)],
    ['one NUL', () => new Uint8Array(1)],
    ['a megabyte of NULs', () => new Uint8Array(1_000_000)],
    [
      'a megabyte of noise',
      () =>
        Uint8Array.from(
          { length: 1_000_000 },
          (
            (below) => () =>
              below(256)
          )(random(7)),
        ),
    ],
    [
      '256 nesting levels',
      () =>
        raw(
          Array.from({ length: 256 }, (_, i) => [
            `Content-Type: multipart/mixed; boundary=b${i}`,
            '',
            `--b${i}`,
          ]).flat(),
        ),
    ],
    ['a 2 MiB field', () => Buffer.from(`Subject: ${'a'.repeat(2 ** 21)}\n\nx`)],
    ['a 2 MiB To of brackets', () => Buffer.from(`To: ${'<"('.repeat(700_000)}\n\nx`)],
    [
      'a 2 MiB Content-Type of parameters',
      () => Buffer.from(`Content-Type: text/plain${'; a*0*=x'.repeat(260_000)}\n\nx`),
    ],
    [
      'HTML of unclosed elements',
      () => Buffer.from(`Content-Type: text/html\n\n${'<div>'.repeat(200_000)}${'</b>'.repeat(200_000)}`),
    ],
    [
      'HTML of nested tables and lists',
      () => Buffer.from(`Content-Type: text/html\n\n${'<table><tr><td><ul><li>x'.repeat(60_000)}`),
    ],
    [
      'HTML of one endless attribute',
      () => Buffer.from(`Content-Type: text/html\n\n<p style="${'display:'.repeat(250_000)}`),
    ],
    [
      'HTML of spaces',
      () => Buffer.from(`Content-Type: text/html\n\n<pre>${' '.repeat(1_000_000)}x${'&nbsp;'.repeat(100_000)}`),
    ],
    ['HTML of "cid:"', () => Buffer.from(`Content-Type: text/html\n\n${'href = cid:'.repeat(150_000)}`)],
    ['text of line breaks', () => Buffer.from(`\n\n${'\n'.repeat(2_000_000)}`)],
    ['text of quote marks', () => Buffer.from(`Subject: x\n\n${'>'.repeat(1_000_000)}\n${'> '.repeat(500_000)}`)],
    [
      'flowed text of spaces',
      () => Buffer.from(`Content-Type: text/plain; format=flowed\n\n${'> \n'.repeat(300_000)}`),
    ],
    ['uuencode without end', () => Buffer.from(`Subject: x\n\n${'begin 644 a\n'.repeat(150_000)}`)],
    ['1,000 embedded messages', () => multipart('digest', ...Array.from({ length: 1000 }, () => ['', 'Subject: x']))],
    [
      'surrogates and overlong UTF-8',
      () =>
        Buffer.from(
          'Subject: \xed\xa0\x80\xc0\xaf\nContent-Type: text/plain; charset=utf-8\n\n\xed\xa0\x80\xf8',
          'latin1',
        ),
    ],
    [
      'names of object properties',
      () => raw(['__proto__: x', 'constructor: y', 'Content-Type: a/b; __proto__=1; charset=constructor', '', 'x']),
    ],
  ]
  for (const [name, make] of hostile) {
    it(`${name}, soon`, async () => {
      const bytes = make()
      const from = performance.now()
      const read = await parseBytes(bytes)
      expect(performance.now() - from).toBeLessThan(8000)
      expect(typeof read.fullText).toBe('string')
      expect(JSON.stringify(read)).not.toContain('\\u0000')
      expect(read.warnings.length).toBeLessThanOrEqual(LIMITS.warnings)
    })
  }

  it('cut or damaged anywhere', async () => {
    const whole = multipart(
      'related',
      ['Content-Type: text/html; charset=utf-7', 'Content-Transfer-Encoding: quoted-printable', '', '<p>=C3=A4 +AOQ-'],
      png('Content-ID: <a>'),
    )
    for (let seed = 0; seed < 1500; seed++) {
      const below = random(seed)
      const bytes = Buffer.from(whole.subarray(0, 1 + below(whole.length)))
      for (let i = 0; i < 1 + (seed % 8); i++) bytes[below(bytes.length)] = below(256)
      expect(typeof (await parseBytes(bytes)).subject).toBe('string')
    }
  })

  it('but a store that fails is no fault of the mail', async () => {
    const bytes = multipart('mixed', PLAIN)
    const broken = { size: bytes.length, range: async () => Promise.reject(new Error('store is away')) }
    await expect(parseMail(indexBytes(bytes), broken)).rejects.toThrow('store is away')
  })
})
