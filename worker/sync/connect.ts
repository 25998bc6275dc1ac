// What people do with a connection: test it, save it, sync, pause, resume, disconnect. A status is written only for what a server has just answered.
import type { CheckReport, ConnectionBody, ConnectionConfig, StatusDetail } from '../contract/inboxes'
import { type Keyring, KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'
import type { TokenSource } from '../providers/provider'
import {
  type Connection,
  completeConnection,
  configOf,
  type LoadedInbox,
  loadInbox,
  otherMailbox,
  sealConnection,
} from './credentials'
import type { SyncAnswer } from './inbox-object'
import type { Owner } from './inbox-state'
import { writeStatus } from './inbox-status'
import { type MakeProvider, noTokens } from './mailbox'
import { type RequestGate, throughGate } from './request-gate'

/** The InboxObject as the routes see it. */
export type InboxControl = RequestGate & {
  start(owner: Owner, options: { newMailbox: boolean }): Promise<void>
  stop(): Promise<void>
  syncNow(): Promise<SyncAnswer>
}
export type ConnectDeps = {
  db: TenantDb
  keyring: Keyring
  now: number
  makeProvider: MakeProvider
  tokens: (inboxId: string) => TokenSource
  object: (inboxId: string) => InboxControl
  /** reads what giving back a grant needs; its answer does it, once the credentials are gone */
  release: (inboxId: string) => Promise<() => Promise<void>>
}

/** Tries settings as typed; stores nothing. With an inbox, its stored passwords stand in for blank ones. */
export async function testConnection(
  deps: ConnectDeps,
  given: ConnectionBody,
  inboxId: string | undefined,
): Promise<CheckReport> {
  const stored = inboxId === undefined ? null : (await found(deps, inboxId)).connection
  return check(deps, onlyGiven(given, completeConnection(given, stored)), noTokens)
}

/** Tries the stored settings of an inbox; changes nothing. */
export async function diagnose(deps: ConnectDeps, inboxId: string): Promise<CheckReport> {
  const { row, connection } = await found(deps, inboxId)
  const steps = row.connectionType === 'forward' ? [receivingStep(row)] : []
  if (!connection) {
    const missing = missingStep(row)
    return { ok: missing.status !== 'fail', steps: [...steps, missing] }
  }
  const working = { marks: row.markProcessed !== 'none', gate: deps.object(inboxId) }
  const report = await check(deps, connection, deps.tokens(inboxId), working)
  return { ok: report.ok, steps: [...steps, ...report.steps] }
}

/**
 * Logs in to each side that is given and only then stores it. Throws AppError('connection_failed') with the steps, having stored nothing.
 * A blank password keeps the stored one; a side that is not given stays as it is.
 */
export async function saveConnection(deps: ConnectDeps, inboxId: string, given: ConnectionBody): Promise<InboxRow> {
  const { row, connection: stored } = await found(deps, inboxId)
  if (row.archivedAt !== null) throw conflict('This inbox is archived. Restore it first.')
  const complete = completeConnection(given, stored)
  refuseMissing(row, given, complete)
  const report = await check(deps, onlyGiven(given, complete), noTokens)
  if (!report.ok) throw connectionFailed(report)

  const sealed = await sealConnection(deps.keyring, deps.db.tenantId, inboxId, complete)
  if (given.imap) {
    await writeStatus(
      deps.db,
      inboxId,
      {
        ...sealed,
        status: 'connected',
        connectedAt: deps.now,
        lastError: null,
        nextPollAt: deps.now,
        pausedAt: null,
        pauseReason: null,
        detail: null,
      },
      deps.now,
    )
    await deps
      .object(inboxId)
      .start({ tenantId: deps.db.tenantId, inboxId }, { newMailbox: otherMailbox(configOf(row), complete) })
  } else {
    await writeStatus(deps.db, inboxId, { ...sealed, ...sendingOnly(row) }, deps.now)
  }
  return (await found(deps, inboxId)).row
}

/** A check now, for a person who waits. Throws AppError('connection_failed') when the mailbox could not be read. */
export async function syncNow(deps: ConnectDeps, inboxId: string): Promise<{ found: number; queued: number }> {
  const { row } = await found(deps, inboxId)
  refuseUnlessReading(row)
  if (row.pausedAt !== null) throw conflict('This inbox is paused. Resume it first.')
  const { failure, ...counts } = await deps.object(inboxId).syncNow()
  if (failure)
    throw new AppError('connection_failed', { detail: [failure.message, failure.hint].filter(Boolean).join(' ') })
  return counts
}

/** Stops checking until somebody resumes. */
export async function pause(deps: ConnectDeps, inboxId: string): Promise<InboxRow> {
  const { row } = await found(deps, inboxId)
  refuseUnlessReading(row)
  if (row.pausedAt !== null) return row
  await deps.object(inboxId).stop()
  const detail: StatusDetail = {
    code: 'paused',
    message: 'Paused. New mail waits at the mail server until you resume.',
    action: 'resume',
  }
  const columns = { pausedAt: deps.now, pauseReason: 'manual', nextPollAt: null, detail }
  await writeStatus(deps.db, inboxId, columns, deps.now)
  return (await found(deps, inboxId)).row
}

/** Checks again from where it stopped. Says nothing about the connection: the check that follows does. */
export async function resume(deps: ConnectDeps, inboxId: string): Promise<InboxRow> {
  const { row } = await found(deps, inboxId)
  refuseUnlessReading(row)
  if (row.pausedAt === null) return row
  const detail: StatusDetail = { code: 'checking', message: 'Checking the connection now.', action: 'wait' }
  const columns = { pausedAt: null, pauseReason: null, nextPollAt: deps.now, detail }
  await writeStatus(deps.db, inboxId, columns, deps.now)
  await deps.object(inboxId).start({ tenantId: deps.db.tenantId, inboxId }, { newMailbox: false })
  return (await found(deps, inboxId)).row
}

/** Wipes the credentials and keeps the inbox, its hosts, user names and account, and its place in the mailbox. A grant is given back. */
export async function disconnect(deps: ConnectDeps, inboxId: string): Promise<InboxRow> {
  const { row } = await found(deps, inboxId)
  const giveBack = await deps.release(inboxId)
  await deps.object(inboxId).stop()
  const forward = row.connectionType === 'forward'
  const detail: StatusDetail = {
    code: 'disconnected',
    message: forward
      ? 'Replies cannot be sent. Mail to this address still arrives; archive the inbox to refuse it.'
      : 'Disconnected. Connect it again to receive mail; what arrives meanwhile is fetched then.',
    action: forward ? 'edit_connection' : 'reconnect',
  }
  await writeStatus(
    deps.db,
    inboxId,
    {
      credentials: null,
      googleAddress: null,
      gmailWatchExpiresAt: null,
      graphSubscriptionId: null,
      graphSubscriptionExpiresAt: null,
      graphClientState: null,
      deliveryMode: 'poll',
      pushProblem: null,
      status: 'disconnected',
      lastError: null,
      nextPollAt: null,
      pausedAt: null,
      pauseReason: null,
      detail,
    },
    deps.now,
  )
  await giveBack()
  return (await found(deps, inboxId)).row
}

/** The inbox, or AppError('not_found'). Passwords that no key opens count as not stored: they have to be typed again. */
async function found(deps: ConnectDeps, inboxId: string): Promise<LoadedInbox> {
  const loaded = await loadInbox(deps.db, deps.keyring, inboxId).catch(async (error) => {
    if (!(error instanceof KeyringError)) throw error
    return loadInbox(deps.db, null, inboxId)
  })
  if (!loaded) throw new AppError('not_found')
  return loaded
}

/** `working`: of an inbox that reads its mailbox: whether it marks mail there, and the gate of its requests. */
async function check(
  deps: ConnectDeps,
  connection: Connection,
  token: TokenSource,
  working: { marks: boolean; gate: RequestGate } | null = null,
): Promise<CheckReport> {
  if (!connection.imap && !connection.smtp && !connection.google && !connection.microsoft)
    throw new AppError('invalid_body', { fields: [{ path: 'imap', message: 'Enter the settings of a mail server.' }] })
  const provider = deps.makeProvider(connection, {
    since: Number.POSITIVE_INFINITY,
    token,
    marks: working?.marks ?? false,
  })
  try {
    const look = () => provider.check()
    return await (working ? throughGate(working.gate, provider.quota, look) : look())
  } finally {
    await provider.close()
  }
}

function onlyGiven(given: ConnectionBody, complete: Connection): Connection {
  return {
    ...(given.imap && complete.imap ? { imap: complete.imap } : {}),
    ...(given.smtp && complete.smtp ? { smtp: complete.smtp } : {}),
  }
}

function refuseMissing(row: InboxRow, given: ConnectionBody, complete: ConnectionConfig): void {
  const wrong = (path: string, message: string) => new AppError('invalid_body', { fields: [{ path, message }] })
  if (row.connectionType === 'forward') {
    if (given.imap) throw wrong('imap', 'A forwarding address receives without a mail server.')
  } else if (row.connectionType === 'google') {
    throw conflict('This inbox reads a Google account. Use "Connect with Google".')
  } else if (row.connectionType === 'microsoft') {
    throw conflict('This inbox reads a Microsoft mailbox. Use "Connect with Microsoft".')
  } else if (!complete.imap) {
    throw wrong('imap', 'Enter the server that mail is read from.')
  }
}

/** Sending was verified, receiving was not: its status stays what it was, except that a forwarding address that once received is whole again. */
function sendingOnly(row: InboxRow) {
  if (row.connectionType === 'forward' && row.lastSyncAt !== null) return { status: 'connected' as const, detail: null }
  return {}
}

/** Why there is nothing to try. */
function missingStep({ connectionType, credentials }: InboxRow) {
  if (connectionType === 'google' || connectionType === 'microsoft') {
    const vendor = connectionType === 'google' ? 'Google' : 'Microsoft'
    return {
      name: 'Account',
      status: 'fail' as const,
      ms: 0,
      detail: credentials ? 'The stored access can no longer be read.' : `No ${vendor} account is connected.`,
      hint: `Use "Connect with ${vendor}".`,
    }
  }
  return {
    name: 'Settings',
    status: connectionType === 'forward' ? ('warn' as const) : ('fail' as const),
    ms: 0,
    detail: credentials ? 'The stored password can no longer be read.' : 'No mail server is set up.',
    hint: 'Enter the server settings and the password.',
  }
}

function receivingStep(row: InboxRow) {
  return row.lastSyncAt === null
    ? {
        name: 'Receiving',
        status: 'warn' as const,
        ms: 0,
        detail: `No mail to ${row.emailAddress} has arrived yet.`,
        hint: 'Route this address to the Worker in Email Routing, then send a mail to it.',
      }
    : {
        name: 'Receiving',
        status: 'pass' as const,
        ms: 0,
        detail: `The last mail arrived at ${new Date(row.lastSyncAt).toISOString()}.`,
      }
}

function refuseUnlessReading(row: InboxRow): void {
  if (row.connectionType === 'forward') throw conflict('Mail to a forwarding address arrives by itself.')
  if (row.archivedAt !== null) throw conflict('This inbox is archived. Restore it first.')
  if (row.credentials === null) throw conflict('This inbox is not connected.')
}

function connectionFailed(report: CheckReport): AppError {
  const step = report.steps.find(({ status }) => status === 'fail')
  const detail = step ? `${step.name}: ${step.detail}${step.hint ? ` ${step.hint}` : ''}` : 'The check did not succeed.'
  return new AppError('connection_failed', { detail, extra: { steps: report.steps } })
}

const conflict = (detail: string) => new AppError('conflict', { detail })
