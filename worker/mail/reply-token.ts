// The signed token that ties a mail to its ticket: in the Message-ID of what we send, and in a plus-address of ours.
// One format, `pr-<ticket>-<signature>`: lower case letters, digits and '-', because mail systems change the case of addresses
// and Message-IDs and wrap what they do not know. Signature: HMAC-SHA-256 over tenant and ticket, cut to 80 bits.

const TICKET_ID = /^tkt_[0-9a-z]{1,32}$/
const TOKEN = /(?:^|[<+"'])pr-([0-9a-z]{1,32})-([a-z2-7]{16})(?=[.@])/
/** RFC 4648 section 6, lower case */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** RFC 5321 section 4.5.3.1.1 */
const LOCAL_PART = 64

/**
 * A Message-ID (without angle brackets, a dot-atom of RFC 5322) that carries the ticket and its signature.
 * The same input gives the same id, so that a retry never makes a second mail of it. Throws a RangeError on ids or domains that are not ours.
 */
export async function signedMessageId(
  secret: string,
  input: { tenantId: string; ticketId: string; messageId: string; domain: string },
): Promise<string> {
  const unique = input.messageId
    .toLowerCase()
    .replace(/[^0-9a-z]/g, '')
    .slice(-26)
  if (unique === '') throw new RangeError('a Message-ID needs the id of its message')
  return `${await token(secret, input)}.${unique}@${asciiDomain(input.domain)}`
}

/**
 * An inbox address with the ticket's token as its detail (RFC 5233), or null where it would outgrow a local part.
 * Only for inboxes whose server delivers plus-addresses.
 */
export async function replyAddress(
  secret: string,
  input: { tenantId: string; ticketId: string; address: string },
): Promise<string | null> {
  const at = input.address.lastIndexOf('@')
  const local = `${input.address.slice(0, at).split('+', 1)[0]}+${await token(secret, input)}`
  return at > 0 && local.length <= LOCAL_PART ? `${local}${input.address.slice(at)}` : null
}

/** The ticket a Message-ID or an address leads to; null without a token, with a wrong signature, or for another tenant's token. */
export async function readToken(secret: string, tenantId: string, value: string): Promise<{ ticketId: string } | null> {
  const match = TOKEN.exec(value.replace(/\s+/g, '').toLowerCase().slice(0, 1_000))
  if (!match) return null
  const ticketId = `tkt_${match[1]}`
  const expected = await signature(secret, tenantId, ticketId)
  return sameText(expected, match[2] ?? '') ? { ticketId } : null
}

async function token(secret: string, { tenantId, ticketId }: { tenantId: string; ticketId: string }): Promise<string> {
  if (!TICKET_ID.test(ticketId)) throw new RangeError('not a ticket id')
  return `pr-${ticketId.slice('tkt_'.length)}-${await signature(secret, tenantId, ticketId)}`
}

async function signature(secret: string, tenantId: string, ticketId: string): Promise<string> {
  const encoder = new TextEncoder()
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
  // The purpose and the separators keep this signature from standing for anything else signed with the same secret.
  const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(`reply-token\n${tenantId}\n${ticketId}`))
  return base32(new Uint8Array(mac, 0, 10))
}

function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += BASE32[(value >> bits) & 31]
    }
  }
  return text
}

/** Compares without telling by its duration how much was right. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(b.length, 1))
  return difference === 0
}

function asciiDomain(domain: string): string {
  const ascii = /[\s/\\@:?#<>[\]%]/.test(domain) ? '' : (URL.parse(`http://${domain}`)?.hostname ?? '')
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(ascii)) throw new RangeError('not a mail domain')
  return ascii
}
