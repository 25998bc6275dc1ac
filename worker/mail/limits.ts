// Every size limit of mail reading and writing. Bytes unless the name says otherwise.

export const LIMITS = {
  /** attachments above this are rows 'skipped', reason 'too_large' */
  attachment: 100 * 1024 * 1024,
  /** raw messages above this are quarantined unread (base64 of the largest attachments plus text) */
  rawMessage: 200 * 1024 * 1024,
  /** at most this much of one text part is decoded */
  textPart: 2 * 1024 * 1024,
  /** at most this much text of all parts together */
  textTotal: 4 * 1024 * 1024,
  /** one header section; the rest is ignored with a warning */
  headers: 512 * 1024,
  /** header sections of all parts together; parts past it are read as if they had no header */
  headersTotal: 2 * 1024 * 1024,
  /** folded lines of one section counted; long To fields fold into thousands */
  headerLines: 20_000,
  parts: 1_000,
  nesting: 50,
  /** RFC 2046 section 5.1.1 allows 70; mailers have been seen with hundreds */
  boundary: 998,
  addresses: 500,
  references: 200,
  filenameChars: 200,
  subjectChars: 998,
  warnings: 50,
  /** how much of an embedded message or report is read, to name it or to see what bounced */
  embeddedPart: 64 * 1024,
  /** embedded messages and reports looked into */
  embeddedParts: 20,
  /** characters of the new part kept in D1 for lists and search */
  storedTextChars: 32_000,
  /** a mail up to this size is held in memory while it is stored and parsed; larger ones are streamed */
  inMemory: 1024 * 1024,
} as const
