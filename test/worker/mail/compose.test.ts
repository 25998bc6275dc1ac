import { describe, expect, test } from 'vitest'
import { composeMail } from '../../../worker/mail/compose'

describe('composeMail in workerd', () => {
  test('streams a mail with a large attachment into a body of known length', async () => {
    const chunk = new Uint8Array(256 * 1024).fill(65)
    let given = 0
    const composed = await composeMail({
      from: { name: 'Büro', email: 'support@desk.example' },
      to: [{ name: '', email: 'ada@customer.example' }],
      cc: [],
      bcc: [],
      subject: 'Größe',
      text: 'Hello',
      html: '<p>Hello</p>',
      messageId: 'pr-1-abc.1@desk.example',
      inReplyTo: 'a@customer.example',
      references: ['a@customer.example'],
      date: Date.UTC(2026, 1, 3),
      attachments: [
        {
          filename: 'Übersicht.pdf',
          contentType: 'application/pdf',
          size: chunk.length * 40,
          open: async () =>
            new ReadableStream<Uint8Array>({
              pull(controller) {
                if (given++ < 40) controller.enqueue(chunk.slice())
                else controller.close()
              },
            }),
        },
      ],
    })
    const body = (await composed.open()).pipeThrough(new FixedLengthStream(composed.size))
    const text = await new Response(body).text()
    expect(text.length).toBe(composed.size)
    expect(text).toContain('Message-ID: <pr-1-abc.1@desk.example>\r\n')
    expect(text).toContain('References: <a@customer.example>\r\n')
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(text).toContain('QUFBQUFB')
  })
})
