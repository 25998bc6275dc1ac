// Connecting an account in the browser, whoever's it is: off to the vendor's consent page, and back. What differs between vendors is in
// their own files. Nothing is stored before a vendor has said, for this very grant, that it opens the mailbox the inbox is for.
import type { ConnectResult, OAuthTokens, StartConnectBody } from '../contract/inboxes'
import type { Settings } from '../env'
import type { Clock } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'
import { log } from '../platform/log'
import { grantProblem } from '../platform/mark-problem'
import { OAuthFailure } from '../providers/oauth'
import type { ConnectDeps, InboxControl } from './connect'
import { type Account, configOf, loadInbox, otherMailbox, sealConnection } from './credentials'
import { type Attempt, type AttemptDeps, beginAttempt, type TakenAttempt, takeAttempt } from './oauth-state'
import { pageOf, returnAddress } from './return-to'

export type AccountConnectDeps = {
  db: TenantDb
  settings: Settings
  clock: Clock
  fetch: typeof fetch
  object: (inboxId: string) => Pick<InboxControl, 'start'>
  /** as ConnectDeps has it */
  release: ConnectDeps['release']
}

/** Why it `failed`, for the UI to put into words. */
type FailureReason =
  | 'not_configured'
  | 'not_allowed'
  | 'inbox_changed'
  | 'profile_changed'
  | `${Vendor}_refused`
  | `${Vendor}_unreachable`
  | 'admin_policy'
  | 'admin_consent'
  | 'no_mailbox'
  | 'mailbox_denied'
  | 'no_refresh_token'
  | 'internal'
type Vendor = Attempt['provider']
/** The search parameters of the page the browser comes back to: a result and what it names; never anything secret. */
export type Outcome = { connect: ConnectResult; address?: string; missing?: string; reason?: FailureReason }

export const failed = (reason: FailureReason): Outcome => ({ connect: 'failed', reason })

const VENDORS: Record<Vendor, string> = { google: 'Google', microsoft: 'Microsoft' }
/** Where to send somebody whose attempt is not known. */
const LIST = '/inboxes'

/** The inbox, if it can be connected to this vendor. Throws AppError('not_found'), or 'conflict' where it cannot be. */
export async function connectable(db: TenantDb, inboxId: string, vendor: Vendor): Promise<InboxRow> {
  const row = (await loadInbox(db, null, inboxId))?.row
  if (!row) throw new AppError('not_found')
  if (row.connectionType !== vendor)
    throw conflict(`This inbox is not of the kind that connects to ${VENDORS[vendor]}.`)
  if (row.archivedAt !== null) throw conflict('This inbox is archived. Restore it first.')
  return row
}

/** Throws AppError('conflict') where another inbox of the tenant has this address, or reads this mailbox. */
export async function refuseTaken(db: TenantDb, inboxId: string, address: string): Promise<void> {
  if (await taken(db, inboxId, address, address)) throw conflict(`Another inbox already has the address ${address}.`)
}

/** Notes an attempt. AppError('invalid_body') where `returnTo` is no page of the app. */
export async function beginConnect(
  deps: AccountConnectDeps,
  row: InboxRow,
  { returnTo, ...attempt }: Omit<Attempt, 'inboxId' | 'returnTo'> & Pick<StartConnectBody, 'returnTo'>,
): Promise<{ state: string; verifier: string }> {
  const page = pageOf(returnTo ?? `/inboxes/${row.id}`, deps.settings.APP_URL)
  if (page === null)
    throw new AppError('invalid_body', { fields: [{ path: 'returnTo', message: 'must be a page of this app' }] })
  return beginAttempt(attemptDeps(deps), { ...attempt, inboxId: row.id, returnTo: page })
}

/** Where a browser goes that came back without being allowed to finish: nothing was looked at. */
export function turnedAway(settings: Settings, why: 'signed_out' | 'not_allowed'): string {
  const outcome: Outcome = why === 'signed_out' ? { connect: 'expired' } : failed('not_allowed')
  return returnAddress(settings.APP_URL, LIST, outcome)
}

/** What came back: its whole query, and `userId` of the session, which has to be the one that began it. */
export type Returned = { userId: string; callback: URLSearchParams }
/** A vendor's part: what to do with an attempt that is alive, and what its refusals mean. */
export type VendorConnect = {
  vendor: Vendor
  connect(
    row: InboxRow,
    attempt: TakenAttempt,
    answer: { callback: URLSearchParams; state: string; verifier: string },
  ): Promise<Outcome>
  outcomeOf(failure: OAuthFailure): Outcome
}

/**
 * Finishes an attempt with the query that the vendor has sent the browser back with. Answers the page to go to, the outcome in its
 * address; never throws, since a person waits at the redirect.
 */
export async function finishConnect(
  deps: AccountConnectDeps,
  { userId, callback }: Returned,
  { vendor, connect, outcomeOf }: VendorConnect,
): Promise<string> {
  let attempt: TakenAttempt | null = null
  let outcome: Outcome
  try {
    const state = stateOf(callback)
    attempt = await takeAttempt(attemptDeps(deps), { userId, state, provider: vendor })
    if (attempt?.alive) {
      const row = (await loadInbox(deps.db, null, attempt.inboxId))?.row
      outcome =
        row?.connectionType === vendor && row.archivedAt === null
          ? await connect(row, attempt, { callback, state, verifier: attempt.verifier })
          : failed('inbox_changed')
    } else outcome = { connect: 'expired' }
  } catch (error) {
    if (error instanceof OAuthFailure) {
      log.warn(`${vendor}.connect.oauth`, { code: error.code, reason: error.reason })
      outcome = outcomeOf(error)
    } else {
      log.error(`${vendor}.connect.failed`, { error })
      outcome = failed('internal')
    }
  }
  log.info(`${vendor}.connect`, { inboxId: attempt?.inboxId, result: outcome.connect, reason: outcome.reason })
  return returnAddress(deps.settings.APP_URL, attempt?.returnTo ?? LIST, outcome)
}

/** Named once or not at all: of two, nobody could say which was verified. */
function stateOf(callback: URLSearchParams): string {
  const [state = '', ...more] = callback.getAll('state')
  return more.length > 0 ? '' : state
}

/** What was proven: an account that opens its mailbox. `address`: the inbox's from now on. */
export type Proven = { account: Account; tokens: OAuthTokens; address: string }

/** One statement: an inbox archived or deleted meanwhile, or an address taken meanwhile, leaves everything as it was. */
export async function storeAccount(
  deps: AccountConnectDeps,
  row: InboxRow,
  { account, tokens, address }: Proven,
): Promise<Outcome> {
  const { db, settings } = deps
  const [vendor, { address: mailbox, grantedAt }] =
    'google' in account ? (['google', account.google] as const) : (['microsoft', account.microsoft] as const)
  const sealed = await sealConnection(settings.keyring, db.tenantId, row.id, account, tokens)
  const newMailbox = otherMailbox(configOf(row), account)
  const markProblem = 'microsoft' in account ? grantProblem(account.microsoft) : null
  const giveBack = newMailbox ? await deps.release(row.id) : null
  const { meta } = await db
    .prepare(
      `UPDATE inboxes SET email_address = ?4, google_address = ?5, config = ?6, credentials = ?7, status = 'connected',
         status_detail = NULL, last_error = NULL, connected_at = ?8, next_poll_at = ?8, paused_at = NULL, pause_reason = NULL, updated_at = ?8,
         mark_problem = iif(mark_processed = 'none', NULL, ?10)
       WHERE tenant_id = ?1 AND id = ?2 AND connection_type = ?9 AND archived_at IS NULL AND NOT ${TAKEN}`,
      row.id,
      mailbox,
      address,
      vendor === 'google' ? mailbox : null,
      sealed.config,
      sealed.credentials,
      grantedAt,
      vendor,
      markProblem && JSON.stringify(markProblem),
    )
    .run()
  if (meta.changes !== 1) {
    if (await taken(db, row.id, mailbox, address)) return { connect: 'address_taken', address: mailbox }
    return failed('inbox_changed')
  }
  if (newMailbox) await forgetMarks(db, row.id)
  // The account that was read before is let go first: that stops the checks, which then start anew.
  await giveBack?.()
  await deps.object(row.id).start({ tenantId: db.tenantId, inboxId: row.id }, { newMailbox })
  return { connect: 'ok' }
}

/** Mail of the mailbox before is in this one's neither to be found nor to be marked. */
async function forgetMarks(db: TenantDb, inboxId: string): Promise<void> {
  await db
    .prepare(
      'UPDATE ledger SET mark_due_at = NULL, mark_attempts = 0 WHERE tenant_id = ?1 AND inbox_id = ?2 AND mark_due_at IS NOT NULL',
      inboxId,
    )
    .run()
}

/** Another inbox of the tenant has one of the addresses ?3 and ?4, or reads the mailbox ?3: two inboxes on one mailbox would double every ticket. */
const TAKEN = `EXISTS (SELECT 1 FROM inboxes o WHERE o.tenant_id = ?1 AND o.id <> ?2
  AND (o.email_address IN (?3, ?4)
    OR (o.credentials IS NOT NULL AND (o.google_address = ?3 OR json_extract(o.config, '$.microsoft.address') = ?3))))`

async function taken(db: TenantDb, inboxId: string, mailbox: string, address: string): Promise<boolean> {
  return (await db.prepare(`SELECT 1 WHERE ${TAKEN}`, inboxId, mailbox, address).first()) !== null
}

const attemptDeps = ({ db, settings, clock }: AccountConnectDeps): AttemptDeps => ({
  db,
  keyring: settings.keyring,
  secret: settings.AUTH_SECRET,
  now: clock(),
})

const conflict = (detail: string) => new AppError('conflict', { detail })
