// Every limit of talking to Graph. Milliseconds and bytes unless the name says otherwise.
import { LIMITS } from '../../mail/limits'

const HOUR = 3_600_000
export const GRAPH_LIMITS = {
  headers: 30_000,
  idle: 30_000,
  /** one answer, from its first to its last byte */
  total: 5 * 60_000,
  json: 8 * 1024 * 1024,
  redirects: 3,
  /** messages on the way at once, where nobody says how many may be */
  parallel: 3,
  /** a message up to this size is handed over whole; a larger one as a stream */
  held: 3 * 1024 * 1024,
  message: LIMITS.rawMessage,
  /** files in a cloud that are listed of one message, and the requests that are spent on it */
  links: 50,
  linkPages: 5,
  /** entries of one page of a listing or of a delta */
  page: 500,
  /** requests of one look for changes */
  steps: 12,
  /** times in one look that Graph may answer with the very link that was asked */
  repeats: 5,
  /** how far before the start a delta reaches: clocks differ, and mail is rescued from the junk folder */
  overlap: 48 * HOUR,
  /** what a delta with a filter answers at most (message: delta, "Optional query parameters"), with a margin */
  round: 4_500,
  /** a position that was taken this recently cannot have expired by age */
  recent: 10 * 60_000,
  /** MIME up to this size goes out in one request: Graph takes 4 MB of base64 */
  direct: 2_900_000,
  /** attachments together with the text: the size up to which Exchange Online lets mail out */
  send: 35_000_000,
  /** files from this size on go up through an upload session */
  session: 3_000_000,
  /** one range of an upload: a multiple of 320 KiB below 4 MB */
  range: 12 * 320 * 1024,
  /** waiting for the answer of a send: this plus the message at `bytesPerMs` */
  sendWait: 120_000,
  bytesPerMs: 16,
  /** looking for the sent copy, which may come late: how often, and how long between */
  copyLooks: 3,
  copyWait: 700,
  /** header section of a message that is sent */
  headerSection: LIMITS.headers,
  /** life of a subscription asked for, and where that is too long; minutes */
  lease: 10_070,
  shortLease: 4_220,
}
export type GraphLimits = typeof GRAPH_LIMITS

/** What Graph lets one app spend on one mailbox: requests in ten minutes, one per message, and requests at the same time. */
export const GRAPH_QUOTA = { units: 10_000, window: 600_000, perMessage: 1, jobs: 1, atOnce: 4 } as const
