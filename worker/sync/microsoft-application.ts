// Connecting a mailbox that the app opens by its own permission: nobody signs in, so a read of that very mailbox is the proof.
import type { MicrosoftConfig } from '../contract/inboxes'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'
import { log } from '../platform/log'
import type { MicrosoftApp } from '../platform/microsoft-app'
import { type GraphRefusal, isOneDirectory, openInbox, refusedHint } from '../providers/graph/oauth'
import { OAuthFailure, type TokenSet } from '../providers/oauth'
import { type AccountConnectDeps, storeAccount } from './account-connect'
import { applicationToken, clientOf } from './microsoft-client'

/**
 * Connects. `address`: the inbox's from now on. AppError('conflict') where this app cannot speak for itself, or the inbox or its address
 * changed meanwhile; 'connection_failed' where Microsoft says no, with what to do.
 */
export async function connectApplication(
  deps: AccountConnectDeps,
  row: InboxRow,
  { app, mailbox, address }: { app: MicrosoftApp; mailbox: string; address: string },
): Promise<void> {
  // The deployment's app serves many tenants: a consent that one organisation gave it must open nothing to the others.
  if (app.kind === 'deployment')
    throw conflict(
      'Reading a mailbox without a sign-in needs a Microsoft profile of your own: Settings → Integrations → Microsoft.',
    )
  if (!isOneDirectory(app.directory))
    throw conflict(
      'Reading a mailbox without a sign-in needs the directory itself: enter its tenant id or domain in the Microsoft profile.',
    )
  const { accessToken, expiresAt } = await token(deps, app)
  const refusal = await openInbox(deps.settings.MICROSOFT_GRAPH_URL, deps, accessToken, mailbox)
  if (refusal) throw denied(row, mailbox, refusal)

  const { profileId, clientId, directory } = app
  const microsoft: MicrosoftConfig = {
    kind: 'app',
    address: mailbox,
    account: null,
    profileId,
    clientId,
    directory,
    scopes: [],
    grantedAt: deps.clock(),
  }
  const tokens = { accessToken, expiresAt, refreshToken: null }
  const outcome = await storeAccount(deps, row, { account: { microsoft }, tokens, address })
  log.info('microsoft.connect', { inboxId: row.id, result: outcome.connect, reason: outcome.reason })
  if (outcome.connect === 'address_taken') throw conflict(`Another inbox already has the address ${mailbox}.`)
  if (outcome.connect !== 'ok') throw conflict('The inbox was archived or changed meanwhile.')
}

async function token(deps: AccountConnectDeps, app: MicrosoftApp): Promise<TokenSet> {
  try {
    return await applicationToken(deps.settings, clientOf(deps.settings, app), deps)
  } catch (error) {
    if (!(error instanceof OAuthFailure)) throw error
    log.warn('microsoft.connect.oauth', { code: error.code, reason: error.reason })
    const hint =
      refusedHint(error.reason, false) ?? (error.code === 'oauth_unreachable' ? 'Try again in a few minutes.' : '')
    throw failure(`Microsoft gave the app no access. ${hint}${error.reason ? ` (${error.reason})` : ''}`)
  }
}

function denied(row: InboxRow, mailbox: string, refusal: GraphRefusal): AppError {
  log.warn('microsoft.connect.graph', { inboxId: row.id, step: 'app', ...refusal })
  const named = refusal.requestId ? ` (request ${refusal.requestId})` : ''
  switch (refusal.status) {
    case 401:
    case 403:
      return failure(
        `The app may not open ${mailbox}. Grant it the application permissions Mail.Read and Mail.Send with admin consent, and check that no application access policy leaves this mailbox out.${named}`,
      )
    case 404:
      return failure(`The directory has no mailbox ${mailbox}. Check its address.${named}`)
    default:
      return failure(`Microsoft did not answer as expected. Try again in a few minutes.${named}`)
  }
}

const failure = (detail: string) => new AppError('connection_failed', { detail: detail.replaceAll(/ {2,}/g, ' ') })
const conflict = (detail: string) => new AppError('conflict', { detail })
