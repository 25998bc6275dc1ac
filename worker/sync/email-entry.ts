// Email Routing's way in: a mail for a forwarding inbox goes to R2 and the ledger in one event, then straight on to ingest.
// What cannot be stored is thrown, so that the sending server keeps the mail and tries again.
import { and, eq, isNull } from 'drizzle-orm'
import type { OnStored } from '../contract/pipeline'
import { inboxes } from '../db/inboxes'
import { LIMITS } from '../mail/limits'
import { rawKey } from '../platform/blobs'
import type { Clock } from '../platform/clock'
import { tenantDb } from '../platform/db'
import { newId, newToken, sha256Hex } from '../platform/ids'
import { log } from '../platform/log'
import type { SystemDb } from '../platform/system-db'
import { LEASE } from './claims'
import type { Owner } from './inbox-state'
import { pieceReader, RawTooLargeError, receiveRaw } from './raw-store'

export type EmailDeps = { system: SystemDb; blobs: R2Bucket; clock: Clock; onStored: OnStored }
/** The parts of Email Routing's message that are used. `from` and `to` are the SMTP envelope. */
export type IncomingEmail = Pick<ForwardableEmailMessage, 'from' | 'to' | 'raw' | 'rawSize' | 'setReject'>

/** Takes one mail in. Resolves once it is safe, whether or not ingest has finished with it; rejects it when nobody here has the address. */
export async function handleEmail(deps: EmailDeps, message: IncomingEmail): Promise<void> {
  const owner = await forwardInbox(deps.system, message.to)
  if (!owner) {
    message.setReject('Unknown address')
    return
  }
  const mail = await store(deps, owner, message)
  if (!mail) {
    message.setReject(`Message larger than ${LIMITS.rawMessage} bytes`)
    return
  }
  const ledgerId = await record(deps, owner, message, mail)
  if (ledgerId === null) {
    log.info('email.known', { inboxId: owner.inboxId, identity: mail.identity })
    return
  }
  try {
    await deps.onStored(owner.tenantId, owner.inboxId, [{ ledgerId, bytes: mail.bytes }])
  } catch (error) {
    // The row says `stored`: the sweeper has it ingested.
    log.error('email.ingest', { inboxId: owner.inboxId, ledgerId, error })
  }
}

/** The inbox that receives for an address: exactly, else without its plus part. Archived ones receive nothing. */
async function forwardInbox(system: SystemDb, address: string): Promise<Owner | null> {
  const exact = address.trim().toLowerCase()
  const plain = exact.replace(/\+[^@]*(?=@[^@]*$)/, '')
  for (const candidate of new Set([exact, plain])) {
    const [row] = await system.orm
      .select({ tenantId: inboxes.tenantId, inboxId: inboxes.id })
      .from(inboxes)
      .where(
        and(eq(inboxes.emailAddress, candidate), eq(inboxes.connectionType, 'forward'), isNull(inboxes.archivedAt)),
      )
      .limit(1)
    if (row) return row
  }
  return null
}

type StoredEmail = {
  identity: string
  key: string
  /** the object is under a key of its own, not under that of its identity */
  ownKey: boolean
  size: number
  digest: string
  bytes: Uint8Array | null
}

/** The mail in R2. Its identity is its digest, which a large mail has only when it is stored: that goes under a key of its own. */
async function store(deps: EmailDeps, owner: Owner, message: IncomingEmail): Promise<StoredEmail | null> {
  const reader = pieceReader(message.raw, message.rawSize + 1)
  const ownKey = await rawKey(owner.tenantId, owner.inboxId, `email:${newToken()}`)
  try {
    const raw = await receiveRaw(deps.blobs, { key: ownKey, reader, resume: null, onPart: async () => {} })
    if (raw.stored)
      return {
        identity: `email:${raw.digest}`,
        key: ownKey,
        ownKey: true,
        size: raw.size,
        digest: raw.digest,
        bytes: null,
      }
    const digest = await sha256Hex(raw.bytes)
    const identity = `email:${digest}`
    const key = await rawKey(owner.tenantId, owner.inboxId, identity)
    await deps.blobs.put(key, raw.bytes)
    const small = raw.bytes.length <= LIMITS.inMemory
    return { identity, key, ownKey: false, size: raw.bytes.length, digest, bytes: small ? raw.bytes : null }
  } catch (error) {
    await reader.cancel()
    if (error instanceof RawTooLargeError) return null
    throw error
  }
}

/** The ledger row, already `stored`, and the inbox's proof that mail arrives. Null when this very mail was here before. */
async function record(
  deps: EmailDeps,
  owner: Owner,
  message: IncomingEmail,
  mail: StoredEmail,
): Promise<string | null> {
  const db = tenantDb(deps.system.d1, owner.tenantId)
  const now = deps.clock()
  const ref = { identity: mail.identity, envelope: { from: message.from, to: message.to } }
  const [inserted] = await db.batch([
    db.prepare(
      `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, raw_key, size, digest, received_at, due_at, created_at, updated_at)
       VALUES (?2, ?1, ?3, ?4, ?5, 'stored', ?6, ?7, ?8, ?9, ?10, ?9, ?9)
       ON CONFLICT (tenant_id, inbox_id, identity) DO NOTHING RETURNING id`,
      newId('led', now),
      owner.inboxId,
      mail.identity,
      JSON.stringify(ref),
      mail.key,
      mail.size,
      mail.digest,
      now,
      now + LEASE,
    ),
    db.prepare(
      `UPDATE inboxes SET last_sync_at = ?3, last_error = NULL,
         status = iif(connected_at IS NULL, 'connected', status),
         status_detail = iif(connected_at IS NULL, NULL, status_detail),
         connected_at = coalesce(connected_at, ?3)
       WHERE tenant_id = ?1 AND id = ?2`,
      owner.inboxId,
      now,
    ),
  ])
  const row = inserted?.results[0] as { id: string } | undefined
  if (!row && mail.ownKey) await deps.blobs.delete(mail.key)
  return row?.id ?? null
}
