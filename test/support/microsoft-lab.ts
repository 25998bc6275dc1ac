// What the tests of `microsoft` share: mailboxes of the simulator with a token, its controls, and a provider for a mailbox.
import { expect, inject } from 'vitest'
import type { GraphMailbox } from '../../worker/providers/graph/client'
import { type GraphConfig, type GraphDeps, openGraph } from '../../worker/providers/graph/provider'
import { type FetchedMessage, type MailProvider, type MessageRef, ProviderError } from '../../worker/providers/provider'

export const microsoft = inject('microsoft')
export const API = `${microsoft.url}/v1.0`
const DIRECTORY = 'contoso.example'
/** What a plain connection asks for. */
export const SCOPES = ['offline_access', 'User.Read', 'Mail.Read', 'Mail.Send']
export const SHARED_SCOPES = ['offline_access', 'User.Read', 'Mail.Read.Shared', 'Mail.Send.Shared']
/** With these, drafts may be written there. */
export const SHARED_WRITE_SCOPES = ['offline_access', 'User.Read', 'Mail.ReadWrite.Shared', 'Mail.Send.Shared']
/** With these, drafts may be written. */
export const WRITE_SCOPES = ['offline_access', 'User.Read', 'Mail.ReadWrite', 'Mail.Send']

/** POST to a control endpoint; its JSON. */
export async function control<T = unknown>(path: string, body: unknown = {}): Promise<T> {
  const response = await fetch(`${microsoft.url}/__control/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`control ${path}: ${response.status} ${await response.text()}`)
  return (await response.json().catch(() => null)) as T
}
async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`${microsoft.url}/__control/${path}`)
  if (!response.ok) throw new Error(`control ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

export type Account = { email: string; tokens: { access: string; refresh: string }; mailbox: GraphMailbox }

let accounts = 0
const newAddress = (name: string) => `${name}${++accounts}-${crypto.randomUUID().slice(0, 8)}@${DIRECTORY}`

/** A person's own mailbox, whose owner has granted Postroom what it asks for. */
export async function newAccount(scopes: readonly string[] = SCOPES): Promise<Account> {
  const email = newAddress('user')
  await control('accounts', { email, name: 'Somebody' })
  return { email, tokens: await grant(email, scopes), mailbox: { kind: 'own', address: email } }
}

/** A shared mailbox, opened with the grant of somebody who may: `by` or a person of its own. */
export async function newShared(
  options: { by?: Account; delegated?: boolean; sendAs?: boolean; scopes?: readonly string[] } = {},
): Promise<Account> {
  const { by, delegated = true, sendAs = true, scopes = SHARED_SCOPES } = options
  const person = by?.email ?? newAddress('person')
  const email = newAddress('shared')
  if (!by) await control('accounts', { email: person, name: 'Delegate' })
  await control('accounts', {
    email,
    name: 'Team',
    shared: true,
    delegates: delegated ? [person] : [],
    sendAs: sendAs ? [person] : [],
  })
  return { email, tokens: await grant(person, scopes), mailbox: { kind: 'shared', address: email } }
}

/** A consent without a browser, and the tokens for it. */
export async function grant(account: string, scopes: readonly string[] = SCOPES): Promise<Account['tokens']> {
  const verifier = crypto.randomUUID() + crypto.randomUUID()
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  const url = new URL(`${microsoft.url}/common/oauth2/v2.0/authorize`)
  url.search = new URLSearchParams({
    client_id: microsoft.clientId,
    redirect_uri: microsoft.redirectUri,
    response_type: 'code',
    response_mode: 'query',
    scope: scopes.join(' '),
    state: 'state',
    login_hint: account,
    code_challenge: Buffer.from(digest).toString('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  const { location } = await control<{ location: string }>('authorize', { url: url.href, account })
  const answer = await tokenRequest('common', {
    grant_type: 'authorization_code',
    code: new URL(location).searchParams.get('code') ?? '',
    redirect_uri: microsoft.redirectUri,
    code_verifier: verifier,
  })
  return { access: answer.access_token, refresh: answer.refresh_token ?? '' }
}

/** A token of the app itself, without anybody signed in. */
export async function appToken(): Promise<string> {
  const scope = 'https://graph.microsoft.com/.default'
  return (await tokenRequest(DIRECTORY, { grant_type: 'client_credentials', scope })).access_token
}

async function refreshed(refresh: string): Promise<string> {
  return (await tokenRequest('common', { grant_type: 'refresh_token', refresh_token: refresh })).access_token
}

async function tokenRequest(tenant: string, fields: Record<string, string>) {
  const response = await fetch(`${microsoft.url}/${tenant}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: microsoft.clientId, client_secret: microsoft.clientSecret, ...fields }),
  })
  if (!response.ok) throw new Error(`token: ${response.status} ${await response.text()}`)
  return (await response.json()) as { access_token: string; refresh_token?: string }
}

/** Mail arrives; its immutable id. */
export async function deliver(account: Account, raw: Uint8Array | string, options: object = {}): Promise<string> {
  const base64 = Buffer.from(raw).toString('base64')
  const { immutableId } = await control<{ immutableId: string }>('deliver', {
    to: account.email,
    raw: base64,
    ...options,
  })
  return immutableId
}
export const remove = (account: Account, id: string) => control('remove', { account: account.email, id })
export type Listed = {
  immutableId: string
  conversationId: string
  internetMessageId: string
  folder: string
  isRead: boolean
  isDraft: boolean
}
export async function messagesOf(account: Account): Promise<Listed[]> {
  const answer = await ask<Listed[] | { messages: Listed[] }>(`messages?account=${encodeURIComponent(account.email)}`)
  return Array.isArray(answer) ? answer : answer.messages
}
/** What the simulator counts; `quota` by app and mailbox. */
export const state = () =>
  ask<{
    requests: Record<string, number>
    quota: { pairs: Record<string, { requests: number; most: number; refused: number; crowded: number }> }
  }>('state')
export const requests = async () => (await state()).requests

/** What the app has asked of a mailbox: the most requests at once, and how many of them were one too many. */
export async function spendingOf({ email }: Account): Promise<{ most: number; crowded: number }> {
  type State = { quota: { pairs: Record<string, { most: number; crowded: number }> } }
  const { quota } = await ask<State>('state')
  return quota.pairs[`${microsoft.clientId} ${email}`] ?? { most: 0, crowded: 0 }
}

/** The bytes of a message as the mailbox has them, one char per byte. */
export async function rawOf(account: Account, id: string): Promise<string> {
  const query = new URLSearchParams({ account: account.email, id })
  const { raw } = await ask<{ raw: string }>(`raw?${query}`)
  return Buffer.from(raw, 'base64').toString('latin1')
}
/** What subscriptions there are. */
export const subscriptionsAlive = async () =>
  (await ask<{ subscriptions: { id: string; resource: string }[] }>('subscriptions')).subscriptions

/** Every request so far was one that Microsoft documents. */
export async function expectNoViolations(): Promise<void> {
  const answer = await ask<string[] | { violations: string[] }>('violations')
  expect(Array.isArray(answer) ? answer : answer.violations).toEqual([])
}

/** A provider for the account with the real limits. */
export function mailbox(account: Account, options: Partial<GraphConfig> & Partial<GraphDeps> = {}): MailProvider {
  const { fetch: fetching, clock, token, spent, limits, subscriptionsInUse, ...config } = options
  return openGraph(
    {
      apiUrl: API,
      mailbox: account.mailbox,
      since: 0,
      notificationUrl: `${microsoft.listener}/api/webhooks/graph-push`,
      lifecycleUrl: `${microsoft.listener}/api/webhooks/graph-lifecycle`,
      push: false,
      trustedHosts: [],
      ...config,
    },
    {
      fetch: fetching ?? ((...args) => fetch(...args)),
      clock: clock ?? Date.now,
      token: token ?? (async (refused) => (refused ? refreshed(account.tokens.refresh) : account.tokens.access)),
      spent,
      limits,
      subscriptionsInUse,
    },
  )
}

export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** Refs of everything, over all pages. */
export async function listAll(provider: MailProvider, from: unknown = null) {
  const refs: MessageRef[] = []
  let cursor = from
  for (;;) {
    const page = await provider.changes(cursor, 500)
    refs.push(...page.refs)
    cursor = JSON.parse(JSON.stringify(page.next))
    if (!page.more) return { refs, cursor }
  }
}

export type Fetched =
  | { identity: string; bytes: Uint8Array; role?: string | undefined }
  | { identity: string; error: ProviderError }

/** Fetches refs to the end; an error of a stream becomes the error of its message. */
export async function fetchAll(provider: MailProvider, refs: MessageRef[]): Promise<Fetched[]> {
  const results: Fetched[] = []
  for await (const message of provider.fetchRaw(refs)) results.push(await read(message))
  return results
}
async function read(message: FetchedMessage): Promise<Fetched> {
  const { identity } = message.ref
  if ('error' in message) return { identity, error: message.error }
  try {
    return { identity, bytes: await bytesOf(message.raw), role: message.role }
  } catch (error) {
    if (error instanceof ProviderError) return { identity, error }
    throw error
  }
}

/** The ProviderError that `work` ends with. */
export async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}
