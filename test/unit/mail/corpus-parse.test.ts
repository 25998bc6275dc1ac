// Real and hostile mails against what two other parsers agree on and against what their own projects state.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodeBytes } from '../../../worker/mail/decode'
import { indexBytes } from '../../../worker/mail/mime-index'
import { parseBytes } from '../../../worker/mail/parse'
import type { Address, IndexedPart, ParsedAttachment, ParsedMail } from '../../../worker/mail/types'
import { type Agreed, agreedOn, bytesOf, type Case, cases, SHARED_CASES, sharedCorpus } from './corpus'
import { CONSENSUS, STATED } from './corpus-exceptions'

/** Mails copied into this repository. */
const FIXTURES = 140
const mails = cases.filter((one) => one.group === 'parse' || one.group === 'bounce')
const parsed = new Map<string, ParsedMail>()
for (const one of mails) parsed.set(one.id, await parseBytes(bytesOf(one)))

function mailOf(one: Case): ParsedMail {
  const mail = parsed.get(one.id)
  if (!mail) throw new Error(`${one.id} was not parsed`)
  return mail
}

const oneLine = (text: unknown) =>
  String(text ?? '')
    .replace(/[\s\u00a0]+/g, ' ')
    .trim()
/** White space, quote marks and the markers that converters draw differ between parsers; words do not. */
const words = (text: unknown) => String(text ?? '').replace(/[\s\u00a0>*_-]+/g, '')
const emails = (list: Address[]) => list.map(({ email }) => email).sort()

/** Neither oracle counts embedded messages and reports as files; we keep them all. */
function files(mail: ParsedMail, expected: { name: string }[]): { name: string; size: number }[] {
  const names = expected.map(({ name }) => name)
  const nameless = names.includes('')
  return mail.attachments
    .filter((one) => !one.contentType.startsWith('message/') || names.includes(one.filename))
    .map((one) => ({ name: nameless && isMadeUp(one) ? '' : one.filename, size: one.size }))
    .sort(bySize)
}
const isMadeUp = (one: ParsedAttachment) => /^(?:attachment|message)(?:-\d+)?\.\w+$/.test(one.filename)
const bySize = (a: { name: string; size: number }, b: { name: string; size: number }) =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : a.size - b.size

type Comparison = { got: unknown; expected: unknown }
const COMPARE: { [Field in keyof Required<Agreed>]: (mail: ParsedMail, agreed: Agreed) => Comparison } = {
  subject: (mail, agreed) => ({ got: oneLine(mail.subject), expected: oneLine(agreed.subject) }),
  message_id: (mail, agreed) => ({ got: mail.messageId, expected: agreed.message_id }),
  in_reply_to: (mail, agreed) => ({ got: mail.inReplyTo[0] ?? null, expected: agreed.in_reply_to }),
  references: (mail, agreed) => ({ got: mail.references, expected: agreed.references ?? [] }),
  from: (mail, agreed) => ({ got: mail.from ? [mail.from.email] : [], expected: agreed.from }),
  to: (mail, agreed) => ({ got: emails(mail.to), expected: [...(agreed.to ?? [])].sort() }),
  cc: (mail, agreed) => ({ got: emails(mail.cc), expected: [...(agreed.cc ?? [])].sort() }),
  text: (mail, agreed) => {
    // null: there is no plain part. What we show then comes from the HTML, or must be explained.
    if (agreed.text === null) return { got: mail.html === null ? words(mail.fullText) : '', expected: '' }
    const expected = words(agreed.text).slice(0, 1200)
    return { got: words(mail.fullText).slice(0, Math.max(expected.length, 1)), expected }
  },
  attachments: (mail, agreed) => {
    const expected = [...(agreed.attachments ?? [])].sort(bySize)
    return { got: files(mail, expected), expected }
  },
}

/** Compares, prints how many agree, and fails for every difference without a reason and every reason without a difference. */
function judge(
  label: string,
  ids: string[],
  compare: (id: string) => Comparison,
  reasons: Record<string, string>,
): void {
  const different = ids.filter((id) => {
    const { got, expected } = compare(id)
    return JSON.stringify(got) !== JSON.stringify(expected)
  })
  const unexplained = different.filter((id) => !(id in reasons)).map((id) => ({ id, ...compare(id) }))
  const stale = Object.keys(reasons).filter((id) => ids.includes(id) && !different.includes(id))
  console.info(
    `${label}: ${ids.length - different.length}/${ids.length} agree, ${different.length - unexplained.length} explained`,
  )
  expect({ unexplained, stale }).toEqual({ unexplained: [], stale: [] })
}

describe('mails of the corpus', () => {
  const total = SHARED_CASES.parse + SHARED_CASES.bounce
  it(
    sharedCorpus
      ? `the shared corpus is here: all ${total} mails run`
      : `the shared corpus is absent: ${total - mails.length} of its mails were not run, the ${mails.length} copied ones were`,
    () => {
      if (!sharedCorpus) console.warn(`shared corpus absent: ${total - mails.length} mails were not run`)
      expect(mails.length).toBe(sharedCorpus ? total : FIXTURES)
    },
  )

  for (const field of Object.keys(COMPARE) as (keyof Agreed)[]) {
    it(`reads ${field} as two other parsers agree`, () => {
      const stating = new Map(mails.filter((one) => field in agreedOn(one)).map((one) => [one.id, one]))
      const compare = (id: string) => {
        const one = stating.get(id)
        if (!one) throw new Error(id)
        return COMPARE[field](mailOf(one), agreedOn(one))
      }
      judge(field, [...stating.keys()], compare, CONSENSUS[field] ?? {})
    })
  }

  it('gives every attachment a safe name, a range inside the message and a path of its own', () => {
    for (const one of mails) {
      const { size } = indexBytes(bytesOf(one))
      const { attachments } = mailOf(one)
      for (const { filename, start, end } of attachments) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: no name may hold one
        expect(filename, one.id).toMatch(/^[^/\\\x00-\x1f]+$/)
        expect(start >= 0 && start <= end && end <= size, one.id).toBe(true)
      }
      expect(new Set(attachments.map(({ part }) => part)).size, one.id).toBe(attachments.length)
    }
  })

  it('states the decoded size of every attachment exactly', () => {
    for (const one of mails) {
      const raw = bytesOf(one)
      for (const { start, end, encoding, size, part } of mailOf(one).attachments) {
        expect(decodeBytes(encoding, raw.subarray(start, end)).length, `${one.id} ${part}`).toBe(size)
      }
    }
  })
})

/** Cases whose source states fields itself. */
function stated(source: string): Map<string, Case & { expected: Record<string, unknown> }> {
  const found = new Map<string, Case & { expected: Record<string, unknown> }>()
  for (const one of cases) {
    if (one.group === 'parse' && one.expected_from === source && one.expected)
      found.set(one.id, { ...one, expected: one.expected })
  }
  return found
}

function judgeStated(
  source: string,
  field: string,
  key: string,
  compare: (expected: never, mail: ParsedMail) => Comparison,
): void {
  const all = stated(source)
  const ids = [...all.values()]
    .filter((one) => one.expected[key] !== undefined && one.expected[key] !== null)
    .map((one) => one.id)
  const at = (id: string) => {
    const one = all.get(id)
    if (!one) throw new Error(id)
    return compare(one.expected[key] as never, mailOf(one))
  }
  judge(`${source} ${field}`, ids, at, STATED[source]?.[field] ?? {})
}

type Named = { name: string | null; address: string }
const named = (list: Address[]): Named[] => list.map(({ name, email }) => ({ name: name || null, address: email }))
type When = Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'tz_hour' | 'tz_minute', number> & {
  tz_before_gmt: boolean
}

describe('what the projects themselves state', () => {
  it('zammad: subjects, senders and attachments', () => {
    judgeStated('zammad', 'subject', 'subject', (s: string, mail) => ({
      got: oneLine(mail.subject),
      expected: oneLine(s),
    }))
    judgeStated('zammad', 'from', 'from_email', (s: string, mail) => ({
      got: mail.from?.email ?? null,
      expected: s.toLowerCase(),
    }))
    judgeStated('zammad', 'name', 'from_display_name', (s: string, mail) => ({
      got: mail.from?.name ?? '',
      expected: oneLine(s),
    }))
    type Stated = { filename: string; size_of_data_in_source: number; is_html_alternative: boolean }
    // An HTML alternative is no attachment here.
    judgeStated('zammad', 'attachments', 'attachments', (list: Stated[], mail) => ({
      got: mail.attachments.map((one) => [one.filename, one.size]),
      expected: list.filter((one) => !one.is_html_alternative).map((one) => [one.filename, one.size_of_data_in_source]),
    }))
  })

  it('stalwart: addresses, dates, text and attachments', () => {
    judgeStated('stalwart', 'subject', 'subject', (s: string, mail) => ({
      got: oneLine(mail.subject),
      expected: oneLine(s),
    }))
    judgeStated('stalwart', 'from', 'from', (s: Named[], mail) => ({
      got: named(mail.from ? [mail.from] : []),
      expected: s.slice(0, 1),
    }))
    judgeStated('stalwart', 'to', 'to', (s: Named[], mail) => ({ got: named(mail.to), expected: s }))
    judgeStated('stalwart', 'id', 'message_id', (s: string, mail) => ({ got: mail.messageId, expected: s }))
    judgeStated('stalwart', 'date', 'date', (s: When, mail) => {
      const offset = (s.tz_hour * 60 + s.tz_minute) * (s.tz_before_gmt ? -1 : 1)
      return { got: mail.date, expected: Date.UTC(s.year, s.month - 1, s.day, s.hour, s.minute - offset, s.second) }
    })
    judgeStated('stalwart', 'text', 'text', (s: string, mail) => ({
      got: oneLine(mail.fullText),
      expected: oneLine(s),
    }))
    type Stated = { name: string | null; size_after_decoding: number | null }
    judgeStated('stalwart', 'attachments', 'attachments', (s: Stated[], mail) => ({
      got: mail.attachments.map((one, i) => [
        s[i]?.name === null ? null : one.filename,
        s[i]?.size_after_decoding === null ? null : one.size,
      ]),
      expected: s.map((one) => [one.name, one.size_after_decoding]),
    }))
  })

  it('zbateson: subjects, addresses, attachments and text', () => {
    const pair = ({ name, email }: { name: string; email: string }) => ({ name, email })
    judgeStated('zbateson', 'subject', 'subject', (s: string, mail) => ({
      got: oneLine(mail.subject),
      expected: oneLine(s),
    }))
    judgeStated('zbateson', 'from', 'from', (s: Address, mail) => ({
      got: mail.from && pair(mail.from),
      expected: pair(s),
    }))
    judgeStated('zbateson', 'to', 'to', (s: Address, mail) => ({ got: mail.to.map(pair), expected: [pair(s)] }))
    judgeStated('zbateson', 'attachments', 'attachment_count', (s: number, mail) => ({
      got: mail.attachments.length,
      expected: s,
    }))
    // Texts stated with U+FFFD hold no umlauts to compare.
    const bare = (text: string) => oneLine(text).replace(/[^\x20-\x7e]/g, '')
    judgeStated('zbateson', 'text', 'text', (s: string, mail) => ({ got: bare(mail.fullText), expected: bare(s) }))
  })

  it('libredesk: which parts a helpdesk keeps, and which of them are inline', () => {
    type Kept = { name?: string; cid?: string; type: string; disposition: string }
    judgeStated('libredesk', 'attachments', 'attachments_kept_by_helpdesk', (kept: Kept[], mail) => ({
      got: mail.attachments.map((one, i) => ({
        name: kept[i]?.name === undefined ? undefined : one.filename,
        cid: one.contentId ?? undefined,
        type: one.contentType,
        disposition: one.inline ? 'inline' : 'attachment',
      })),
      expected: kept.map(({ name, cid, type, disposition }) => ({ name, cid, type, disposition })),
    }))
  })

  it('mime4j: every decoded body byte for byte', () => {
    type Body = { size: number; sha256: string }
    type Tree = { tag: string; children?: Tree[]; 'text-body'?: Body; 'binary-body'?: Body }
    /** Leaves in order; an embedded message is one leaf of ours and is not compared. */
    const leaves = (tree: Tree, isRoot = true): (Body | null)[] => {
      if (tree.tag === 'message' && !isRoot) return [null]
      const own = tree['text-body'] ?? tree['binary-body']
      return own ? [own] : (tree.children ?? []).flatMap((child) => leaves(child, false))
    }
    const digest = (raw: Uint8Array, part: IndexedPart) => {
      const body = decodeBytes(part.encoding, raw.subarray(part.start, part.end))
      return { size: body.length, sha256: createHash('sha256').update(body).digest('hex') }
    }
    const all = stated('mime4j')
    const compare = (id: string) => {
      const one = all.get(id)
      if (!one) throw new Error(id)
      const raw = bytesOf(one)
      const expected = leaves(one.expected.mime_tree as Tree)
      const ours = indexBytes(raw).parts.filter((part) => !part.multipart)
      return { got: ours.map((part, i) => (expected[i] === null ? null : digest(raw, part))), expected }
    }
    judge('mime4j bodies', [...all.keys()], compare, STATED.mime4j?.bodies ?? {})
  })
})
