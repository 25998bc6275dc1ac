// "Test connection" and "Diagnose" of a Microsoft mailbox: step by step, with Graph's request ids. Stops at the first step that fails.
import type { Clock } from '../../platform/clock'
import { type CheckReport, type CheckStep, ProviderError } from '../provider'
import { Folder, MessageList, User } from './answers'
import { basePathOf, type Call, type GraphClient, type GraphMailbox } from './client'
import { requestIdLike, requestIdOf } from './errors'
import type { GraphLimits } from './limits'
import { probeSubscription, SUBSCRIPTION_DENIED, type SubscriptionConfig } from './subscription'
import { claimsOf, lackingPermissions, mayWrite, permissionsOf, writePermission } from './token-claims'

export type CheckDeps = { client: GraphClient; clock: Clock; limits: GraphLimits }
/** `marks`: mail is to be marked, which needs one permission more. */
export type CheckConfig = SubscriptionConfig & { push: boolean; marks?: boolean }
type Finding = { detail: string; hint?: string; status?: 'warn' }
type Stage = [name: string, look: () => Promise<Finding>]

/** Never throws. Reads, and leaves nothing behind: the subscription it tries out is ended again. */
export async function checkGraph(deps: CheckDeps, config: CheckConfig): Promise<CheckReport> {
  const { clock } = deps
  const steps: CheckStep[] = []
  for (const [name, look] of stagesOf(deps, config)) {
    const started = clock()
    try {
      const { detail, hint, status = 'pass' } = await look()
      steps.push({ name, status, ms: clock() - started, detail, ...(hint !== undefined && { hint }) })
    } catch (thrown) {
      steps.push({ name, status: 'fail', ms: clock() - started, ...wordsOf(thrown) })
      break
    }
  }
  return { ok: steps.every((step) => step.status !== 'fail'), steps }
}

function stagesOf(deps: CheckDeps, config: CheckConfig): Stage[] {
  const { client } = deps
  const { mailbox } = config
  return [
    ['Access', () => lookAtToken(client)],
    ['Permissions', () => lookAtPermissions(client, config)],
    ...(mailbox.kind === 'app' ? [] : [['Account', () => lookAtAccount(client, mailbox)] satisfies Stage]),
    ['Path', async () => ({ detail: PATHS[mailbox.kind](basePathOf(mailbox)) })],
    ['Inbox', () => lookAtFolder(client, 'inbox')],
    ['Sent items', () => lookAtSent(client)],
    ['Reading', () => lookAtOne(client)],
    ['Sending', async () => sendingOf(await client.token(), mailbox)],
    ['Push', () => lookAtPush(deps, config)],
  ]
}

const PATHS: Record<GraphMailbox['kind'], (path: string) => string> = {
  own: (path) => `Every request goes to /${path}, since the mailbox is that of the signed-in account.`,
  shared: (path) => `Every request goes to /${path}, since the mailbox is shared with the signed-in account.`,
  app: (path) => `Every request goes to /${path}, since the app reads the mailbox without anybody signed in.`,
}

function wordsOf(thrown: unknown): { detail: string; hint?: string } {
  if (!(thrown instanceof ProviderError)) return { detail: 'Something went wrong on our side.' }
  const detail = `${thrown.message}${named(requestIdOf(thrown))}`
  return { detail, ...(thrown.hint !== undefined && { hint: thrown.hint }) }
}

const named = (requestId: string | null) => (requestId === null ? '' : ` Request ${requestId}.`)

async function lookAtToken(client: GraphClient): Promise<Finding> {
  await client.token()
  return { detail: 'Microsoft has granted access and renews it.' }
}

async function lookAtPermissions(client: GraphClient, { mailbox, marks }: CheckConfig): Promise<Finding> {
  const claims = claimsOf(await client.token())
  if (claims === null)
    return { detail: 'The access token does not say what it allows, which is usual for personal accounts.' }
  const unmarked = marks === true && !mayWrite(claims, mailbox.kind)
  const lacking = [...lackingPermissions(claims, mailbox.kind), ...(unmarked ? [writePermission(mailbox.kind)] : [])]
  const granted = permissionsOf(claims).join(', ') || 'nothing'
  const where = claims.tid === null ? '' : ` Directory ${claims.tid}.`
  const marking = !marks ? '' : unmarked ? ' Mail cannot be marked without it.' : ' Mail may be marked.'
  if (lacking.length === 0) return { detail: `Granted: ${granted}.${marking}${where}` }
  return {
    status: 'warn',
    detail: `Granted: ${granted}; missing: ${lacking.join(', ')}.${marking}${where}`,
    hint:
      mailbox.kind === 'app'
        ? 'Add the application permissions to the app in the Entra admin center and grant admin consent.'
        : 'Reconnect with Microsoft. If the permissions stay missing, add them to the app in the Entra admin center.',
  }
}

async function lookAtAccount(client: GraphClient, mailbox: GraphMailbox): Promise<Finding> {
  const { value, requestId } = await asked(client, User, { root: 'me', query: { $select: 'mail,userPrincipalName' } })
  const names = [value.mail, value.userPrincipalName].flatMap((name) => name || [])
  const account = names[0] ?? 'an account without an address'
  const detail = `The signed-in account is ${account}.${named(requestId)}`
  const same = names.some((name) => name.toLowerCase() === mailbox.address.toLowerCase())
  if (mailbox.kind === 'shared' || same) return { detail }
  return {
    status: 'warn',
    detail,
    hint: `The inbox was set up for ${mailbox.address}. If that is another mailbox, connect it as a shared mailbox or sign in with its own account.`,
  }
}

async function lookAtFolder(client: GraphClient, name: string): Promise<Finding> {
  const { value, requestId } = await asked(client, Folder, { path: `mailFolders/${name}` })
  const count = value.totalItemCount
  const holds =
    count === null || count === undefined ? '' : ` and holds ${count === 1 ? 'one message' : `${count} messages`}`
  return { detail: `The folder “${value.displayName ?? name}” may be opened${holds}.${named(requestId)}` }
}

async function lookAtSent(client: GraphClient): Promise<Finding> {
  try {
    return await lookAtFolder(client, 'sentitems')
  } catch (error) {
    if (!(error instanceof ProviderError) || (error.code !== 'graph_access_denied' && error.kind !== 'not_found'))
      throw error
    return {
      status: 'warn',
      detail: `The sent items may not be opened.${named(requestIdOf(error))}`,
      hint: 'Replies that are written in Outlook will not appear on tickets. Give the account Full Access to the mailbox.',
    }
  }
}

async function lookAtOne(client: GraphClient): Promise<Finding> {
  const { value, requestId } = await asked(client, MessageList, {
    path: 'mailFolders/inbox/messages',
    query: { $top: '1', $select: 'id' },
  })
  const [newest] = value.value
  if (!newest) return { detail: `The inbox is empty and may be read.${named(requestId)}` }
  const answer = await client.open({ path: `messages/${encodeURIComponent(newest.id)}/$value` })
  const id = requestIdLike(answer.headers.get('request-id'))
  answer.close()
  return { detail: `The newest message may be read.${named(id)}` }
}

/** Nothing short of a mail proves the right to send as somebody; what the token says is the next best. */
function sendingOf(token: string, mailbox: GraphMailbox): Finding {
  const claims = claimsOf(token)
  const permissions = claims === null ? [] : permissionsOf(claims)
  const wanted = mailbox.kind === 'shared' ? 'Mail.Send.Shared' : 'Mail.Send'
  if (claims !== null && !permissions.includes(wanted))
    return {
      status: 'warn',
      detail: `The permission ${wanted} is missing, so replies will be refused.`,
      hint: 'Reconnect with Microsoft and agree to sending mail.',
    }
  if (mailbox.kind === 'shared')
    return {
      detail: `Replies go out as ${mailbox.address}; the account needs the right “Send as” for that, which only a sent mail can prove.`,
    }
  return { detail: `Replies go out as ${mailbox.address}.` }
}

const PUSH_GIVEN = 'Microsoft reached this installation, gave a subscription and ended it again.'
const PUSH_STANDS = 'Microsoft announces new mail of this mailbox already.'

/** A subscription is the only proof that Microsoft reaches us: it calls back while it gives one. */
async function lookAtPush(deps: CheckDeps, config: CheckConfig): Promise<Finding> {
  if (!config.push) return { detail: 'Push is switched off, so Postroom asks Microsoft for new mail at intervals.' }
  try {
    const proof = await probeSubscription(deps, config)
    return { detail: proof === 'given' ? PUSH_GIVEN : PUSH_STANDS }
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    const detail = `${error.message}${named(requestIdOf(error))}`
    // Its words say already what happens instead.
    if (error.code === SUBSCRIPTION_DENIED) return { status: 'warn', detail }
    return { status: 'warn', detail, hint: error.hint ?? 'Postroom asks Microsoft for new mail at intervals instead.' }
  }
}

async function asked<T>(
  client: GraphClient,
  schema: Parameters<typeof client.call<T>>[0],
  call: Call,
): Promise<{ value: T; requestId: string | null }> {
  const answer = await client.open(call)
  const requestId = requestIdLike(answer.headers.get('request-id'))
  return { value: await client.read(schema, answer), requestId }
}
