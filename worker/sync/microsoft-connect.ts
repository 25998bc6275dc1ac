// Microsoft's part of connecting: a person's own mailbox or one shared with them, by their consent; or any mailbox by the app's own
// permission, without a browser. The app and authority an attempt began with are the only ones it can end with.
import { z } from 'zod'
import { MAILBOX_KINDS, type MailboxKind, type MicrosoftConfig, type StartMicrosoftBody } from '../contract/inboxes'
import { mailScopes } from '../contract/microsoft'
import { AppError } from '../platform/errors'
import type { InboxRow } from '../platform/inbox-answer'
import { log } from '../platform/log'
import { type EmailApp, type MicrosoftApp, resolveEmailApp } from '../platform/microsoft-app'
import {
  accountOf,
  consentParameters,
  type GraphRefusal,
  missingScopes,
  openInbox,
  remedyOf,
} from '../providers/graph/oauth'
import { authorizationUrl, exchangeCode, type OAuthFailure } from '../providers/oauth'
import {
  type AccountConnectDeps,
  beginConnect,
  connectable,
  failed,
  finishConnect,
  type Outcome,
  type Returned,
  refuseTaken,
  storeAccount,
  type VendorConnect,
} from './account-connect'
import { configOf } from './credentials'
import { connectApplication } from './microsoft-application'
import { asIssuer, clientOf } from './microsoft-client'

/** What an attempt is pinned to, and whose mailbox it is for. */
const Details = z.object({
  profileId: z.string().nullable(),
  clientId: z.string(),
  directory: z.string(),
  kind: z.enum(MAILBOX_KINDS).exclude(['app']),
  address: z.string(),
  /** what was asked for: to write mail, not only to read it */
  writesMail: z.boolean().default(false),
})

/**
 * Begins an attempt and answers Microsoft's address for it; null where the app itself opens the mailbox, which is then connected.
 * AppError('conflict') where this inbox cannot be connected to Microsoft or its mailbox is another inbox's, 'invalid_body' where
 * `returnTo` is no page of the app, 'connection_failed' where the app may not open the mailbox.
 */
export async function startMicrosoftConnect(
  deps: AccountConnectDeps,
  { inboxId, userId, body }: { inboxId: string; userId: string; body: StartMicrosoftBody },
): Promise<{ url: string | null }> {
  const row = await connectable(deps.db, inboxId, 'microsoft')
  const app = await serving(deps, body.profileId)
  const { useAddress, returnTo, chooseAccount, mailbox: asked } = body
  const address = useAddress ?? row.emailAddress
  const kind = asked?.kind ?? 'own'
  const before = configOf(row)?.microsoft
  // Connecting again means the mailbox that was connected before, whatever the inbox's own address is.
  const known = before?.kind === kind && useAddress === undefined ? before.address : address
  const mailbox = { kind, address: asked?.address ?? known }
  for (const claimed of new Set([address, mailbox.address]))
    if (claimed !== row.emailAddress) await refuseTaken(deps.db, inboxId, claimed)
  if (kind === 'app') {
    await connectApplication(deps, row, { app, mailbox: mailbox.address, address })
    return { url: null }
  }
  const { profileId, clientId, directory } = app
  const writesMail = app.writesDrafts || row.markProcessed !== 'none'
  const details: z.infer<typeof Details> = {
    profileId,
    clientId,
    directory,
    kind,
    address: mailbox.address,
    writesMail,
  }
  const { state, verifier } = await beginConnect(deps, row, {
    userId,
    provider: 'microsoft',
    address,
    returnTo,
    details: JSON.stringify(details),
  })
  const extra = consentParameters(
    hintOf(row, kind, mailbox.address),
    chooseAccount === true || useAddress !== undefined,
  )
  return {
    url: await authorizationUrl(clientOf(deps.settings, app), {
      scopes: mailScopes(kind, writesMail),
      state,
      verifier,
      extra,
    }),
  }
}

/** Nobody signs in as a shared mailbox: the hint is whoever opened it before. */
function hintOf(row: InboxRow, kind: MailboxKind, address: string): string | null {
  if (kind === 'own') return address
  const before = configOf(row)?.microsoft
  return before?.kind === kind && before.address === address ? before.account : null
}

/** The app that serves email. Throws AppError('conflict') with what to do where there is none, or another than the one asked for. */
async function serving({ db, settings }: AccountConnectDeps, profileId: string | undefined): Promise<MicrosoftApp> {
  const app = await resolveEmailApp(db, settings)
  if (app.kind === 'none') throw conflict(UNREADY[app.state])
  if (profileId !== undefined && app.profileId !== profileId)
    throw conflict(
      'Another Microsoft profile is bound to email. Bind this one first: Settings → Integrations → Microsoft.',
    )
  return app
}

const UNREADY = {
  not_configured: 'No Microsoft app serves email. Bind a profile to it under Settings → Integrations → Microsoft.',
  pending_admin_consent:
    'The Microsoft profile for email waits for its administrator to allow it. The link is under Settings → Integrations → Microsoft.',
  invalid_profile:
    'The Microsoft profile for email is archived, gone or has no secret. Bind another one under Settings → Integrations → Microsoft.',
}

/** Finishes an attempt: see `finishConnect`. */
export function finishMicrosoftConnect(deps: AccountConnectDeps, returned: Returned): Promise<string> {
  return finishConnect(deps, returned, { vendor: 'microsoft', connect: connect(deps), outcomeOf })
}

function outcomeOf({ code, reason }: OAuthFailure): Outcome {
  const remedy = remedyOf(reason)
  if (remedy === 'consent') return failed('admin_consent')
  if (remedy === 'policy') return failed('admin_policy')
  switch (code) {
    case 'oauth_denied':
      return { connect: 'denied' }
    case 'oauth_unreachable':
      return failed('microsoft_unreachable')
    case 'oauth_refused':
    case 'oauth_refresh_failed':
      return failed('microsoft_refused')
    case 'oauth_client_changed':
      return failed('profile_changed')
  }
}

const connect =
  (deps: AccountConnectDeps): VendorConnect['connect'] =>
  async (row, attempt, answer) => {
    const { settings } = deps
    const pinned = Details.parse(JSON.parse(attempt.details ?? ''))
    const { kind, address: mailbox, directory, profileId, clientId, writesMail } = pinned
    const current = await resolveEmailApp(deps.db, settings)
    const app = asIssuer(current, pinned)
    if (!app) return failed(whyNotServing(current))

    const { accessToken, expiresAt, refreshToken, scopes } = await exchangeCode(
      clientOf(settings, app, directory),
      deps,
      answer,
    )
    // Without the right to mark mail an inbox is whole all the same; it then says that nothing is marked.
    const missing = missingScopes(mailScopes(kind, writesMail && app.writesDrafts), scopes)
    if (missing.length > 0) return { connect: 'missing_scopes', missing: missing.join(',') }
    if (!refreshToken) return failed('no_refresh_token')

    const account = await accountOf(settings.MICROSOFT_GRAPH_URL, deps, accessToken)
    if (!('addresses' in account)) return notOpened(row, 'me', account, 'microsoft_refused')
    const [primary] = account.addresses
    if (kind === 'own' && !account.addresses.includes(mailbox)) return { connect: 'mismatch', address: primary }
    const refusal = await openInbox(settings.MICROSOFT_GRAPH_URL, deps, accessToken, kind === 'own' ? null : mailbox)
    if (refusal) {
      const outcome = notOpened(row, kind, refusal, kind === 'own' ? 'no_mailbox' : 'mailbox_denied')
      return outcome.reason === 'mailbox_denied' ? { ...outcome, address: primary } : outcome
    }
    const microsoft: MicrosoftConfig = {
      kind,
      address: kind === 'own' ? primary : mailbox,
      account: primary,
      profileId,
      clientId,
      directory,
      scopes: scopes ?? [...mailScopes(kind, writesMail)],
      grantedAt: deps.clock(),
    }
    const tokens = { accessToken, expiresAt, refreshToken }
    return storeAccount(deps, row, { account: { microsoft }, tokens, address: attempt.address })
  }

function whyNotServing(current: EmailApp) {
  if (current.kind !== 'none') return 'profile_changed'
  return current.state === 'pending_admin_consent' ? 'admin_consent' : 'not_configured'
}

/** `refused`: what it means that Graph said no, rather than nothing that makes sense. */
function notOpened(row: InboxRow, step: string, refusal: GraphRefusal, refused: Outcome['reason'] & string): Outcome {
  log.warn('microsoft.connect.graph', { inboxId: row.id, step, ...refusal })
  const { status } = refusal
  const said = status !== null && status >= 400 && status < 500 && status !== 429
  return failed(said ? refused : 'microsoft_unreachable')
}

const conflict = (detail: string) => new AppError('conflict', { detail })
