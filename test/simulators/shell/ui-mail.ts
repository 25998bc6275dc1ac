// Makes the raw mails that the compose page sends in: plain text, at most one attachment, everything in base64.
import { randomUUID } from 'node:crypto'

export type ComposedMail = {
  from: string
  to: string
  subject: string
  text: string
  /** ms */
  date: number
  /** Message-IDs of the conversation, oldest first */
  references?: readonly string[]
  attachment?: { name: string; type: string; bytes: Buffer }
}

/** The mail as bytes, with CRLF. */
export function composeMail(mail: ComposedMail): Buffer {
  const domain = /@([^@>\s]+)>?$/.exec(mail.from)?.[1] ?? 'mail.example'
  const references = mail.references ?? []
  const parent = references.at(-1)
  const head = [
    `From: ${encodedAddress(mail.from)}`,
    `To: ${encodedAddress(mail.to)}`,
    `Subject: ${encodedWords(mail.subject)}`,
    `Date: ${new Date(mail.date).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${randomUUID()}@${domain}>`,
    ...(parent ? [`In-Reply-To: ${parent}`, `References: ${references.join('\r\n ')}`] : []),
    'MIME-Version: 1.0',
  ]
  const text = ['Content-Type: text/plain; charset=utf-8', ...base64(Buffer.from(mail.text.replace(/\r?\n/g, '\r\n')))]
  const { attachment } = mail
  if (!attachment) return Buffer.from([...head, ...text, ''].join('\r\n'))
  const boundary = `=_${randomUUID()}`
  const file = [
    `Content-Type: ${safe(attachment.type) || 'application/octet-stream'}`,
    `Content-Disposition: attachment; filename*=UTF-8''${encodeURIComponent(attachment.name)}`,
    ...base64(attachment.bytes),
  ]
  const lines = [
    ...head,
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    ...text,
    `--${boundary}`,
    ...file,
    `--${boundary}--`,
    '',
  ]
  return Buffer.from(lines.join('\r\n'))
}

function base64(bytes: Buffer): string[] {
  return ['Content-Transfer-Encoding: base64', '', ...(bytes.toString('base64').match(/.{1,76}/g) ?? [])]
}

/** `Jörg <j@x>`: the name becomes encoded words, the address stays. */
function encodedAddress(address: string): string {
  const match = /^\s*(.*?)\s*<([^<>]+)>\s*$/.exec(address)
  return match?.[1] ? `${encodedWords(match[1])} <${safe(match[2] ?? '')}>` : safe(address)
}

/** RFC 2047 words of whole characters, each at most 75 long. */
function encodedWords(text: string): string {
  const clean = safe(text)
  if (/^[\x20-\x7e]*$/.test(clean)) return clean
  const words: string[] = []
  let word = ''
  for (const character of clean) {
    if (Buffer.byteLength(word + character) > 42) {
      words.push(word)
      word = ''
    }
    word += character
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join('\r\n ')
}

/** Without line breaks, so that nothing typed makes a header of its own. */
function safe(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').trim()
}
