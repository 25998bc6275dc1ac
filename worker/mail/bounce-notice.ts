// Plain-text bounce notices of servers that write no RFC 3464 report: qmail, Exim, old Exchange, Gmail, Yahoo and others.
// Pure. Reads only what stands before the returned message. The caller has made sure that a mail server wrote it.
import { headerValues } from './headers'
import type { BounceReport, HeaderField } from './types'

type Part = { contentType: string; text: string }
type Recipient = BounceReport['recipients'][number]

const LIMIT = { lines: 2_000, lineChars: 2_000, recipients: 100 }

const SERVER_SENDER =
  /mailer[-_.]?daemon|postmaster|mail[ .-]delivery|mail administrator|delivery subsystem|ndr administrator/
const FAILURE =
  /undeliver|not (?:be )?delivered|could not (?:be )?deliver|(?:unable|n[o']t able) to deliver|delivery (?:failed|failure|has failed|to the following|status)|deliver(?:y|ing) (?:problem|error)|mail delivery|failure notice|returned mail|permanent (?:fatal )?error|did not reach|wasn't delivered|didn't reach|final delivery|was aborted|fatal errors|transcript of session|failed recipient|rejected your message|user unknown|unknown user|not be accepted/
const DELAY =
  /warning message only|do not need to resend|will be retried|has been delayed|is delayed|delayed mail|\(delay\)|still being (?:tried|retried)|delivery attempts will continue|not yet been delivered/

/** Where the server begins to quote what it could not deliver. */
const ORIGINAL_BELOW =
  /^[\s>*-]*(?:(?:-{2,}.*)?(?:this is a copy of (?:the|your) message|below this line is (?:a|the) copy|original (?:message|mail)\b|the header of the original message|unsent message follows|returned message|included is a copy|message headers? follows?|undelivered message|content of the (?:original )?message|copy of the (?:original )?message))|^(?:received|return-path|x-received):/

/** Transcript lines that name the sender, ids or servers, not a recipient. */
const ABOUT_SENDER = /mail from:|envelope-from|message-id:|^\s*(?:from|sender|reply-to):/i

/** What servers say in words where they give no code; the first that fits wins (RFC 3463). */
const WORDS: [RegExp, string][] = [
  [
    /over ?quota|quota exceed|exceed(?:ed|s|ing)? (?:\w+ )?(?:storage|quota|disk|allowed size)|mailbox (?:is )?full|mailbox for .{0,80} full|insufficient (?:disk|storage|system storage)|out of (?:disk )?(?:space|storage)/,
    '5.2.2',
  ],
  [
    /(?:host|domain)(?: name)? (?:unknown|not found|lookup fail)|unknown (?:host|domain)|unrouteable mail domain|no such (?:host|domain)|name service error|domain (?:does not|doesn't) exist|couldn't find any host/,
    '5.1.2',
  ],
  [/an mx or srv record indicated no smtp|does not accept (?:mail|email)|null mx/, '5.1.10'],
  [/message (?:is )?(?:too (?:large|big)|exceeds)|size limit|maximum (?:message )?size/, '5.3.4'],
  [
    /user unknown|unknown (?:user|recipient|address|or illegal)|no such (?:user|person|recipient|mailbox|address)|not listed in|invalid (?:final delivery userid|recipient|mailbox|address)|no mailbox here|(?:mailbox|user|recipient|account|address).{0,60}(?:not found|does(?: not|n't) exist|unavailable|disabled|inactive|no longer)|couldn't be found|no valid recipients|recipnotfound|unrouteable address/,
    '5.1.1',
  ],
  [/relay(?:ing)? (?:is )?(?:denied|not (?:permitted|allowed))|unable to relay/, '5.7.1'],
  [/spam|blacklist|blocklist|blocked|banned|policy|access denied|dmarc|not authorized|permission/, '5.7.1'],
  [
    /tim(?:ed? ?|e-?)out|timed out|retry (?:time|timeout)|have been failing for a long time|for too long|was aborted after|delivery time expired|hours? in the queue|could not be reached|connection refused|not reachable|no route to host/,
    '5.4.7',
  ],
]

/**
 * The recipients a plain-text notice names, with the server's words about each; null when the mail is no such notice.
 * Recipients come from X-Failed-Recipients, else from the notice's text, else from the returned message's To.
 */
export function readNotice(headers: HeaderField[], parts: Part[]): Recipient[] | null {
  const value = (name: string) => headerValues(headers, name).join(' ').toLowerCase()
  const failedHeader = addressesIn(value('x-failed-recipients'))
  const from = value('from')

  const lines = parts
    .filter((part) => part.contentType.startsWith('text/') && part.contentType !== 'text/rfc822-headers')
    .flatMap((part) => part.text.split(/\r\n|\r|\n/))
    .slice(0, LIMIT.lines)
    .map((line) => line.slice(0, LIMIT.lineChars))
  const { notice, returned } = splitAtOriginal(lines)
  const said = `${value('subject')}\n${notice.join('\n')}`.toLowerCase()
  if (failedHeader.length === 0 && !FAILURE.test(said) && !DELAY.test(said)) return null

  const own = new Set([...addressesIn(value('to')), ...addressesIn(from)])
  const named = unique(notice.filter((line) => !ABOUT_SENDER.test(line)).flatMap(addressesIn)).filter(
    (one) => !SERVER_SENDER.test(one),
  )
  const others = named.filter((one) => !own.has(one))
  const candidates = [failedHeader, others, returnedTo(returned, parts), named]
  const addresses = (candidates.find((list) => list.length > 0) ?? []).slice(0, LIMIT.recipients)
  if (addresses.length === 0) return null

  const action = DELAY.test(said) ? 'delayed' : 'failed'
  return addresses.map((address) => {
    const about = wordsAbout(address, addresses, notice)
    const diagnostic = replyLine(about) ?? replyLine(notice) ?? (about.join(' ').trim() || null)
    const status = statusOf(about.join('\n')) ?? statusOf(said) ?? '5.0.0'
    return { address, action, status: action === 'delayed' ? `4${status.slice(1)}` : status, diagnostic }
  })
}

function splitAtOriginal(lines: string[]): { notice: string[]; returned: string[] } {
  const at = lines.findIndex((line) => ORIGINAL_BELOW.test(line.toLowerCase()))
  return at < 0 ? { notice: lines, returned: [] } : { notice: lines.slice(0, at), returned: lines.slice(at) }
}

/** To of the returned message: from its own part, or from the header lines quoted below the notice. */
function returnedTo(returned: string[], parts: Part[]): string[] {
  const attached = parts.find((part) => /rfc822/.test(part.contentType))?.text.split(/\r\n|\r|\n/) ?? []
  const line = [...attached, ...returned].find((one) => /^to:/i.test(one))
  return line === undefined ? [] : addressesIn(line)
}

/** The lines from the one that first names the address up to the next address of the list; qmail, Exim and Postfix write so. */
function wordsAbout(address: string, all: string[], notice: string[]): string[] {
  const first = notice.findIndex((line) => line.toLowerCase().includes(address))
  if (first < 0) return []
  const names = (line: string) => addressesIn(line).some((one) => one !== address && all.includes(one))
  const length = notice.slice(first + 1).findIndex(names)
  return length < 0 ? notice.slice(first) : notice.slice(first, first + 1 + length)
}

/** The line with the remote server's reply: it is what an administrator asks for. */
function replyLine(lines: string[]): string | null {
  const line = lines.find((one) => statusesIn(one).length > 0) ?? lines.find((one) => replyCode(one) !== null)
  return line?.trim() ?? null
}

/**
 * The most precise status a server's words allow: an enhanced code, else the words with the class of the SMTP reply, else that
 * class alone; null where they say nothing.
 */
export function statusOf(text: string): string | null {
  const quoted = statusesIn(text)
  const precise = quoted.find((one) => !one.endsWith('.0.0')) ?? null
  if (precise !== null) return precise
  const severity = quoted[0]?.[0] ?? replyCode(text)?.[0] ?? null
  const words = text.toLowerCase()
  const spoken = WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? null
  if (spoken !== null) return severity === null ? spoken : severity + spoken.slice(1)
  return severity === null ? null : `${severity}.0.0`
}

/** An SMTP reply code that stands alone: not a port, a year, a part of an address or of a number. */
function replyCode(text: string): string | null {
  return text.match(/(?<![\w.@/-]|\S:)[45]\d\d(?=[ \t,;-])(?!-?\d*\.\d)/)?.[0] ?? null
}

/** Enhanced status codes of failures (RFC 3463) in a text; parts of IP addresses and version numbers do not count. */
export function statusesIn(text: string): string[] {
  return text.match(/(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)/g) ?? []
}

function addressesIn(text: string): string[] {
  const found = text.match(/[^\s<>()[\]",;:*]{1,64}@[^\s<>()[\]",;:*]{1,255}/g) ?? []
  return unique(found.map((one) => one.toLowerCase().replace(/[.']+$/, '')))
}

function unique(list: string[]): string[] {
  return [...new Set(list)]
}
