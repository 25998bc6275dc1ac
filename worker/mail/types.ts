// Values the pure mail zone hands to the pipeline. Offsets and sizes are bytes, times are ms since the epoch, ids carry no angle brackets.

export type Address = { name: string; email: string }
/** One header field, unfolded but not decoded, in order of appearance. `name` is lower case. */
export type HeaderField = { name: string; value: string }

/** One MIME part as the index saw it. `path` is '1', '2.1', …; the whole message of a single-part mail is '1', the outermost container ''. */
export type IndexedPart = {
  path: string
  headers: HeaderField[]
  /** lower case, 'text/plain' where missing or unreadable */
  contentType: string
  charset: string | null
  /** Content-Transfer-Encoding, lower case: '7bit', '8bit', 'binary', 'base64', 'quoted-printable', 'x-uuencode', or as given */
  encoding: string
  disposition: 'inline' | 'attachment' | null
  filename: string | null
  /** without angle brackets */
  contentId: string | null
  /** Body bytes in the raw message: [start, end), without the line break that belongs to the boundary. */
  start: number
  end: number
  /** exact decoded bytes of a base64 leaf, counted in the pass; null for other encodings and containers */
  decodedSize: number | null
  multipart: boolean
}

/** The whole structure after one streaming pass. `parts` in order of appearance, containers included. */
export type MimeIndex = {
  headers: HeaderField[]
  headerEnd: number
  parts: IndexedPart[]
  size: number
  warnings: string[]
}

/** A raw message that can be read in ranges; from R2 or from memory. */
export type RawSource = {
  size: number
  /** bytes [start, end) */
  range(start: number, end: number): Promise<ReadableStream<Uint8Array>>
}

/** What becomes an attachment row. `decision` is made by parse.ts from disposition, Content-ID references and limits. */
export type ParsedAttachment = {
  part: string
  /** never empty, no path separators, no control characters */
  filename: string
  contentType: string
  contentId: string | null
  /** kept for rendering (referenced from the HTML), not listed */
  inline: boolean
  encoding: string
  start: number
  end: number
  /** decoded bytes: exact for parts read, else estimated from the encoded length */
  size: number
  decision: 'store' | 'too_large'
}

/** Who or what wrote the mail (RFC 3834 and the field's habits). `rule` names the first rule that hit. */
export type Classification = {
  automated: boolean
  /** 'auto_reply' | 'bounce' | 'list' | 'bulk' | 'notification' … */
  kind: 'human' | 'auto_reply' | 'bounce' | 'list' | 'bulk' | 'notification'
  rule: string | null
}

/** A delivery status notification about a message of ours (RFC 3464), as far as it could be read. */
export type BounceReport = {
  /** Message-ID of the original where the report quotes it */
  originalMessageId: string | null
  recipients: {
    address: string
    action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded' | 'unknown'
    status: string | null
    diagnostic: string | null
  }[]
  /** 5.x.x or failed: the recipient will not get it */
  permanent: boolean
}

/** A mail as the pipeline sees it. Made from any bytes; never a throw. */
export type ParsedMail = {
  headers: HeaderField[]
  subject: string
  /** null when no usable From exists */
  from: Address | null
  replyTo: Address[]
  to: Address[]
  cc: Address[]
  /** Every address the mail may have been delivered to: To, Cc, Delivered-To, X-Original-To, Resent-*, Envelope-To; lower case, unique. */
  recipients: string[]
  /** Date header, null where missing or unreadable */
  date: number | null
  messageId: string | null
  inReplyTo: string[]
  /** oldest first, as in the header */
  references: string[]
  /** the new part only; the whole text where there is doubt */
  text: string
  fullText: string
  html: string | null
  attachments: ParsedAttachment[]
  automated: Classification
  bounce: BounceReport | null
  /** the first Authentication-Results field, verbatim, for the badge */
  authenticationResults: string | null
  /** plain words: what was malformed and how it was read */
  warnings: string[]
}
