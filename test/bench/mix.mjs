// The mail mix of the benchmarks: 115 KB mean, 20 % with attachments, 35 % replies. Deterministic for a seed, so that figures compare.
import { randomBytes } from 'node:crypto'

/** mulberry32: a small seeded generator of numbers in [0, 1). */
function generator(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const WORDS =
  'invoice order delivery account password update contract meeting report printer network refund customer question problem server license user access project'.split(
    ' ',
  )

/**
 * Yields `count` mails in order of arrival: `{ raw: Buffer, thread: number, attachments: number }`.
 * `thread` numbers the conversation a mail belongs to, so that threading can be checked exactly. `scale` multiplies all sizes.
 */
export function* mailMix({ count = 1000, seed = 1, scale = 1, to = 'support@bench.example' } = {}) {
  const random = generator(seed)
  const filler = randomBytes(1 << 20)
    .toString('base64')
    .replace(/(.{76})/g, '$1\r\n')
  const threads = []
  const words = (n) => Array.from({ length: n }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ')
  for (let index = 0; index < count; index++) {
    const isReply = threads.length > 3 && random() < 0.35
    const thread = isReply
      ? threads[Math.floor(random() * threads.length)]
      : {
          id: threads.length,
          subject: `${words(5)} ${index}`,
          from: `person${Math.floor(random() * count)}@customer${index % 97}.example`,
          ids: [],
        }
    if (!isReply) threads.push(thread)
    const id = `bench-${seed}-${index}@mail.example`
    const parent = thread.ids.at(-1)
    const headers = [
      `Return-Path: <${thread.from}>`,
      `Received: from mx.example by mail.bench.example; Fri, 20 Nov 2026 08:00:00 +0000`,
      `From: "Person ${thread.id}" <${thread.from}>`,
      `To: <${to}>`,
      `Subject: ${isReply ? 'Re: ' : ''}${thread.subject}`,
      `Message-ID: <${id}>`,
      `Date: ${new Date(Date.UTC(2026, 10, 1) + index * 60_000).toUTCString().replace('GMT', '+0000')}`,
      ...(isReply
        ? [
            `In-Reply-To: <${parent}>`,
            `References: ${thread.ids
              .slice(-10)
              .map((ref) => `<${ref}>`)
              .join('\r\n ')}`,
          ]
        : []),
      'MIME-Version: 1.0',
    ]
    thread.ids.push(id)
    const paragraphs = Array.from({ length: 4 + Math.floor(random() * 12) }, () =>
      words(40 + Math.floor(random() * 60)),
    )
    const quote = isReply
      ? `\r\n\r\nOn Fri, Nov 20, 2026 at 9:00 AM Support <${to}> wrote:\r\n> ${words(60)}\r\n> ${words(60)}\r\n`
      : ''
    const text = paragraphs.map((line) => line.replace(/(.{1,76})(\s|$)/g, '$1\r\n')).join('\r\n') + quote
    const html = `<html><body>${paragraphs.map((line) => `<p style="margin:0 0 1em;font-family:Arial">${line}</p>`).join('\r\n')}</body></html>`
    const alternative = [
      `Content-Type: multipart/alternative; boundary="alt-${index}"`,
      '',
      `--alt-${index}`,
      'Content-Type: text/plain; charset=utf-8',
      '',
      text,
      `--alt-${index}`,
      'Content-Type: text/html; charset=utf-8',
      '',
      html,
      `--alt-${index}--`,
      '',
    ].join('\r\n')
    const withAttachments = random() < 0.2
    let raw
    let attachments = 0
    if (withAttachments) {
      attachments = 1 + Math.floor(random() * 2)
      const parts = Array.from({ length: attachments }, (_, number) => {
        // ~445 KB of base64 a mail on average: 20 % of the mails carry most of the bytes
        const size = Math.max(400, Math.floor((scale * (random() ** 2 * 3) * 445_000) / attachments))
        const lines = Math.ceil(size / 78)
        const start = Math.floor(random() * 4000) * 78
        return [
          `--mix-${index}`,
          `Content-Type: application/pdf; name="file-${number}.pdf"`,
          'Content-Transfer-Encoding: base64',
          `Content-Disposition: attachment; filename="file-${number}.pdf"`,
          '',
          filler
            .repeat(Math.ceil((start + lines * 78) / filler.length))
            .slice(start, start + lines * 78)
            .trimEnd(),
          '',
        ].join('\r\n')
      })
      raw = [
        ...headers,
        `Content-Type: multipart/mixed; boundary="mix-${index}"`,
        '',
        `--mix-${index}`,
        alternative,
        ...parts,
        `--mix-${index}--`,
        '',
      ].join('\r\n')
    } else {
      raw = [...headers, alternative].join('\r\n')
    }
    yield { raw: Buffer.from(raw), thread: thread.id, attachments }
  }
}
