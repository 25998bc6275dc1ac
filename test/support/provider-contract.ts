// What every mail provider promises, as tests. A provider joins by handing over a harness for a mailbox of its own.
import { afterEach, describe, expect, it } from 'vitest'
import type { Cursor, MailProvider, MessageRef } from '../../worker/providers/provider'
import { ProviderError } from '../../worker/providers/provider'

/** One fresh mailbox, seen from both ends. */
export type ProviderHarness = {
  /** A provider for it; several may exist at once. `since`: ms, Infinity for only new mail. */
  open(options: { since: number }): MailProvider
  /** Mail arrives. Resolves when the mailbox has it. */
  deliver(raw: Uint8Array): Promise<void>
  /** Somebody else deletes the message delivered at `index`. */
  remove(index: number): Promise<void>
  /** Whether every message is as unread as when it arrived. */
  untouched(): Promise<boolean>
}

const utf8 = (text: string) => new TextEncoder().encode(text)
const mail = (subject: string) =>
  utf8(
    `From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\nbody of ${subject}\r\n`,
  )

/** Bytes that a careless transport changes. */
const AWKWARD: Record<string, Uint8Array> = {
  'lines that start with dots': utf8('Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\n'),
  'no line break at the end': utf8('Subject: open end\r\n\r\nthe last line'),
  'lines that look like the protocol': utf8(
    'Subject: literal\r\n\r\n* 1 FETCH (UID 1 BODY[] {5}\r\n)\r\nA1 OK done\r\n',
  ),
  'bytes outside ASCII': new Uint8Array([...utf8('Subject: 8bit\r\n\r\n'), 0x80, 0xff, 0xc3, 0x28, 0xe2, 0x82, 13, 10]),
  'a header and nothing else': utf8('Subject: bare\r\n\r\n'),
}

/** 3.4 MB in which every position can be told from every other. */
function largeMail(): Uint8Array {
  const lines = ['From: a@example.org', 'Subject: large', '']
  for (let i = 0; i < 60_000; i++)
    lines.push(`line ${String(i).padStart(6, '0')} of a mail that does not fit into memory`)
  return utf8(`${lines.join('\r\n')}\r\n`)
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

const subjectOf = (bytes: Uint8Array) => /^Subject: (.*)$/m.exec(new TextDecoder().decode(bytes))?.[1]?.trim()

/** Compares without printing megabytes. */
function expectSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length)
  expect(Buffer.compare(actual, expected)).toBe(0)
}

/** Runs the contract against mailboxes made by `makeHarness`. */
export function describeProviderContract(name: string, makeHarness: () => Promise<ProviderHarness>): void {
  describe(`${name} keeps the provider contract`, () => {
    const opened: MailProvider[] = []
    const mailbox = async (since = 0) => {
      const harness = await makeHarness()
      const open = (from = since) => {
        const provider = harness.open({ since: from })
        opened.push(provider)
        return provider
      }
      return { harness, open, provider: open() }
    }
    afterEach(async () => {
      for (const provider of opened.splice(0)) await provider.close()
    })

    /** Pages to the end. The cursor goes through JSON, as storage does. */
    const readAll = async (
      provider: MailProvider,
      from: Cursor | null,
      limit: number,
      between?: () => Promise<void>,
    ) => {
      const refs: MessageRef[] = []
      let cursor = from
      for (let pages = 0; pages < 100; pages++) {
        const page = await provider.changes(cursor, limit)
        expect(page.refs.length).toBeLessThanOrEqual(limit)
        refs.push(...page.refs)
        cursor = JSON.parse(JSON.stringify(page.next))
        await between?.()
        if (!page.more) return { refs, cursor }
      }
      throw new Error('pages without end')
    }
    const subjects = async (provider: MailProvider, refs: MessageRef[]) => {
      const found = new Map<string, string | undefined>()
      for await (const message of provider.fetchRaw(refs)) {
        if ('error' in message) throw message.error
        found.set(message.ref.identity, subjectOf(await bytesOf(message.raw)))
      }
      return refs.map((ref) => found.get(ref.identity))
    }
    const names = (count: number, from = 1) => Array.from({ length: count }, (_, i) => `mail-${from + i}`)

    it('lists nothing in an empty mailbox, and what arrives afterwards', async () => {
      const { harness, provider } = await mailbox()
      const first = await readAll(provider, null, 10)
      expect(first.refs).toEqual([])
      await harness.deliver(mail('mail-1'))
      const second = await readAll(provider, first.cursor, 10)
      expect(await subjects(provider, second.refs)).toEqual(['mail-1'])
    })

    it('pages oldest first, each message once', async () => {
      const { harness, provider } = await mailbox()
      for (const subject of names(7)) await harness.deliver(mail(subject))
      const { refs } = await readAll(provider, null, 3)
      expect(await subjects(provider, refs)).toEqual(names(7))
      expect(new Set(refs.map((ref) => ref.identity)).size).toBe(7)
    })

    it('lists nothing again after the last cursor, also in a new provider', async () => {
      const { harness, provider, open } = await mailbox()
      for (const subject of names(3)) await harness.deliver(mail(subject))
      const { cursor } = await readAll(provider, null, 10)
      expect((await readAll(provider, cursor, 10)).refs).toEqual([])
      expect((await readAll(open(), cursor, 10)).refs).toEqual([])
    })

    it('answers the same cursor the same way twice', async () => {
      const { harness, provider } = await mailbox()
      for (const subject of names(4)) await harness.deliver(mail(subject))
      const { next } = await provider.changes(null, 2)
      const once = await provider.changes(next, 2)
      const again = await provider.changes(next, 2)
      expect(again.refs).toEqual(once.refs)
      expect(again.next).toEqual(once.next)
    })

    it('loses nothing that arrives between two pages', async () => {
      const { harness, provider } = await mailbox()
      for (const subject of names(4)) await harness.deliver(mail(subject))
      let arriving = 4
      const { refs, cursor } = await readAll(provider, null, 2, async () => {
        if (arriving < 7) await harness.deliver(mail(`mail-${++arriving}`))
      })
      const rest = await readAll(provider, cursor, 2)
      expect(await subjects(provider, [...refs, ...rest.refs])).toEqual(names(7))
    })

    it('loses nothing when messages before the cursor are deleted', async () => {
      const { harness, provider } = await mailbox()
      for (const subject of names(4)) await harness.deliver(mail(subject))
      const page = await provider.changes(null, 2)
      await harness.remove(0)
      await harness.remove(0)
      const rest = await readAll(provider, page.next, 10)
      expect(await subjects(provider, rest.refs)).toEqual(names(2, 3))
    })

    it('lists only later mail when only later mail is wanted', async () => {
      const { harness, open } = await mailbox()
      for (const subject of names(3)) await harness.deliver(mail(subject))
      const provider = open(Number.POSITIVE_INFINITY)
      const first = await readAll(provider, null, 10)
      expect(first.refs).toEqual([])
      await harness.deliver(mail('mail-4'))
      const second = await readAll(provider, first.cursor, 10)
      expect(await subjects(provider, second.refs)).toEqual(['mail-4'])
    })

    it('calls a cursor that is not its own expired', async () => {
      const { provider } = await mailbox()
      const error = await provider.changes({ nonsense: true }, 10).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ProviderError)
      expect((error as ProviderError).kind).toBe('cursor_expired')
    })

    it.each(Object.entries(AWKWARD))('hands over %s byte for byte', async (_, raw) => {
      const { harness, provider } = await mailbox()
      await harness.deliver(raw)
      const { refs } = await readAll(provider, null, 10)
      for await (const message of provider.fetchRaw(refs)) {
        if ('error' in message) throw message.error
        expectSameBytes(await bytesOf(message.raw), raw)
      }
    })

    it('says when a message arrived', async () => {
      const { harness, provider } = await mailbox()
      await harness.deliver(mail('mail-1'))
      const { refs } = await readAll(provider, null, 10)
      for await (const message of provider.fetchRaw(refs)) {
        if ('error' in message) throw message.error
        await message.raw.cancel()
        expect(Math.abs((message.receivedAt ?? 0) - Date.now())).toBeLessThan(60_000)
      }
    })

    it('hands over a large message byte for byte, and the rest of it after a break', async () => {
      const { harness, provider } = await mailbox()
      const raw = largeMail()
      await harness.deliver(raw)
      const { refs } = await readAll(provider, null, 10)
      for (const resumeAt of [undefined, 1_500_001]) {
        for await (const message of provider.fetchRaw(refs.map((ref) => ({ ...ref, resumeAt })))) {
          if ('error' in message) throw message.error
          expect([0, resumeAt ?? 0]).toContain(message.start)
          expectSameBytes(await bytesOf(message.raw), raw.subarray(message.start))
        }
      }
    })

    it('gives each ref one result; a deleted message is not found and the others arrive', async () => {
      const { harness, provider } = await mailbox()
      for (const subject of names(4)) await harness.deliver(mail(subject))
      const { refs } = await readAll(provider, null, 10)
      await harness.remove(1)
      const stranger = { identity: 'nothing:of:ours' }
      const results = new Map<string, string>()
      for await (const message of provider.fetchRaw([...refs, stranger])) {
        expect(results.has(message.ref.identity)).toBe(false)
        const text = 'error' in message ? message.error.kind : (subjectOf(await bytesOf(message.raw)) ?? '')
        results.set(message.ref.identity, text)
      }
      expect([...refs, stranger].map((ref) => results.get(ref.identity))).toEqual([
        'mail-1',
        'not_found',
        'mail-3',
        'mail-4',
        'not_found',
      ])
    })

    it('goes on after a reader that left in the middle', async () => {
      const { harness, provider } = await mailbox()
      await harness.deliver(largeMail())
      for (const subject of names(3)) await harness.deliver(mail(subject))
      const { refs } = await readAll(provider, null, 10)
      for (const _ of [1, 2]) {
        for await (const message of provider.fetchRaw(refs)) {
          if ('error' in message) throw message.error
          break
        }
      }
      for await (const message of provider.fetchRaw(refs.slice(0, 1))) {
        if ('error' in message) throw message.error
        const reader = message.raw.getReader()
        await reader.read()
        break
      }
      expect(await subjects(provider, refs)).toEqual(['large', ...names(3)])
    })

    it('changes nothing in the mailbox', async () => {
      const { harness, provider } = await mailbox()
      await harness.deliver(largeMail())
      for (const subject of names(2)) await harness.deliver(mail(subject))
      const { refs } = await readAll(provider, null, 10)
      await subjects(provider, refs)
      await provider.check()
      await provider.close()
      expect(await harness.untouched()).toBe(true)
    })

    it('passes its own check, with every step in plain words', async () => {
      const { provider } = await mailbox()
      const report = await provider.check()
      expect(report.steps.filter((step) => step.status === 'fail')).toEqual([])
      expect(report.ok).toBe(true)
      expect(report.steps.length).toBeGreaterThan(1)
      for (const step of report.steps) {
        expect(step.detail).toMatch(/^\S.*\.$/)
        expect(step.ms).toBeGreaterThanOrEqual(0)
      }
    })

    it('may be closed twice, before and after use; afterwards it refuses', async () => {
      const { provider, open } = await mailbox()
      await open().close()
      await provider.changes(null, 1)
      await provider.close()
      await provider.close()
      await expect(provider.changes(null, 1)).rejects.toBeInstanceOf(ProviderError)
    })
  })
}
