// A raw message to the values the pipeline works with. Never throws, whatever the bytes are; rejects only where the source cannot
// be read, which is no fault of the mail and worth another try.
import { parseAddressList } from './address'
import { describeAttachments } from './attachments'
import { classify } from './automated'
import { planBody } from './body-plan'
import { type BodyText, readBody } from './body-text'
import { readBounce } from './bounce'
import { decodeText } from './charset'
import { parseDate } from './date'
import { decodeBytes } from './decode'
import { cleanLine, firstHeader, headerText, headerValues, parseMessageIds } from './headers'
import { LIMITS } from './limits'
import { indexBytes } from './mime-index'
import { newPart } from './quote'
import { readRange } from './source'
import type { Address, BounceReport, HeaderField, IndexedPart, MimeIndex, ParsedMail, RawSource } from './types'

/** Fields that may name the address a mail was delivered to: lists, aliases and forwarders leave it in one of them. */
const RECIPIENT_FIELDS = [
  'to',
  'cc',
  'delivered-to',
  'x-original-to',
  'envelope-to',
  'x-envelope-to',
  'resent-to',
  'resent-cc',
  'x-forwarded-to',
  'apparently-to',
]

/** A message held in memory as a source. */
export function bytesSource(bytes: Uint8Array): RawSource {
  return {
    size: bytes.length,
    range: async (start, end) =>
      new ReadableStream<Uint8Array>({
        start(controller) {
          const slice = bytes.subarray(start, end)
          if (slice.length > 0) controller.enqueue(slice)
          controller.close()
        },
      }),
  }
}

/** Parses a message held in memory. */
export async function parseBytes(bytes: Uint8Array): Promise<ParsedMail> {
  return parseMail(indexBytes(bytes), bytesSource(bytes))
}

/**
 * Parses a message by its index. Text parts are read by range within LIMITS; attachment bodies stay where they are.
 * What was malformed is told in `warnings`.
 */
export async function parseMail(index: MimeIndex, source: RawSource): Promise<ParsedMail> {
  const { headers } = index
  const warnings = new Set(index.warnings)
  const warn = (text: string) => {
    if (warnings.size < LIMITS.warnings) warnings.add(text)
  }
  /** The last line of defence: a defect of ours must still end as a ticket. */
  const guarded = <T>(what: string, fallback: T, read: () => T): T => {
    try {
      return read()
    } catch {
      warn(`${what} could not be read`)
      return fallback
    }
  }
  const addresses = (...names: string[]) =>
    guarded('an address field', [], () =>
      names.flatMap((name) => headerValues(headers, name).flatMap(parseAddressList)).slice(0, LIMITS.addresses),
    )
  const ids = (name: string) =>
    guarded(name, [], () => parseMessageIds(headerValues(headers, name).join(' ').slice(0, LIMITS.headers)))

  const plan = planBody(index.parts)
  const body = await readBody(source, plan.fragments, warn)
  const attachments = await describeAttachments(source, plan.attachments, body.files, body.html)
  const from = addresses('from')[0] ?? null
  const automated = guarded('the kind of sender', { automated: false, kind: 'human' as const, rule: null }, () =>
    classify(headers, { from: from ?? localSender(headers), contentType: index.parts[0]?.contentType ?? 'text/plain' }),
  )
  const reports = automated.kind === 'bounce' || index.parts.some((part) => /delivery-status$/.test(part.contentType))
  const reportParts = reports ? await readReport(source, index.parts, body) : []
  return {
    headers,
    subject: headerText(firstHeader(headers, 'subject')).slice(0, LIMITS.subjectChars).toWellFormed(),
    from,
    replyTo: addresses('reply-to'),
    to: addresses('to'),
    cc: addresses('cc'),
    recipients: unique(addresses(...RECIPIENT_FIELDS)),
    date: guarded('the date', null, () => parseDate(firstHeader(headers, 'date'))),
    messageId:
      ids('message-id')[0] ??
      (cleanLine(firstHeader(headers, 'message-id') ?? '').slice(0, LIMITS.subjectChars) || null),
    inReplyTo: ids('in-reply-to'),
    references: ids('references'),
    text: guarded('the quote', body.text, () => newPart(body.text).text),
    fullText: body.text,
    html: body.html,
    attachments,
    automated,
    bounce: guarded<BounceReport | null>('the bounce report', null, () => readBounceOf(headers, reportParts)),
    authenticationResults: firstHeader(headers, 'authentication-results'),
    warnings: [...warnings],
  }
}

/** A sender without a domain ("MAILER-DAEMON") is no address to answer, but tells who wrote. */
function localSender(headers: HeaderField[]): Address | null {
  const name = /^[\w.-]{1,64}(?=\s|$|\()/.exec(headerText(firstHeader(headers, 'from')))?.[0]
  return name === undefined ? null : { name: '', email: name.toLowerCase() }
}

const unique = (addresses: Address[]) => [...new Set(addresses.map(({ email }) => email))]

type ReportPart = { contentType: string; text: string }

const readBounceOf = (headers: HeaderField[], parts: ReportPart[]) =>
  parts.length > 0 ? readBounce(headers, parts) : null

/** The leaves of a report with their text: what was read as body, and the heads of its reports and returned messages. */
async function readReport(source: RawSource, parts: IndexedPart[], body: BodyText): Promise<ReportPart[]> {
  const read: ReportPart[] = []
  for (const part of parts) {
    const known = body.partTexts.get(part.path)
    if (known !== undefined) {
      read.push({ contentType: part.contentType, text: known })
    } else if (/^(?:text|message)\//.test(part.contentType) && read.length < LIMITS.embeddedParts) {
      const raw = await readRange(source, part.start, part.end, LIMITS.embeddedPart)
      read.push({ contentType: part.contentType, text: decodeText(decodeBytes(part.encoding, raw), part.charset).text })
    }
  }
  return read
}
