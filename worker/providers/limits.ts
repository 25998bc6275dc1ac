// Every time and size limit of talking to mail servers. Milliseconds and bytes unless the name says otherwise.
import { LIMITS } from '../mail/limits'

export const IMAP_LIMITS = {
  connect: 15_000,
  greeting: 15_000,
  /** from the socket to the end of the login, all round trips together */
  login: 45_000,
  command: 30_000,
  /** silence in the middle of an answer */
  idle: 30_000,
  /** waiting for one message: `command` plus its size at this many bytes a millisecond */
  bytesPerMs: 16,
  /** waiting for another user of the same connection */
  loan: 60_000,
  /** messages up to this size are fetched whole, several in one command */
  whole: LIMITS.inMemory,
  batchMessages: 100,
  batchBytes: 8 * 1024 * 1024,
  /** whole messages that wait for the caller while the next ones arrive */
  readAhead: 4 * 1024 * 1024,
  /** one partial fetch of a larger message */
  window: 1024 * 1024,
  /** answers shorter than asked before a server counts as stuck */
  shortAnswers: 64,
  /** the largest literal ever held; a server that ignores partial fetch cannot send more */
  literal: 24 * 1024 * 1024,
  line: 8 * 1024 * 1024,
  message: LIMITS.rawMessage,
  /** UIDs: the first window of a scan, and how it grows where the UID space is sparse */
  scanWindow: 1_000,
  scanGrowth: 8,
  /** UIDs of one command: its line stays under the 8,192 bytes some servers take */
  uidsPerCommand: 500,
}
export type ImapLimits = typeof IMAP_LIMITS

export const SMTP_LIMITS = {
  connect: 15_000,
  greeting: 15_000,
  /** from the socket to the end of the login */
  login: 45_000,
  /** silence at any point */
  idle: 60_000,
  /** from MAIL FROM to the last answer: this plus the message at `bytesPerMs` */
  send: 180_000,
  bytesPerMs: 16,
  response: 64 * 1024,
  /** one line, and the lines of one reply, before TLS */
  lineBytes: 8_192,
  lines: 100,
}
export type SmtpLimits = typeof SMTP_LIMITS

/** Test connection: a person waits. */
export const CHECK_LIMITS = {
  resolve: 2_000,
  connect: 10_000,
  /** a server that speaks first has spoken by then */
  greeting: 5_000,
  line: 10_000,
  lineBytes: 8_192,
  lines: 100,
}
export type CheckLimits = typeof CHECK_LIMITS

/** Requests to an authority's token and revocation endpoints, and to the few small answers around them. */
export const OAUTH_LIMITS = {
  /** one request with its whole answer */
  time: 15_000,
  answer: 64 * 1024,
}
export type OAuthLimits = typeof OAUTH_LIMITS
