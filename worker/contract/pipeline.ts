// What the stages of the pipeline hand each other where their zones may not import one another; create-worker wires them.

/** A message whose raw MIME has just been stored. `bytes` spares a second read where it was small enough to be held. */
export type StoredMail = { ledgerId: string; bytes: Uint8Array | null }
/** Runs ingest on stored mails of one tenant and inbox; injected into the fetch job and the email() entry. */
export type OnStored = (tenantId: string, inboxId: string, mails: StoredMail[]) => Promise<void>

/** A prepared message for the sender: `open` streams the same bytes each time. */
export type OutgoingMime = {
  envelope: { from: string; to: string[] }
  messageId: string
  size: number
  /** the provider's id of the conversation this belongs to, where it is known */
  thread: string | null
  open(): Promise<ReadableStream<Uint8Array>>
}
/** What the provider made of a mail: its identity in ledger form, its conversation, and the Message-ID it went out with; null where unknown. */
export type SentCopy = { identity: string; thread: string | null; messageId: string | null }
/** How one attempt to send ended. `unknown`: the server may have it, so it is never sent again without a person. */
export type SendOutcome =
  | {
      result: 'sent'
      response: string
      rejected: { address: string; response: string }[]
      /** null where the provider keeps none, or does not say */
      copy: SentCopy | null
    }
  | { result: 'transient'; message: string; hint: string | null; retryAfter: number | null }
  | { result: 'failed'; message: string; hint: string | null }
  | { result: 'unknown'; message: string }
/** Sends through the inbox's own settings; injected into the outbound job. */
export type SendMime = (tenantId: string, inboxId: string, mime: OutgoingMime) => Promise<SendOutcome>
