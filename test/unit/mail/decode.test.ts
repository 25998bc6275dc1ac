// Content-Transfer-Encodings: the same bytes for any chunking, and for what mailers get wrong.
import { describe, expect, it } from 'vitest'
import { Base64Length, decodeBytes, decodeStream } from '../../../worker/mail/decode'
import { pieces, random } from './random'

async function streamed(encoding: string, bytes: Uint8Array, seed: number, longest: number): Promise<Buffer> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces(bytes, random(seed), longest)) controller.enqueue(piece)
      controller.close()
    },
  })
  const out: Uint8Array[] = []
  for await (const chunk of source.pipeThrough(decodeStream(encoding))) out.push(chunk)
  return Buffer.concat(out)
}
const text = (encoding: string, coded: string) =>
  Buffer.from(decodeBytes(encoding, Buffer.from(coded, 'latin1'))).toString('latin1')
const randomBytes = (seed: number, length: number) => {
  const below = random(seed)
  return Buffer.from(Array.from({ length }, () => below(256)))
}

describe('base64', () => {
  it('decodes what Node encodes, in any chunking, and counts its length without decoding', async () => {
    for (let seed = 0; seed < 100; seed++) {
      const body = randomBytes(seed, seed * 7)
      const coded = Buffer.from((body.toString('base64').match(/.{1,76}/g) ?? []).join(seed % 2 ? '\r\n' : '\n'))
      expect((await streamed('base64', coded, seed, 1 + (seed % 90))).equals(body)).toBe(true)
      const length = new Base64Length()
      for (const piece of pieces(coded, random(seed), 11)) length.push(piece, 0, piece.length)
      expect(length.total()).toBe(body.length)
    }
  })

  it('skips garbage and white space anywhere, and needs no padding', () => {
    expect(text('base64', 'aG\r\n Vs-!\0bG*\xff8')).toBe('hello')
    expect(text('base64', 'aGVsbG8')).toBe('hello')
    expect(text('BASE64', 'aGVsbG8=')).toBe('hello')
    expect(text('base64', '====')).toBe('')
  })

  it('goes on after padding: encoders that pad every block lose nothing', () => {
    expect(text('base64', 'aA==\r\nZQ==\r\nbGxv')).toBe('hello')
    const length = new Base64Length()
    const coded = Buffer.from('aA==\r\nZQ==\r\nbGxv')
    length.push(coded, 0, coded.length)
    expect(length.total()).toBe(5)
  })

  it('drops a lone last character', () => {
    expect(text('base64', 'aGVsbG8=a')).toBe('hello')
  })
})

describe('quoted-printable', () => {
  it('decodes codes, soft breaks and padding at line ends', () => {
    expect(text('quoted-printable', 'a=3Db=\r\nc=  \r\nd  \t\r\ne=e4=E4')).toBe('a=bcd\r\ne\xe4\xe4')
    expect(text('quoted-printable', 'a=\nb')).toBe('ab')
    expect(text('quoted-printable', 'kept  inside')).toBe('kept  inside')
  })

  it('leaves what is no code as it is', () => {
    expect(text('quoted-printable', 'a=zz =4 100%=')).toBe('a=zz =4 100%')
  })

  it('gives the same for any chunking', async () => {
    const bits = ['=', '3D', '=3D', ' ', '\t', '\r', '\n', '\r\n', '=\r\n', '=  \r\n', 'a', '=4', 'x ']
    for (let seed = 0; seed < 500; seed++) {
      const below = random(seed)
      const coded = Buffer.from(Array.from({ length: below(60) }, () => bits[below(bits.length)]).join(''))
      const whole = Buffer.from(decodeBytes('quoted-printable', coded)).toString('latin1')
      expect(
        (await streamed('quoted-printable', coded, seed, 3)).toString('latin1'),
        JSON.stringify(coded.toString()),
      ).toBe(whole)
    }
  })

  it('passes megabytes of blanks in linear time and bounded memory', async () => {
    const blanks = Buffer.alloc(4_000_000, ' ')
    const from = performance.now()
    expect((await streamed('quoted-printable', blanks, 1, 60_000)).length).toBeGreaterThan(3_900_000)
    expect(performance.now() - from).toBeLessThan(4000)
  })
})

describe('uuencode', () => {
  const coded = 'junk\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nmore junk\r\n'
  it('takes the data between begin and end, in any chunking', async () => {
    expect(text('x-uuencode', coded)).toBe('Cat')
    expect((await streamed('uuencode', Buffer.from(coded), 1, 2)).toString()).toBe('Cat')
  })
  it('pads lines whose trailing spaces were lost', () => {
    expect(text('x-uue', 'begin 644 a\n#0\nend\n')).toHaveLength(3)
  })
})

it('hands everything else through untouched', async () => {
  const body = randomBytes(1, 5000)
  for (const encoding of ['7bit', '8bit', 'binary', 'x-unknown', ''])
    expect((await streamed(encoding, body, 2, 999)).equals(body)).toBe(true)
})
