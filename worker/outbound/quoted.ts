// The customer's last words below a reply, as every mail program does it. Pure.
import type { Address } from '../contract/http'
import type { MessageBody } from '../platform/blobs'

/** Characters of the quote; a customer knows what they wrote. */
const LONGEST = 10_000

export type QuotedMessage = { from: Address; text: string; receivedAt: number }

/** The body of a reply with the quoted message below it, in text and, where the reply has it, in HTML. */
export function withQuote(
  body: Pick<MessageBody, 'text' | 'html'>,
  quoted: QuotedMessage | null,
): { text: string; html: string | null } {
  if (!quoted?.text.trim()) return { text: body.text, html: body.html }
  const opener = `On ${when(quoted.receivedAt)}, ${sender(quoted.from)} wrote:`
  const words = quoted.text.length > LONGEST ? `${quoted.text.slice(0, LONGEST).toWellFormed()} […]` : quoted.text
  const lines = words.trim().split(/\r\n|\r|\n/)
  return {
    text: `${body.text.trimEnd()}\n\n${opener}\n${lines.map((line) => (line === '' ? '>' : `> ${line}`)).join('\n')}\n`,
    html:
      body.html &&
      `${body.html}<br><div class="gmail_quote"><div>${escaped(opener)}</div><blockquote type="cite" style="margin:0 0 0 0.8ex;border-left:1px solid #ccc;padding-left:1ex">${lines.map(escaped).join('<br>')}</blockquote></div>`,
  }
}

/** "Fri, 20 Nov 2026 at 12:30 UTC": the same for every reader and every run. */
function when(at: number): string {
  const [, date, time] = /^(.*\d{4}) (\d\d:\d\d)/.exec(new Date(at).toUTCString()) ?? []
  return `${date} at ${time} UTC`
}

const sender = ({ name, email }: Address) => (name && name !== email ? `${name} <${email}>` : email)

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
