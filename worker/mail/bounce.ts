// Reads delivery status notifications: RFC 3464 reports first, plain-text notices of mail servers where there is no report.
// Pure. Says nothing about vacation notes, read receipts and abuse reports: those are not bounces.

import { parseAddressList } from './address'
import { classify } from './automated'
import { readNotice, statusesIn, statusOf } from './bounce-notice'
import { firstHeader, headerValues } from './headers'
import type { BounceReport, HeaderField } from './types'

type Part = { contentType: string; text: string }
type Recipient = BounceReport['recipients'][number]

const LIMIT = { text: 256 * 1024, recipients: 200, diagnosticChars: 1_000 }
const ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const

/**
 * Reads what a mail server reports about a message of ours (RFC 3464, RFC 6533), or null when the mail is no such report.
 * `parts`: the leaf parts in order with their decoded text, and message/rfc822 as it stands.
 * `permanent` is true when at least one recipient will not get the message: action failed, or a 5.x.x status without an action.
 */
export function readBounce(headers: HeaderField[], parts: Part[]): BounceReport | null {
  const contentType = (firstHeader(headers, 'content-type') ?? '').toLowerCase()
  if (/report-type\s*=\s*"?(?:feedback-report|disposition-notification)/.test(contentType)) return null
  if (parts.some((part) => part.contentType === 'message/feedback-report')) return null

  const read = parts.map((part) => ({ ...part, text: part.text.slice(0, LIMIT.text) }))
  const statuses = read.filter((part) => /^message\/(?:global-)?delivery-status$/.test(part.contentType))
  // A damaged boundary leaves the report within the text.
  const reports = statuses.length > 0 || !contentType.startsWith('multipart/report') ? statuses : read
  const reported = reports.flatMap((part) => recipientsOf(part.text)).slice(0, LIMIT.recipients)
  const notice = reported.length === 0 && fromMailServer(headers) ? readNotice(headers, read) : null
  const recipients = reported.length > 0 ? reported : (notice ?? [])
  if (recipients.length === 0) return null
  return {
    originalMessageId: originalMessageId(headers, read),
    recipients: recipients.map((one) => ({
      ...one,
      diagnostic: one.diagnostic?.slice(0, LIMIT.diagnosticChars) ?? null,
    })),
    permanent: recipients.some(
      (one) => one.action === 'failed' || (one.action === 'unknown' && one.status?.startsWith('5')),
    ),
  }
}

/** One judge for all: what the classifier takes for a bounce. */
function fromMailServer(headers: HeaderField[]): boolean {
  const from = parseAddressList(firstHeader(headers, 'from'))[0] ?? null
  return classify(headers, { from, contentType: '' }).kind === 'bounce'
}

/** Groups of fields separated by empty lines; only groups that name a recipient count (RFC 3464 section 2.3). */
function recipientsOf(text: string): Recipient[] {
  return text
    .replace(/\r\n?/g, '\n')
    .split(/\n[ \t]*\n/)
    .map(fieldsOf)
    .flatMap((fields) => {
      const address = addressField(fields, 'original-recipient') ?? addressField(fields, 'final-recipient')
      if (address === null) return []
      const diagnostic =
        firstHeader(fields, 'diagnostic-code')
          ?.replace(/^\s*[\w-]+\s*;\s*/, '')
          .trim() || null
      const status = bestStatus(firstHeader(fields, 'status'), diagnostic)
      return [{ address, action: actionOf(firstHeader(fields, 'action'), status), status, diagnostic }]
    })
}

function actionOf(field: string | null, status: string | null): Recipient['action'] {
  const said = (field ?? '').trim().toLowerCase()
  // Postfix answers an address probe with "deliverable".
  return ACTIONS.find((action) => said.startsWith(action)) ?? (status?.startsWith('2') ? 'delivered' : 'unknown')
}

/** 'rfc822; a@b', also 'utf-8;' (RFC 6533) and bare or bracketed addresses; null where there is no mailbox. */
function addressField(fields: HeaderField[], name: string): string | null {
  const value = (firstHeader(fields, name) ?? '').replace(/^[^;@]*;/, '')
  return value.match(/[^\s<>;,"()]+@[^\s<>;,"()]+/)?.[0].toLowerCase() ?? null
}

/**
 * The Status field, unless it is missing or unspecific (x.y.0) and the server's own words carry a precise code of the same class
 * (RFC 3463; many gateways report 5.0.0 and quote "550 5.1.1 …").
 */
function bestStatus(field: string | null, diagnostic: string | null): string | null {
  const stated = field?.match(/^\s*([245]\.\d{1,3}\.\d{1,3})/)?.[1] ?? null
  if (stated === null) return diagnostic === null ? null : statusOf(diagnostic)
  if (!stated.endsWith('.0')) return stated
  return statusesIn(diagnostic ?? '').find((one) => !one.endsWith('.0') && one[0] === stated[0]) ?? stated
}

/** Header lines of a text up to its first empty line, unfolded, names in lower case. */
function fieldsOf(text: string): HeaderField[] {
  const fields: HeaderField[] = []
  for (const line of text.replace(/^\s*[\r\n]+/, '').split(/\r\n|\r|\n/)) {
    if (line.trim() === '') break
    const last = fields.at(-1)
    const colon = line.indexOf(':')
    if (/^[ \t]/.test(line) && last) last.value += ` ${line.trim()}`
    else if (colon > 0)
      fields.push({ name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() })
  }
  return fields
}

/** The quoted original's Message-ID: from its headers, else from the notice's text, else what the report itself answers. */
function originalMessageId(headers: HeaderField[], parts: Part[]): string | null {
  for (const part of parts) {
    if (!/^(?:message\/(?:rfc822|global|partial)|text\/rfc822-headers|message\/global-headers)$/.test(part.contentType))
      continue
    const id = messageIdIn(firstHeader(fieldsOf(part.text), 'message-id') ?? '')
    if (id) return id
  }
  for (const part of parts) {
    const id = part.text.match(/^[ \t>]*(?:original[ -])?message-id:\s*<([^<>\s]{1,500})>/im)?.[1]
    if (id) return id
  }
  const answered = [...headerValues(headers, 'in-reply-to'), ...headerValues(headers, 'references').reverse()]
  return answered.map(messageIdIn).find((id) => id !== null) ?? null
}

function messageIdIn(value: string): string | null {
  return value.match(/<([^<>\s]+)>/)?.[1] ?? null
}
