// How a large message goes up in pieces: what is taken out, and that the rest is still the same message.
import { describe, expect, it } from 'vitest'
import { composeMail } from '../../../worker/mail/compose'
import { indexBytes } from '../../../worker/mail/mime-index'
import { parseBytes } from '../../../worker/mail/parse'
import { type DraftPlan, planDraft } from '../../../worker/providers/graph/draft-plan'
import { sourceOf, spansOf } from '../../../worker/providers/graph/mime-source'

const address = (email: string) => ({ name: '', email })
const file = (filename: string, size: number, contentId?: string) => ({
  filename,
  contentType: 'application/octet-stream',
  size,
  ...(contentId !== undefined && { contentId }),
  open: async () => new Blob([new Uint8Array(size).fill(size & 255)]).stream() as ReadableStream<Uint8Array>,
})
const compose = (attachments: ReturnType<typeof file>[], text = 'the text', html: string | null = null) =>
  composeMail({
    from: address('a@example.org'),
    to: [address('b@example.org')],
    cc: [],
    bcc: [],
    subject: 'large',
    text,
    html,
    messageId: 'm1@postroom.test',
    inReplyTo: 'their@example.org',
    references: ['their@example.org'],
    date: 0,
    attachments,
  })
const bytesOf = async (stream: ReadableStream<Uint8Array>) => new Uint8Array(await new Response(stream).arrayBuffer())

/** The rest of a message as a plan leaves it. */
async function rest(bytes: Uint8Array, plan: DraftPlan | null, chunk = 1_000): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let at = 0
  const raw = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(at, at + chunk))
      at += chunk
    },
  })
  for await (const piece of spansOf(raw, plan?.kept ?? [])) pieces.push(piece.slice())
  return new Uint8Array(Buffer.concat(pieces))
}

describe('a message in pieces', () => {
  it.each([1, 7, 1_000, 1_000_000])(
    'keeps its text and every header; its largest files go apart (chunks of %i)',
    async (chunk) => {
      const mail = await compose([file('one.bin', 40_000), file('small.bin', 500), file('two.bin', 60_000)])
      const bytes = await bytesOf(await mail.open())
      const plan = planDraft(indexBytes(bytes), 10_000)
      expect(plan?.files.map(({ name, size }) => [name, size])).toEqual([
        ['two.bin', 60_000],
        ['one.bin', 40_000],
      ])
      const left = await rest(bytes, plan, chunk)
      expect(left.length).toBe(plan?.size)
      const parsed = await parseBytes(left)
      expect(parsed).toMatchObject({
        messageId: 'm1@postroom.test',
        inReplyTo: ['their@example.org'],
        text: 'the text',
      })
      expect(parsed.attachments.map(({ filename, size }) => [filename, size])).toEqual([['small.bin', 500]])
      expect(parsed.warnings).toEqual([])
    },
  )

  it('takes out no more than it must', async () => {
    const mail = await compose([file('one.bin', 40_000), file('two.bin', 60_000)])
    const index = indexBytes(await bytesOf(await mail.open()))
    expect(planDraft(index, 100_000)?.files.map(({ name }) => name)).toEqual(['two.bin'])
    expect(planDraft(index, 1_000_000)).toMatchObject({ files: [], kept: [{ start: 0, end: index.size }] })
  })

  it('marks a picture of the text as one, by the id the text shows it by', async () => {
    const mail = await compose([file('logo.png', 50_000, 'logo@x')], 'text', '<img src="cid:logo@x">')
    const bytes = await bytesOf(await mail.open())
    const plan = planDraft(indexBytes(bytes), 5_000)
    expect(plan?.files).toMatchObject([{ name: 'logo.png', inline: true, contentId: 'logo@x', size: 50_000 }])
    expect((await parseBytes(await rest(bytes, plan))).html).toContain('cid:logo@x')
  })

  it('cannot be made where the text alone is too large', async () => {
    const mail = await compose([file('one.bin', 5_000)], 'x '.repeat(20_000))
    expect(planDraft(indexBytes(await bytesOf(await mail.open())), 10_000)).toBeNull()
  })

  it('reads each file out of the message where the plan says it lies', async () => {
    const mail = await compose([file('one.bin', 40_000)])
    const plan = planDraft(indexBytes(await bytesOf(await mail.open())), 5_000)
    const [one] = plan?.files ?? []
    const range = await sourceOf({ ...mail, thread: null }).range(one?.start ?? 0, one?.end ?? 0)
    const decoded = Buffer.from(Buffer.from(await bytesOf(range)).toString('latin1'), 'base64')
    expect(decoded.length).toBe(40_000)
    expect(decoded.every((byte: number) => byte === (40_000 & 255))).toBe(true)
  })

  it('is never half a piece: a message that ends early is an error', async () => {
    await expect(rest(new Uint8Array(10), { kept: [{ start: 0, end: 20 }], size: 20, files: [] })).rejects.toThrow(
      'shorter',
    )
  })
})
