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
  headerFields: 2_000,
  parts: 1_000,
  nesting: 50,
  addresses: 500,
  references: 200,
  filenameChars: 200,
  subjectChars: 998,
  /** characters of the new part kept in D1 for lists and search */
  storedTextChars: 32_000,
  /** a mail up to this size is held in memory while it is stored and parsed; larger ones are streamed */
  inMemory: 1024 * 1024,
} as const
