// Where parts lie: exact offsets, any chunking, any line ends, malformed structure, limits.
import { simpleParser } from 'mailparser'
import { describe, expect, it } from 'vitest'
import { decodeBytes } from '../../../worker/mail/decode'
import { LIMITS } from '../../../worker/mail/limits'
import { indexBytes, indexStream, MimeIndexer } from '../../../worker/mail/mime-index'
import type { MimeIndex } from '../../../worker/mail/types'
import { bytesOf, cases } from './corpus'
import { pieces, random } from './random'

const mail = (lines: string[], eol = '\r\n') => Buffer.from(lines.join(eol), 'latin1')
const bodyOf = (raw: Uint8Array, index: MimeIndex, path: string) => {
  const part = index.parts.find((one) => one.path === path)
  return part ? Buffer.from(raw.subarray(part.start, part.end)).toString('latin1') : null
}
const shape = (index: MimeIndex) => index.parts.map(({ path, contentType }) => `${path} ${contentType}`)
const chunked = (raw: Uint8Array, seed: number, longest: number) => {
  const indexer = new MimeIndexer()
  for (const piece of pieces(raw, random(seed), longest)) indexer.push(piece)
  return indexer.end()
}

const NESTED = [
  'Subject: x',
  'Content-Type: multipart/mixed; boundary=outer',
  '',
  'preamble',
  '--outer',
  'Content-Type: multipart/alternative; boundary="outer-inner"',
  '',
  '--outer-inner',
  '',
  'plain',
  '--outer-inner',
  'Content-Type: text/html',
  '',
  '<p>html</p>',
  '',
  '--outer-inner--',
  'inner epilogue',
  '--outer',
  'Content-Type: message/rfc822',
  '',
  'Subject: within',
  'Content-Type: multipart/mixed; boundary=deep',
  '',
  '--deep',
  '',
  'not descended',
  '--deep--',
  '--outer--',
  'epilogue',
]

describe('structure', () => {
  for (const [name, eol] of [
    ['CRLF', '\r\n'],
    ['LF', '\n'],
    ['bare CR', '\r'],
  ] as const) {
    it(`finds nested parts and leaves the ${name} before a boundary to the boundary`, () => {
      const raw = mail(NESTED, eol)
      const index = indexBytes(raw)
      expect(shape(index)).toEqual([
        ' multipart/mixed',
        '1 multipart/alternative',
        '1.1 text/plain',
        '1.2 text/html',
        '2 message/rfc822',
      ])
      expect(bodyOf(raw, index, '1.1')).toBe('plain')
      expect(bodyOf(raw, index, '1.2')).toBe(`<p>html</p>${eol}`)
      expect(bodyOf(raw, index, '2')).toBe(NESTED.slice(20, 27).join(eol))
      expect(index.warnings).toEqual([])
    })
  }

  it('takes a single part to the end of the message, and an empty message as one empty part', () => {
    const raw = mail(['Subject: x', '', 'body', ''])
    expect(bodyOf(raw, indexBytes(raw), '1')).toBe('body\r\n')
    expect(indexBytes(new Uint8Array(0)).parts).toMatchObject([
      { path: '1', start: 0, end: 0, contentType: 'text/plain' },
    ])
  })

  it('does not take a line for a delimiter that only begins with one', () => {
    const raw = mail([
      'Content-Type: multipart/mixed; boundary=abc',
      '',
      '--abc',
      '',
      'one',
      '--abcd',
      ' --abc',
      'x--abc',
      '--abc-',
      '--abc \t',
      '',
      'two',
      '--abc--',
    ])
    const index = indexBytes(raw)
    expect(bodyOf(raw, index, '1')).toBe('one\r\n--abcd\r\n --abc\r\nx--abc\r\n--abc-')
    expect(bodyOf(raw, index, '2')).toBe('two')
  })

  it('finds a delimiter that is all dashes, after dashes', () => {
    const raw = mail([
      'Content-Type: multipart/mixed; boundary="----"',
      '',
      '------',
      '',
      'a -- b',
      '--',
      '---',
      '-------',
      '------',
      '',
      'two',
      '--------',
    ])
    const index = indexBytes(raw)
    expect(bodyOf(raw, index, '1')).toBe('a -- b\r\n--\r\n---\r\n-------')
    expect(bodyOf(raw, index, '2')).toBe('two')
  })

  it('gives an empty part an empty range at its place', () => {
    const raw = mail([
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      '--b',
      '--b',
      'Content-Type: image/png',
      '--b--',
    ])
    const parts = indexBytes(raw).parts.slice(1)
    expect(parts.map(({ contentType }) => contentType)).toEqual(['text/plain', 'text/plain', 'image/png'])
    for (const part of parts) expect(part.end).toBe(part.start)
  })

  it('lets two nested multiparts share one boundary', () => {
    const raw = mail([
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: multipart/alternative; boundary=b',
      '',
      '--b',
      '',
      'one',
      '--b--',
      '--b',
      '',
      'two',
      '--b--',
    ])
    const index = indexBytes(raw)
    expect(shape(index)).toEqual([' multipart/mixed', '1 multipart/alternative', '1.1 text/plain', '2 text/plain'])
    expect(bodyOf(raw, index, '2')).toBe('two')
  })

  it('goes on after a premature end, and says so', () => {
    const raw = mail(['Content-Type: multipart/mixed; boundary=b', '', '--b', '', 'one', '--b--', '--b', '', 'two'])
    const index = indexBytes(raw)
    expect(bodyOf(raw, index, '2')).toBe('two')
    expect(index.warnings).toEqual(['a multipart goes on after its end', 'a multipart is not closed'])
  })

  it('closes inner parts that were left open when the outer delimiter comes', () => {
    const raw = mail([
      'Content-Type: multipart/mixed; boundary=o',
      '',
      '--o',
      'Content-Type: multipart/mixed; boundary=i',
      '',
      '--i',
      '',
      'one',
      '--o',
      '',
      'two',
      '--o--',
    ])
    const index = indexBytes(raw)
    expect(bodyOf(raw, index, '1.1')).toBe('one')
    expect(bodyOf(raw, index, '2')).toBe('two')
    expect(index.warnings).toEqual(['a multipart is not closed'])
  })

  it('reads a multipart without boundary, or whose boundary never comes, as one text', () => {
    for (const type of ['multipart/mixed', 'multipart/mixed; boundary=never']) {
      const raw = mail([`Content-Type: ${type}`, '', 'all there is', '--other', ''])
      const index = indexBytes(raw)
      expect(index.parts).toMatchObject([{ path: '1', multipart: false }])
      expect(bodyOf(raw, index, '1')).toBe('all there is\r\n--other\r\n')
      expect(index.warnings).toHaveLength(1)
    }
  })

  it('takes parts of a digest for messages', () => {
    const raw = mail(['Content-Type: multipart/digest; boundary=b', '', '--b', '', 'Subject: one', '', 'text', '--b--'])
    expect(shape(indexBytes(raw))).toEqual([' multipart/digest', '1 message/rfc822'])
  })
})

describe('header sections', () => {
  it('starts the body at the delimiter or at the first line of text where the empty line is missing', () => {
    const raw = mail([
      'Subject: x',
      'Content-Type: multipart/mixed; boundary=b',
      '--b',
      'Content-Type: text/plain',
      'Dear all',
      'how are you',
      '--b--',
    ])
    const index = indexBytes(raw)
    expect(bodyOf(raw, index, '1')).toBe('Dear all\r\nhow are you')
  })

  it('joins a field whose fold lost its indent', () => {
    const raw = mail([
      'Subject: a long',
      'subject',
      'From: a@example.org',
      'Content-Type: image/png;',
      'name=a.png',
      '',
      'x',
    ])
    const index = indexBytes(raw)
    expect(index.headers.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'subject=a long subject',
      'from=a@example.org',
      'content-type=image/png; name=a.png',
    ])
    expect(index.parts).toMatchObject([{ filename: 'a.png' }])
    expect(bodyOf(raw, index, '1')).toBe('x')
  })

  it('skips an mbox separator, a byte order mark and empty lines before the first field', () => {
    for (const before of ['From a@b.c Mon Jan  1 00:00:00 2024\n', '\xef\xbb\xbf', '\n\n', ' ']) {
      const raw = Buffer.from(`${before}Subject: x\n\nbody`, 'latin1')
      const index = indexBytes(raw)
      expect(index.headers).toEqual([{ name: 'subject', value: 'x' }])
      expect(bodyOf(raw, index, '1')).toBe('body')
    }
  })

  it('takes text without any header as body', () => {
    const raw = mail(['Hello there', 'this is all'])
    expect(bodyOf(raw, indexBytes(raw), '1')).toBe('Hello there\r\nthis is all')
  })

  it('reads raw 8-bit fields as UTF-8, else by the declared charset, else as windows-1252', () => {
    const subject = (value: Buffer, type: string) =>
      indexBytes(Buffer.concat([Buffer.from('Subject: '), value, Buffer.from(`\nContent-Type: ${type}\n\n`)]))
        .headers[0]?.value
    expect(subject(Buffer.from('Grüße'), 'text/plain')).toBe('Grüße')
    expect(subject(Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]), 'text/plain; charset=windows-1251')).toBe(
      'Привет',
    )
    expect(subject(Buffer.from('Gr\xfc\xdfe', 'latin1'), 'text/plain')).toBe('Grüße')
  })
})

// Two cores may be busy with other suites.
describe('any chunking gives the same index', { timeout: 30_000 }, () => {
  const chosen = cases.filter((one) => one.group === 'parse' || one.group === 'bounce')
  it(`over ${chosen.length} mails of the corpus`, () => {
    for (const [i, one] of chosen.entries()) {
      const raw = bytesOf(one)
      const whole = JSON.stringify(indexBytes(raw))
      for (const longest of [7, 5000]) expect(JSON.stringify(chunked(raw, i, longest)), one.id).toBe(whole)
    }
  })

  it('over mails made of the pieces that decide structure', () => {
    const bits = [
      '\r',
      '\n',
      '\r\n',
      '\r\n\r\n',
      '-',
      '--',
      '--a',
      '--a--',
      '--ab',
      '--ab--',
      ' ',
      ':',
      'A: b',
      'QUJD',
      '=',
      '\0',
      'Content-Type: multipart/mixed; boundary=a',
      'Content-Type: multipart/mixed; boundary=ab',
      'Content-Transfer-Encoding: base64',
    ]
    for (let seed = 0; seed < 1500; seed++) {
      const below = random(seed)
      const text = Array.from({ length: 5 + below(60) }, () => bits[below(bits.length)]).join('')
      const raw = Buffer.from(below(3) === 0 ? text : `Content-Type: multipart/mixed; boundary=a\r\n\r\n${text}`)
      const whole = JSON.stringify(indexBytes(raw))
      for (const longest of [1, 4, 20]) {
        expect(JSON.stringify(chunked(raw, seed, longest)), JSON.stringify(text)).toBe(whole)
      }
    }
  })

  it('as a stream', async () => {
    const raw = mail(NESTED)
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of pieces(raw, random(1), 9)) controller.enqueue(piece)
        controller.close()
      },
    })
    expect(await indexStream(stream)).toEqual(indexBytes(raw))
  })
})

describe('against mailparser', () => {
  /** A random tree of multiparts with binary attachments, and what must come out of it. */
  function build(seed: number): { raw: Buffer; files: Buffer[] } {
    const below = random(seed)
    const files: Buffer[] = []
    let boundaries = 0
    const part = (depth: number): string[] => {
      if (depth < 4 && below(3) === 0) {
        const boundary = `=_b${seed}_${boundaries++}`
        const children = Array.from({ length: 1 + below(4) }, () => [`--${boundary}`, ...part(depth + 1)])
        return [
          `Content-Type: multipart/mixed; boundary="${boundary}"`,
          '',
          ...children.flat(),
          `--${boundary}--`,
          ...(below(2) ? ['', ''] : ['']),
        ]
      }
      const body = Buffer.from(Array.from({ length: below(400) }, () => below(256)))
      files.push(body)
      const lines = body.toString('base64').match(/.{1,60}/g) ?? []
      return [
        `Content-Type: application/x-test; name="f${files.length}"`,
        'Content-Disposition: attachment',
        'Content-Transfer-Encoding: base64',
        '',
        ...lines,
      ]
    }
    const inner = Array.from({ length: 2 + below(4) }, () => ['--root', ...part(0)]).flat()
    const raw = [
      'From: a@example.org',
      'Content-Type: multipart/mixed; boundary=root',
      '',
      'preamble',
      ...inner,
      '--root--',
      '',
    ].join(below(2) ? '\r\n' : '\n')
    return { raw: Buffer.from(raw), files }
  }

  it('finds the same files, byte for byte, with the size the pass counted', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const { raw, files } = build(seed)
      const leaves = indexBytes(raw).parts.filter((one) => !one.multipart)
      const ours = leaves.map((one) => Buffer.from(decodeBytes(one.encoding, raw.subarray(one.start, one.end))))
      const oracle = (await simpleParser(raw)).attachments.map(({ content }) => content)
      expect(ours.map((body) => body.toString('hex'))).toEqual(files.map((body) => body.toString('hex')))
      expect(ours.map((body) => body.toString('hex'))).toEqual(oracle.map((body) => body.toString('hex')))
      expect(leaves.map(({ decodedSize }) => decodedSize)).toEqual(files.map(({ length }) => length))
    }
  })
})

describe('hostile structure', { timeout: 30_000 }, () => {
  const nested = (levels: number) =>
    mail(
      Array.from({ length: levels }, (_, i) => [`Content-Type: multipart/mixed; boundary=b${i}`, '', `--b${i}`])
        .flat()
        .concat('', 'core'),
    )

  it('stops at the nesting limit and reads the rest as text', () => {
    const index = indexBytes(nested(256))
    expect(index.parts).toHaveLength(LIMITS.nesting + 1)
    expect(index.warnings).toContain(`parts nested deeper than ${LIMITS.nesting} are read as text`)
  })

  it('stops at the part limit', () => {
    const index = indexBytes(Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\n'.repeat(50_000)}`))
    expect(index.parts).toHaveLength(LIMITS.parts)
    expect(index.warnings).toContain(`more than ${LIMITS.parts} parts; the rest was ignored`)
  })

  it('bounds a header section of 2 MiB, as one line, as many and as tiny folds', () => {
    for (const filler of [
      `X: ${'a'.repeat(2 ** 21)}\n`,
      `X: ${'a'.repeat(70)}\n`.repeat(30_000),
      `X: a\n${' b\n'.repeat(700_000)}`,
    ]) {
      const raw = Buffer.from(`Subject: kept\n${filler}To: late@example.org\n\nbody`)
      const index = indexBytes(raw)
      const held = index.headers.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
      expect(held).toBeLessThanOrEqual(LIMITS.headers + 1000)
      expect(index.headers[0]).toEqual({ name: 'subject', value: 'kept' })
      expect(bodyOf(raw, index, '1')).toBe('body')
      expect(index.warnings.length).toBeGreaterThan(0)
    }
  })

  it('bounds the header sections of all parts together', () => {
    const part = `--b\nX: ${'a'.repeat(400_000)}\n\n`
    const index = indexBytes(Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${part.repeat(100)}`))
    const held = index.parts.flatMap(({ headers }) => headers).reduce((sum, { value }) => sum + value.length, 0)
    expect(held).toBeLessThanOrEqual(LIMITS.headersTotal)
  })

  it('passes bodies full of near-delimiters in time linear to their length', () => {
    for (const filler of ['-', '\n--', '\n--boundar', 'a--', '\r', '\n', '\n-']) {
      const raw = Buffer.from(
        `Content-Type: multipart/mixed; boundary=boundary\n\n--boundary\n\n${filler.repeat(2_000_000 / filler.length)}`,
      )
      const from = performance.now()
      chunked(raw, 1, 65_536)
      expect(performance.now() - from, JSON.stringify(filler)).toBeLessThan(3000)
    }
  })
})
