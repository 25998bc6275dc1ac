// Every limit and price of talking to Gmail. Milliseconds and bytes unless the name says otherwise.
import { LIMITS } from '../../mail/limits'

/** Quota units of each method: Gmail's table for projects since May 2026, the dearer one. */
export const UNITS = { get: 20, list: 5, history: 2, profile: 1, watch: 100, stop: 50, send: 100, sendAs: 1 } as const

export const GMAIL_LIMITS = {
  headers: 30_000,
  idle: 30_000,
  /** one answer, from its first to its last byte */
  total: 5 * 60_000,
  json: 8 * 1024 * 1024,
  redirects: 3,
  /** messages on the way at once: an invocation has six connections, and R2 needs some */
  parallel: 4,
  /** a message up to this size is handed over whole; a larger one as a stream */
  held: 3 * 1024 * 1024,
  /** everything of a message's JSON but its content */
  fields: 256 * 1024,
  message: LIMITS.rawMessage,
  /** entries of one page of a list or of the history */
  page: 500,
  /** ids of one window of a listing, kept in the cursor; and of the narrowest possible one */
  window: 2_000,
  fullWindow: 30_000,
  /** windows looked at in one go */
  windows: 20,
  /** a history id that was read this recently cannot have expired by age */
  recent: 10 * 60_000,
  /** MIME up to this size goes out inside JSON, larger as an upload */
  jsonSend: 5_000_000,
  /** messages.send: "maxSize" of the discovery document */
  send: 36_700_160,
  /** waiting for the answer of a send: this plus the message at `bytesPerMs` */
  sendWait: 120_000,
  bytesPerMs: 16,
  /** header section of a message that is sent */
  headerSection: LIMITS.headers,
}
export type GmailLimits = typeof GMAIL_LIMITS
