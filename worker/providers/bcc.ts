// Gmail and Graph read recipients from headers alone: those of the envelope that no header names go into a Bcc field, which they take out again.
import { domainToASCII } from 'node:url'
import { parseAddressList } from '../mail/address'
import { headerValues, parseHeaderLines } from '../mail/headers'
import type { OutboundMime } from './provider'
import { ProviderError } from './provider'

/** The Bcc field for a message, with its line end; empty where every recipient is named. `headers`: its header section, one char per byte. */
export function bccField(headers: string, recipients: readonly string[]): string {
  const fields = parseHeaderLines(headers.split(/\r\n|\r|\n/))
  const named = ['to', 'cc', 'bcc'].flatMap((name) =>
    headerValues(fields, name).flatMap((value) => parseAddressList(value).map(({ email }) => comparable(email))),
  )
  const known = new Set(named)
  const hidden = recipients.filter((address) => !known.has(comparable(address)))
  return hidden.length === 0 ? '' : `Bcc: ${hidden.join(',\r\n ')}\r\n`
}

/** The header writes international domains in ASCII, the envelope as they were typed. */
function comparable(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  return `${address.slice(0, at)}@${domainToASCII(domain) || domain}`.toLowerCase()
}

/** Reads the header section off a message, at most `limit` bytes of it. Throws a ProviderError where it does not end there. */
export async function headerSectionOf(mime: OutboundMime, limit: number): Promise<string> {
  const reader = (await mime.open()).getReader()
  let text = ''
  try {
    while (text.length <= limit) {
      const { done, value } = await reader.read()
      if (value) text += Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end >= 0) return text.slice(0, end)
      if (done) return text
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
  throw new ProviderError('rejected', 'bad_headers', 'The header of the mail is too large to be sent.')
}

/** Addresses go into a header line; what cannot stand there never gets that far. */
export function assertAddresses({ envelope }: OutboundMime): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  const bad = [envelope.from, ...envelope.to].some((address) => /[\s<>,;:"\\()[\]\u0000-\u001f\u007f]/.test(address))
  if (!bad && envelope.to.length > 0) return
  throw new ProviderError('rejected', 'bad_address', 'A sender or recipient address is not valid.')
}
