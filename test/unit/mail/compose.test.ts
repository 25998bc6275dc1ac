import PostalMime from 'postal-mime'
import { describe, expect, test } from 'vitest'
import { composeMail, type OutgoingAttachment, type OutgoingMail, replyHeaders } from '../../../worker/mail/compose'

const plain: OutgoingMail = {
  from: { name: 'Support', email: 'support@desk.example' },
  to: [{ name: 'Ada', email: 'ada@customer.example' }],
  cc: [],
  bcc: [],
  subject: 'Your order',
  text: 'Hello Ada,\nit is on its way.\n-- \nSupport',
  html: null,
  messageId: 'pr-1-abc.1@desk.example',
  inReplyTo: null,
  references: [],
  date: Date.UTC(2026, 1, 3, 10, 15),
  attachments: [],
}

function file(filename: string, bytes: Uint8Array, more: Partial<OutgoingAttachment> = {}): OutgoingAttachment {
  return {
    filename,
    contentType: 'application/pdf',
    size: bytes.length,
    open: async () => new Response(bytes as BufferSource).body as ReadableStream<Uint8Array>,
    ...more,
  }
}

async function rendered(mail: Partial<OutgoingMail>): Promise<{ bytes: Buffer; text: string; size: number }> {
  const composed = await composeMail({ ...plain, ...mail })
  const bytes = Buffer.from(await new Response(await composed.open()).arrayBuffer())
  return { bytes, text: bytes.toString('latin1'), size: composed.size }
}
const headOf = (text: string) => text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n')
const fieldNames = (text: string) =>
  headOf(text)
    .filter((line) => !/^\s/.test(line))
    .map((line) => line.split(':')[0])

describe('composeMail', () => {
  test('writes CRLF line ends only, whatever line ends came in', async () => {
    const { text } = await rendered({
      text: 'a\nb\r\nc\rd',
      html: '<p>a\nb\rc</p>',
      attachments: [file('a.pdf', new Uint8Array(300))],
    })
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  })

  test.each([0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 171, 1000, 65_537, 200_000])(
    'promises the exact size with an attachment of %i bytes',
    async (length) => {
      const bytes = crypto.getRandomValues(new Uint8Array(length % 65_536 || length % 7)).slice(0, length)
      const data = new Uint8Array(length).map((_, i) => bytes[i % Math.max(bytes.length, 1)] ?? 0)
      const { bytes: mail, size } = await rendered({
        html: '<p>Hi</p>',
        attachments: [file('data.bin', data), file('b.txt', data.slice(0, 10))],
      })
      expect(mail.length).toBe(size)
      const parsed = await PostalMime.parse(mail)
      expect(Buffer.from(parsed.attachments[0]?.content as ArrayBuffer).equals(Buffer.from(data))).toBe(true)
    },
  )

  test('gives the same bytes each time, so that a retry repeats the message', async () => {
    const mail = { html: '<p>ü</p>', attachments: [file('ü.pdf', new Uint8Array(5000).fill(7))] }
    expect((await rendered(mail)).bytes.equals((await rendered(mail)).bytes)).toBe(true)
  })

  test('threads: Message-ID, In-Reply-To and the chain stand as given', async () => {
    const { text } = await rendered({ inReplyTo: 'c@x', references: ['a@x', 'b@x', 'c@x'] })
    const mail = await PostalMime.parse(text)
    expect(mail.messageId).toBe('<pr-1-abc.1@desk.example>')
    expect(mail.inReplyTo).toBe('<c@x>')
    expect(mail.references?.split(/\s+/)).toEqual(['<a@x>', '<b@x>', '<c@x>'])
  })

  test('shortens a long chain from the middle and folds it into legal lines', async () => {
    const references = Array.from({ length: 400 }, (_, i) => `${i}.${'x'.repeat(60)}@some.where.example`)
    const { text } = await rendered({ references })
    const ids = (await PostalMime.parse(text)).references?.split(/\s+/) ?? []
    expect(ids.length).toBe(50)
    expect(ids[0]).toContain('<0.')
    expect(ids[1]).toContain('<351.')
    expect(ids.at(-1)).toContain('<399.')
    expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998)
  })

  test('leaves ids out that could not stand in a header, and keeps odd ones that can', async () => {
    const { text } = await rendered({
      inReplyTo: 'a b@x',
      references: ['ok:1;2@[192.0.2.1]', 'with space@x', 'no-at', 'a>\r\nBcc: x@y', 'ü@x'],
    })
    expect((await PostalMime.parse(text)).references?.split(/\s+/)).toEqual(['<ok:1;2@[192.0.2.1]>', '<no-at>'])
    expect(fieldNames(text)).not.toContain('In-Reply-To')
  })

  test('keeps Bcc in the envelope and out of the message', async () => {
    const composed = await composeMail({
      ...plain,
      cc: [{ name: '', email: 'ada@customer.example' }],
      bcc: [{ name: 'Spy', email: 'hidden@desk.example' }],
    })
    expect(composed.envelope).toEqual({
      from: 'support@desk.example',
      to: ['ada@customer.example', 'hidden@desk.example'],
    })
    expect(await new Response(await composed.open()).text()).not.toContain('hidden')
  })

  test('marks what no person wrote', async () => {
    const { text } = await rendered({ autoSubmitted: 'auto-replied' })
    expect(headOf(text)).toContain('Auto-Submitted: auto-replied')
    expect((await rendered({})).text).not.toContain('Auto-Submitted')
  })

  test('carries names, subjects and file names of any script', async () => {
    const { bytes } = await rendered({
      from: { name: 'Jürgen "J" Groß, Büro', email: 'j@desk.example' },
      to: [{ name: '山田 太郎', email: 'y@customer.example' }],
      subject: 'Größe – サイズ 🙂',
      text: 'Grüße\n日本語',
      html: '<p>日本語</p>',
      attachments: [
        file('Übersicht – 見積書 "final" 100%.pdf', new Uint8Array(3)),
        file(`${'x'.repeat(500)}.pdf`, new Uint8Array(3)),
      ],
    })
    const mail = await PostalMime.parse(bytes)
    expect(mail.from).toMatchObject({ name: 'Jürgen "J" Groß, Büro', address: 'j@desk.example' })
    expect(mail.to?.[0]?.name).toBe('山田 太郎')
    expect(mail.subject).toBe('Größe – サイズ 🙂')
    expect(mail.text?.trim().replaceAll('\r', '')).toBe('Grüße\n日本語')
    expect(mail.html).toContain('日本語')
    expect(mail.attachments.map((one) => one.filename)).toEqual([
      'Übersicht – 見積書 "final" 100%.pdf',
      `${'x'.repeat(196)}.pdf`,
    ])
    expect(bytes.every((byte) => byte < 128)).toBe(true)
    expect(
      Math.max(
        ...bytes
          .toString()
          .split('\r\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(998)
  })

  test('wraps lines that are too long for SMTP without changing the text', async () => {
    const long = `${'word '.repeat(1000)}end`
    const { text } = await rendered({ text: long, html: `<p>${long}</p>` })
    expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998)
    expect((await PostalMime.parse(text)).text?.trim()).toBe(long)
  })

  test('shows images of the HTML inline and keeps the rest as attachments', async () => {
    const { text } = await rendered({
      html: '<img src="cid:logo@desk">',
      attachments: [
        file('logo.png', new Uint8Array(9), { contentType: 'image/png', contentId: 'logo@desk' }),
        file('bill.pdf', new Uint8Array(9)),
      ],
    })
    const mail = await PostalMime.parse(text)
    expect(mail.attachments.map(({ filename, disposition, contentId }) => [filename, disposition, contentId])).toEqual([
      ['logo.png', 'inline', '<logo@desk>'],
      ['bill.pdf', 'attachment', undefined],
    ])
    expect(text).toMatch(/multipart\/related/)
  })

  test('sends a mail without words, and an .eml byte for byte', async () => {
    const eml = Buffer.from('Subject: x\n\nbare line feed\r\nand more ü')
    const { text } = await rendered({
      text: '',
      attachments: [file('mail.eml', eml, { contentType: 'message/rfc822' })],
    })
    const mail = await PostalMime.parse(text)
    expect(Buffer.from(mail.attachments[0]?.content as ArrayBuffer).equals(eml)).toBe(true)
  })

  test('opens an attachment only when its turn comes, and never holds a whole one', async () => {
    const chunk = new Uint8Array(64 * 1024)
    let given = 0
    const big = file('big.bin', new Uint8Array(0), {
      size: chunk.length * 320,
      open: async () =>
        new ReadableStream({
          pull(controller) {
            if (given++ < 320) controller.enqueue(chunk)
            else controller.close()
          },
        }),
    })
    const composed = await composeMail({ ...plain, attachments: [big] })
    expect(given).toBe(0)
    const reader = (await composed.open()).getReader()
    let sent = 0
    let furthestAhead = 0
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      sent += value.length
      furthestAhead = Math.max(furthestAhead, given * chunk.length - (sent * 57) / 78)
    }
    expect(sent).toBe(composed.size)
    expect(furthestAhead).toBeLessThan(1024 * 1024)
  })

  test('fails rather than send an attachment that is not as long as it said', async () => {
    for (const size of [2, 1000]) {
      const composed = await composeMail({ ...plain, attachments: [file('a.bin', new Uint8Array(500), { size })] })
      await expect(new Response(await composed.open()).arrayBuffer()).rejects.toThrow(/attachment is/)
    }
  })

  test('fails when an attachment cannot be read', async () => {
    const broken = file('a.bin', new Uint8Array(5), { open: () => Promise.reject(new Error('gone')) })
    const composed = await composeMail({ ...plain, attachments: [broken] })
    await expect(new Response(await composed.open()).arrayBuffer()).rejects.toThrow('gone')
  })

  const evil = 'x\r\nBcc: victim@example.com\r\n\r\n<script>\0'
  test.each<[string, Partial<OutgoingMail>]>([
    ['subject', { subject: evil }],
    ['display name', { to: [{ name: evil, email: 'ada@customer.example' }] }],
    ['sender name', { from: { name: evil, email: 'support@desk.example' } }],
    ['reply-to name', { replyTo: { name: evil, email: 'support@desk.example' } }],
    ['references', { references: [evil, 'a@x'] }],
    ['in-reply-to', { inReplyTo: evil }],
    ['file name', { attachments: [file(evil, new Uint8Array(3))] }],
    ['content type', { attachments: [file('a', new Uint8Array(3), { contentType: `text/plain; x="${evil}"` })] }],
    ['content id', { html: '<p>', attachments: [file('a', new Uint8Array(3), { contentId: evil })] }],
  ])('lets no %s start another header', async (_field, mail) => {
    const { text } = await rendered(mail)
    expect(fieldNames(text).filter((name) => /^bcc$/i.test(name ?? ''))).toEqual([])
    expect(text).not.toMatch(/^bcc:/im)
    expect(text).not.toContain('\0')
    const parsed = await PostalMime.parse(text)
    expect(parsed.bcc ?? []).toEqual([])
    expect(parsed.to?.map((one) => one.address)).toEqual(['ada@customer.example'])
  })

  test.each(['a@b\r\nBcc: v@example.com', 'a b@c', 'a@b, c@d', '<a@b>', 'a@b>', '"a"@b', '', 'nobody', 'a@b\0'])(
    'refuses the address %j',
    async (email) => {
      for (const field of ['to', 'cc', 'bcc'] as const)
        await expect(composeMail({ ...plain, [field]: [{ name: '', email }] })).rejects.toThrow(RangeError)
      await expect(composeMail({ ...plain, from: { name: '', email } })).rejects.toThrow(RangeError)
      await expect(composeMail({ ...plain, replyTo: { name: '', email } })).rejects.toThrow(RangeError)
    },
  )

  test.each(['a@b>\r\nBcc: v@example.com', 'a b@c', '<a@b>', 'a', ''])(
    'refuses the Message-ID %j',
    async (messageId) => {
      await expect(composeMail({ ...plain, messageId })).rejects.toThrow(RangeError)
    },
  )
})

describe('replyHeaders', () => {
  test('answers the last message and keeps the whole chain in order, each id once', () => {
    expect(
      replyHeaders([
        { messageId: 'a', references: [] },
        { messageId: 'b', references: ['x', 'a'] },
        { messageId: 'c', references: ['a', 'b'] },
      ]),
    ).toEqual({ inReplyTo: 'c', references: ['a', 'x', 'b', 'c'] })
  })

  test('a first mail answers nothing, and a mail without Message-ID leaves the chain', () => {
    expect(replyHeaders([])).toEqual({ inReplyTo: null, references: [] })
    expect(
      replyHeaders([
        { messageId: 'a', references: [] },
        { messageId: null, references: ['b'] },
      ]),
    ).toEqual({ inReplyTo: null, references: ['a', 'b'] })
  })
})
