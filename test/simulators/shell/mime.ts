// The little of MIME that a mail service itself needs: header fields, addresses, encoded words. Pure; shares nothing with the product's parser.

/** `value` is unfolded and otherwise as written. */
export type Header = { name: string; value: string }

/** One header field in its mail: `raw` is the whole field with its folding and line end. */
export type Field = Header & { raw: Buffer }

/** The header block of a mail, and where its body begins. */
export type Head = { fields: Field[]; bodyStart: number }

/** Reads the header block at `start`. Lines that are no fields are kept as part of the field before them. */
export function readHead(bytes: Buffer, start = 0, end = bytes.length): Head {
  const fields: Field[] = []
  let position = start
  let fieldStart = -1
  const close = (fieldEnd: number) => {
    if (fieldStart >= 0) fields.push(fieldOf(bytes.subarray(fieldStart, fieldEnd)))
  }
  while (position < end) {
    const newline = bytes.indexOf(10, position)
    const next = newline < 0 || newline >= end ? end : newline + 1
    const first = bytes[position]
    if (first === 10 || (first === 13 && bytes[position + 1] === 10)) {
      close(position)
      return { fields, bodyStart: next }
    }
    const folded = first === 32 || first === 9
    if (!folded && isFieldStart(bytes, position, next)) {
      close(position)
      fieldStart = position
    }
    position = next
  }
  close(position)
  return { fields, bodyStart: end }
}

function isFieldStart(bytes: Buffer, start: number, end: number): boolean {
  const colon = bytes.indexOf(58, start)
  return colon > start && colon < end && !bytes.subarray(start, colon).includes(32)
}

function fieldOf(raw: Buffer): Field {
  const text = raw.toString('utf8')
  const colon = text.indexOf(':')
  const value = text
    .slice(colon + 1)
    .replace(/\r?\n(?=[ \t])/g, '')
    .trim()
  return { name: text.slice(0, colon), value, raw }
}

/** The first field of that name, any case. */
export function field(fields: readonly Header[], name: string): string | null {
  const wanted = name.toLowerCase()
  return fields.find((candidate) => candidate.name.toLowerCase() === wanted)?.value ?? null
}

/** Addresses of a header value, lower case, without names: `"A, B" <a@x>, b@y` → a@x, b@y. */
export function addresses(value: string | null): string[] {
  if (!value) return []
  const bare = value.replace(/"(?:[^"\\]|\\.)*"/g, ' ').replace(/\([^()]*\)/g, ' ')
  return bare
    .split(/[,;]/)
    .map((entry) => (/<([^<>]*)>/.exec(entry)?.[1] ?? entry.split(':').at(-1) ?? '').trim().toLowerCase())
    .filter((address) => /^[^\s@]+@[^\s@]+$/.test(address))
}

/** Message ids with their angle brackets, as References and Message-ID carry them. */
export function messageIds(value: string | null): string[] {
  return value?.match(/<[^<>\s]+>/g) ?? []
}

/** RFC 2047 words decoded; what cannot be decoded stays as it is. */
export function decodeWords(value: string): string {
  return value
    .replace(/(\?=)\s+(?==\?)/g, '$1')
    .replace(/=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (word, charset: string, kind: string, text: string) => {
      const bytes =
        kind.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : quotedPrintable(Buffer.from(text.replace(/_/g, ' ')))
      return decodeText(bytes, charset) ?? word
    })
}

/** Text of a charset, or null when the charset is unknown. */
export function decodeText(bytes: Buffer, charset: string): string | null {
  try {
    return new TextDecoder(charset).decode(bytes)
  } catch {
    return null
  }
}

/** Undoes quoted-printable. */
export function quotedPrintable(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replace(/[ \t]*=[ \t]*\r?\n/g, '')
  return Buffer.from(
    text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

/** A structured value such as Content-Type: its token in lower case and its parameters, RFC 2231 included where it is simple. */
export function structured(value: string | null): { token: string; params: Record<string, string> } {
  const text = value ?? ''
  const params: Record<string, string> = {}
  for (const match of text.matchAll(/;\s*([\w-]+)(\*\d+)?(\*)?\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g)) {
    const name = (match[1] ?? '').toLowerCase()
    let part = match[4]?.replace(/\\(.)/g, '$1') ?? match[5] ?? ''
    if (match[3]) part = percentDecoded(part)
    params[name] = match[2] ? (params[name] ?? '') + part : part
  }
  return { token: text.split(';')[0]?.trim().toLowerCase() ?? '', params }
}

function percentDecoded(text: string): string {
  const [, charset, rest] = /^([^']*)'[^']*'(.*)$/.exec(text) ?? [null, 'utf-8', text]
  const bytes = Buffer.from(
    (rest ?? '').replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
  return decodeText(bytes, charset || 'utf-8') ?? text
}

/** The subject as threading compares it: without Re:, Fwd: and their likes, case and doubled spaces. */
export function subjectKey(value: string | null): string {
  return decodeWords(value ?? '')
    .replace(/^(\s*(re|fwd?|aw|wg|sv|antw|tr)(\[\d+\])?\s*:)+/i, '')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase()
}

/** A mail with other header fields: `edit` gets the fields and answers what the new head consists of. */
export function withHead(raw: Buffer, edit: (fields: Field[]) => Buffer[]): Buffer {
  const { fields, bodyStart } = readHead(raw)
  const last = raw.subarray(Math.max(0, bodyStart - 2), bodyStart)
  const blank = last.equals(Buffer.from('\r\n')) || last.at(-1) !== 10 ? '\r\n' : '\n'
  return Buffer.concat([...edit(fields), Buffer.from(blank), raw.subarray(bodyStart)])
}
