// Reading mail in the real runtime: its charsets, its Buffer and its speed are not Node's.
import { describe, expect, it } from 'vitest'
import { decodeStream } from '../../../worker/mail/decode'
import { MimeIndexer } from '../../../worker/mail/mime-index'
import { parseBytes } from '../../../worker/mail/parse'

describe('charsets of workerd', () => {
  const cases: [string, number[], string][] = [
    ['iso-8859-15', [0xa4], '€'],
    ['iso-8859-2', [0xb1], 'ą'],
    ['windows-1252', [0x80, 0x93], '€“'],
    ['windows-1251', [0xcf, 0xf0], 'Пр'],
    ['koi8-r', [0xf0, 0xd2], 'Пр'],
    ['gb18030', [0xc4, 0xe3], '你'],
    ['big5', [0xa7, 0x41], '你'],
    ['shift_jis', [0x93, 0xfa], '日'],
    ['euc-jp', [0xc6, 0xfc], '日'],
    ['iso-2022-jp', [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x1b, 0x28, 0x42], '日'],
    ['euc-kr', [0xbe, 0xc8], '안'],
    ['utf-16be', [0, 0x48], 'H'],
    ['utf-7', [...new TextEncoder().encode('+AOQ-')], 'ä'],
    ['us-ascii', [0xe4], 'ä'],
  ]
  for (const [charset, bytes, text] of cases) {
    it(`reads ${charset}`, async () => {
      const head = new TextEncoder().encode(`Content-Type: text/plain; charset=${charset}\n\n`)
      expect((await parseBytes(Uint8Array.from([...head, ...bytes]))).fullText).toBe(text)
    })
  }
})

it('indexes and decodes a large attachment that comes in chunks', async () => {
  const encoder = new TextEncoder()
  const line = `${'QUJD'.repeat(19)}\r\n`
  const chunk = encoder.encode(line.repeat(840))
  const indexer = new MimeIndexer()
  indexer.push(
    encoder.encode(
      'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    ),
  )
  const chunks = 300
  for (let i = 0; i < chunks; i++) indexer.push(chunk)
  indexer.push(encoder.encode('--b--\r\n'))
  const size = chunks * 840 * 57
  expect(indexer.end().parts[1]).toMatchObject({ contentType: 'application/pdf', decodedSize: size })

  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < chunks; i++) controller.enqueue(chunk)
      controller.close()
    },
  })
  let decoded = 0
  for await (const piece of source.pipeThrough(decodeStream('base64'))) decoded += piece.length
  expect(decoded).toBe(size)
})
