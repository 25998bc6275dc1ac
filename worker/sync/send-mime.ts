// Sends a prepared message through the inbox's own settings, and says in the outbound job's words how that ended.
import type { SendMime, SendOutcome } from '../contract/pipeline'
import { type Keyring, KeyringError } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { ProviderError } from '../providers/provider'
import { loadInbox } from './credentials'
import type { MakeProvider } from './mailbox'

export type SendDeps = { db: (tenantId: string) => TenantDb; keyring: Keyring; makeProvider: MakeProvider }

/** The SendMime of these dependencies. What it throws is a fault of ours, before anything was sent. */
export function mimeSender(deps: SendDeps): SendMime {
  return async (tenantId, inboxId, mime) => {
    try {
      const inbox = await loadInbox(deps.db(tenantId), deps.keyring, inboxId)
      if (!inbox?.connection?.smtp) return NOT_CONFIGURED
      const provider = deps.makeProvider({ smtp: inbox.connection.smtp }, { since: Number.POSITIVE_INFINITY })
      try {
        const { response, rejected, copy } = await provider.send(mime)
        return { result: 'sent', response, rejected, copy }
      } finally {
        await provider.close()
      }
    } catch (error) {
      if (error instanceof ProviderError) return outcomeOf(error)
      if (error instanceof KeyringError)
        return { ...NOT_CONFIGURED, message: 'The stored password can no longer be read.' }
      throw error
    }
  }
}

const NOT_CONFIGURED = {
  result: 'failed',
  message: 'This inbox has no settings for sending.',
  hint: 'Enter the SMTP server and password in the settings of the inbox, then retry.',
} as const satisfies SendOutcome

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
