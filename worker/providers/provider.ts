// The interface every mail provider implements, and the contract suite in test/ holds them to. Adapters know no tenant and no ticket.

/** Where in its mailbox an adapter stopped; opaque JSON owned by the adapter, stored by the InboxObject. */
export type Cursor = unknown

/** One message at the provider. `identity` is the provider's own immutable id in ledger form, for example `imap:INBOX:1700000000:42`. */
export type MessageRef = {
  identity: string
  /** bytes, where the provider says so beforehand; not to be trusted */
  size?: number
  /** Bytes that are already stored from an earlier, interrupted fetch; the adapter may start there. */
  resumeAt?: number
}

/** `next` is to be stored only after every ref has its ledger row. `more`: another page waits. */
export type ChangePage = { refs: MessageRef[]; next: Cursor; more: boolean; status?: { messages?: number } }

/** `start` is the offset of the first byte of `raw`: resumeAt where the adapter resumed, else 0. */
export type FetchedMessage =
  | { ref: MessageRef; raw: ReadableStream<Uint8Array>; start: number; receivedAt: number | null }
  | { ref: MessageRef; error: ProviderError }

/** `raw` streams the prepared MIME; it can be opened again for a retry. */
export type OutboundMime = {
  envelope: { from: string; to: string[] }
  messageId: string
  size: number
  open(): Promise<ReadableStream<Uint8Array>>
}
/** `response` is the server's last answer, for the agent to read. */
export type SentRef = {
  providerId: string | null
  response: string
  accepted: string[]
  rejected: { address: string; response: string }[]
}

export type CheckStep = { name: string; status: 'pass' | 'warn' | 'fail'; ms: number; detail: string; hint?: string }
export type CheckReport = { ok: boolean; steps: CheckStep[] }

export interface MailProvider {
  /** Messages after the cursor, oldest first, at most `limit`; a null cursor starts anew by the adapter's `since`. */
  changes(cursor: Cursor | null, limit: number): Promise<ChangePage>
  /**
   * Raw messages in any order. Throws only where no mailbox can be opened; from then on each ref gets exactly one result, and one ref's
   * error never ends the others. The caller reads each stream to its end before asking for the next; leaving early is fine.
   */
  fetchRaw(refs: MessageRef[]): AsyncIterable<FetchedMessage>
  /** Sends once. Throws a ProviderError; `delivered: 'unknown'` on it says that the message may have gone out. */
  send(mime: OutboundMime): Promise<SentRef>
  /** What "Test connection" and "Diagnose" show. Never throws. */
  check(): Promise<CheckReport>
  /** Lets go of connections. Safe to call twice. */
  close(): Promise<void>
}

export type ProviderErrorKind =
  | 'auth_revoked'
  | 'rate_limited'
  | 'cursor_expired'
  | 'not_found'
  | 'too_large'
  | 'rejected'
  | 'transient'
  | 'protocol'

/**
 * The one error adapters throw. `message` is plain words for people and carries no secret.
 * `auth_revoked` only for terminal, allow-listed causes: it is what pauses an inbox. `rejected`: a permanent refusal of one message (SMTP 5xx).
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly kind: ProviderErrorKind
  /** stable cause for tests and hints, for example `imap_auth_failed`, `tls_required` */
  readonly code: string
  /** milliseconds */
  readonly retryAfter: number | undefined
  /** what the person can do about it */
  readonly hint: string | undefined
  /** for send(): whether the message may already be with the server */
  readonly delivered: 'no' | 'unknown'

  constructor(
    kind: ProviderErrorKind,
    code: string,
    message: string,
    options: { cause?: unknown; retryAfter?: number; hint?: string; delivered?: 'no' | 'unknown' } = {},
  ) {
    super(message, { cause: options.cause })
    this.kind = kind
    this.code = code
    this.retryAfter = options.retryAfter
    this.hint = options.hint
    this.delivered = options.delivered ?? 'no'
  }
}
