// The interface every mail provider implements, and the contract suite in test/ holds them to. Adapters know no tenant and no ticket.
import type { CloudLink } from '../mail/cloud-link'

/** Where in its mailbox an adapter stopped; opaque JSON owned by the adapter, stored by the InboxObject. */
export type Cursor = unknown

/** One message at the provider. `identity` is the provider's own immutable id in ledger form, for example `imap:INBOX:1700000000:42`. */
export type MessageRef = {
  identity: string
  /** bytes, where the provider says so beforehand; not to be trusted */
  size?: number
  /** the provider's id of its conversation */
  thread?: string
  /** ms, where the listing says so */
  receivedAt?: number
  /** where it lies, as far as the listing tells; push announces received mail only */
  role?: MailRole
  /** whether files are attached, where the listing says so */
  attached?: boolean
  /** It has failed before, and asking for its links may be why: it is to come without those that cannot be had. */
  linksOptional?: boolean
  /** Bytes that are already stored from an earlier, interrupted fetch; the adapter may start there. */
  resumeAt?: number
}

/** Where a message lies at the provider, when it is not simply received mail. */
export type MailRole = 'sent' | 'spam' | 'trash' | 'draft'

/** `next` is to be stored only after every ref has its ledger row. `more`: another page waits. */
export type ChangePage = { refs: MessageRef[]; next: Cursor; more: boolean; status?: { messages?: number } }

/** `start` is the offset of the first byte of `raw`: resumeAt where the adapter resumed, else 0. */
export type FetchedMessage =
  | {
      ref: MessageRef
      raw: ReadableStream<Uint8Array>
      start: number
      receivedAt: number | null
      /** received mail where absent */
      role?: MailRole
      /** files that are not in `raw`, which only points at them; absent where there are none or they were not asked for */
      links?: CloudLink[]
    }
  | { ref: MessageRef; error: ProviderError }

/** `raw` streams the prepared MIME; it can be opened again for a retry. */
export type OutboundMime = {
  envelope: { from: string; to: string[] }
  messageId: string
  size: number
  /** the provider's id of the conversation to send into, where it is known */
  thread: string | null
  open(): Promise<ReadableStream<Uint8Array>>
}
/**
 * `response` is the server's last answer, for the agent to read. `copy`: the message as it now lies at the provider, with the
 * Message-ID it went out with, which may be another than ours; null where the provider keeps none or does not say.
 */
export type SentRef = {
  copy: { identity: string; thread: string | null; messageId: string | null } | null
  response: string
  accepted: string[]
  rejected: { address: string; response: string }[]
}

export type CheckStep = { name: string; status: 'pass' | 'warn' | 'fail'; ms: number; detail: string; hint?: string }
export type CheckReport = { ok: boolean; steps: CheckStep[] }

/**
 * A standing order for push. `expiresAt` ms, as granted. `subscription`: what names it in announcements and proves them, where the provider
 * works that way. `proven`: the provider has called us back while giving it.
 */
export type Lease = {
  expiresAt: number
  subscription?: { id: string; clientState: string }
  proven?: boolean
}

/** Providers that announce new mail. Each throws a ProviderError whose words say what is wrong with the set-up. */
export interface PushCapable {
  /** Ends whatever stood before and asks for push anew. */
  subscribe(standing: Lease | null): Promise<Lease>
  /** Prolongs what stands. */
  renew(standing: Lease): Promise<Lease>
  unsubscribe(standing: Lease | null): Promise<void>
}

/** What is done to a message that is on a ticket. A folder is named as people see it, `/` before one inside another; it is made where it is missing. */
export type Mark = { action: 'category' | 'read' } | { action: 'move'; folder: string }

/** The code of the error that says: this mailbox cannot be changed in this way until somebody mends it. Its words name the remedy. */
export const MARK_REFUSED = 'mark_refused'

/** Providers whose mailbox can be changed. Every mark can be made twice. */
export interface MarkCapable {
  /** requests that one message can cost, in the quota's units */
  units: number
  /**
   * Marks messages and gives each its result: done, also where the message is gone or marked already, or its own error. Throws what stands
   * between us and the mailbox as a whole, MARK_REFUSED among it; messages without a result are to be marked again. Leaving early is fine.
   * `atOnce`: requests that may be under way, where the caller knows.
   */
  mark(refs: MessageRef[], how: Mark, atOnce?: number): AsyncIterable<{ ref: MessageRef; error: ProviderError | null }>
}

/** What a provider lets one mailbox spend: `units` in any `window` (ms). A fetched message costs `perMessage`. */
export type Quota = {
  units: number
  window: number
  perMessage: number
  /** fetch jobs at once, where the provider limits what happens at the same time */
  jobs?: number
  /** requests under way at once, where the provider limits them */
  atOnce?: number
}

/** Hands out access tokens. `refused`: the one the provider has just refused. Throws ProviderError('auth_revoked') once the grant is gone. */
export type TokenSource = (refused?: string) => Promise<string>

export interface MailProvider {
  /** absent: the provider only answers when asked */
  push?: PushCapable
  /** absent: nothing in the mailbox can be changed */
  marks?: MarkCapable
  /** absent: no limit is known beforehand */
  quota?: Quota
  /** Messages after the cursor, oldest first, at most `limit`; a null cursor starts anew by the adapter's `since`. */
  changes(cursor: Cursor | null, limit: number): Promise<ChangePage>
  /**
   * Raw messages in any order. Throws only where no mailbox can be opened; from then on each ref gets exactly one result, and one ref's
   * error never ends the others. The caller reads each stream to its end before asking for the next; leaving early is fine.
   * `atOnce`: requests that may be under way, where the caller knows.
   */
  fetchRaw(refs: MessageRef[], atOnce?: number): AsyncIterable<FetchedMessage>
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
