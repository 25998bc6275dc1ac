// Sends a prepared message through the inbox's own settings, and says in the outbound job's words how that ended.
import type { SendMime, SendOutcome } from '../contract/pipeline'
import { type Keyring, KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import type { InboxRow } from '../platform/inbox-answer'
import { log } from '../platform/log'
import { ProviderError, type TokenSource } from '../providers/provider'
import { type Connection, type LoadedInbox, loadInbox } from './credentials'
import type { MakeProvider } from './mailbox'
import { type RequestGate, throughGate } from './request-gate'

export type SendDeps = {
  db: (tenantId: string) => TenantDb
  keyring: Keyring
  makeProvider: MakeProvider
  tokens: (inboxId: string) => TokenSource
  /** tells an inbox what quota units sending has cost */
  charge: (inboxId: string, units: number) => Promise<void>
  gate: (inboxId: string) => RequestGate
}

/** The SendMime of these dependencies. What it throws is a fault of ours, before anything was sent. */
export function mimeSender(deps: SendDeps): SendMime {
  return async (tenantId, inboxId, mime) => {
    let units = 0
    try {
      const inbox = await loadInbox(deps.db(tenantId), deps.keyring, inboxId)
      const connection = inbox && sendingSide(inbox)
      if (!connection) return notConnected(inbox?.row.connectionType)
      const provider = deps.makeProvider(connection, {
        since: Number.POSITIVE_INFINITY,
        token: deps.tokens(inboxId),
        spent: (more) => {
          units += more
        },
      })
      try {
        const { response, rejected, copy } = await throughGate(deps.gate(inboxId), provider.quota, () =>
          provider.send(mime),
        )
        return { result: 'sent', response, rejected, copy }
      } finally {
        await provider.close()
      }
    } catch (error) {
      if (error instanceof ProviderError) return outcomeOf(error)
      if (error instanceof KeyringError)
        return {
          result: 'failed',
          message: 'The stored access can no longer be read.',
          hint: 'Connect the inbox again, then retry.',
        }
      throw error
    } finally {
      if (units > 0) await charge(deps, inboxId, units)
    }
  }
}

/** What an inbox sends through: its account, or its SMTP server. */
function sendingSide({ row, connection }: LoadedInbox): Connection | null {
  const { google, microsoft, smtp } = connection ?? {}
  switch (row.connectionType) {
    case 'google':
      return google ? { google } : null
    case 'microsoft':
      return microsoft ? { microsoft } : null
    case 'imap':
    case 'forward':
      return smtp ? { smtp } : null
  }
}

/** Only paces what comes next, so its failure changes nothing about a message that went out. */
async function charge(deps: SendDeps, inboxId: string, units: number): Promise<void> {
  try {
    await deps.charge(inboxId, units)
  } catch (error) {
    log.warn('send.charge', { inboxId, units, error })
  }
}

function notConnected(type: InboxRow['connectionType'] | undefined): SendOutcome {
  if (type === 'google' || type === 'microsoft') {
    const vendor = type === 'google' ? 'Google' : 'Microsoft'
    return {
      result: 'failed',
      message: `This inbox is not connected to ${vendor}.`,
      hint: `Connect it with ${vendor} in the settings of the inbox, then retry.`,
    }
  }
  return {
    result: 'failed',
    message: 'This inbox has no settings for sending.',
    hint: 'Enter the SMTP server and password in the settings of the inbox, then retry.',
  }
}

function outcomeOf(error: ProviderError): SendOutcome {
  if (error.delivered === 'unknown') return { result: 'unknown', message: error.message }
  const said = { message: error.message, hint: error.hint ?? null }
  switch (error.kind) {
    case 'rate_limited':
    case 'transient':
    case 'cursor_expired':
    case 'not_found':
      return { result: 'transient', ...said, retryAfter: error.retryAfter ?? null }
    // Neither waiting nor repeating mends a password, a setting or a refused message.
    case 'auth_revoked':
    case 'protocol':
    case 'rejected':
    case 'too_large':
      return { result: 'failed', ...said }
  }
}
