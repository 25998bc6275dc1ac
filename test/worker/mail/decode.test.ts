// The runtime's own base64 decoder is used where the data is plain: what it makes of real and of broken mail must be what ours makes.
import { describe, expect, test } from 'vitest'
import { decodeBytes, decodeStream } from '../../../worker/mail/decode'

async function streamed(coded: string, size: number): Promise<Buffer> {
  const bytes = Buffer.from(coded, 'latin1')
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size))
      controller.close()
    },
  })
  const out: Uint8Array[] = []
  for await (const chunk of source.pipeThrough(decodeStream('base64'))) out.push(chunk)
  return Buffer.concat(out)
}
const whole = (coded: string) => Buffer.from(decodeBytes('base64', Buffer.from(coded, 'latin1')))
const lines = (file: Buffer) => file.toString('base64').replace(/(.{76})/g, '$1\r\n')

describe('base64 in workerd', () => {
  test('the runtime has a decoder of its own', () => {
    expect(typeof Uint8Array.prototype.setFromBase64).toBe('function')
  })

  test('a file comes back whole, whatever its length and wherever the chunks end', async () => {
    for (let length = 0; length < 400; length += 7) {
      const file = Buffer.from(crypto.getRandomValues(new Uint8Array(length)))
      expect(whole(lines(file)).equals(file)).toBe(true)
      for (const size of [1, 3, 77, 80]) expect((await streamed(lines(file), size)).equals(file)).toBe(true)
    }
  })

  test.each([
    ['foreign characters', 'aG\r\n Vs-!\0bG*\xff8', 'hello'],
    ['no padding', 'aGVsbG8', 'hello'],
    ['padding after every block', 'aA==\r\nZQ==\r\nbGxv', 'hello'],
    ['bits left over before padding', 'aGVsbG9=', 'hello'],
    ['nothing but padding', '====', ''],
    ['a lone last character', 'aGVsbG8=a', 'hello'],
  ])('%s: the same bytes in one piece and in many', async (_, coded, expected) => {
    expect(whole(coded).toString('latin1')).toBe(expected)
    for (const size of [1, 2, 3, 5]) expect((await streamed(coded, size)).toString('latin1')).toBe(expected)
  })
})
